package python

import (
	"context"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/panoptes-otel/panoptes-otel/internal/run/child"
)

// forked is a worker that was forked. It implements workers.Process.
type forked struct {
	server *forkServer
	pid    int
	stderr *os.File
	stream *os.File   // our end of the protocol
	born   chan error // has room for the one answer
	reaped chan struct{}
	done   chan struct{}
	err    error    // once reaped is closed
	left   []string // likewise
}

func (f *forked) Pid() int { return f.pid }

func (f *forked) Done() <-chan struct{} { return f.done }

func (f *forked) Err() error {
	select {
	case <-f.done:
		return f.err
	default:
		return nil
	}
}

// In implements workers.Process. To close it means nothing: a worker ends when it is asked to.
func (f *forked) In() io.WriteCloser { return stayOpen{f.stream} }

type stayOpen struct{ io.Writer }

func (stayOpen) Close() error { return nil }

// Out implements workers.Process.
func (f *forked) Out() io.Reader { return f.stream }

// Close implements workers.Process.
func (f *forked) Close() error { return f.stream.Close() }

// Left implements workers.Process.
func (f *forked) Left() []string {
	select {
	case <-f.reaped:
		return f.left
	default:
		return nil
	}
}

// stderrDelay is how long after the end of a worker its stderr may stay open in processes that left its group.
const stderrDelay = time.Second

// exited notes how the worker ended. It is called once.
func (f *forked) exited(err error) {
	f.err = err
	_ = f.stderr.SetReadDeadline(time.Now().Add(stderrDelay))
	close(f.reaped)
}

func (f *forked) Stop(ctx context.Context) error {
	f.server.signal(f.pid, syscall.SIGTERM)
	grace := time.NewTimer(child.DefaultGrace)
	defer grace.Stop()
	select {
	case <-f.done:
		return nil
	case <-grace.C:
	case <-ctx.Done():
	}
	f.server.signal(f.pid, syscall.SIGKILL)
	const limit = 10 * time.Second // only a process stuck in the kernel takes longer
	last := time.NewTimer(limit)
	defer last.Stop()
	select {
	case <-f.done:
		return nil
	case <-last.C:
		return fmt.Errorf("process %d has not ended %s after it was killed", f.pid, limit)
	}
}

// socketPair returns our end, which does not block, and the other.
func socketPair(kind int) (ours, theirs *os.File, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	if err := unix.SetNonblock(pair[0], true); err != nil {
		_ = unix.Close(pair[0])
		_ = unix.Close(pair[1])
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	return os.NewFile(uintptr(pair[0]), "worker"), os.NewFile(uintptr(pair[1]), "host"), nil
}

package python

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/panoptes-otel/panoptes-otel/internal/run/child"
	"github.com/panoptes-otel/panoptes-otel/internal/run/runlog"
	"github.com/panoptes-otel/panoptes-otel/internal/run/workers"
)

// controlDescriptor is the number of the control socket in the fork server.
const controlDescriptor = 3

// forkLimit is how long the fork server may take to fork a worker. It takes milliseconds.
const forkLimit = 5 * time.Second

var errHangs = errors.New("the process that workers are forked from does not answer, and is replaced")

// maxPacket is the most bytes of a message of the fork server.
const maxPacket = 4096

func newLauncher(i *interpreter, g greeter) launcher {
	return &forkLauncher{greeter: g, interpreter: i, servers: map[*forkServer]struct{}{}}
}

// forkLauncher forks workers from a warm process, which it starts with the first of them, and again when it has ended
// or is to be renewed. An older one goes on until its last worker has ended.
type forkLauncher struct {
	greeter
	interpreter *interpreter
	wg          sync.WaitGroup // servers

	starting sync.Mutex // held while a server starts
	mu       sync.Mutex
	current  *forkServer
	servers  map[*forkServer]struct{}
}

// Start implements workers.Launcher.
func (l *forkLauncher) Start(ctx context.Context, stderr func(string, bool)) (workers.Process, error) {
	for attempt := 1; ; attempt++ {
		s, err := l.server(ctx)
		if err != nil {
			return nil, err
		}
		w, err := s.fork(ctx, stderr)
		if err == nil {
			return w, nil
		}
		if !errors.Is(err, errHangs) || attempt > 1 {
			return nil, err
		}
	}
}

// server returns the fork server that is current, and starts one where there is none.
func (l *forkLauncher) server(ctx context.Context) (*forkServer, error) {
	l.starting.Lock()
	defer l.starting.Unlock()
	l.mu.Lock()
	s := l.current
	l.mu.Unlock()
	if s != nil && !s.ended() && !s.installed.changed(time.Now()) {
		return s, nil
	}
	if s != nil {
		s.retire()
	}
	s, err := startForkServer(ctx, l.interpreter)
	if err != nil {
		return nil, fmt.Errorf("start Python: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.current = s
	l.servers[s] = struct{}{}
	l.wg.Go(func() {
		s.serve()
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.servers, s)
	})
	return s, nil
}

// Stale implements workers.Launcher: packages were installed or removed since the workers of now were started.
func (l *forkLauncher) Stale() bool {
	l.mu.Lock()
	s := l.current
	l.mu.Unlock()
	return s != nil && s.installed.changed(time.Now())
}

// Renew implements workers.Launcher.
func (l *forkLauncher) Renew() {
	l.interpreter.renew()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.current != nil {
		l.current.retire()
		l.current = nil
	}
}

// Close implements launcher.
func (l *forkLauncher) Close() {
	l.mu.Lock()
	for s := range l.servers {
		_ = s.control.Close()
	}
	l.mu.Unlock()
	l.wg.Wait()
}

// forkServer is one warm process.
type forkServer struct {
	process *child.Process
	control *net.UnixConn
	stderr  runlog.Tail

	installed *installed // packages, when it started

	mu       sync.Mutex
	number   int64
	forks    map[int64]*forked // asked for
	workers  map[int]*forked   // by number of the process
	retiring bool
	gone     error // why it serves no more
}

// fromServer is any message of the server.
type fromServer struct {
	Forked int64  `json:"forked"`
	Pid    int    `json:"pid"`
	Error  string `json:"error"`
	Exited int    `json:"exited"`
	Status int    `json:"status"`
	Left   int    `json:"left"`
	Line   string `json:"line"`
}

func startForkServer(ctx context.Context, i *interpreter) (*forkServer, error) {
	config, err := i.command(ctx, controlDescriptor+1)
	if err != nil {
		return nil, err
	}
	ours, theirs, err := socketPair(unix.SOCK_SEQPACKET)
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	conn, err := net.FileConn(ours)
	_ = ours.Close()
	if err != nil {
		return nil, err
	}
	s := &forkServer{
		control: conn.(*net.UnixConn), forks: map[int64]*forked{}, workers: map[int]*forked{},
	}
	config.Args = append(config.Args, "--server", strconv.Itoa(controlDescriptor))
	config.ExtraFiles = append([]*os.File{theirs}, config.ExtraFiles...)
	config.Stderr = s.stderr.Add
	config.OwnsChildren = true
	if s.process, err = child.Start(config); err != nil {
		_ = s.control.Close()
		return nil, err
	}
	_ = theirs.Close()
	_ = s.process.Stdin().Close()
	go func() { // what it prints is for nobody, but must not end it
		_, _ = io.Copy(io.Discard, s.process.Stdout())
		_ = s.process.Stdout().Close()
	}()
	if err := s.awaitReady(ctx); err != nil {
		_ = s.process.Kill()
		_ = s.control.Close()
		if exit := s.process.Err(); errors.Is(err, errEnded) && exit != nil {
			err = errors.New(exit.Error() + s.stderr.String())
		}
		return nil, err
	}
	return s, nil
}

var errEnded = errors.New("it ended")

// awaitReady waits for the first message of the server.
func (s *forkServer) awaitReady(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() { _ = s.control.SetReadDeadline(time.Unix(1, 0)) })()
	buf := make([]byte, maxPacket)
	n, err := s.control.Read(buf)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil || n == 0:
		<-s.process.Done()
		return errEnded
	}
	var ready struct {
		Ready int      `json:"ready"`
		Sites []string `json:"sites"`
	}
	if json.Unmarshal(buf[:n], &ready) != nil || ready.Ready != s.process.Pid() {
		return fmt.Errorf("it answered %.80q", buf[:n])
	}
	s.installed = newInstalled(ready.Sites)
	return nil
}

func (s *forkServer) ended() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gone != nil
}

// retire has the server end when its last worker has ended.
func (s *forkServer) retire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.retiring = true
	s.endUnused()
}

// endUnused ends a retiring server that has no worker and gets none. The lock is held.
func (s *forkServer) endUnused() {
	if s.retiring && len(s.workers) == 0 && len(s.forks) == 0 {
		_ = s.control.Close()
	}
}

// serve takes the messages of the server until it has ended.
func (s *forkServer) serve() {
	buf := make([]byte, maxPacket)
	for {
		n, err := s.control.Read(buf)
		if err != nil || n == 0 {
			break
		}
		var m fromServer
		if json.Unmarshal(buf[:n], &m) != nil {
			break
		}
		s.take(m)
	}
	_ = s.control.Close()
	_ = s.process.Stop(context.Background())
	how := "exit status 0"
	if err := s.process.Err(); err != nil {
		how = err.Error()
	}
	s.fail(fmt.Errorf("the process that workers are forked from ended: %s%s", how, s.stderr.String()))
}

func (s *forkServer) take(m fromServer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.Left != 0 {
		if w := s.workers[m.Left]; w != nil {
			w.left = append(w.left, m.Line)
		}
		return
	}
	if m.Exited != 0 {
		status := syscall.WaitStatus(m.Status)
		if w := s.workers[m.Exited]; w != nil {
			delete(s.workers, m.Exited)
			w.exited(statusError(status))
			s.endUnused()
		}
		return
	}
	if s.gone != nil {
		return // too late
	}
	w := s.forks[m.Forked]
	delete(s.forks, m.Forked)
	switch {
	case w == nil:
	case m.Error != "":
		w.born <- errors.New("fork: " + m.Error)
	default:
		w.pid = m.Pid
		s.workers[m.Pid] = w
		w.born <- nil
	}
}

// statusError says how a process ended, in the words of os/exec.
func statusError(status syscall.WaitStatus) error {
	switch {
	case status.Exited() && status.ExitStatus() == 0:
		return nil
	case status.Exited():
		return fmt.Errorf("exit status %d", status.ExitStatus())
	case status.CoreDump():
		return fmt.Errorf("signal: %s (core dumped)", status.Signal())
	}
	return fmt.Errorf("signal: %s", status.Signal())
}

// fail ends all that depends on the server. The kernel kills its workers with it; what these started goes here.
func (s *forkServer) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone != nil {
		return
	}
	s.gone = err
	for _, w := range s.forks {
		w.born <- err
	}
	s.forks = nil
	for pid, w := range s.workers {
		_ = syscall.Kill(-pid, syscall.SIGKILL)
		w.exited(err)
	}
	s.workers = nil
}

// fork starts a worker.
func (s *forkServer) fork(ctx context.Context, stderr func(string, bool)) (workers.Process, error) {
	stream, theirs, err := socketPair(unix.SOCK_STREAM)
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	ourStderr, theirStderr, err := os.Pipe()
	if err != nil {
		_ = stream.Close()
		return nil, err
	}
	defer theirStderr.Close()
	w := &forked{
		server: s, stderr: ourStderr, stream: stream, born: make(chan error, 1), reaped: make(chan struct{}), done: make(chan struct{}),
	}
	if err := s.ask(ctx, w, theirs, theirStderr); err != nil {
		_ = stream.Close() // which ends one that comes up all the same
		_ = ourStderr.Close()
		return nil, err
	}
	go func() {
		defer close(w.done)
		child.ReadLines(child.UntilDeadline(ourStderr), child.DefaultMaxStderrLine, stderr)
		<-w.reaped
		_ = ourStderr.Close()
	}()
	return w, nil
}

// ask sends the request with the worker's descriptors and waits for its number.
func (s *forkServer) ask(ctx context.Context, w *forked, stream, stderr *os.File) error {
	s.mu.Lock()
	if s.gone != nil {
		defer s.mu.Unlock()
		return s.gone
	}
	s.number++
	number := s.number
	s.forks[number] = w
	s.mu.Unlock()
	rights := unix.UnixRights(int(stream.Fd()), int(stderr.Fd()))
	if _, _, err := s.control.WriteMsgUnix(fmt.Appendf(nil, `{"fork": %d}`, number), rights, nil); err != nil {
		return fmt.Errorf("ask for a worker: %w", err)
	}
	limit := time.NewTimer(forkLimit)
	defer limit.Stop()
	select {
	case err := <-w.born:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-limit.C:
	}
	// It takes its workers with it; it could not tell of their ends any more, or end them.
	err := fmt.Errorf("%w: no worker within %s", errHangs, forkLimit)
	s.fail(err)
	go func() { _ = s.process.Kill() }()
	return err
}

// signal sends a signal to the group of a worker that has not been reaped.
func (s *forkServer) signal(pid int, number syscall.Signal) {
	_, _ = s.control.Write(fmt.Appendf(nil, `{"signal": %d, "number": %d}`, pid, int(number)))
}

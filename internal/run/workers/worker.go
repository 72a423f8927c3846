package workers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi"
	"github.com/panoptes-otel/panoptes-otel/internal/run/runlog"
	"github.com/panoptes-otel/panoptes-otel/internal/run/wire"
	"github.com/panoptes-otel/panoptes-otel/internal/run/wire/rpc"
)

const (
	// startLimit is how long a process may take to answer its first requests.
	startLimit = 30 * time.Second
	// exitLimit is how long a process may live on after it closed its end of the protocol.
	exitLimit = time.Second
	// shutdownLimit is how long a process may take to go when asked.
	shutdownLimit = time.Second
	// maxFaults is how many lines that are no messages a process may write between two good answers.
	maxFaults = 100
)

// Process is a process that was started. All methods are safe for concurrent use.
type Process interface {
	Pid() int
	// In is where it reads; to close it asks the process to end. Out is what it writes. Close closes both.
	In() io.WriteCloser
	Out() io.Reader
	Close() error
	// Done is closed when it has ended and all it wrote to stderr has been delivered.
	Done() <-chan struct{}
	// Err says how it ended, once Done is closed; nil for exit status 0.
	Err() error
	// Stop ends it, and what it started: TERM, and KILL after a grace. It returns when it has ended.
	Stop(ctx context.Context) error
	// Left are the lines of the protocol that it did not come to write, once Done is closed.
	Left() []string
}

// Greeting is what a process tells of itself when it has started.
type Greeting struct {
	// Places is how many jobs it takes at once, at least one.
	Places int
	// Resident is how many bytes of memory it has.
	Resident int64
}

// Launcher starts processes. All methods are safe for concurrent use.
type Launcher interface {
	// Start starts a process; each line of its stderr goes to stderr.
	Start(ctx context.Context, stderr func(line string, truncated bool)) (Process, error)
	// Greet exchanges the first messages with a process that has started.
	Greet(ctx context.Context, conn *rpc.Conn, pid int) (Greeting, error)
	// Stale says whether processes that are started from now on would know something else than those of now.
	Stale() bool
	// Renew has the processes that are started from now on know nothing of what was loaded before.
	Renew()
}

// Host is who runs the processes.
type Host struct {
	Logger *zap.Logger
	// Digest joins reports of lines that are no messages, Budget is what plugins may log.
	Digest *logs.Digest
	Budget *runlog.Budget
	// Owner is whose lines are those that belong to no run.
	Owner runlog.Run
	// Calls answers what plugins ask.
	Calls *hostapi.Table
	Tap   wire.Tap
	// MaxLine is the most bytes of one message.
	MaxLine int
	// Restarted is told of each process that something went wrong with, and what: one of the Restart constants.
	Restarted func(reason string)
	// Recycled is told of each process that is replaced though nothing went wrong, and why: one of the Recycle constants.
	Recycled func(reason string)
}

// What went wrong with a process: a closed list, as it is an attribute of metrics.
const (
	// RestartCrashed: it ended by itself.
	RestartCrashed = "crashed"
	// RestartTimeout: it was ended since a run in it went past its deadline.
	RestartTimeout = "timeout"
	// RestartProtocol: it was ended since it did not keep to the plugin protocol.
	RestartProtocol = "protocol"
)

// RestartReasons are all of them.
var RestartReasons = []string{RestartCrashed, RestartTimeout, RestartProtocol}

// worker is one process.
type worker struct {
	process Process
	conn    *rpc.Conn
	lines   *runlog.Process
	Greeting

	faults atomic.Int32 // lines that are no messages, since the last good answer

	// Under the pool's lock.
	jobs      []*Job // that it has, in the order in which it got them
	done      int    // jobs that it answered
	retiring  bool   // gets no more jobs, and is taken out when it has none
	condemned bool   // a run in it hangs: as retiring, and it is ended when only such are left
	refused   bool   // it could not take a job just now
	failures  int    // jobs in a row that went wrong
	quick     bool   // its last job is of a plugin whose runs are short
	gone      bool   // has been taken out
	// failedPlugin is the plugin of the last failure; failedOthers says that those in a row were of several plugins.
	failedPlugin string
	failedOthers bool
	idleSince    time.Time
	timer        *time.Timer // looks at what waits behind the job that is on
}

// launch starts a process and waits until it is ready.
func (p *Pool) launch() (*worker, error) {
	ctx, cancel := context.WithTimeout(p.base, startLimit)
	defer cancel()
	w := &worker{lines: runlog.NewProcess(p.host.Logger, p.host.Owner, p.host.Digest, p.host.Budget)}
	process, err := p.launcher.Start(ctx, p.host.Tap.Stderr(w.lines.Stderr))
	if err != nil {
		return nil, err
	}
	w.process = process
	w.lines.SetPid(process.Pid())
	// The worker of a fault is known before its first line is read.
	ready := make(chan struct{})
	w.conn = rpc.New(p.host.Tap.Reader(process.Out()), p.host.Tap.Writer(process.In()), rpc.Options{
		MaxLine: p.host.MaxLine,
		Handle: func(ctx context.Context, method string, params json.RawMessage) (any, error) {
			<-ready
			return p.handle(ctx, w, method, params)
		},
		Notify: w.lines.Notify,
		Fault: func(f *rpc.Fault) {
			w.lines.Fault(f)
			if w.faults.Add(1) == maxFaults {
				go func() {
					<-ready
					p.flooded(w)
				}()
			}
		},
	})
	close(ready)
	if w.Greeting, err = p.launcher.Greet(ctx, w.conn, process.Pid()); err == nil {
		if w.Places > 1 && !p.policy.Ordered {
			w.lines.SetConcurrent()
		}
		return w, nil
	}
	closed := errors.Is(err, rpc.ErrClosed)
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("it did not answer within %s", startLimit)
	}
	early := closed && w.awaitExit()
	w.stop()
	w.release()
	if closed {
		err = fmt.Errorf("it ended before it was ready: %w", w.crash(early))
	}
	return nil, err
}

// awaitExit gives a process that closed the protocol a moment to end by itself: to end it would hide how it ended. early
// says that it did not.
func (w *worker) awaitExit() (early bool) {
	timer := time.NewTimer(exitLimit)
	defer timer.Stop()
	select {
	case <-w.process.Done():
		return false
	case <-timer.C:
		return true
	}
}

// stop ends the process with all that it started, and returns when it has ended. What a process that a signal ended had
// put by is logged; all else that a run says in its last milliseconds comes by itself.
func (w *worker) stop() {
	if err := w.process.Stop(context.Background()); err != nil {
		w.lines.Logger().Error("Cannot end a process of plugins", w.lines.Fields(zap.Error(err))...)
	}
	for _, line := range w.process.Left() {
		var m struct {
			Method string          `json:"method"`
			Params json.RawMessage `json:"params"`
		}
		if json.Unmarshal([]byte(line), &m) == nil {
			w.lines.Notify(m.Method, m.Params)
		}
	}
}

// quit asks the process to go and sees to it that it does.
func (w *worker) quit() {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownLimit)
	defer cancel()
	if w.conn.Call(ctx, "shutdown", nil, nil) == nil {
		_ = w.process.In().Close()
		select {
		case <-w.process.Done():
		case <-w.conn.Done():
		case <-ctx.Done():
		}
	}
	w.stop()
}

// release clears up after a process that has ended, and returns when nothing of it is left.
func (w *worker) release() {
	w.conn.Close()
	_ = w.process.Close()
	w.conn.Wait()
	w.lines.Flush()
}

// crash says how the process ended, with what it said on stderr. early says that it ended the protocol and lived on.
func (w *worker) crash(early bool) error {
	how := "exit status 0"
	if err := w.process.Err(); err != nil {
		how = err.Error()
	}
	if early {
		how = "it closed the stream of the plugin protocol"
	}
	line, stderr := w.lines.LastWords()
	return &CrashError{How: how, Stderr: stderr, line: line}
}

// lookLocked sets the timer to when others that wait behind the job that is on have waited long.
func (w *worker) lookLocked(now time.Time) {
	for _, behind := range w.jobs[1:] {
		if !behind.recalled {
			w.timer.Reset(w.jobs[0].begun.Add(longRun).Sub(now))
			return
		}
	}
}

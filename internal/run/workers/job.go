package workers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi"
	"github.com/panoptes-otel/panoptes-otel/internal/run/runlog"
	"github.com/panoptes-otel/panoptes-otel/internal/run/wire/rpc"
)

// Job is one request to a process: a run, or the question what a plugin is.
type Job struct {
	// Plugin is whose runs take about the same time, Deadline the most that this one may take.
	Plugin   string
	Deadline time.Duration
	Method   string
	// RunID is the number of the run; 0 for what is no run.
	RunID int64
	// Params are the parameters, given when the job is to be over.
	Params func(over time.Time) (json.RawMessage, error)
	// Lines is where the lines of the run go; Caller is who asks the host in it.
	Lines  runlog.Run
	Caller hostapi.Caller
	// Begin is called when a process begins the job, perhaps again where it lost its place. The job is given up when the
	// context ends that it returns.
	Begin func() context.Context
	// Ended is called once, when nothing of the job is left, perhaps after Do returned.
	Ended func()

	done chan Answer // has room for the one answer

	// Under the pool's lock.
	worker   *worker // that has it; nil while it waits
	begun    time.Time
	ctx      context.Context // once it has begun
	unwatch  func()          // stops waiting for the end of ctx
	recalled bool            // the worker was asked to give it back
	returns  int             // how often a worker gave it back that was not asked to
	stuck    bool            // it was given up and not answered in time
	settled  bool            // the answer is given
	ended    bool
	ordered  bool // a process works on nothing of it any more once it is settled, or is ended
}

// Answer is what a process answered, or why it did not.
type Answer struct {
	// Raw is the result. It is JSON unless the process is at fault.
	Raw json.RawMessage
	// Err is an *rpc.Error that the process answered, an *rpc.Fault, a *CrashError, a *FloodError, an *UnavailableError,
	// ErrGivenUp or ErrClosed.
	Err error

	worker *worker
}

// ErrGivenUp is why there is no answer to a job whose context ended.
var ErrGivenUp = errors.New("the job was given up")

// ErrClosed is why there is no answer after Close.
var ErrClosed = errors.New("the pool is closed")

// CrashError says that the process ended before it answered.
type CrashError struct {
	// How it ended, such as "exit status 7"; the last words of its stderr are part of the text.
	How string
	// Stderr is the end of what it wrote there.
	Stderr string
	line   string
}

func (e *CrashError) Error() string {
	if e.line == "" {
		return e.How
	}
	return e.How + "; it said: " + e.line
}

// FloodError says that the process was ended since it wrote too many lines that are no messages.
type FloodError struct{ Lines int }

func (e *FloodError) Error() string {
	return "the process was ended: it wrote too many lines that are no messages"
}

// UnavailableError is why there is no process to be had.
type UnavailableError struct {
	cause error
	retry time.Duration
}

func (e *UnavailableError) Error() string {
	if e.retry <= 0 {
		return e.cause.Error()
	}
	return fmt.Sprintf("no process can be started (next attempt in %s): %v", e.retry.Round(time.Millisecond), e.cause)
}

func (e *UnavailableError) Unwrap() error { return e.cause }

// RejectedError is why a program is no plugin, whatever is tried again.
type RejectedError struct{ Cause error }

func (e *RejectedError) Error() string { return e.Cause.Error() }

func (e *RejectedError) Unwrap() error { return e.Cause }

// RunOf is the job of a run.
func RunOf(c *run.Call, params func(over time.Time) (json.RawMessage, error)) *Job {
	return &Job{
		Plugin: c.Plugin.Name(), Deadline: c.Plugin.Deadline, Method: "run", RunID: c.ID, Params: params, Lines: c.Lines(),
		Caller: hostapi.Caller{Plugin: c.Plugin.Name(), Folder: filepath.Dir(c.Plugin.File.Path), Resource: c.Resource, RunID: c.ID}, Begin: c.Begin, Ended: c.Ended,
	}
}

// Failed is what a run comes to whose job has no result. refused is the outcome where the process answered with an error.
func (a Answer) Failed(c *run.Call, refused run.Outcome) run.Result {
	var crash *CrashError
	var flood *FloodError
	var none *UnavailableError
	var rejected *RejectedError
	var fault *rpc.Fault
	var answered *rpc.Error
	switch err := a.Err; {
	case errors.Is(err, ErrGivenUp):
		return c.GivenUp(nil)
	case errors.Is(err, ErrClosed):
		return c.Failed(run.OutcomeCanceled, run.ErrShutdown)
	case errors.As(err, &rejected):
		return c.Failed(run.OutcomeRejected, err)
	case errors.As(err, &none):
		return c.Failed(run.OutcomeUnavailable, err)
	case errors.As(err, &crash):
		return c.Failed(run.OutcomeCrashed, &run.PluginError{
			Message: "the process of the plugin ended in the middle of the run: " + crash.Error(), Traceback: crash.Stderr,
		})
	case errors.As(err, &flood):
		return c.Failed(run.OutcomeProtocol, err)
	case errors.As(err, &fault) && fault.Kind == rpc.FaultTooLong:
		return c.Failed(run.OutcomeTooLarge, fmt.Errorf("result is too large: %w", err))
	case errors.As(err, &answered):
		return c.Failed(refused, fmt.Errorf("the plugin answered run with an error: %w", err))
	default:
		return c.Failed(run.OutcomeProtocol, fmt.Errorf("answer does not keep to the plugin protocol: %w", err))
	}
}

// settleLocked gives the answer; later ones are left out.
func (j *Job) settleLocked(a Answer) {
	if j.settled {
		return
	}
	j.settled = true
	a.worker = j.worker
	if j.ordered || j.worker == nil {
		j.tellEndedLocked()
	}
	j.done <- a
}

// endLocked tells that nothing of the job is left, and gives the answer if there was none.
func (j *Job) endLocked(a Answer) {
	if j.unwatch != nil {
		j.unwatch()
		j.unwatch = nil
	}
	// Before the answer: whoever has that may ask for the next run at once.
	j.tellEndedLocked()
	j.settleLocked(a)
	j.worker = nil
}

func (j *Job) tellEndedLocked() {
	if !j.ended {
		j.ended = true
		j.Ended()
	}
}

// beginLocked starts the time of a job; overdue is called when that is over.
func (j *Job) beginLocked(now time.Time, overdue func()) {
	j.begun = now
	stop := context.CancelFunc(func() {})
	if j.settled { // nobody waits for it any more, but a process that hangs in it must end
		j.ctx, stop = context.WithTimeout(context.Background(), j.Deadline)
	} else {
		j.ctx = j.Begin()
	}
	unwatch := context.AfterFunc(j.ctx, overdue)
	j.unwatch = func() {
		unwatch()
		stop()
	}
}

// unbeginLocked takes back that a job has begun: its process did nothing of it.
func (j *Job) unbeginLocked() {
	if j.unwatch != nil {
		j.unwatch()
	}
	j.worker, j.begun, j.ctx, j.unwatch, j.recalled = nil, time.Time{}, nil, nil, false
}

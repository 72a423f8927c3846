package pluginrun

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/run/wire/rpc"
)

const (
	// protocolVersion is the version of the plugin protocol that we speak.
	protocolVersion = 1
	// startLimit is how long a worker may take to answer its first request.
	startLimit = 30 * time.Second
	// exitLimit is how long a process may live on after it closed its end of the protocol.
	exitLimit = time.Second
	// shutdownLimit is how long a worker may take to go when asked.
	shutdownLimit = time.Second
)

// process is a worker's process, however it was started. All methods are safe for concurrent use.
type process interface {
	Pid() int
	// Done is closed when it has ended and all it wrote to stderr has been delivered.
	Done() <-chan struct{}
	// Err says how it ended, once Done is closed; nil for exit status 0.
	Err() error
	// Stop ends it, and what it started: TERM, and KILL after a grace. It returns when it has ended.
	Stop(ctx context.Context) error
}

// leaver is a process that may leave lines of the protocol behind which it did not come to write.
type leaver interface {
	// leftLines are these lines, once Done is closed.
	leftLines() []string
}

// worker is one Python process. What concerns its jobs belongs to the pool, under its lock.
type worker struct {
	process process
	stream  io.Closer // our end of the protocol
	conn    *rpc.Conn
	logs    *workerLog
	memory  int64 // bytes that it had before its first run

	jobs      []*job // the first one is on
	runs      int
	retiring  bool // gets no more jobs
	gone      bool // has been taken out of the pool
	quick     bool // its last job is of a plugin whose runs are short
	idleSince time.Time
	timer     *time.Timer
	fate      func(error) // takes how it ended, where it ended by itself
}

// startWorker starts a process and waits until it answers.
func startWorker(l launcher, s Settings, limits workerLimits) (*worker, error) {
	ctx, cancel := context.WithTimeout(l.context(), startLimit)
	defer cancel()
	logs := newWorkerLog(s.Logger)
	logs.faults = s.faults
	started, err := l.start(ctx, s.Tap.stderr(logs.stderr))
	if err != nil {
		return nil, err
	}
	logs.setPid(started.process.Pid())
	services := newServices(s)
	w := &worker{process: started.process, stream: started.closer, logs: logs}
	w.conn = rpc.New(s.Tap.reader(started.reader), s.Tap.writer(started.writer), rpc.Options{
		MaxLine: s.Limits.ResultBytes, Handle: services.handle, Notify: logs.notify, Fault: logs.fault,
	})
	if err := w.initialize(ctx, s, limits); err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("it did not answer within %s", startLimit)
		}
		if errors.Is(err, rpc.ErrClosed) {
			w.awaitExit()
		}
		closed := errors.Is(err, rpc.ErrClosed)
		w.discard()
		w.wait()
		if exit := w.process.Err(); exit != nil && closed {
			err = logs.died(exit.Error())
		}
		return nil, fmt.Errorf("start Python worker: %w", err)
	}
	return w, nil
}

func (w *worker) initialize(ctx context.Context, s Settings, limits workerLimits) error {
	params := map[string]any{
		"protocol_version": protocolVersion,
		"host":             map[string]any{"name": s.Host.Name, "version": s.Host.Version},
		"log_level":        s.logLevel(),
		// Twice what it may grow by: what a run uses and gives back is no leak.
		"memory_limit_bytes": 2 * limits.memory,
		"context": map[string]any{
			"sites": orEmpty(s.Context.Sites), "snmp": orEmptyMap(s.Context.SNMP), "x509": orEmptyMap(s.Context.X509),
		},
	}
	var result struct {
		ProtocolVersion int    `json:"protocol_version"`
		Python          string `json:"python"`
		Resident        int64  `json:"resident_bytes"`
	}
	if err := w.conn.Call(ctx, "initialize", params, &result); err != nil {
		return err
	}
	if result.ProtocolVersion != protocolVersion {
		return fmt.Errorf("it speaks version %d of the plugin protocol, version %d is needed", result.ProtocolVersion, protocolVersion)
	}
	w.memory = result.Resident
	w.logs.logger.Debug("Started Python worker", zap.Int("pid", w.process.Pid()), zap.String("python", result.Python))
	return nil
}

func orEmpty(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

func orEmptyMap(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return m
}

// look sets the timer to when the run that is on has to be looked at: at its deadline, or before, where others wait
// behind it and it takes long. The pool's lock is held.
func (w *worker) look(now time.Time) {
	on := w.jobs[0]
	at := on.begun.Add(on.plugin.Deadline)
	for _, behind := range w.jobs[1:] {
		if long := on.begun.Add(longRun); !behind.recalled && long.Before(at) {
			at = long
		}
	}
	w.timer.Reset(at.Sub(now))
}

// discard ends the process with all it started, and returns when it has ended.
func (w *worker) discard() {
	if w.fate != nil {
		w.awaitExit()
		early := false
		select {
		case <-w.process.Done():
		default:
			early = true
		}
		w.stop()
		w.takeLeft()
		w.fate(w.crash(early))
		return
	}
	w.stop()
	w.takeLeft()
}

// takeLeft logs what a process that a signal ended had put by; all else that a run says in its last milliseconds comes by
// itself.
func (w *worker) takeLeft() {
	l, ok := w.process.(leaver)
	if !ok {
		return
	}
	for _, line := range l.leftLines() {
		var m struct {
			Method string          `json:"method"`
			Params json.RawMessage `json:"params"`
		}
		if json.Unmarshal([]byte(line), &m) == nil {
			w.logs.notify(m.Method, m.Params)
		}
	}
}

// awaitExit gives a process that closed the protocol a moment to end by itself: to end it would hide how it ended.
func (w *worker) awaitExit() {
	timer := time.NewTimer(exitLimit)
	defer timer.Stop()
	select {
	case <-w.process.Done():
	case <-timer.C:
	}
}

func (w *worker) stop() {
	if err := w.process.Stop(context.Background()); err != nil {
		w.logs.logger.Error("Cannot end Python worker", zap.Error(err))
	}
}

// quit asks the process to go and sees to it that it does.
func (w *worker) quit() {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownLimit)
	defer cancel()
	_ = w.conn.Call(ctx, "shutdown", nil, nil) // it is ended in any case
	w.discard()
}

// wait clears up after the process, and returns when nothing of it is left.
func (w *worker) wait() {
	w.conn.Close()
	_ = w.stream.Close()
	w.conn.Wait()
	w.logs.flush()
}

// crash says how the process ended, with what it said on stderr.
func (w *worker) crash(early bool) error {
	how := "exit status 0"
	if err := w.process.Err(); err != nil {
		how = err.Error()
	}
	if early {
		how = "it closed the stream of the plugin protocol"
	}
	return w.logs.died("worker process ended in the middle of the run: " + how)
}

// runResult is what a worker answers to "run".
type runResult struct {
	RunID      int64             `json:"run_id"`
	Outcome    string            `json:"outcome"`
	Groups     []json.RawMessage `json:"groups"`
	Resources  json.RawMessage   `json:"resources"`
	Enrichment []enrichmentItem  `json:"enrichment"`
	Dropped    []droppedByWorker `json:"dropped"`
	ResultType string            `json:"result_type"`
	Error      *errorOfWorker    `json:"error"`
	Clock      json.RawMessage   `json:"clock"`
	CPUSeconds float64           `json:"cpu_seconds"`
	PeakBytes  int64             `json:"peak_bytes"`
	Resident   int64             `json:"resident_bytes"`
}

type droppedByWorker struct {
	Group   string `json:"group"`
	Metric  string `json:"metric"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

type errorOfWorker struct {
	Type      string   `json:"type"`
	Bases     []string `json:"bases"`
	Message   string   `json:"message"`
	Traceback string   `json:"traceback"`
	File      string   `json:"file"`
	Line      int      `json:"line"`
}

// Types of errors that are the worker's own, not a plugin's.
const (
	errorTooLarge = "ResultTooLarge"
	errorRejected = "PluginRejected"
)

func (e *errorOfWorker) error(otherwise string) error {
	if e == nil || e.Type == "" && e.Message == "" {
		return errors.New(otherwise)
	}
	out := &PluginError{Type: e.Type, Bases: e.Bases, Message: e.Message, Traceback: e.Traceback}
	if out.Type == errorTooLarge || out.Type == errorRejected {
		out.Type = "" // the message says it all
	}
	if e.File != "" && !strings.Contains(e.Message, e.File) {
		out.Where = e.File
		if e.Line > 0 {
			out.Where = fmt.Sprintf("%s:%d", e.File, e.Line)
		}
	}
	return out
}

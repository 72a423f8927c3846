package pluginrun

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/child"
	"github.com/panoptes-otel/panoptes-otel/internal/rpc"
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

// worker is one Python process. It runs one plugin at a time.
type worker struct {
	process *child.Process
	conn    *rpc.Conn
	logs    *workerLog

	discardOnce sync.Once
	discarded   chan struct{} // closed where the process is to be ended
	early       atomic.Bool   // the process closed its end but lived on
}

// startWorker starts a process and waits until it answers.
func startWorker(ctx context.Context, config child.Config, s Settings) (*worker, error) {
	logs := newWorkerLog(s.Logger)
	config.Stderr = logs.stderr
	process, err := child.Start(config)
	if err != nil {
		return nil, err
	}
	logs.setPid(process.Pid())
	services := newServices(s)
	w := &worker{process: process, logs: logs, discarded: make(chan struct{})}
	w.conn = rpc.New(process.Stdout(), process.Stdin(), rpc.Options{
		MaxLine: s.Limits.ResultBytes, Handle: services.handle, Notify: logs.notify, Fault: logs.fault,
	})
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if err := w.initialize(ctx, s); err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("it did not answer within %s", startLimit)
		}
		w.discard()
		w.watch(func(*worker) {})
		if exit := process.Err(); exit != nil && errors.Is(err, rpc.ErrClosed) {
			err = logs.died(exit.Error())
		}
		return nil, fmt.Errorf("start Python worker: %w", err)
	}
	return w, nil
}

func (w *worker) initialize(ctx context.Context, s Settings) error {
	params := map[string]any{
		"protocol_version": protocolVersion,
		"host":             map[string]any{"name": s.Host.Name, "version": s.Host.Version},
		"log_level":        logLevel(s.Logger),
		"context": map[string]any{
			"sites": orEmpty(s.Context.Sites), "snmp": orEmptyMap(s.Context.SNMP), "x509": orEmptyMap(s.Context.X509),
		},
	}
	var result struct {
		ProtocolVersion int    `json:"protocol_version"`
		Python          string `json:"python"`
	}
	if err := w.conn.Call(ctx, "initialize", params, &result); err != nil {
		return err
	}
	if result.ProtocolVersion != protocolVersion {
		return fmt.Errorf("it speaks version %d of the plugin protocol, version %d is needed", result.ProtocolVersion, protocolVersion)
	}
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

// ended says whether the worker is of no more use.
func (w *worker) ended() bool {
	select {
	case <-w.discarded:
		return true
	case <-w.conn.Done():
		return true
	default:
		return false
	}
}

// discard has the process ended, with all it started. It returns at once.
func (w *worker) discard() { w.discardOnce.Do(func() { close(w.discarded) }) }

// watch waits until the worker has ended or is discarded, clears up and calls gone when nothing of it is left.
func (w *worker) watch(gone func(*worker)) {
	select {
	case <-w.discarded:
	case <-w.conn.Done():
		timer := time.NewTimer(exitLimit)
		select {
		case <-w.process.Done():
		case <-w.discarded:
		case <-timer.C:
			w.early.Store(true)
		}
		timer.Stop()
	}
	if err := w.process.Stop(context.Background()); err != nil {
		w.logs.logger.Error("Cannot end Python worker", zap.Error(err))
	}
	w.conn.Close()
	_ = w.process.Stdout().Close()
	w.conn.Wait()
	w.logs.flush()
	gone(w)
}

// quit asks the process to go and sees to it that it does.
func (w *worker) quit() {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownLimit)
	defer cancel()
	_ = w.conn.Call(ctx, "shutdown", nil, nil) // it is ended in any case
	w.discard()
}

// runResult is what a worker answers to "run".
type runResult struct {
	RunID      int64             `json:"run_id"`
	Outcome    string            `json:"outcome"`
	Groups     []json.RawMessage `json:"groups"`
	Dropped    []droppedByWorker `json:"dropped"`
	ResultType string            `json:"result_type"`
	Error      *errorOfWorker    `json:"error"`
	CPUSeconds float64           `json:"cpu_seconds"`
}

type droppedByWorker struct {
	Group   string `json:"group"`
	Metric  string `json:"metric"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

type errorOfWorker struct {
	Type      string `json:"type"`
	Message   string `json:"message"`
	Traceback string `json:"traceback"`
	File      string `json:"file"`
	Line      int    `json:"line"`
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
	out := &PluginError{Type: e.Type, Message: e.Message, Traceback: e.Traceback}
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

// call makes one request for a run or a check. Where it fails without an answer the outcome tells how, and the worker
// is discarded unless it is known to be fine. ctx is parent with the plugin's deadline, and ends at Shutdown.
func (w *worker) call(parent, ctx context.Context, p *Plugin, method string, params, result any) (Outcome, error) {
	err := w.conn.Call(ctx, method, params, result)
	var fault *rpc.Fault
	switch {
	case err == nil:
		return OutcomeOK, nil
	case errors.Is(err, rpc.ErrClosed) && ctx.Err() == nil:
		<-w.process.Done() // by itself: to end it would hide how it ended
		return OutcomeCrashed, w.crash()
	case errors.As(err, &fault) && fault.Kind == rpc.FaultTooLong:
		return OutcomeTooLarge, fmt.Errorf("result is too large: %w", fault)
	case errors.As(err, &fault):
		w.discard()
		return OutcomeProtocol, fmt.Errorf("answer does not keep to the plugin protocol: %w", fault)
	case ctx.Err() == nil: // an *rpc.Error, or what cannot be marshalled
		return OutcomeProtocol, err
	}
	w.discard()
	switch {
	case parent.Err() != nil:
		return OutcomeCanceled, parent.Err()
	case errors.Is(ctx.Err(), context.Canceled):
		return OutcomeCanceled, errShutdown
	}
	return OutcomeTimeout, deadlineError(p, nil)
}

// crash says how the process ended, with what it said on stderr.
func (w *worker) crash() error {
	how := "exit status 0"
	if err := w.process.Err(); err != nil {
		how = err.Error()
	}
	if w.early.Load() {
		how = "it closed the stream of the plugin protocol"
	}
	return w.logs.died("worker process ended in the middle of the run: " + how)
}

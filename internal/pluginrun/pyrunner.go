package pluginrun

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/pluginfile"
	"github.com/panoptes-otel/panoptes-otel/internal/rpc"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// codeRejected is the error of "describe" for a module that cannot be loaded.
const codeRejected = -32001

// pythonRunner runs Python plugins in a pool of worker processes.
type pythonRunner struct {
	settings Settings
	runtime  *pythonRuntime
	pool     *pool
	runID    atomic.Int64

	// base ends at Shutdown, and every run's context with it.
	base     context.Context
	cancel   context.CancelFunc
	shutdown sync.Once
	gone     chan struct{} // closed when no process is left
}

func newPythonRunner(s Settings) *pythonRunner {
	r := &pythonRunner{settings: s, runtime: newPythonRuntime(s.Python), gone: make(chan struct{})}
	r.base, r.cancel = context.WithCancel(context.Background())
	r.pool = newPool(s.Python.MaxWorkers, r.startWorker)
	return r
}

func (r *pythonRunner) startWorker() (*worker, error) {
	command, err := r.runtime.command(r.base)
	if err != nil {
		return nil, err
	}
	return startWorker(r.base, command, r.settings)
}

// Check implements Runner.
func (r *pythonRunner) Check(ctx context.Context, p *Plugin) error {
	w, err := r.pool.acquire(ctx)
	if err != nil {
		return fmt.Errorf("plugin %q: %w", p.Name(), err)
	}
	defer r.pool.release(w)
	callCtx, stop := r.callContext(ctx, p)
	defer stop()
	w.logs.begin([]zap.Field{zap.String("plugin", p.Name())})
	var answer struct {
		Warnings []string `json:"warnings"`
	}
	_, err = w.call(ctx, callCtx, p, "describe", map[string]any{"plugin": describe(p, nil), "type": "polling"}, &answer)
	if err != nil {
		return fmt.Errorf("plugin %q: %w", p.Name(), rejection(err))
	}
	for _, warning := range answer.Warnings {
		r.settings.Logger.Warn(warning, zap.String("plugin", p.Name()))
	}
	return nil
}

// rejection is the error in the data of a rejected "describe".
func rejection(err error) error {
	var e *rpc.Error
	if !errors.As(err, &e) || e.Code != codeRejected {
		return err
	}
	var data errorOfWorker
	_ = json.Unmarshal(e.Data, &data) // without it the message says enough
	if data.Message == "" {
		data.Message = e.Message
	}
	return data.error(e.Message)
}

// Run implements Runner.
func (r *pythonRunner) Run(ctx context.Context, req Request) Result {
	w, err := r.pool.acquire(ctx)
	var unavailable *unavailableError
	switch {
	case errors.As(err, &unavailable):
		return req.failed(OutcomeUnavailable, err)
	case err != nil:
		return req.failed(OutcomeCanceled, err)
	}
	defer r.pool.release(w)
	callCtx, stop := r.callContext(ctx, req.Plugin)
	defer stop()
	start := time.Now()
	result := r.runIn(ctx, callCtx, w, req)
	result.Duration = time.Since(start)
	return result
}

// callContext ends at the plugin's deadline, with ctx, or at Shutdown.
func (r *pythonRunner) callContext(ctx context.Context, p *Plugin) (context.Context, context.CancelFunc) {
	callCtx, cancel := context.WithTimeout(ctx, p.Deadline)
	stop := context.AfterFunc(r.base, cancel)
	return callCtx, func() {
		stop()
		cancel()
	}
}

func (r *pythonRunner) runIn(ctx, callCtx context.Context, w *worker, req Request) Result {
	id := r.runID.Add(1)
	w.logs.begin(runFields(req, id))
	deadline, _ := callCtx.Deadline()
	var answer runResult
	outcome, err := w.call(ctx, callCtx, req.Plugin, "run", map[string]any{
		"run_id":   id,
		"plugin":   describe(req.Plugin, req.Resource),
		"type":     "polling",
		"resource": json.RawMessage(pythonResource(req.Resource).AppendJSON(nil)),
		"config":   req.Config,
		"deadline": float64(deadline.UnixMilli()) / 1000,
	}, &answer)
	if err != nil {
		return req.failed(outcome, err)
	}
	if answer.RunID != id {
		w.discard()
		return req.failed(OutcomeProtocol, fmt.Errorf("worker answered run %d where %d was asked", answer.RunID, id))
	}
	result := answer.result(req, r.settings.Limits)
	result.CPU = time.Duration(answer.CPUSeconds * float64(time.Second))
	return result
}

// result reads the answer of a worker.
func (a *runResult) result(req Request, limits Limits) Result {
	var result Result
	switch Outcome(a.Outcome) {
	case OutcomeOK:
		result = decodeGroups(req, a.Groups, limits)
	case OutcomeNone:
		result.Outcome = OutcomeNone
	case OutcomeWrongType:
		return req.failed(OutcomeWrongType,
			fmt.Errorf("run returned an unexpected result type %q: it must be a PanoptesMetricsGroupSet", a.ResultType))
	case OutcomeRaised:
		if a.Error != nil && a.Error.Type == errorTooLarge {
			return req.failed(OutcomeTooLarge, a.Error.error(""))
		}
		return req.failed(OutcomeRaised, a.Error.error("the plugin raised an exception"))
	case OutcomeRejected:
		return req.failed(OutcomeRejected, a.Error.error("the plugin's module cannot be loaded"))
	default:
		return req.failed(OutcomeProtocol, fmt.Errorf("worker answered with the unknown outcome %q", a.Outcome))
	}
	for _, d := range a.Dropped {
		reason := d.Reason
		if reason != DropNotFinite && reason != DropDuplicate && reason != DropLimit {
			reason = DropInvalid
		}
		result.drop(req, Drop{Group: d.Group, Metric: d.Metric, Reason: reason, Err: errors.New(d.Message)})
	}
	return result
}

// pluginParams tell a worker which plugin to load.
type pluginParams struct {
	Name           string  `json:"name"`
	NormalizedName string  `json:"normalized_name"`
	Version        string  `json:"version"`
	Signature      string  `json:"signature"`
	Module         string  `json:"module"`
	Source         string  `json:"source,omitempty"` // the file to read in the place of Module
	Directory      string  `json:"directory"`
	File           string  `json:"file"`
	MTime          float64 `json:"mtime"`
}

// describe tells a worker which plugin to load; without a resource there is no signature.
// unknownDiscovery stands in for the plugin that discovered a resource where none is known.
const unknownDiscovery = "unknown"

// pythonResource is the resource as Python sees it. There a resource without a plugin has no key, so its groups could not
// even be put into a set (docs/panoptes/formats.md, section 2). Groups come back without their resource, so the
// stand-in gets no further.
func pythonResource(r *pluginsdk.Resource) *pluginsdk.Resource {
	if r.Plugin != "" {
		return r
	}
	known := *r
	known.Plugin = unknownDiscovery
	return &known
}

func describe(p *Plugin, resource *pluginsdk.Resource) pluginParams {
	module, source := p.Module, p.source
	if filepath.Base(module) == packageFile {
		if source != "" {
			module, source = source, ""
		}
		module = filepath.Dir(module) // workers know a package by its folder
	}
	out := pluginParams{
		Name: p.File.Name, NormalizedName: p.File.NormalizedName, Version: p.File.Version, Module: module, Source: source,
		Directory: filepath.Dir(p.File.Path), File: p.File.Path,
	}
	if resource != nil {
		out.Signature = pluginfile.Signature(p.File.NormalizedName, resource.Key())
	}
	if info, err := os.Stat(p.Module); err == nil {
		out.MTime = float64(info.ModTime().UnixMicro()) / 1e6
	}
	return out
}

// Busy implements Runner. A run that is given up ends with its process.
func (r *pythonRunner) Busy(*Plugin, *pluginsdk.Resource) bool { return false }

// Shutdown implements Runner.
func (r *pythonRunner) Shutdown(ctx context.Context) error {
	r.shutdown.Do(func() {
		r.cancel()
		workers := r.pool.close()
		go func() {
			defer close(r.gone)
			var quits sync.WaitGroup
			for _, w := range workers {
				quits.Go(w.quit)
			}
			quits.Wait()
			r.pool.wg.Wait()
			r.runtime.remove()
		}()
	})
	select {
	case <-r.gone:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("workers of Python plugins have not ended: %w", ctx.Err())
	}
}

package pluginrun

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/resource/parse"
	"github.com/panoptes-otel/panoptes-otel/internal/run/wire/rpc"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// codeRejected is the error of "describe" for a module that cannot be loaded.
const codeRejected = -32001

// pythonRunner runs Python plugins in pools of worker processes, one pool for each environment.
type pythonRunner struct {
	settings Settings

	mu     sync.Mutex
	closed bool
	pools  map[PythonEnv]*environment

	shutdown sync.Once
	gone     chan struct{} // closed when no process is left
}

// environment is an interpreter with its workers.
type environment struct {
	runtime *pythonRuntime
	pool    *pool
}

func newPythonRunner(s Settings) *pythonRunner {
	return &pythonRunner{settings: s, pools: map[PythonEnv]*environment{}, gone: make(chan struct{})}
}

// pool returns the workers that run a plugin.
func (r *pythonRunner) pool(p *Plugin) (*pool, error) {
	env := p.Python.or(r.settings.Python.PythonEnv)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, errShutdown
	}
	e := r.pools[env]
	if e == nil {
		runtime := newPythonRuntime(env.Interpreter, r.settings.Python.RuntimeDir)
		limits := workerLimits{runs: env.MaxRuns, memory: env.MaxMemory}
		e = &environment{runtime: runtime, pool: newPool(env.MaxWorkers, limits, newLauncher(runtime), r.settings)}
		r.pools[env] = e
	}
	return e.pool, nil
}

// Check implements Runner.
func (r *pythonRunner) Check(ctx context.Context, p *Plugin) (*Plugin, error) {
	fail := func(err error) (*Plugin, error) { return nil, fmt.Errorf("plugin %q: %w", p.Name(), err) }
	pool, err := r.pool(p)
	if err != nil {
		return nil, err
	}
	params, err := json.Marshal(map[string]any{"plugin": describe(p), "type": "any"})
	if err != nil {
		return fail(err)
	}
	result := pool.do(ctx, newJob(p, "describe", params, runLog{fields: []zap.Field{zap.String("plugin", p.Name())}}))
	if result.err != nil {
		return fail(rejection(result.err))
	}
	var answer struct {
		Type     Type     `json:"type"`
		Warnings []string `json:"warnings"`
	}
	if err := json.Unmarshal(result.raw, &answer); err != nil {
		return fail(fmt.Errorf("answer does not keep to the plugin protocol: %w", err))
	}
	for _, warning := range answer.Warnings {
		r.settings.Logger.Warn(warning, zap.String("plugin", p.Name()))
	}
	switch answer.Type {
	case TypePolling, TypeDiscovery, TypeEnrichment:
		return p.As(answer.Type)
	}
	return fail(fmt.Errorf("answer does not keep to the plugin protocol: unknown type %q", answer.Type))
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
	pool, err := r.pool(req.Plugin)
	if err != nil {
		return req.failed(OutcomeCanceled, err)
	}
	params, err := runParams(req, req.id)
	if err != nil {
		return req.failed(OutcomeProtocol, err)
	}
	answer := pool.do(ctx, newJob(req.Plugin, "run", params, newRunLog(req)))
	result := r.result(req, req.id, pool, answer)
	result.Duration = answer.duration
	return result
}

func (r *pythonRunner) result(req Request, id int64, pool *pool, a jobResult) Result {
	if a.err != nil {
		return req.failed(a.outcome, a.err)
	}
	var answer runResult
	if err := json.Unmarshal(a.raw, &answer); err != nil {
		pool.distrust(a.worker)
		return req.failed(OutcomeProtocol, fmt.Errorf("answer does not keep to the plugin protocol: %w", err))
	}
	if answer.RunID != id {
		pool.distrust(a.worker)
		return req.failed(OutcomeProtocol, fmt.Errorf("worker answered run %d where %d was asked", answer.RunID, id))
	}
	if answer.Resident > 0 {
		pool.grown(a.worker, answer.Resident)
	}
	result := answer.result(req, r.settings.Limits)
	result.CPU = time.Duration(answer.CPUSeconds * float64(time.Second))
	result.PeakMemory = answer.PeakBytes
	result.Readings = answer.Clock
	return result
}

// runParams are the parameters of "run". What belongs to the plugin was marshalled once.
func runParams(req Request, id int64) (json.RawMessage, error) {
	plugin, config := req.Plugin.pluginJSON, req.Plugin.configJSON
	var err error
	if plugin == nil {
		if plugin, err = json.Marshal(describe(req.Plugin)); err != nil {
			return nil, err
		}
	}
	if req.Config != nil || config == nil {
		if config, err = json.Marshal(req.config()); err != nil {
			return nil, err
		}
	}
	b := make([]byte, 0, len(plugin)+len(config)+1024)
	b = append(b, `{"run_id":`...)
	b = strconv.AppendInt(b, id, 10)
	b = append(b, `,"type":"`...)
	b = append(b, req.Plugin.Type...)
	b = append(b, `","plugin":`...)
	b = append(b, plugin...)
	b = append(b, `,"config":`...)
	b = append(b, config...)
	if req.Plugin.Type != TypeDiscovery {
		b = append(b, `,"resource":`...)
		b = pythonResource(req.Resource).AppendJSON(b)
	}
	if req.Clock != nil {
		b = append(b, `,"clock":{`...)
		if len(req.Clock.Readings) > 0 {
			b = append(append(b, `"readings":`...), req.Clock.Readings...)
		}
		b = append(b, '}')
	}
	return append(b, '}'), nil
}

// result reads the answer of a worker.
func (a *runResult) result(req Request, limits Limits) Result {
	var result Result
	switch Outcome(a.Outcome) {
	case OutcomeOK:
		result = a.take(req, limits)
	case OutcomeNone:
		result.Outcome = OutcomeNone
	case OutcomeWrongType:
		return req.failed(OutcomeWrongType,
			fmt.Errorf("run returned an unexpected result type %q: it must be a %s", a.ResultType, resultTypes[req.Plugin.Type]))
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

// resultTypes are what run of a Python plugin has to return.
var resultTypes = map[Type]string{
	TypePolling:    "PanoptesMetricsGroupSet",
	TypeDiscovery:  "PanoptesResourceSet",
	TypeEnrichment: "PanoptesEnrichmentGroupSet or PanoptesEnrichmentMultiGroupSet",
}

// take is the result of a run that returned what it should.
func (a *runResult) take(req Request, limits Limits) Result {
	if req.Plugin.Type == TypePolling {
		return decodeGroups(req, a.Groups, limits)
	}
	result := Result{Outcome: OutcomeOK}
	if len(a.Resources) > 0 {
		list, errs := parse.ParseJSON(a.Resources)
		result.Resources = list
		for _, err := range errs {
			result.drop(req, Drop{Reason: DropInvalid, Err: err})
		}
	}
	for _, item := range a.Enrichment {
		found, err := item.check()
		if err != nil {
			result.drop(req, Drop{Group: item.Namespace, Reason: DropInvalid, Err: err})
			continue
		}
		result.Enrichment = append(result.Enrichment, found)
	}
	return result
}

// pluginParams tell a worker which plugin to load.
type pluginParams struct {
	Name           string `json:"name"`
	NormalizedName string `json:"normalized_name"`
	Version        string `json:"version"`
	Module         string `json:"module"`
	Source         string `json:"source,omitempty"` // the file to read in the place of Module
	Directory      string `json:"directory"`
	File           string `json:"file"`
	SysPath        string `json:"sys_path,omitempty"`        // the folder whose modules can be imported
	SysPathSource  string `json:"sys_path_source,omitempty"` // where to read them, in the place of SysPath
}

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

// describe tells a worker which plugin to load.
func describe(p *Plugin) pluginParams {
	module, source := p.Module, p.source
	if filepath.Base(module) == packageFile {
		if source != "" {
			module, source = source, ""
		}
		module = filepath.Dir(module) // workers know a package by its folder
	}
	return pluginParams{
		SysPath: p.besideFolder(), SysPathSource: p.beside, Name: p.File.Name, NormalizedName: p.File.NormalizedName, Version: p.File.Version, Module: module, Source: source,
		Directory: filepath.Dir(p.File.Path), File: p.File.Path,
	}
}

// marshal keeps what each run tells a worker of the plugin.
func (p *Plugin) marshal() error {
	var err error
	if p.pluginJSON, err = json.Marshal(describe(p)); err != nil {
		return err
	}
	p.configJSON, err = json.Marshal(p.File.Config)
	return err
}

// Busy implements Runner. A run that is given up ends with its process.
func (r *pythonRunner) Busy(*Plugin, *pluginsdk.Resource) bool { return false }

// Shutdown implements Runner.
func (r *pythonRunner) Shutdown(ctx context.Context) error {
	r.shutdown.Do(func() {
		r.mu.Lock()
		r.closed = true
		r.mu.Unlock()
		go func() {
			defer close(r.gone)
			var ends sync.WaitGroup
			for _, e := range r.pools {
				ends.Go(func() {
					e.pool.close()
					e.runtime.remove()
				})
			}
			ends.Wait()
		}()
	})
	select {
	case <-r.gone:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("workers of Python plugins have not ended: %w", ctx.Err())
	}
}

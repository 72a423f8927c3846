package pluginrun

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/run/program/output"
	"github.com/panoptes-otel/panoptes-otel/internal/run/wire/rpc"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// cancelGrace is how long a plugin may take to answer a run that was canceled before its process is ended.
const cancelGrace = 2 * time.Second

// processRunner runs plugins that are programs which live on from run to run and speak the plugin protocol. Each
// version of a plugin has processes of its own: a fleet.
type processRunner struct {
	settings Settings
	busy     busyRuns
	runs     sync.WaitGroup

	// base ends at Shutdown, and every run with it.
	base   context.Context
	cancel context.CancelFunc

	mu     sync.Mutex
	closed bool
	fleets map[*Plugin]*fleet
	wg     sync.WaitGroup // of fleets
}

func newProcessRunner(s Settings) *processRunner {
	r := &processRunner{settings: s, fleets: map[*Plugin]*fleet{}}
	r.base, r.cancel = context.WithCancel(context.Background())
	return r
}

// fleet returns the processes of a plugin.
func (r *processRunner) fleet(p *Plugin) (*fleet, error) {
	p = p.root()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, errShutdown
	}
	f := r.fleets[p]
	if f == nil {
		f = newFleet(r, p)
		r.fleets[p] = f
		r.wg.Add(1)
	}
	return f, nil
}

// forget takes a fleet out that has closed; gone says that no process of it is left.
func (r *processRunner) forget(f *fleet, gone <-chan struct{}) {
	r.mu.Lock()
	if r.fleets[f.plugin] == f {
		delete(r.fleets, f.plugin)
	}
	r.mu.Unlock()
	go func() {
		<-gone
		r.wg.Done()
	}()
}

// acquire returns a process with a place for a run.
func (r *processRunner) acquire(ctx context.Context, p *Plugin) (*instance, error) {
	for {
		f, err := r.fleet(p)
		if err != nil {
			return nil, err
		}
		proc, err := f.acquire(ctx)
		if !errors.Is(err, errFleetClosed) { // by its idle time, just now
			return proc, err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
}

// Check implements Runner: the plugin's process starts and describes itself.
func (r *processRunner) Check(ctx context.Context, p *Plugin) (*Plugin, error) {
	proc, err := r.acquire(ctx, p)
	if err != nil {
		r.Retire(p)
		return nil, fmt.Errorf("plugin %q: %w", p.Name(), err)
	}
	proc.fleet.release(proc)
	return p, nil
}

// Retire ends the processes of a plugin as soon as no run needs them: no further run is to come.
func (r *processRunner) Retire(p *Plugin) {
	r.mu.Lock()
	f := r.fleets[p]
	r.mu.Unlock()
	if f != nil {
		f.retire()
	}
}

// Concurrency is how many runs a plugin's processes can do at once.
func (r *processRunner) Concurrency(p *Plugin) int {
	r.mu.Lock()
	f := r.fleets[p]
	r.mu.Unlock()
	if f == nil {
		return r.settings.Processes.PerPlugin
	}
	return f.concurrency()
}

// Busy implements Runner: a run that was given up may take its time to end.
func (r *processRunner) Busy(p *Plugin, res *pluginsdk.Resource) bool {
	return r.busy.has(keyOf(p, res))
}

// Shutdown implements Runner.
func (r *processRunner) Shutdown(ctx context.Context) error {
	r.cancel()
	ended := r.busy.close(&r.runs)
	r.mu.Lock()
	r.closed = true
	for _, f := range r.fleets {
		go f.close()
	}
	r.mu.Unlock()
	gone := make(chan struct{})
	go func() {
		<-ended
		r.wg.Wait()
		close(gone)
	}()
	return waitFor(ctx, gone, "processes of plugins have not ended")
}

// Run implements Runner.
func (r *processRunner) Run(ctx context.Context, req Request) Result {
	key := keyOf(req.Plugin, req.Resource)
	if outcome, err := r.busy.begin(key, &r.runs); err != nil {
		return req.failed(outcome, err)
	}
	proc, err := r.acquire(ctx, req.Plugin)
	if err != nil {
		r.busy.end(key, &r.runs)
		return req.failed(r.refusal(ctx, err), err)
	}
	start := time.Now()
	result := r.runIn(ctx, proc, req, func() {
		proc.fleet.release(proc)
		r.busy.end(key, &r.runs)
	})
	result.Duration = time.Since(start)
	return result
}

// refusal is the outcome of a run that found no process.
func (r *processRunner) refusal(ctx context.Context, err error) Outcome {
	var rejected *rejectedError
	switch {
	case ctx.Err() != nil || errors.Is(err, errShutdown):
		return OutcomeCanceled
	case errors.As(err, &rejected):
		return OutcomeRejected
	}
	return OutcomeUnavailable
}

// instanceRun is the parameters of "run", written by hand: what belongs to the plugin was marshalled once.
func (f *fleet) instanceRun(req Request, id int64, deadline time.Time) (json.RawMessage, error) {
	config := f.config
	if req.Config != nil || req.Plugin != f.plugin {
		var err error
		if config, err = json.Marshal(req.config()); err != nil {
			return nil, fmt.Errorf("configuration: %w", err)
		}
	}
	b := make([]byte, 0, len(f.description)+len(config)+1024)
	b = append(b, `{"run_id":`...)
	b = strconv.AppendInt(b, id, 10)
	b = append(append(b, `,"plugin":`...), f.description...)
	b = append(b, `,"type":"polling","resource":`...)
	b = req.Resource.AppendJSON(b)
	b = append(append(b, `,"config":`...), config...)
	b = append(b, `,"interval":`...)
	b = strconv.AppendInt(b, int64(groupInterval(req.Plugin)/time.Second), 10)
	b = append(b, `,"deadline":`...)
	b = strconv.AppendFloat(b, float64(deadline.UnixMilli())/1000, 'f', -1, 64)
	if req.Clock != nil {
		b = append(append(b, `,"now":`...), req.Clock.Now.String()...)
	}
	return append(b, '}'), nil
}

// runIn runs in a process. It calls ended when the run has, which may be after it has returned.
func (r *processRunner) runIn(ctx context.Context, proc *instance, req Request, ended func()) Result {
	runCtx, stop := context.WithTimeout(ctx, req.Plugin.Deadline)
	defer stop()
	defer context.AfterFunc(r.base, stop)()
	id := req.id
	deadline, _ := runCtx.Deadline()
	params, err := proc.fleet.instanceRun(req, id, deadline)
	if err != nil {
		ended()
		return req.failed(OutcomeProtocol, err)
	}
	proc.logs.begin(newRunLog(req))
	// The call outlives the deadline: only an answer, or the end of the process, says that the run has ended.
	done := make(chan runAnswer, 1)
	proc.ask(params, done)
	select {
	case a := <-done:
		result := r.result(proc, req, id, a)
		proc.logs.end(id)
		ended()
		return result
	case <-runCtx.Done():
	}
	go func() {
		defer ended()
		defer proc.logs.end(id)
		proc.giveUp(id, done)
	}()
	return req.givenUp(ctx, r.base)
}

// runAnswer is the answer to "run", or its failure.
type runAnswer struct {
	text json.RawMessage
	err  error
}

// ask sends a request to run. Its answer comes to done.
func (p *instance) ask(params json.RawMessage, done chan<- runAnswer) {
	err := p.conn.Start("run", params, func(text json.RawMessage, err error) { done <- runAnswer{text, err} })
	switch {
	case err == nil:
	case errors.Is(err, rpc.ErrFull): // many runs begin at once, or the process does not read
		go func() {
			var a runAnswer
			a.err = p.conn.Call(p.life, "run", params, &a.text)
			done <- a
		}()
	default:
		done <- runAnswer{err: err}
	}
}

// result judges an answer.
func (r *processRunner) result(proc *instance, req Request, id int64, a runAnswer) Result {
	var answer runResult
	err := a.err
	if err == nil {
		err = json.Unmarshal(a.text, &answer)
	}
	var fault *rpc.Fault
	var refused *rpc.Error
	switch {
	case proc.flooded.Load() && (errors.Is(err, rpc.ErrClosed) || errors.Is(err, context.Canceled)):
		return req.failed(OutcomeProtocol, errors.New("the process was ended: it wrote too many lines that are no messages"))
	case errors.Is(err, rpc.ErrClosed):
		<-proc.child.Done() // by itself, or soon by its watch
		return req.failed(OutcomeCrashed, proc.crash())
	case errors.As(err, &fault) && fault.Kind == rpc.FaultTooLong:
		return req.failed(OutcomeTooLarge, fmt.Errorf("result is too large: %w", fault))
	case errors.As(err, &fault):
		return req.failed(OutcomeProtocol, fmt.Errorf("answer does not keep to the plugin protocol: %w", fault))
	case errors.As(err, &refused):
		return req.failed(OutcomeRaised, refusal(refused))
	case err != nil:
		return req.failed(OutcomeProtocol, fmt.Errorf("answer does not keep to the plugin protocol: %w", err))
	case answer.RunID != 0 && answer.RunID != id:
		return req.failed(OutcomeProtocol, fmt.Errorf("the plugin answered run %d where %d was asked", answer.RunID, id))
	}
	proc.fleet.succeeded(proc)
	return answer.ofProgram(req, r.settings.Limits)
}

func refusal(err *rpc.Error) error {
	return fmt.Errorf("the plugin answered run with an error: %w", err)
}

// ofProgram reads the answer of a process plugin.
func (a *runResult) ofProgram(req Request, limits Limits) Result {
	if Outcome(a.Outcome) != OutcomeOK {
		return a.result(req, limits)
	}
	reader := output.NewReader(req.defaults(""))
	items := make([]output.Item, 0, len(a.Groups))
	for _, g := range a.Groups {
		items = append(items, reader.Group(g))
	}
	a.Groups = nil
	result := a.result(req, limits) // what the plugin says that it dropped
	checked := checkItems(req, items, limits)
	checked.Dropped = append(checked.Dropped, result.Dropped...)
	checked.CPU = time.Duration(a.CPUSeconds * float64(time.Second))
	return checked
}

package pluginrun

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// goRunner runs plugins that are compiled in, each run in a goroutine of its own. A goroutine cannot be ended from
// outside: a run past its deadline is reported as timed out and its result thrown away, while the goroutine goes on
// until the plugin returns. Until then the pair of plugin and resource is busy.
type goRunner struct {
	settings Settings

	mu     sync.Mutex
	closed bool
	runs   map[runKey]context.CancelFunc // those under way, with what ends their contexts
	idle   chan struct{}                 // closed when the last run has ended after Shutdown
}

// runKey is what must not overlap.
type runKey struct {
	plugin   string
	resource pluginsdk.Identity
}

func keyOf(p *Plugin, r *pluginsdk.Resource) runKey { return runKey{p.File.Name, r.Identity()} }

func newGoRunner(s Settings) *goRunner {
	return &goRunner{settings: s, runs: map[runKey]context.CancelFunc{}, idle: make(chan struct{})}
}

// Check implements Runner.
func (r *goRunner) Check(_ context.Context, p *Plugin) (*Plugin, error) {
	plugin, err := r.plugin(p)
	if err != nil {
		return p, err
	}
	if err := p.describesOnce(plugin); err != nil {
		return p, fmt.Errorf("plugin %q: %w", p.Name(), err)
	}
	return p, nil
}

func (r *goRunner) plugin(p *Plugin) (pluginsdk.PollingPlugin, error) {
	if plugin := r.settings.GoPlugins[p.Module]; plugin != nil {
		return plugin, nil
	}
	names := slices.Sorted(maps.Keys(r.settings.GoPlugins))
	have := "there are none"
	if len(names) > 0 {
		have = "there are: " + strings.Join(names, ", ")
	}
	return nil, fmt.Errorf("plugin %q: no Go plugin %q is compiled in and enabled (%s); list the extension that brings it "+
		"in the builder config and under service.extensions", p.Name(), p.Module, have)
}

// Run implements Runner.
func (r *goRunner) Run(ctx context.Context, req Request) Result {
	plugin, err := r.plugin(req.Plugin)
	if err != nil {
		return Result{Outcome: OutcomeRejected, Err: err}
	}
	if err := req.Plugin.describesOnce(plugin); err != nil {
		return req.failed(OutcomeRejected, err)
	}
	key := keyOf(req.Plugin, req.Resource)
	runCtx, stop := context.WithTimeout(ctx, req.Plugin.Deadline)
	defer stop()
	if outcome, err := r.begin(key, stop); err != nil {
		return req.failed(outcome, err)
	}
	call := r.newCall(runCtx, req, key, plugin)
	start := time.Now()
	go call.run()
	var result Result
	select {
	case <-call.done:
		result = r.result(ctx, runCtx, req, call)
	case <-runCtx.Done():
		select {
		case <-call.done: // both are ready: what the plugin said counts
			result = r.result(ctx, runCtx, req, call)
		default:
			result = r.overdue(ctx, req, nil)
		}
	}
	result.Duration = time.Since(start)
	return result
}

// goCall is the call of a plugin, with all that belongs to it, in one piece of memory: this is what a run costs.
type goCall struct {
	runner *goRunner
	key    runKey
	plugin pluginsdk.PollingPlugin
	ctx    context.Context
	given  pluginsdk.PluginContext
	log    slogHandler

	done chan struct{} // closed when what follows is set
	set  *pluginsdk.MetricsGroupSet
	err  error
	// failure is set where the plugin panicked.
	failure *PluginError
}

func (r *goRunner) newCall(ctx context.Context, req Request, key runKey, plugin pluginsdk.PollingPlugin) *goCall {
	c := &goCall{
		runner: r, key: key, plugin: plugin, ctx: ctx, done: make(chan struct{}),
		given: pluginsdk.PluginContext{
			Resource: req.Resource,
			Config:   req.config(),
			Interval: groupInterval(req.Plugin),
			KV:       r.settings.KV,
			Secrets:  r.settings.Secrets,
			Sites:    r.settings.Context.Sites,
		},
		log: newSlogHandler(r.settings.Logger, req),
	}
	c.given.Logger = slog.New(&c.log)
	return c
}

// run calls the plugin; a panic, or the end of the goroutine under us, becomes its failure.
func (c *goCall) run() {
	returned := false
	defer func() {
		if v := recover(); v != nil {
			c.failure = &PluginError{Type: "panic", Message: fmt.Sprint(v), Traceback: string(debug.Stack())}
		} else if !returned {
			c.failure = &PluginError{Type: "panic", Message: "the plugin ended its goroutine (runtime.Goexit)"}
		}
		c.runner.end(c.key) // before the answer: whoever has that may ask for the next run at once
		close(c.done)
	}()
	c.set, c.err = c.plugin.Run(c.ctx, &c.given)
	returned = true
}

// groupInterval is the interval for a plugin's groups: a minute, as in Panoptes, where the plugin is never scheduled.
func groupInterval(p *Plugin) time.Duration {
	if p.Interval < time.Second {
		return time.Minute
	}
	return p.Interval
}

func (r *goRunner) result(ctx, runCtx context.Context, req Request, a *goCall) Result {
	switch {
	case a.failure != nil:
		return req.failed(OutcomePanicked, a.failure)
	case errors.Is(a.err, pluginsdk.ErrNoResults):
		return Result{Outcome: OutcomeNone}
	case a.err != nil && runCtx.Err() != nil:
		return r.overdue(ctx, req, a.err)
	case a.err != nil:
		return req.failed(OutcomeRaised, a.err)
	case a.set == nil:
		return Result{Outcome: OutcomeNone}
	}
	return checkGroups(req, a.set.Groups(), r.settings.Limits)
}

// overdue tells a run past its deadline from one that the caller, or Shutdown, gave up.
func (r *goRunner) overdue(ctx context.Context, req Request, err error) Result {
	switch {
	case ctx.Err() != nil:
		return req.failed(OutcomeCanceled, ctx.Err())
	case r.isClosed():
		return req.failed(OutcomeCanceled, errShutdown)
	}
	return req.failed(OutcomeTimeout, deadlineError(req.Plugin, err))
}

func (r *goRunner) isClosed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed
}

func (r *goRunner) begin(key runKey, stop context.CancelFunc) (Outcome, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return OutcomeCanceled, errShutdown
	}
	if _, ok := r.runs[key]; ok {
		return OutcomeBusy, errors.New("an earlier run has not ended yet: the plugin does not heed the end of its context")
	}
	r.runs[key] = stop
	return "", nil
}

func (r *goRunner) end(key runKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.runs, key)
	if r.closed && len(r.runs) == 0 {
		close(r.idle)
	}
}

// Busy implements Runner.
func (r *goRunner) Busy(p *Plugin, res *pluginsdk.Resource) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, ok := r.runs[keyOf(p, res)]
	return ok
}

// Shutdown implements Runner. Plugins that do not return are left behind, which the error says.
func (r *goRunner) Shutdown(ctx context.Context) error {
	r.mu.Lock()
	for _, stop := range r.runs {
		stop()
	}
	if !r.closed {
		r.closed = true
		if len(r.runs) == 0 {
			close(r.idle)
		}
	}
	r.mu.Unlock()
	select {
	case <-r.idle:
		return nil
	case <-ctx.Done():
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	names := map[string]struct{}{}
	for key := range r.runs {
		names[key.plugin] = struct{}{}
	}
	return fmt.Errorf("%d runs of Go plugins have not ended (%s): %w",
		len(r.runs), strings.Join(slices.Sorted(maps.Keys(names)), ", "), ctx.Err())
}

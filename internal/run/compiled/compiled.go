// Package compiled runs Go plugins that are compiled in, each run in a goroutine of its own. A goroutine cannot be ended
// from outside: a run past its deadline is reported as timed out and its result thrown away, while the goroutine goes on
// until the plugin returns. Until then the run has not ended (run.Call.Ended).
package compiled

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime/debug"
	"slices"
	"strings"

	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/run/runlog"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Runtime runs compiled plugins. It is safe for concurrent use.
type Runtime struct {
	// Plugins are the plugins by the NAME of go:NAME.
	Plugins map[string]pluginsdk.PollingPlugin
	Logger  *zap.Logger
	Budget  *runlog.Budget
	KV      pluginsdk.KeyValueStore
	Secrets pluginsdk.SecretsStore
	Sites   []string
}

var _ run.Runtime = (*Runtime)(nil)

func (r *Runtime) plugin(p *plugin.Plugin) (pluginsdk.PollingPlugin, error) {
	found := r.Plugins[p.Module]
	if found == nil {
		have := "there are none"
		if names := slices.Sorted(maps.Keys(r.Plugins)); len(names) > 0 {
			have = "there are: " + strings.Join(names, ", ")
		}
		return nil, fmt.Errorf("no Go plugin %q is compiled in and enabled (%s); list the extension that brings it in the "+
			"builder config and under service.extensions", p.Module, have)
	}
	if d, ok := found.(pluginsdk.Describer); ok {
		if err := p.DeclareOnce(d.Describe); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// Load implements run.Runtime.
func (r *Runtime) Load(_ context.Context, p *plugin.Plugin) (run.Facts, error) {
	_, err := r.plugin(p)
	return run.Facts{Type: p.Type}, err
}

// Concurrency implements run.Runtime.
func (r *Runtime) Concurrency(*plugin.Plugin) (most int, own bool) { return 0, false }

// Retire implements run.Runtime: nothing is kept.
func (r *Runtime) Retire(*plugin.Plugin) {}

// Close implements run.Runtime: the contexts of all runs have ended by then, and more cannot be done.
func (r *Runtime) Close(context.Context) error { return nil }

// Run implements run.Runtime.
func (r *Runtime) Run(_ context.Context, c *run.Call) run.Result {
	found, err := r.plugin(c.Plugin)
	if err != nil {
		c.Ended()
		return c.Failed(run.OutcomeRejected, err)
	}
	g := &goroutine{
		call: c, plugin: found, ctx: c.Begin(), done: make(chan struct{}),
		given: pluginsdk.PluginContext{
			Resource: c.Resource, Config: c.Settings(), Interval: c.Plugin.GroupInterval(),
			KV: r.KV, Secrets: r.Secrets, Sites: r.Sites,
		},
		log: runlog.NewHandler(r.Logger, r.Budget, c.Lines, c.Log != nil),
	}
	g.given.Logger = slog.New(&g.log)
	go g.run()
	select {
	case <-g.done:
		return g.result()
	case <-g.ctx.Done():
	}
	select {
	case <-g.done: // both are ready: what the plugin said counts
		return g.result()
	default:
		return c.GivenUp(nil)
	}
}

// goroutine is the call of a plugin, with all that belongs to it, in one piece of memory: this is what a run costs.
type goroutine struct {
	call   *run.Call
	plugin pluginsdk.PollingPlugin
	ctx    context.Context
	given  pluginsdk.PluginContext
	log    runlog.Handler

	done chan struct{} // closed when what follows is set
	set  *pluginsdk.MetricsGroupSet
	err  error
	// failure is set where the plugin panicked.
	failure *run.PluginError
}

// run calls the plugin; a panic, or the end of the goroutine under us, becomes its failure.
func (g *goroutine) run() {
	returned := false
	defer func() {
		if v := recover(); v != nil {
			g.failure = &run.PluginError{Type: "panic", Message: fmt.Sprint(v), Traceback: string(debug.Stack())}
		} else if !returned {
			g.failure = &run.PluginError{Type: "panic", Message: "the plugin ended its goroutine (runtime.Goexit)"}
		}
		g.call.Ended() // before the answer: whoever has that may ask for the next run at once
		close(g.done)
	}()
	g.set, g.err = g.plugin.Run(g.ctx, &g.given)
	returned = true
}

func (g *goroutine) result() run.Result {
	switch {
	case g.failure != nil:
		return g.call.Failed(run.OutcomePanicked, g.failure)
	case errors.Is(g.err, pluginsdk.ErrNoResults):
		return run.Result{Outcome: run.OutcomeNone}
	case g.err != nil && g.ctx.Err() != nil:
		return g.call.GivenUp(g.err)
	case g.err != nil:
		return g.call.Failed(run.OutcomeRaised, g.err)
	case g.set == nil:
		return run.Result{Outcome: run.OutcomeNone}
	}
	return g.call.Groups(g.set.Groups())
}

// Package python runs Python plugins in worker processes, one pool for each environment: interpreter and limits. Workers
// are forked from a warm process where the system can (Linux), and are interpreters of their own elsewhere.
//
// Each run executes the module anew and makes a new instance, in a worker that runs many plugins one after the other
// (python/panoptes_worker).
package python

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/run/child"
	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi"
	"github.com/panoptes-otel/panoptes-otel/internal/run/runlog"
	"github.com/panoptes-otel/panoptes-otel/internal/run/wire"
	"github.com/panoptes-otel/panoptes-otel/internal/run/workers"
)

const (
	// idleLimit is how long a worker may have nothing to do, isolatedIdleLimit where it waits for one plugin alone: there
	// may be hundreds of these.
	idleLimit         = time.Minute
	isolatedIdleLimit = 5 * time.Second
)

// Settings configure the Python workers.
type Settings struct {
	plugin.PythonEnv
	// RuntimeDir is where the embedded Python package is written to; "" keeps it in memory, where the system can, and
	// else in a temporary directory that goes at Close.
	RuntimeDir string
	// Inherit are the names of variables of the environment that workers get besides the usual ones.
	Inherit []string
	// Isolated gives each plugin workers of its own.
	Isolated bool
}

// Ahead fetches what a run is going to ask of its device before it has a worker, and waits for that no longer than patience.
// What goes on after that ends with ctx.
type Ahead func(ctx context.Context, by hostapi.Caller, patience time.Duration)

// Runtime runs Python plugins. It is safe for concurrent use.
type Runtime struct {
	settings Settings
	host     workers.Host
	ahead    Ahead
	hello    wire.Hello

	mu           sync.Mutex
	closed       bool
	environments map[plugin.PythonEnv]*environment
	pools        map[poolKey]*workers.Pool
}

// poolKey tells pools apart: plugin is "" where plugins share the workers.
type poolKey struct {
	environment *environment
	plugin      string
}

var _ run.Runtime = (*Runtime)(nil)

// environment is an interpreter, and what starts workers from it.
type environment struct {
	interpreter *interpreter
	launcher    launcher
}

// New returns the runtime. Processes are started for host, and greeted with hello.
func New(s Settings, host workers.Host, hello wire.Hello, ahead Ahead) *Runtime {
	return &Runtime{settings: s, host: host, ahead: ahead, hello: hello, environments: map[plugin.PythonEnv]*environment{}, pools: map[poolKey]*workers.Pool{}}
}

// pool returns the workers that run a plugin.
func (r *Runtime) pool(p *plugin.Plugin) (*workers.Pool, error) {
	env := p.Python.Or(r.settings.PythonEnv)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, run.ErrShutdown
	}
	e := r.environments[env]
	if e == nil {
		i := newInterpreter(env.Interpreter, r.settings.RuntimeDir, r.settings.Inherit)
		// Twice what it may grow by: what a run uses and gives back is no leak.
		greeter := greeter{hello: r.hello, memoryLimit: 2 * env.MaxMemory, logger: r.host.Logger}
		e = &environment{interpreter: i, launcher: newLauncher(i, greeter)}
		r.environments[env] = e
	}
	key, idle := poolKey{environment: e}, idleLimit
	if r.settings.Isolated {
		key.plugin, idle = p.Name(), isolatedIdleLimit
	}
	pool := r.pools[key]
	if pool == nil {
		policy := workers.Policy{
			Max: env.MaxWorkers, Ordered: true, Idle: idle, MaxRuns: env.MaxRuns, MaxGrowth: env.MaxMemory,
			Leftover: leftover, Failed: runFailed, Busy: child.Busy,
		}
		if policy.Max == 0 {
			policy.First, policy.Max = workers.Growth()
		}
		pool = workers.New(policy, e.launcher, r.host)
		r.pools[key] = pool
	}
	return pool, nil
}

// Load implements run.Runtime.
func (r *Runtime) Load(ctx context.Context, p *plugin.Plugin) (run.Facts, error) {
	pool, err := r.pool(p)
	if err != nil {
		return run.Facts{}, err
	}
	params := fmt.Appendf(nil, `{"plugin":%s,"type":"any"}`, p.DescriptionJSON())
	loading, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	a := pool.Do(ctx, &workers.Job{
		Plugin: p.Name(), Deadline: p.Deadline, Method: "describe",
		Params: func(time.Time) (json.RawMessage, error) { return params, nil },
		Lines:  runlog.Run{Fields: []zap.Field{zap.String("plugin", p.Name())}},
		Caller: hostapi.Caller{Plugin: p.Name()},
		Begin: func() context.Context {
			time.AfterFunc(p.Deadline, func() { cancel(context.DeadlineExceeded) })
			return loading
		},
		Ended: func() {},
	})
	switch {
	case errors.Is(a.Err, workers.ErrGivenUp) && ctx.Err() == nil:
		return run.Facts{}, run.DeadlineError(p, nil)
	case a.Err != nil:
		return run.Facts{}, wire.Rejection(a.Err)
	}
	var answer struct {
		Type     plugin.Type `json:"type"`
		Warnings []string    `json:"warnings"`
	}
	if err := json.Unmarshal(a.Raw, &answer); err != nil {
		return run.Facts{}, fmt.Errorf("answer does not keep to the plugin protocol: %w", err)
	}
	switch answer.Type {
	case plugin.TypePolling, plugin.TypeDiscovery, plugin.TypeEnrichment:
		return run.Facts{Type: answer.Type, Warnings: answer.Warnings}, nil
	}
	return run.Facts{}, fmt.Errorf("answer does not keep to the plugin protocol: unknown type %q", answer.Type)
}

// Run implements run.Runtime.
func (r *Runtime) Run(ctx context.Context, c *run.Call) run.Result {
	pool, err := r.pool(c.Plugin)
	if err != nil {
		c.Ended()
		return c.Failed(run.OutcomeCanceled, err)
	}
	params, err := runParams(c)
	if err != nil {
		c.Ended()
		return c.Failed(run.OutcomeProtocol, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	job := workers.RunOf(c, func(time.Time) (json.RawMessage, error) { return params, nil })
	r.ahead(ctx, job.Caller, c.Plugin.Deadline/2)
	a := pool.Do(ctx, job)
	if a.Err != nil {
		return a.Failed(c, run.OutcomeProtocol)
	}
	var answer wire.Answer
	if err := json.Unmarshal(a.Raw, &answer); err != nil {
		pool.Distrust(a)
		return c.Failed(run.OutcomeProtocol, fmt.Errorf("answer does not keep to the plugin protocol: %w", err))
	}
	if answer.RunID != c.ID {
		pool.Distrust(a)
		return c.Failed(run.OutcomeProtocol, fmt.Errorf("worker answered run %d where %d was asked", answer.RunID, c.ID))
	}
	if answer.Resident > 0 {
		pool.Grown(a, answer.Resident)
	}
	return answer.Result(c, c.GroupsJSON)
}

// Concurrency implements run.Runtime: plugins share the workers.
func (r *Runtime) Concurrency(*plugin.Plugin) (most int, own bool) { return 0, false }

// Retire implements run.Runtime: workers know no plugin for longer than a run.
func (r *Runtime) Retire(*plugin.Plugin) {}

// Close implements run.Runtime.
func (r *Runtime) Close(ctx context.Context) error {
	r.mu.Lock()
	r.closed = true
	pools := slices.Collect(maps.Values(r.pools))
	r.mu.Unlock()
	errs := make([]error, len(pools))
	var all sync.WaitGroup
	for i, pool := range pools {
		all.Go(func() { errs[i] = pool.Close(ctx) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for _, e := range r.environments {
		e.launcher.Close()
		e.interpreter.remove()
	}
	return nil
}

// runFailed says whether a run went wrong by its answer.
func runFailed(answer json.RawMessage) bool {
	return !bytes.Contains(answer, []byte(`"outcome":"ok"`)) && !bytes.Contains(answer, []byte(`"outcome":"none"`))
}

// leftover says what a run left behind that no other plugin must meet (docs/plugin-protocol.md, "Retiring a process").
func leftover(answer json.RawMessage) string {
	if !bytes.Contains(answer, []byte(`"retire":`)) {
		return ""
	}
	var left struct {
		Retire []struct {
			Reason string `json:"reason"`
			Detail string `json:"detail"`
		} `json:"retire"`
	}
	if json.Unmarshal(answer, &left) != nil || len(left.Retire) == 0 {
		return ""
	}
	texts := make([]string, 0, len(left.Retire))
	for _, r := range left.Retire {
		texts = append(texts, r.Reason+": "+r.Detail)
	}
	return strings.Join(texts, "; ")
}

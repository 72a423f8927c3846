package program

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/run/program/output"
	"github.com/panoptes-otel/panoptes-otel/internal/run/runlog"
	"github.com/panoptes-otel/panoptes-otel/internal/run/wire"
	"github.com/panoptes-otel/panoptes-otel/internal/run/wire/rpc"
	"github.com/panoptes-otel/panoptes-otel/internal/run/workers"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

const (
	// maxConcurrency limits what a plugin may say of itself.
	maxConcurrency = 1024
	// startPatience is how long runs wait for a process that may not be started again yet; beyond it they fail at once.
	startPatience = time.Second
	// minIdle is how long processes without work live on at least.
	minIdle = time.Minute
)

// ProcessRuntime runs plugins that are programs which live on from run to run. Each version of a plugin has a pool of its
// own: one process for all runs where the plugin says that it can do several at once, otherwise a few with one run each. A
// process that dies is replaced when a run wants it: at once the first time, then after a time that doubles with each
// failure. It is safe for concurrent use.
type ProcessRuntime struct {
	settings Settings
	host     workers.Host
	hello    wire.Hello

	mu      sync.Mutex
	closed  bool
	pools   map[*plugin.Plugin]*workers.Pool
	retired map[*workers.Pool]struct{} // that still have a process
}

var _ run.Runtime = (*ProcessRuntime)(nil)

// NewProcessRuntime returns the runtime. Processes are started for host, and greeted with hello.
func NewProcessRuntime(s Settings, host workers.Host, hello wire.Hello) *ProcessRuntime {
	return &ProcessRuntime{
		settings: s, host: host, hello: hello,
		pools: map[*plugin.Plugin]*workers.Pool{}, retired: map[*workers.Pool]struct{}{},
	}
}

// pool returns the processes of a plugin.
func (r *ProcessRuntime) pool(p *plugin.Plugin) (*workers.Pool, error) {
	p = p.Root()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, run.ErrShutdown
	}
	pool := r.pools[p]
	if pool == nil {
		host := r.host
		host.Owner = runlog.Run{Fields: []zap.Field{zap.String("plugin", p.Name())}}
		pool = workers.New(workers.Policy{
			Max: r.settings.PerPlugin, Idle: max(minIdle, 2*p.Interval+p.Deadline), Patience: startPatience,
		}, &launcher{settings: r.settings, hello: r.hello, plugin: p, logger: r.host.Logger}, host)
		r.pools[p] = pool
	}
	return pool, nil
}

// Load implements run.Runtime: the plugin's process starts and describes itself.
func (r *ProcessRuntime) Load(ctx context.Context, p *plugin.Plugin) (run.Facts, error) {
	pool, err := r.pool(p)
	if err != nil {
		return run.Facts{}, err
	}
	if err := pool.Ready(ctx); err != nil {
		r.Retire(p)
		return run.Facts{}, err
	}
	return run.Facts{Type: p.Type}, nil
}

// Run implements run.Runtime.
func (r *ProcessRuntime) Run(ctx context.Context, c *run.Call) run.Result {
	pool, err := r.pool(c.Plugin)
	if err != nil {
		c.Ended()
		return c.Failed(run.OutcomeCanceled, err)
	}
	a := pool.Do(ctx, workers.RunOf(c, func(over time.Time) (json.RawMessage, error) {
		return runParams(c, over.Add(r.settings.ClockStep))
	}))
	if a.Err != nil {
		return a.Failed(c, run.OutcomeRaised)
	}
	var answer wire.Answer
	if err := json.Unmarshal(a.Raw, &answer); err != nil {
		return c.Failed(run.OutcomeProtocol, fmt.Errorf("answer does not keep to the plugin protocol: %w", err))
	}
	if answer.RunID != 0 && answer.RunID != c.ID {
		return c.Failed(run.OutcomeProtocol, fmt.Errorf("the plugin answered run %d where %d was asked", answer.RunID, c.ID))
	}
	return JudgeAnswer(c, &answer)
}

// JudgeAnswer is what a process plugin's answer comes to.
func JudgeAnswer(c *run.Call, answer *wire.Answer) run.Result {
	return answer.Result(c, func(raw []json.RawMessage) run.Result {
		reader := output.NewReader(defaults(c, ""))
		items := make([]output.Item, 0, len(raw))
		for _, g := range raw {
			if c.Context().Err() != nil {
				return c.GivenUp(nil)
			}
			items = append(items, reader.Group(g)...)
		}
		return groups(c, items)
	})
}

// runParams are the parameters of "run". What belongs to the plugin was marshalled once.
func runParams(c *run.Call, over time.Time) (json.RawMessage, error) {
	description := c.Plugin.DescriptionJSON()
	config, err := c.SettingsJSON()
	if err != nil {
		return nil, err
	}
	b := make([]byte, 0, len(description)+len(config)+1024)
	b = append(b, `{"run_id":`...)
	b = strconv.AppendInt(b, c.ID, 10)
	b = append(append(b, `,"plugin":`...), description...)
	b = append(b, `,"type":"polling","resource":`...)
	b = c.Resource.AppendJSON(b)
	b = append(append(b, `,"config":`...), config...)
	b = append(b, `,"interval":`...)
	b = strconv.AppendInt(b, int64(c.Plugin.GroupInterval()/time.Second), 10)
	b = append(b, `,"deadline":`...)
	b = strconv.AppendFloat(b, float64(over.UnixMilli())/1000, 'f', -1, 64)
	if c.Clock != nil {
		b = append(append(b, `,"now":`...), c.Clock.Now.String()...)
	}
	return append(b, '}'), nil
}

// Concurrency implements run.Runtime.
func (r *ProcessRuntime) Concurrency(p *plugin.Plugin) (most int, own bool) {
	r.mu.Lock()
	pool := r.pools[p.Root()]
	r.mu.Unlock()
	if pool == nil {
		return r.settings.PerPlugin, false
	}
	return pool.Concurrency()
}

// Retire implements run.Runtime: the processes end as soon as no run needs them.
func (r *ProcessRuntime) Retire(p *plugin.Plugin) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p = p.Root()
	pool := r.pools[p]
	if pool == nil {
		return
	}
	delete(r.pools, p)
	r.retired[pool] = struct{}{}
	pool.Retire(func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.retired, pool)
	})
}

// Close implements run.Runtime.
func (r *ProcessRuntime) Close(ctx context.Context) error {
	r.mu.Lock()
	r.closed = true
	pools := slices.AppendSeq(slices.Collect(maps.Values(r.pools)), maps.Keys(r.retired))
	r.mu.Unlock()
	errs := make([]error, len(pools))
	var all sync.WaitGroup
	for i, pool := range pools {
		all.Go(func() { errs[i] = pool.Close(ctx) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// launcher starts processes of a plugin.
type launcher struct {
	settings Settings
	hello    wire.Hello
	plugin   *plugin.Plugin
	logger   *zap.Logger
}

// Start implements workers.Launcher.
func (l *launcher) Start(_ context.Context, stderr func(string, bool)) (workers.Process, error) {
	args, err := l.plugin.Arguments(nil)
	if err != nil {
		return nil, err
	}
	config := l.settings.child(l.plugin)
	config.Args, config.Stderr = args, stderr
	process, err := start(config)
	if err != nil {
		return nil, err
	}
	return workers.Child{Process: process, Wire: l.settings.Wire}, nil
}

// initializeResult is what a plugin answers to "initialize".
type initializeResult struct {
	ProtocolVersion int `json:"protocol_version"`
	Capabilities    struct {
		Concurrency int `json:"concurrency"`
	} `json:"capabilities"`
}

// Greet implements workers.Launcher.
func (l *launcher) Greet(ctx context.Context, conn *rpc.Conn, pid int) (workers.Greeting, error) {
	reject := func(err error) (workers.Greeting, error) {
		return workers.Greeting{}, &workers.RejectedError{Cause: err}
	}
	params := l.hello.Params()
	params["plugin"] = l.plugin.DescriptionJSON()
	var result initializeResult
	err := conn.Call(ctx, "initialize", params, &result)
	var refused *rpc.Error
	switch {
	case errors.As(err, &refused):
		return reject(fmt.Errorf("it answered initialize with an error: %w", refused))
	case err != nil:
		return workers.Greeting{}, err
	case result.ProtocolVersion != wire.ProtocolVersion:
		return reject(fmt.Errorf("it speaks version %d of the plugin protocol, version %d is needed: update the plugin or the Collector",
			result.ProtocolVersion, wire.ProtocolVersion))
	}
	greeting := workers.Greeting{Places: min(max(result.Capabilities.Concurrency, 1), maxConcurrency)}
	l.logger.Debug("Started process of plugin", zap.String("plugin", l.plugin.Name()), zap.Int("pid", pid),
		zap.Int("concurrency", greeting.Places))
	var said pluginsdk.Contract
	err = conn.Call(ctx, "describe", map[string]any{"plugin": l.plugin.DescriptionJSON(), "type": "polling"}, &said)
	switch {
	case errors.As(err, &refused) && refused.Code == rpc.CodeMethodNotFound:
		return greeting, nil // a plugin need not describe itself
	case errors.As(err, &refused):
		return reject(fmt.Errorf("it answered describe with an error: %w", wire.Rejection(err)))
	case err != nil:
		return workers.Greeting{}, err
	}
	if err := l.plugin.Declare(said); err != nil {
		return reject(err)
	}
	return greeting, nil
}

// Stale implements workers.Launcher.
func (l *launcher) Stale() bool { return false }

// Renew implements workers.Launcher.
func (l *launcher) Renew() {}

// Package run is the contract of a run of a plugin: what is asked (Request), what it comes to (Result), and what a runtime
// has to do for it (Runtime). A Runner stands in front of all runtimes.
//
// A Runner keeps what is the same for every runtime: no two runs of one plugin and resource are under way at once, a run
// ends at its deadline at the latest, results keep to the contract of their plugin and have no secrets in their errors.
// Whatever a plugin does (raise, hang, crash, return rubbish) ends as one of the outcomes and costs that run alone;
// docs/runtimes.md has their table.
//
// Invariants: a Call is in Runner.calls from before its runtime sees it until Ended. Runner.mu is held for looking at that
// table alone, never while a runtime or a plugin is called; a Call's own lock is the inner one.
package run

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/group/bounds"
	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin/pluginfile"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Facts are what loading a plugin tells about it.
type Facts struct {
	Type     plugin.Type
	Warnings []string // for the log, one line each
}

// Runtime runs plugins of one kind. All methods are safe for concurrent use.
type Runtime interface {
	// Load loads the plugin without running it. The error says why its module cannot be loaded, or what it lacks.
	Load(ctx context.Context, p *plugin.Plugin) (Facts, error)
	// Run runs c and returns by its deadline at the latest, or when ctx is done, which ends no later than Close is called.
	// It calls c.Begin when the run begins, and c.Ended once, when nothing of the run is left, perhaps after it returned.
	Run(ctx context.Context, c *Call) Result
	// Concurrency is the most runs of p that can be under way at once, as far as it is known; 0 is no limit of the plugin's. own says
	// that the plugin itself sets it, and no setting does.
	Concurrency(p *plugin.Plugin) (most int, own bool)
	// Retire tells that no further run of p is to come: what is kept for it may go.
	Retire(p *plugin.Plugin)
	// Close ends all processes and returns when they are gone or ctx is done. No run begins after it.
	Close(ctx context.Context) error
}

// ErrShutdown is why a run after Close does not start.
var ErrShutdown = errors.New("the host is shutting down")

// errStillEnding is why a run does not begin while an earlier one is not over.
var errStillEnding = errors.New("an earlier run was given up and has not ended yet")

// Limits of what one run may return; a zero takes the default.
type Limits struct {
	// ResultBytes is the most bytes one message of a process may have (default 16 MiB).
	ResultBytes int
	// Groups is the most metrics groups a run may return (default 100,000); the rest is dropped.
	Groups int
	// Bounds are those of each group.
	Bounds bounds.Bounds
}

// Runner runs plugins of every kind. All methods are safe for concurrent use.
type Runner struct {
	runtimes map[plugin.Kind]Runtime
	limits   Limits
	logger   *zap.Logger
	secrets  *logs.Scrubber // knows those that plugins were given
	closing  func()         // called when all runtimes are closed
	lastID   atomic.Int64   // of runs

	mu     sync.Mutex
	closed bool
	calls  map[callKey]*Call // not Ended
	gone   chan struct{}     // closed when the last of them ended after Close
}

// Clean takes the secrets that plugins were given out of a text.
func (r *Runner) Clean(text string) string { return r.secrets.Clean(text) }

// CleanJSON is Clean for JSON, whose keys stay.
func (r *Runner) CleanJSON(text []byte) []byte {
	return r.secrets.CleanJSON(text, func(string) bool { return true })
}

// callKey is what must not overlap.
type callKey struct {
	plugin   string
	resource pluginsdk.Identity
}

func keyOf(p *plugin.Plugin, r *pluginsdk.Resource) callKey {
	if r == nil { // a discovery plugin's
		return callKey{plugin: p.File.Name}
	}
	return callKey{p.File.Name, r.Identity()}
}

// NewRunner returns a Runner in front of these runtimes. What secrets knows is taken out of errors. closed is called when
// all runtimes are closed.
func NewRunner(
	runtimes map[plugin.Kind]Runtime, limits Limits, logger *zap.Logger, secrets *logs.Scrubber, closed func(),
) *Runner {
	return &Runner{
		runtimes: runtimes, limits: limits, logger: logger, secrets: secrets, closing: closed,
		calls: map[callKey]*Call{}, gone: make(chan struct{}),
	}
}

func (r *Runner) of(p *plugin.Plugin) (Runtime, error) {
	if runtime := r.runtimes[p.Kind]; runtime != nil {
		return runtime, nil
	}
	return nil, fmt.Errorf("plugin %q: there is no runtime %q", p.Name(), p.Kind)
}

// Load loads the plugin without running it, and returns it with its type.
func (r *Runner) Load(ctx context.Context, p *plugin.Plugin) (*plugin.Plugin, error) {
	runtime, err := r.of(p)
	if err != nil {
		return nil, err
	}
	for _, secret := range pluginfile.SecretValues(p.File.Config, pluginfile.TellingSecret) {
		if err := r.secrets.Add(secret); err != nil {
			return nil, fmt.Errorf("plugin %q: %w", p.Name(), err)
		}
	}
	facts, err := runtime.Load(ctx, p)
	if err != nil {
		return nil, fmt.Errorf("plugin %q: %w", p.Name(), tidyError(r.secrets, err))
	}
	for _, warning := range facts.Warnings {
		r.logger.Warn(logs.OneLine(r.secrets.Clean(warning)), zap.String("plugin", p.Name()))
	}
	return p.As(facts.Type)
}

// Run runs a plugin against a resource and returns when the run has ended, at the latest at the plugin's deadline, which
// starts when there is a place for it, or when ctx is done. While an earlier run of the two was given up and is not over
// yet, it ends at once as OutcomeBusy.
func (r *Runner) Run(ctx context.Context, req Request) Result {
	runtime, err := r.of(req.Plugin)
	if err != nil {
		return Result{Outcome: OutcomeRejected, Err: err}
	}
	c := &Call{Request: req, ID: r.lastID.Add(1), runner: r, parent: ctx, limits: r.limits, secrets: r.secrets}
	if outcome, err := r.enter(c); err != nil {
		return c.Failed(outcome, err)
	}
	result := runtime.Run(ctx, c)
	result.Duration = c.leave()
	result.RunID = c.ID
	c.Enforce(&result)
	tidy(r.secrets, &result)
	return result
}

func (r *Runner) enter(c *Call) (Outcome, error) {
	c.key = keyOf(c.Plugin, c.Resource)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return OutcomeCanceled, ErrShutdown
	}
	if _, ok := r.calls[c.key]; ok {
		return OutcomeBusy, errStillEnding
	}
	r.calls[c.key] = c
	return "", nil
}

func (r *Runner) exit(c *Call) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.calls, c.key)
	if r.closed && len(r.calls) == 0 {
		close(r.gone)
	}
}

// Busy says whether a run of p against res is not over yet. One that was given up may take its time to end.
func (r *Runner) Busy(p *plugin.Plugin, res *pluginsdk.Resource) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, ok := r.calls[keyOf(p, res)]
	return ok
}

// Retire tells that no further run of p is to come, since another version has taken its place or it is gone.
func (r *Runner) Retire(p *plugin.Plugin) {
	if runtime, err := r.of(p); err == nil {
		runtime.Retire(p)
	}
}

// Concurrency is the most runs of p that can be under way at once, as far as it is known; 0 is no limit of the plugin's. own says
// that the plugin itself sets it, and no setting does.
func (r *Runner) Concurrency(p *plugin.Plugin) (most int, own bool) {
	runtime, err := r.of(p)
	if err != nil {
		return 0, false
	}
	return runtime.Concurrency(p)
}

// Close ends all runs and all processes and returns when they are gone or ctx is done. It may be called twice.
func (r *Runner) Close(ctx context.Context) error {
	r.mu.Lock()
	if !r.closed {
		r.closed = true
		if len(r.calls) == 0 {
			close(r.gone)
		}
	}
	calls := slices.Collect(maps.Values(r.calls))
	r.mu.Unlock()
	for _, c := range calls {
		c.cancel()
	}
	errs := make([]error, 0, len(r.runtimes)+1)
	for _, kind := range slices.Sorted(maps.Keys(r.runtimes)) {
		errs = append(errs, r.runtimes[kind].Close(ctx))
	}
	select {
	case <-r.gone:
	case <-ctx.Done():
		errs = append(errs, r.leftBehind(ctx.Err()))
	}
	r.closing()
	return errors.Join(errs...)
}

// leftBehind names the plugins of runs that do not end.
func (r *Runner) leftBehind(cause error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.calls) == 0 {
		return nil
	}
	names := map[string]struct{}{}
	for key := range r.calls {
		names[key.plugin] = struct{}{}
	}
	return fmt.Errorf("%d runs of plugins have not ended (%s): %w",
		len(r.calls), strings.Join(slices.Sorted(maps.Keys(names)), ", "), cause)
}

package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/run/runlog"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Request asks for one run.
type Request struct {
	Plugin *plugin.Plugin
	// Resource is what the plugin runs against; it is not looked at for discovery plugins, and may be nil.
	Resource *pluginsdk.Resource
	// Config is what the plugin sees; nil takes the plugin file's.
	Config pluginsdk.Config
	// Log takes each line that the run logs, from info on, or from a lower level on that the Collector's log takes; nil
	// takes none. It is called from any goroutine, at times from several and soon after the end of the run, and must not
	// wait. The Line is its own to keep.
	Log func(runlog.Line)
	// Clock is for a run that is recorded or repeated; nil for any other.
	Clock *Clock
	// Room is called before a run makes groups that may be many, and waits until there is room for them (Room.For); nil does
	// not wait.
	Room func(context.Context)
	// Begun is called each time that the run's deadline starts (Call.Begin), from any goroutine; it must not wait. It may
	// be nil.
	Begun func()
}

// Clock is the clock of a run that is recorded, or of one that is repeated.
type Clock struct {
	// Now is what programs are told of the time, and the time of what a plugin returns without one.
	Now pluginsdk.Number
	// Readings are what clocks said to a Python plugin in the run that is repeated, as Result.Readings has them; nil has
	// those of the real ones kept.
	Readings json.RawMessage
}

// Call is one run on its way through a runtime.
type Call struct {
	Request
	// ID is the number of the run.
	ID int64

	runner  *Runner // nil for a run that is judged again
	key     callKey
	parent  context.Context // the caller's
	limits  Limits
	secrets *logs.Scrubber

	mu     sync.Mutex
	begun  time.Time
	ctx    context.Context    // what Begin returned last, or nil
	stop   context.CancelFunc // of the context that Begin returned last
	closed bool               // the Runner closes
}

// Judged returns a call for a run that took place before, to judge what its plugin said.
func Judged(req Request, limits Limits) *Call { return &Call{Request: req, limits: limits} }

// Begin tells that there is a place for the run: its deadline starts. The context ends with the deadline, with the
// caller's, or when the Runner closes. Where the place is lost before anything was run Begin may be called again.
func (c *Call) Begin() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stop != nil {
		c.stop()
	}
	ctx, stop := context.WithTimeout(c.parent, c.Plugin.Deadline)
	c.begun, c.ctx, c.stop = time.Now(), ctx, stop
	if c.closed {
		stop()
	}
	if c.Begun != nil {
		c.Begun()
	}
	return ctx
}

// Context is what Begin returned last: what is still done for the run ends with it, too.
func (c *Call) Context() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx == nil {
		return context.Background() // a run that is judged again
	}
	return c.ctx
}

// Ended tells that nothing of the run is left, so that the next one of the plugin and the resource may begin. It is to be
// called once.
func (c *Call) Ended() { c.runner.exit(c) }

// leave tells that the caller has the result: what may still go on of the run is to end. It returns how long the run took.
func (c *Call) leave() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stop == nil {
		return 0
	}
	c.stop()
	return time.Since(c.begun)
}

// cancel ends the run since the Runner closes.
func (c *Call) cancel() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	if c.stop != nil {
		c.stop()
	}
}

// GivenUp is the result of a run whose context ended before it did; cause is what the plugin said about it, or nil.
func (c *Call) GivenUp(cause error) Result {
	c.mu.Lock()
	closed := c.closed
	c.mu.Unlock()
	switch {
	case c.parent.Err() != nil:
		return c.Failed(OutcomeCanceled, c.parent.Err())
	case closed:
		return c.Failed(OutcomeCanceled, ErrShutdown)
	}
	return c.Failed(OutcomeTimeout, DeadlineError(c.Plugin, cause))
}

// DeadlineError says that a run, or loading the plugin, took too long. cause may be nil.
func DeadlineError(p *plugin.Plugin, cause error) error {
	err := fmt.Errorf("run took longer than its deadline of %s", p.Deadline)
	if p.Interval > 0 && p.Deadline == p.Interval*5/4 {
		err = fmt.Errorf("run took longer than its deadline of %s (1.25 x execute_frequency)", p.Deadline)
	}
	if cause != nil {
		err = fmt.Errorf("%w: %w", err, cause)
	}
	return err
}

// Failed is the result of a run that did not succeed; the error gets the names of plugin and resource.
func (c *Call) Failed(o Outcome, err error) Result { return Result{Outcome: o, Err: c.wrap(err)} }

func (c *Call) wrap(err error) error {
	if c.Plugin.Type == plugin.TypeDiscovery {
		return fmt.Errorf("plugin %q: %w", c.Plugin.Name(), err)
	}
	return fmt.Errorf("plugin %q: resource %q: %w", c.Plugin.Name(), c.Resource.ID, err)
}

// Now is the time of what has none.
func (c *Call) Now() pluginsdk.Number {
	if c.Clock != nil {
		return c.Clock.Now
	}
	return pluginsdk.Now()
}

// Settings are the configuration that the plugin sees.
func (c *Call) Settings() pluginsdk.Config {
	if c.Config != nil {
		return c.Config
	}
	return c.Plugin.File.Config
}

// SettingsJSON is Settings in JSON.
func (c *Call) SettingsJSON() (json.RawMessage, error) {
	if c.Config == nil {
		return c.Plugin.ConfigJSON(), nil
	}
	text, err := json.Marshal(c.Config)
	if err != nil {
		return nil, errors.Join(errors.New("configuration"), err)
	}
	return text, nil
}

// Limits are those of the result.
func (c *Call) Limits() Limits { return c.limits }

// Lines is where the lines of the run go.
func (c *Call) Lines() runlog.Run {
	fields := make([]zap.Field, 0, 3)
	fields = append(fields, zap.String("plugin", c.Plugin.Name()))
	if c.Plugin.Type != plugin.TypeDiscovery {
		fields = append(fields, zap.String("resource_id", c.Resource.ID))
	}
	return runlog.Run{ID: c.ID, Fields: append(fields, zap.Int64("run_id", c.ID)), Take: c.Log, Secrets: c.secrets}
}

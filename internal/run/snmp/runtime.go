package snmp

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi"
	"github.com/panoptes-otel/panoptes-otel/internal/run/runlog"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/devices"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/engine"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Settings are what New takes.
type Settings struct {
	// Devices are asked, KV keeps when they started, Enrichment says what generic plugins poll.
	Devices    *devices.Devices
	KV         pluginsdk.KeyValueStore
	Enrichment hostapi.Enrichment
	// X509 is what plugins see as context.x509.
	X509   map[string]any
	Logger *zap.Logger
	Budget *runlog.Budget
	// Ping says why a host does not answer a ping; nil takes the system's program.
	Ping func(ctx context.Context, host string) error
}

// Runtime runs plugins that poll by SNMP. It is safe for concurrent use.
type Runtime struct {
	Settings
	boots  boots
	pings  chan struct{}  // has one for each that is under way
	shared *genericPoller // of the plugins that have the host poll

	mu       sync.Mutex
	compiled map[string]poller // by the plugin's SHA256
}

var _ run.Runtime = (*Runtime)(nil)

// New returns a Runtime.
func New(s Settings) *Runtime {
	if s.Ping == nil {
		s.Ping = systemPing
	}
	return &Runtime{
		Settings: s, boots: boots{store: s.KV, known: map[deviceKey]*boot{}}, pings: make(chan struct{}, mostPings),
		shared: newGeneric(), compiled: map[string]poller{},
	}
}

// poller is what a plugin is compiled to. It is safe for concurrent use.
type poller interface {
	// describe lists the groups that it makes.
	describe() []pluginsdk.GroupContract
	// poll polls a device.
	poll(ctx context.Context, p *polling) run.Result
}

// polling is a run on its way.
type polling struct {
	*run.Call
	runtime *Runtime
	wish    devices.Wish // what the plugin file says of the connection
	now     time.Time
	last    bool // of what the plugin polls
}

// Load implements run.Runtime.
func (r *Runtime) Load(_ context.Context, p *plugin.Plugin) (run.Facts, error) {
	compiled, notices, err := compile(p)
	if err != nil {
		return run.Facts{}, err
	}
	p.Tell(compiled.describe())
	r.mu.Lock()
	defer r.mu.Unlock()
	r.compiled[p.SHA256] = compiled
	return run.Facts{Type: p.Type, Warnings: notices}, nil
}

// poller returns what a plugin was compiled to. One that was not loaded is compiled now.
func (r *Runtime) poller(p *plugin.Plugin) (poller, error) {
	r.mu.Lock()
	found := r.compiled[p.SHA256]
	r.mu.Unlock()
	if found != nil {
		return found, nil
	}
	found, _, err := compile(p)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.compiled[p.SHA256] = found
	return found, nil
}

// Concurrency implements run.Runtime.
func (r *Runtime) Concurrency(*plugin.Plugin) (most int, own bool) { return 0, false }

// Retire implements run.Runtime.
func (r *Runtime) Retire(p *plugin.Plugin) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.compiled, p.SHA256)
}

// Close implements run.Runtime.
func (r *Runtime) Close(context.Context) error { return nil }

// Run implements run.Runtime.
func (r *Runtime) Run(_ context.Context, c *run.Call) (result run.Result) {
	defer c.Ended()
	defer func() {
		if v := recover(); v != nil {
			result = c.Failed(run.OutcomePanicked,
				&run.PluginError{Type: "panic", Message: fmt.Sprint(v), Traceback: string(debug.Stack())})
		}
	}()
	poller, err := r.poller(c.Plugin)
	if err != nil {
		return c.Failed(run.OutcomeRejected, err)
	}
	ctx := c.Begin()
	p := &polling{Call: c, runtime: r}
	if seconds := c.Now().Float64(); seconds > 0 {
		p.now = time.UnixMilli(int64(math.Round(seconds * 1000)))
	}
	return poller.poll(ctx, p)
}

// connection is what a plugin file's section [snmp] says of the connection, by the names that Panoptes has.
func connection(options map[string]string) (devices.Wish, error) {
	w := devices.Wish{Community: engine.Secret(options["community"]), CommunityKey: options["community_string_key"]}
	timeout := 0
	for _, o := range []struct {
		name        string
		least, most int
		to          *int
	}{{"port", 1, math.MaxUint16, &w.Port}, {"timeout", 1, mostTimeout, &timeout}, {"retries", 0, mostRetries, &w.Retries}} {
		text, there := options[o.name]
		if !there {
			continue
		}
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || n < o.least || n > o.most {
			return w, fmt.Errorf("[snmp] %s must be a whole number from %d to %d, is %q", o.name, o.least, o.most, text)
		}
		*o.to = n
	}
	if _, there := options["retries"]; there && timeout == 0 {
		return w, errors.New("[snmp] retries needs timeout beside it")
	}
	w.Timeout = time.Duration(timeout) * time.Second
	return w, nil
}

// Limits of what a plugin file may say; the deadline of the run comes first anyway.
const (
	mostTimeout = 3600
	mostRetries = 100
)

// failed is the result of a run that an error ended.
func (p *polling) failed(ctx context.Context, err error) run.Result {
	if ctx.Err() != nil {
		return p.GivenUp(err)
	}
	return p.Failed(run.OutcomeRaised, raised(err))
}

// raised is an error by the name that Panoptes has for its kind, which the polling status goes by.
func raised(err error) error {
	kind := "PanoptesSNMPException"
	switch {
	case errors.Is(err, engine.ErrTimeout):
		kind = "PanoptesSNMPTimeoutException"
	case errors.Is(err, engine.ErrUnreachable):
		kind = "PanoptesSNMPConnectionException"
	}
	return &run.PluginError{Type: kind, Message: err.Error()}
}

package panoptesreceiver

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/panoptes-otel/panoptes-otel/internal/group/attrs"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk/pluginextension"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver/internal/metadata"
)

// patience is how long a test waits for what must come. It says nothing about how fast it comes.
const patience = 60 * time.Second

// bench is a receiver that runs in a test, with all that is around it.
type bench struct {
	t         *testing.T
	dir       string
	cfg       *Config
	plugins   map[string]pluginsdk.PollingPlugin
	receiver  receiver.Metrics
	telemetry *componenttest.Telemetry
	metrics   chan pmetric.Metrics
	status    chan *componentstatus.Event
	lines     chan string
	logs      *observer.ObservedLogs
	answer    func() error // of the pipeline
	heard     *hearer      // the pipeline of logs; nil: there is none
	logsOnly  bool
	ofLogs    receiver.Logs // what the pipeline of logs has of the receiver
	// extensions are there beside the plugins'.
	extensions map[component.ID]component.Component
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{
		t: t, dir: t.TempDir(), cfg: createDefaultConfig().(*Config), plugins: map[string]pluginsdk.PollingPlugin{},
		metrics: make(chan pmetric.Metrics, 10000), status: make(chan *componentstatus.Event, 100), lines: make(chan string, 10000),
		telemetry: componenttest.NewTelemetry(), answer: func() error { return nil },
	}
	b.cfg.Plugins.Directories = []DirectoryConfig{{Path: filepath.Join(b.dir, "plugins")}}
	b.cfg.Plugins.Settle = 20 * time.Millisecond
	b.cfg.Resources.Files = []string{filepath.Join(b.dir, "resources", "*.json")}
	b.cfg.Emit.MaxDelay = 10 * time.Millisecond
	b.cfg.Python.MaxWorkers = 2
	require.NoError(t, os.Mkdir(filepath.Join(b.dir, "plugins"), 0o700))
	b.write("resources/one.json", "["+resourceJSON("localhost")+"]")
	return b
}

func resourceJSON(id string) string {
	return resourceWith(id, `"resource_creation_timestamp":"1512629517.03121"`)
}

func resourceWith(id, timestamp string) string {
	return fmt.Sprintf(`{"resource_site":"local","resource_class":"system","resource_subclass":"host","resource_type":"generic",`+
		`"resource_id":%q,"resource_endpoint":"127.0.0.1","resource_plugin":"p",%s,`+
		`"resource_metadata":{"_resource_ttl":"900","os":"linux"}}`, id, timestamp)
}

// conf is a plugin file. A plugin of one second starts at once.
func conf(name, module string) string {
	return fmt.Sprintf("[Core]\nName = %s\nModule = %s\n[Documentation]\nVersion = 1.0\n"+
		"[main]\nexecute_frequency = 1\nresource_filter = resource_class = \"system\"\n", name, module)
}

// write replaces a file below the bench's folder in one step.
func (b *bench) write(name, text string) {
	b.t.Helper()
	path := filepath.Join(b.dir, name)
	require.NoError(b.t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(b.t, os.WriteFile(path+".new", []byte(text), 0o600))
	require.NoError(b.t, os.Rename(path+".new", path))
}

// ConsumeMetrics and Capabilities make a bench the pipeline behind its receiver.
func (b *bench) ConsumeMetrics(_ context.Context, md pmetric.Metrics) error {
	if err := b.answer(); err != nil {
		return err
	}
	b.metrics <- md
	return nil
}

func (b *bench) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

// GetExtensions and Report make a bench the host of its receiver.
func (b *bench) GetExtensions() map[component.ID]component.Component {
	f := pluginextension.NewFactory(component.MustNewType("test_plugins"), b.plugins)
	ext, err := f.Create(context.Background(), extensiontest.NewNopSettings(f.Type()), f.CreateDefaultConfig())
	require.NoError(b.t, err)
	all := map[component.ID]component.Component{component.NewID(f.Type()): ext}
	maps.Copy(all, b.extensions)
	return all
}

func (b *bench) Report(e *componentstatus.Event) { b.status <- e }

// create makes the receiver.
func (b *bench) create() receiver.Metrics {
	b.t.Helper()
	core, logs := observer.New(zap.DebugLevel)
	b.logs = logs
	set := receivertest.NewNopSettings(metadata.Type)
	set.TelemetrySettings = b.telemetry.NewTelemetrySettings()
	set.Logger = zap.New(core, zap.Hooks(func(e zapcore.Entry) error { b.lines <- e.Message; return nil }))
	factory := NewFactory()
	if b.heard != nil {
		r, err := factory.CreateLogs(b.t.Context(), set, b.cfg, b.heard)
		require.NoError(b.t, err)
		b.ofLogs = r
		if b.logsOnly {
			return r
		}
	}
	r, err := factory.CreateMetrics(b.t.Context(), set, b.cfg, b)
	require.NoError(b.t, err)
	return r
}

// start starts the receiver, and shuts it down when the test ends.
func (b *bench) start() {
	b.t.Helper()
	b.receiver = b.create()
	if b.ofLogs != nil && !b.logsOnly {
		require.NoError(b.t, b.ofLogs.Start(b.t.Context(), b))
		b.t.Cleanup(func() { assert.NoError(b.t, b.ofLogs.Shutdown(context.Background())) })
	}
	require.NoError(b.t, b.receiver.Start(b.t.Context(), b))
	b.t.Cleanup(func() {
		assert.NoError(b.t, b.receiver.Shutdown(context.Background()))
		assert.NoError(b.t, b.telemetry.Shutdown(context.Background()))
	})
}

// point is a data point as the tests look at it.
type point struct {
	resource, scope, metric string
	dimensions              map[string]any
	value                   float64
	transforms              string
	attributes              map[string]any
	unit, widths            string
	start                   time.Time // zero where it is not known
}

// until waits for a data point that is as wanted.
func (b *bench) until(what string, wanted func(point) bool) point {
	b.t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case md := <-b.metrics:
			for _, p := range points(md) {
				if wanted(p) {
					return p
				}
			}
		case <-deadline:
			require.Fail(b.t, "no data point: "+what, b.log())
		}
	}
}

func points(md pmetric.Metrics) (out []point) {
	for _, rm := range md.ResourceMetrics().All() {
		id, _ := rm.Resource().Attributes().Get(attrs.ResourceID)
		for _, sm := range rm.ScopeMetrics().All() {
			p := point{resource: id.Str(), scope: sm.Scope().Name(), attributes: rm.Resource().Attributes().AsRaw()}
			if v, ok := sm.Scope().Attributes().Get(attrs.PluginTransforms); ok {
				p.transforms = v.Str()
			}
			if v, ok := sm.Scope().Attributes().Get(attrs.CounterWidths); ok {
				p.widths = v.Str()
			}
			for _, m := range sm.Metrics().All() {
				p.metric, p.unit = m.Name(), m.Unit()
				var data pmetric.NumberDataPointSlice
				if m.Type() == pmetric.MetricTypeSum {
					data = m.Sum().DataPoints()
				} else {
					data = m.Gauge().DataPoints()
				}
				for _, dp := range data.All() {
					p.value = value(dp)
					p.dimensions = dp.Attributes().AsRaw()
					if p.start = (time.Time{}); dp.StartTimestamp() != 0 {
						p.start = dp.StartTimestamp().AsTime()
					}
					out = append(out, p)
				}
			}
		}
	}
	return out
}

func value(dp pmetric.NumberDataPoint) float64 {
	if dp.ValueType() == pmetric.NumberDataPointValueTypeInt {
		return float64(dp.IntValue())
	}
	return dp.DoubleValue()
}

// line waits for a line of the log that has all the parts in its message or its fields, and returns the fields.
func (b *bench) line(parts ...string) map[string]any {
	b.t.Helper()
	deadline := time.After(patience)
	for {
		for _, e := range b.logs.All() {
			text := e.Message + " " + fmt.Sprint(e.ContextMap())
			all := true
			for _, part := range parts {
				all = all && strings.Contains(text, part)
			}
			if all {
				return e.ContextMap()
			}
		}
		select {
		case <-b.lines:
		case <-deadline:
			require.Fail(b.t, "no line with "+strings.Join(parts, ", "), b.log())
		}
	}
}

func (b *bench) log() string {
	var s strings.Builder
	for _, e := range b.logs.All() {
		fmt.Fprintln(&s, e.Level, e.Message, e.ContextMap())
	}
	return s.String()
}

// documented fails where the receiver has no such metric, or an attribute with a closed list no such value: a test that
// nothing was counted would hold.
func (b *bench) documented(name string, with ...string) {
	b.t.Helper()
	text, err := os.ReadFile("documentation.md")
	require.NoError(b.t, err)
	if !strings.HasPrefix(name, "receiver_") { // those are the Collector's
		require.Contains(b.t, string(text), "\n### otelcol_"+name+"\n")
	}
	for _, w := range with {
		if key, value, _ := strings.Cut(w, "="); key != "plugin" {
			require.Contains(b.t, string(text), "``"+value+"``", w)
		}
	}
}

// sum is the sum of a counter of the receiver's own over the points with all these attributes ("key=value").
func (b *bench) sum(name string, with ...string) (sum int64) {
	b.t.Helper()
	b.documented(name, with...)
	m, err := b.telemetry.GetMetric("otelcol_" + name)
	if err != nil {
		return 0
	}
	var data []metricdata.DataPoint[int64]
	switch d := m.Data.(type) {
	case metricdata.Sum[int64]:
		data = d.DataPoints
	case metricdata.Gauge[int64]:
		data = d.DataPoints
	}
	for _, p := range data {
		has := 0
		for _, kv := range p.Attributes.ToSlice() {
			for _, w := range with {
				if w == string(kv.Key)+"="+kv.Value.String() {
					has++
				}
			}
		}
		if has == len(with) {
			sum += p.Value
		}
	}
	return sum
}

// gauge is a Go plugin that returns one group with one gauge.
func gauge(value func() float64) pluginsdk.PollingPlugin {
	return pluginsdk.PollingPluginFunc(func(_ context.Context, pc *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
		g, err := pc.NewMetricsGroup("test")
		if err != nil {
			return nil, err
		}
		return pluginsdk.NewMetricsGroupSet(g), errors.Join(g.AddDimension("site", pc.Resource.Site), g.AddGauge("m", value()))
	})
}

func one() float64 { return 1 }

func TestGoPlugin(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.plugins["gauge"] = gauge(one)
	b.write("plugins/gauge.panoptes-plugin", conf("A gauge", "go:gauge")+"[transforms]\nT = rate:test:m\n")
	b.start()
	p := b.until("the gauge", func(p point) bool { return p.metric == "test.m" })
	assert.Equal(t, "panoptes/A_gauge", p.scope)
	assert.Equal(t, "localhost", p.resource)
	assert.Equal(t, map[string]any{"site": "local"}, p.dimensions)
	assert.Equal(t, "t = rate:test:m", strings.ToLower(p.transforms))
	assert.InDelta(t, 1, p.value, 0)
	assert.Equal(t, "local", p.attributes[attrs.ServiceNamespace])
	assert.InDelta(t, 1512629517.03121, p.attributes[attrs.ResourceCreationTimestamp], 0)
	b.until("the next run", func(p point) bool { return p.metric == "test.m" })

	assert.GreaterOrEqual(t, b.sum("panoptes_runs", "plugin=A gauge", "outcome=ok"), int64(2))
	assert.GreaterOrEqual(t, b.sum("panoptes_groups", "plugin=A gauge"), int64(2))
	assert.Equal(t, int64(1), b.sum("panoptes_plugins"))
	assert.Equal(t, int64(1), b.sum("panoptes_resources"))
	assert.Equal(t, int64(1), b.sum("panoptes_tasks"))
	assert.Zero(t, b.sum("panoptes_missed_slots"))
	require.NoError(t, b.receiver.Shutdown(t.Context()))
	assert.GreaterOrEqual(t, b.sum("receiver_accepted_metric_points"), int64(2))
	assert.Zero(t, b.sum("receiver_refused_metric_points"))
}

func TestServiceIdentityCanBeTurnedOff(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.cfg.ServiceIdentity = false
	b.plugins["gauge"] = gauge(one)
	b.write("plugins/gauge.panoptes-plugin", conf("gauge", "go:gauge"))
	b.start()
	p := b.until("the gauge", func(p point) bool { return p.metric == "test.m" })
	assert.NotContains(t, p.attributes, attrs.ServiceNamespace)
}

func TestGoPluginThatNobodyOffers(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.plugins["gauge"] = gauge(one)
	b.write("plugins/gauge.panoptes-plugin", conf("gauge", "go:gauge"))
	b.write("plugins/door.panoptes-plugin", conf("door", "go:door"))
	b.start()
	b.line("Cannot load plugin", "door.panoptes-plugin", `no Go plugin "door"`, "there are: gauge", "service::extensions")
	b.until("the other plugin", func(p point) bool { return p.metric == "test.m" })
}

func TestTwoExtensionsWithOnePlugin(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.plugins["gauge"] = gauge(one)
	r, err := NewFactory().CreateMetrics(t.Context(), receivertest.NewNopSettings(metadata.Type), b.cfg, b)
	require.NoError(t, err)
	err = r.Start(t.Context(), twice{b})
	require.ErrorContains(t, err, `extensions "other" and "test_plugins" both offer the Go plugin "gauge"`)
	require.NoError(t, r.Shutdown(t.Context()))
	require.NoError(t, b.telemetry.Shutdown(t.Context()))
}

type twice struct{ *bench }

func (h twice) GetExtensions() map[component.ID]component.Component {
	all := h.bench.GetExtensions()
	for _, ext := range h.bench.GetExtensions() {
		all[component.MustNewID("other")] = ext
	}
	return all
}

// Resources come and go, and so do their tasks.
func TestResourcesChange(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.plugins["gauge"] = gauge(one)
	b.write("plugins/gauge.panoptes-plugin", conf("gauge", "go:gauge"))
	b.write("resources/broken.json", "{not json")
	b.start()
	b.line("Cannot load resources", "broken.json")
	b.until("the first resource", func(p point) bool { return p.resource == "localhost" })
	b.write("resources/two.json", "["+resourceJSON("second")+"]")
	b.until("the second resource", func(p point) bool { return p.resource == "second" })
	assert.Equal(t, int64(2), b.sum("panoptes_tasks"))
	require.NoError(t, os.Remove(filepath.Join(b.dir, "resources/one.json")))
	b.line("Removed resources", "one.json")
	b.write("resources/three.json", "["+strings.ReplaceAll(resourceJSON("third"), `"system"`, `"other"`)+"]")
	b.line("Loaded resources", "three.json")
	b.write("plugins/other.panoptes-plugin", strings.Replace(conf("other", "go:gauge"), `"system"`, `"other"`, 1))
	b.until("the third resource", func(p point) bool { return p.scope == "panoptes/other" && p.resource == "third" })
	assert.Equal(t, int64(2), b.sum("panoptes_resources"))
	assert.Equal(t, int64(2), b.sum("panoptes_tasks"))
	assert.Equal(t, int64(1), b.sum("panoptes_reload_errors", "source=resources"))
}

// One line when a plugin begins to fail, one when it recovers; every run is counted.
func TestFailuresAreLoggedOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var mu sync.Mutex
	runs := 0
	b.plugins["moody"] = pluginsdk.PollingPluginFunc(func(ctx context.Context, pc *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
		mu.Lock()
		defer mu.Unlock()
		if runs++; runs <= 3 {
			return nil, fmt.Errorf("device did not answer for %d ms", runs)
		}
		return gauge(one).Run(ctx, pc)
	})
	b.write("plugins/moody.panoptes-plugin", conf("moody", "go:moody"))
	b.start()
	b.until("a good run", func(p point) bool { return p.metric == "test.m" })
	failed := b.line("Plugin failed")
	assert.Equal(t, "moody", failed["plugin"])
	assert.Equal(t, "localhost", failed["resource"])
	assert.Equal(t, "raised", failed["outcome"])
	assert.Contains(t, failed["error"], "device did not answer for 1 ms")
	assert.NotEmpty(t, failed["next"])
	assert.EqualValues(t, 3, b.line("Plugin runs again")["failed_runs"])
	assert.Equal(t, 1, b.logs.FilterMessage("Plugin failed").Len())
	assert.Equal(t, int64(3), b.sum("panoptes_runs", "plugin=moody", "outcome=raised"))
}

// What a run returns that breaks a rule is dropped, counted and told; the rest goes out.
func TestBadGroups(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.plugins["mixed"] = pluginsdk.PollingPluginFunc(func(_ context.Context, pc *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
		good, err := pc.NewMetricsGroup("good")
		empty, err2 := pc.NewMetricsGroup("empty")
		bad, err3 := pc.NewMetricsGroup("bad")
		err = errors.Join(err, err2, err3, good.AddGauge("m", 1), bad.AddGauge("m", 1), bad.AddDimension("side", "a"), empty.AddDimension("side", "b"))
		bad.Interval = 0
		return pluginsdk.NewMetricsGroupSet(good, empty, bad), err
	})
	b.write("plugins/mixed.panoptes-plugin", conf("mixed", "go:mixed"))
	b.start()
	for range 2 {
		p := b.until("the good group", func(point) bool { return true })
		assert.Equal(t, "good.m", p.metric)
	}
	b.line("group without metrics", "empty")
	assert.GreaterOrEqual(t, b.sum("panoptes_empty_groups", "plugin=mixed"), int64(2))
	assert.GreaterOrEqual(t, b.sum("panoptes_groups", "plugin=mixed"), int64(2))
	assert.Equal(t, "mixed", b.line("breaks a rule", "at least one second")["plugin"])
	assert.Equal(t, 1, b.logs.FilterMessageSnippet("breaks a rule").Len())
	assert.GreaterOrEqual(t, b.sum("panoptes_dropped_groups", "plugin=mixed", "reason=invalid"), int64(2))
}

// A plugin that does not heed its context is given up, and does not run twice at a time.
func TestHangingGoPlugin(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	release := make(chan struct{})
	b.plugins["hangs"] = pluginsdk.PollingPluginFunc(func(context.Context, *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
		<-release
		return nil, pluginsdk.ErrNoResults
	})
	b.plugins["panics"] = pluginsdk.PollingPluginFunc(func(context.Context, *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
		panic("at the disco")
	})
	b.plugins["gauge"] = gauge(one)
	for name := range b.plugins {
		b.write("plugins/"+name+".panoptes-plugin", conf(name, "go:"+name))
	}
	b.start()
	b.line("Plugin failed", "outcome:timeout", "resource:localhost", "plugin:hangs")
	b.line("Plugin failed", "outcome:panicked", "at the disco", "receiver_test.go")
	for b.sum("panoptes_missed_slots", "plugin=hangs") < 2 {
		b.until("the other plugin", func(p point) bool { return p.scope == "panoptes/gauge" })
	}
	assert.Zero(t, b.sum("panoptes_runs", "outcome=busy"))
	close(release)
}

// What a run returns while the receiver shuts down is not lost.
func TestShutdownWaitsForRuns(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	began, release := make(chan struct{}, 100), make(chan struct{})
	b.plugins["slow"] = pluginsdk.PollingPluginFunc(func(ctx context.Context, pc *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
		began <- struct{}{}
		<-release
		return gauge(one).Run(ctx, pc)
	})
	b.cfg.Emit.MaxDelay = time.Hour
	b.write("plugins/slow.panoptes-plugin", conf("slow", "go:slow"))
	b.start()
	<-began
	down := make(chan error)
	go func() { down <- b.receiver.Shutdown(context.Background()) }()
	close(release)
	require.NoError(t, <-down)
	p := b.until("the last run", func(point) bool { return true })
	assert.Equal(t, "test.m", p.metric)
	require.NoError(t, b.receiver.Shutdown(context.Background()), "twice")
}

// A pipeline that refuses for good costs what it refused, and everything is counted.
func TestRefusedForGood(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.plugins["gauge"] = gauge(one)
	b.answer = func() error { return consumererror.NewPermanent(errors.New("no such tenant")) }
	b.write("plugins/gauge.panoptes-plugin", conf("gauge", "go:gauge"))
	b.start()
	b.line("Dropped metrics that the pipeline refused", "reason:permanent", "no such tenant")
	require.NoError(t, b.receiver.Shutdown(context.Background()))
	assert.Positive(t, b.sum("panoptes_dropped_data_points", "reason=permanent"))
	assert.Equal(t, b.sum("panoptes_dropped_data_points", "reason=permanent"), b.sum("receiver_refused_metric_points"))
}

func TestStatus(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	missing := filepath.Join(b.dir, "missing")
	b.cfg.Plugins.ScanInterval = 50 * time.Millisecond
	b.cfg.Plugins.Directories = append(b.cfg.Plugins.Directories, DirectoryConfig{Path: missing})
	b.start()
	e := <-b.status
	assert.Equal(t, componentstatus.StatusRecoverableError, e.Status())
	require.ErrorContains(t, e.Err(), missing)
	require.NoError(t, os.Mkdir(missing, 0o700))
	assert.Equal(t, componentstatus.StatusOK, (<-b.status).Status())
}

func TestCreationTimestampStaysWhenTheFileSaysNow(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.plugins["gauge"] = gauge(one)
	b.write("plugins/gauge.panoptes-plugin", conf("gauge", "go:gauge"))
	b.start()
	b.until("a run", func(point) bool { return true })
	b.write("resources/one.json", "["+strings.Replace(strings.Replace(resourceJSON("localhost"), "1512629517.03121", "1600000000", 1), "linux", "bsd", 1)+"]")
	p := b.until("the changed resource", func(p point) bool { return p.attributes[attrs.ResourceMetadataPrefix+"os"] == "bsd" })
	assert.InDelta(t, 1512629517.03121, p.attributes[attrs.ResourceCreationTimestamp], 0)
}

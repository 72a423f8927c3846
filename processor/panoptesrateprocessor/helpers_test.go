package panoptesrateprocessor

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
	"github.com/panoptes-otel/panoptes-otel/processor/panoptesrateprocessor/internal/metadata"
)

func nopSettings() processor.Settings { return processortest.NewNopSettings(metadata.Type) }

func newTestProcessor(t testing.TB, tel component.TelemetrySettings, cfg *Config) (*rateProcessor, *consumertest.MetricsSink) {
	t.Helper()
	if cfg == nil {
		cfg = createDefaultConfig().(*Config)
	}
	sink := &consumertest.MetricsSink{}
	p, err := newRateProcessor(tel, cfg, sink)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Shutdown(t.Context())) })
	return p, sink
}

func newProcessor(t testing.TB) (*rateProcessor, *consumertest.MetricsSink) {
	return newTestProcessor(t, componenttest.NewNopTelemetrySettings(), nil)
}

// process sends data through and returns what came out.
func process(t testing.TB, p *rateProcessor, md pmetric.Metrics) pmetric.Metrics {
	t.Helper()
	require.NoError(t, p.ConsumeMetrics(t.Context(), md))
	all := p.next.(*consumertest.MetricsSink).AllMetrics()
	return all[len(all)-1]
}

func testResource() *pluginsdk.Resource {
	return &pluginsdk.Resource{
		Site: "dc1", Class: "network", Subclass: "switch", Type: "juniper", ID: "sw1", Endpoint: "sw1.example",
		Plugin: "discovery", CreationTimestamp: pluginsdk.NumberTimestamp(pluginsdk.Float(1512629517.03)),
	}
}

// groupOf makes a group of interval 60, so many seconds after a fixed time. A metric whose name ends in "!" is a gauge
// of the name before it.
func groupOf(t testing.TB, groupType string, seconds float64, dimensions map[string]string, counters map[string]pluginsdk.Number) *pluginsdk.MetricsGroup {
	t.Helper()
	g := &pluginsdk.MetricsGroup{Resource: testResource(), Type: groupType, Interval: 60}
	for name, value := range dimensions {
		require.NoError(t, g.AddDimension(name, value))
	}
	for name, value := range counters {
		m := pluginsdk.Metric{Name: name, Type: pluginsdk.Counter, Value: value, Timestamp: pluginsdk.Float(1.6e9 + seconds)}
		if n := len(name) - 1; name[n] == '!' {
			m.Name, m.Type = name[:n], pluginsdk.Gauge
		}
		require.NoError(t, g.AddMetric(m))
	}
	return g
}

// build turns groups into pdata.
func build(transforms string, groups ...*pluginsdk.MetricsGroup) pmetric.Metrics {
	b := pdata.NewBuilder(pdata.Options{ServiceIdentity: true})
	for _, g := range groups {
		b.Add(pdata.Scope{Plugin: "test_plugin", Transforms: transforms}, g)
	}
	return b.Take()
}

// groupsOf reads the groups back, with rates as doubles.
func groupsOf(t testing.TB, md pmetric.Metrics) []*pluginsdk.MetricsGroup {
	t.Helper()
	var groups []*pluginsdk.MetricsGroup
	report, err := pdata.Groups(md, pdata.FromOptions{DoubleRates: true}, func(g pdata.Group) error {
		groups = append(groups, g.MetricsGroup)
		return nil
	})
	require.NoError(t, err)
	require.Empty(t, report)
	return groups
}

type number = map[string]pluginsdk.Number

// rateOf returns the rate of a counter in a group that was read back.
func rateOf(g *pluginsdk.MetricsGroup, name string) (float64, bool) {
	for _, m := range g.Metrics() {
		if m.Name == name && m.Type == pluginsdk.Gauge {
			return m.Value.Float64(), true
		}
	}
	return 0, false
}

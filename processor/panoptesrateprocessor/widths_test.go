package panoptesrateprocessor

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/panoptes-otel/panoptes-otel/internal/group/attrs"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// counted is a batch with one counter of a width, and when its device says that it began.
func counted(t *testing.T, transforms string, seconds float64, value int64, width uint8, since int64) pmetric.Metrics {
	g := &pluginsdk.MetricsGroup{Resource: testResource(), Type: "interface", Interval: 60}
	if since > 0 {
		g.CountersSince = time.Unix(1_600_000_000+since, 0)
	}
	require.NoError(t, g.AddMetric(pluginsdk.Metric{
		Name: "octets", Type: pluginsdk.Counter, Width: width, Value: pluginsdk.Int(value),
		Timestamp: pluginsdk.Float(1_600_000_000 + seconds),
	}))
	return build(transforms, g)
}

// What the scope says of widths counts more than what the configuration guesses, and never leaves the processor.
func TestWidthsOfTheScope(t *testing.T) {
	t.Parallel()
	const near32, near35 = 1<<32 - 10, 1<<35 - 10
	bySelector := Transform{Metrics: []string{"interface.octets"}}
	for name, c := range map[string]struct {
		cfg        Config
		transforms string
		width      uint8
		from       int64
		since      int64 // of the second point
		rate       float64
	}{
		"32 bits":                 {Config{}, octets, 32, near32, 0, 1},
		"35 bits":                 {Config{}, octets, 35, near35, 0, 1},
		"unknown":                 {Config{}, octets, 0, near32, 0, -1},
		"more than it says":       {Config{}, octets, 32, near35, 0, -1},
		"the device began anew":   {Config{}, octets, 32, near32, 30, -1},
		"more than the guess":     {Config{Width: 64}, octets, 32, near32, 0, 1},
		"the guess is what is":    {Config{Width: 32}, octets, 0, near32, 0, 1},
		"no wraps are wanted":     {Config{Width: WidthNone}, octets, 32, near32, 0, -1},
		"by a line of ours":       {Config{Transforms: []Transform{{Line: octets}}}, "", 32, near32, 0, 1},
		"by a line without wraps": {Config{Transforms: []Transform{{Line: octets, Width: WidthNone}}}, octets, 32, near32, 0, -1},
		"by name":                 {Config{Transforms: []Transform{bySelector}}, "", 32, near32, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.cfg.MaxSeries = 100
			p, _ := newTestProcessor(t, componenttest.NewNopTelemetrySettings(), &c.cfg)
			md := counted(t, c.transforms, 0, c.from, c.width, 0)
			_, there := md.ResourceMetrics().At(0).ScopeMetrics().At(0).Scope().Attributes().Get(attrs.CounterWidths)
			assert.Equal(t, c.width != 0, there)
			process(t, p, md)
			out := process(t, p, counted(t, c.transforms, 60, 50, c.width, c.since))
			scope := out.ResourceMetrics().At(0).ScopeMetrics().At(0)
			_, there = scope.Scope().Attributes().Get(attrs.CounterWidths)
			assert.False(t, there)
			rate := -1.0
			for _, m := range scope.Metrics().All() {
				if m.Type() == pmetric.MetricTypeGauge {
					rate = m.Gauge().DataPoints().At(0).DoubleValue()
				}
			}
			assert.Equal(t, c.rate, rate)
		})
	}
}

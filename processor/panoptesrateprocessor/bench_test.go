package panoptesrateprocessor

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// shape is a batch of groups: so many resources, each with so many groups of so many counters.
type shape struct{ resources, groups, counters, dimensions int }

func (s shape) points() int { return s.resources * s.groups * s.counters }

func (s shape) build(b *testing.B) pmetric.Metrics {
	builder := pdata.NewBuilder(pdata.Options{ServiceIdentity: true})
	transforms := "interface = rate:interface:c0"
	for c := range s.counters {
		transforms += fmt.Sprintf(",c%d", c)
	}
	for r := range s.resources {
		resource := testResource()
		resource.ID = fmt.Sprintf("switch-%d", r)
		for g := range s.groups {
			group := &pluginsdk.MetricsGroup{Resource: resource, Type: "interface", Interval: 60}
			for d := range s.dimensions {
				require.NoError(b, group.AddDimension(fmt.Sprintf("dimension_%d", d), fmt.Sprintf("ge-0/0/%d", g)))
			}
			for c := range s.counters {
				require.NoError(b, group.AddMetric(pluginsdk.Metric{
					Name: fmt.Sprintf("c%d", c), Type: pluginsdk.Counter,
					Value: pluginsdk.Int(int64(c)), Timestamp: pluginsdk.Int(1_600_000_000),
				}))
			}
			builder.Add(pdata.Scope{Plugin: "p", Transforms: transforms}, group)
		}
	}
	return builder.Take()
}

// advance makes the next batch of the last, in which all counters have changed.
func advance(md pmetric.Metrics, by int64) {
	for _, rm := range md.ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				for _, p := range m.Sum().DataPoints().All() {
					p.SetIntValue(p.IntValue() + by)
					p.SetTimestamp(p.Timestamp() + 60_000_000_000)
				}
			}
		}
	}
}

// BenchmarkConsume is the way of a batch through the processor: counters of groups, or ones that a selector picked. "copy"
// is what it takes to make the batch, to be taken off the others: data that passed belongs to the next component. "walk"
// has all but the output: the points are resets.
func BenchmarkConsume(b *testing.B) {
	all := configOf(Transform{Metrics: []string{"interface.*"}, Match: MatchGlob})
	replace := configOf(Transform{Metrics: []string{"interface.*"}, Match: MatchGlob, Output: OutputReplace})
	modes := []struct {
		name string
		cfg  *Config
	}{
		{"copy", nil},
		{"groups walk", createDefaultConfig().(*Config)},
		{"groups", createDefaultConfig().(*Config)},
		{"selected walk", all},
		{"selected", all},
		{"replace", replace},
	}
	for _, s := range []shape{{1000, 1, 8, 3}, {1, 48, 14, 2}} {
		for _, mode := range modes {
			b.Run(fmt.Sprintf("%dx%dx%d/%s", s.resources, s.groups, s.counters, mode.name), func(b *testing.B) {
				next, err := consumer.NewMetrics(func(context.Context, pmetric.Metrics) error { return nil })
				require.NoError(b, err)
				if mode.cfg == nil {
					mode.cfg = all
				}
				mode.cfg.MaxSeries = defaultMaxSeries
				p, err := newRateProcessor(componenttest.NewNopTelemetrySettings(), mode.cfg, next)
				require.NoError(b, err)
				source := s.build(b)
				if mode.cfg != modes[1].cfg && mode.cfg != modes[2].cfg {
					withoutTransforms(source)
				}
				by := int64(600)
				if strings.HasSuffix(mode.name, "walk") {
					by = -1
				}
				b.ReportAllocs()
				for b.Loop() {
					advance(source, by)
					md := pmetric.NewMetrics()
					source.CopyTo(md)
					if mode.name != "copy" {
						require.NoError(b, p.ConsumeMetrics(b.Context(), md))
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*s.points()), "ns/point")
				require.NoError(b, p.Shutdown(context.WithoutCancel(b.Context())))
			})
		}
	}
}

func withoutTransforms(md pmetric.Metrics) {
	for _, rm := range md.ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			sm.Scope().Attributes().Clear()
		}
	}
}

package panoptesrateprocessor

import (
	"context"
	"fmt"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"pgregory.net/rapid"

	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// sample is one value of one of a few series.
type sample struct {
	series int
	millis int64
	value  int64
}

// oracle is design and specification in the plainest words: what came last, and what rate it had.
type oracle struct {
	last map[int]sample
	rate map[int]*big.Rat
}

func (o *oracle) observe(s sample, interval int64) *big.Rat {
	last, known := o.last[s.series]
	switch {
	case known && s.millis < last.millis:
		return nil
	case known && s == last:
		return o.rate[s.series]
	}
	o.last[s.series], o.rate[s.series] = s, nil
	dt := s.millis - last.millis
	if known && dt > 0 && dt <= 3*interval*1000 && s.value >= last.value {
		delta := new(big.Int).Sub(big.NewInt(s.value), big.NewInt(last.value))
		o.rate[s.series] = new(big.Rat).SetFrac(delta.Mul(delta, big.NewInt(1000)), big.NewInt(dt))
	}
	return o.rate[s.series]
}

// TestAgainstOracle sends shuffled, repeated and late points, in batches of any size and shape.
func TestAgainstOracle(t *testing.T) {
	t.Parallel()
	var out pmetric.Metrics
	next, err := consumer.NewMetrics(func(_ context.Context, md pmetric.Metrics) error {
		out = md
		return nil
	})
	require.NoError(t, err)
	rapid.Check(t, func(t *rapid.T) {
		p, err := newRateProcessor(componenttest.NewNopTelemetrySettings(), createDefaultConfig().(*Config), next)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = p.Shutdown(context.Background()) }()
		o := oracle{map[int]sample{}, map[int]*big.Rat{}}
		batches := rapid.SliceOfN(rapid.SliceOfN(drawSample(), 1, 6), 1, 20).Draw(t, "batches")
		for _, batch := range batches {
			md := samplesOf(batch)
			var want []string
			for _, s := range flatten(md) {
				if r := o.observe(s, 60); r != nil {
					f, _ := r.Float64()
					want = append(want, fmt.Sprintf("%d at %d: %v", s.series, s.millis, f))
				}
			}
			if err := p.ConsumeMetrics(context.Background(), md); err != nil {
				t.Fatal(err)
			}
			if got := ratesOf(out); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("%v gave %v instead of %v", batch, got, want)
			}
		}
	})
}

func drawSample() *rapid.Generator[sample] {
	return rapid.Custom(func(t *rapid.T) sample {
		s := sample{
			series: rapid.IntRange(0, 2).Draw(t, "series"),
			millis: 1_600_000_000_000 + rapid.Int64Range(0, 12).Draw(t, "step")*59_999,
			value:  rapid.SampledFrom([]int64{0, 1, 2, 100, 1 << 53, 1<<53 + 1, 1 << 62}).Draw(t, "value"),
		}
		if rapid.IntRange(0, 3).Draw(t, "grows") > 0 { // mostly as counters do
			s.value += (s.millis - 1_600_000_000_000) / 1000
		}
		return s
	})
}

// samplesOf makes a batch through the mapping, which puts the samples where it likes.
func samplesOf(batch []sample) pmetric.Metrics {
	b := pdata.NewBuilder(pdata.Options{})
	for _, s := range batch {
		g := &pluginsdk.MetricsGroup{Resource: testResource(), Type: "interface", Interval: 60}
		_ = g.AddDimension("series", fmt.Sprint(s.series))
		_ = g.AddMetric(pluginsdk.Metric{
			Name: "octets", Type: pluginsdk.Counter, Value: pluginsdk.Int(s.value),
			Timestamp: pluginsdk.Float(float64(s.millis) / 1000),
		})
		b.Add(pdata.Scope{Plugin: "p", Transforms: octets}, g)
	}
	return b.Take()
}

// flatten reads the samples in the order in which they stand in pdata.
func flatten(md pmetric.Metrics) []sample {
	var samples []sample
	eachPoint(md, pmetric.MetricTypeSum, func(series int, p pmetric.NumberDataPoint) {
		samples = append(samples, sample{series, int64(p.Timestamp() / 1e6), p.IntValue()})
	})
	return samples
}

func ratesOf(md pmetric.Metrics) []string {
	var rates []string
	eachPoint(md, pmetric.MetricTypeGauge, func(series int, p pmetric.NumberDataPoint) {
		rates = append(rates, fmt.Sprintf("%d at %d: %v", series, p.Timestamp()/1e6, p.DoubleValue()))
	})
	return rates
}

func eachPoint(md pmetric.Metrics, kind pmetric.MetricType, visit func(series int, p pmetric.NumberDataPoint)) {
	for _, sm := range md.ResourceMetrics().At(0).ScopeMetrics().All() {
		for _, m := range sm.Metrics().All() {
			if m.Type() != kind {
				continue
			}
			var points pmetric.NumberDataPointSlice
			if kind == pmetric.MetricTypeSum {
				points = m.Sum().DataPoints()
			} else {
				points = m.Gauge().DataPoints()
			}
			for _, p := range points.All() {
				name, _ := p.Attributes().Get("series")
				visit(int(name.Str()[0]-'0'), p)
			}
		}
	}
}

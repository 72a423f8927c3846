package panoptesjson

import (
	"fmt"
	"testing"

	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/panoptes-otel/panoptes-otel/internal/group/attrs"
	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

func testResource(i int) *pluginsdk.Resource {
	r := &pluginsdk.Resource{
		Site: "site1", Class: "network", Subclass: "switch", Type: "vendor_os", ID: fmt.Sprintf("switch-%04d.site1.example.com", i),
		Endpoint: fmt.Sprintf("10.0.%d.%d", i/250, i%250), Plugin: "inventory",
		CreationTimestamp: pluginsdk.NumberTimestamp(pluginsdk.Float(1512629517.03)),
	}
	for _, e := range [][2]string{{"_resource_ttl", "604800"}, {"os_version", "15.1R7.9"}, {"model", "QFX5100"}, {"rack", "r12"}} {
		_ = r.AddMetadata(e[0], e[1])
	}
	return r
}

// tableMetrics is what a plugin for interfaces makes: groups of 14 counters.
func tableMetrics(groups int) pmetric.Metrics {
	b := pdata.NewBuilder(pdata.Options{ServiceIdentity: true})
	r := testResource(1)
	for i := range groups {
		g := &pluginsdk.MetricsGroup{Resource: r, Type: "interface", Interval: 60}
		_ = g.AddDimension("interface_name", fmt.Sprintf("xe-0/0/%d", i))
		_ = g.AddDimension("alias", fmt.Sprintf("uplink %d", i))
		for m := range 14 {
			_ = g.AddMetric(pluginsdk.Metric{
				Name: fmt.Sprintf("counter_%d", m), Type: pluginsdk.Counter, Value: pluginsdk.Int(int64(i*m) * 1234567),
				Timestamp: pluginsdk.Float(1600000000.123),
			})
		}
		b.Add(pdata.Scope{Plugin: "interfaces"}, g)
	}
	return b.Take()
}

// withRates adds rates beside the counters, except for the first points.
func withRates(md pmetric.Metrics, missing int) pmetric.Metrics {
	sm := md.ResourceMetrics().At(0).ScopeMetrics().At(0)
	for i := range sm.Metrics().Len() {
		m := sm.Metrics().At(i)
		rate := sm.Metrics().AppendEmpty()
		rate.SetName(m.Name() + attrs.RateSuffix)
		out := rate.SetEmptyGauge().DataPoints()
		for j, p := range m.Sum().DataPoints().All() {
			if j >= missing {
				to := out.AppendEmpty()
				p.CopyTo(to)
				to.SetDoubleValue(float64(j) * 1.5)
			}
		}
	}
	return md
}

// TestFastPathTakesOurData shows that data of our own form, with fewer rates than counters too, needs no memory: the
// way through package mapping would.
func TestFastPathTakesOurData(t *testing.T) {
	for name, md := range map[string]pmetric.Metrics{
		"table": tableMetrics(48), "rates": withRates(tableMetrics(48), 0), "fewer rates": withRates(tableMetrics(48), 5),
		"single": tableMetrics(1),
	} {
		e := NewEncoder(pdata.FromOptions{}, testRoutes)
		var key []byte
		sum := uint32(0)
		visit := func(m *Message) error {
			key = append(key[:0], m.PartitioningKey()...)
			sum += m.Hash()
			return nil
		}
		var slab []byte
		encode := func() {
			_, _ = e.Encode(md, visit)
			slab, _, _ = e.Append(slab[:0], md, visit)
		}
		encode()
		if n := testing.AllocsPerRun(10, encode); n > 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
		same(t, e, md, pdata.FromOptions{})
	}
}

func TestAppendJoinsMessages(t *testing.T) {
	t.Parallel()
	e := NewEncoder(pdata.FromOptions{}, testRoutes)
	var parts [][]byte
	slab, _, err := e.Append([]byte("before"), tableMetrics(20), func(m *Message) error {
		parts = append(parts, m.JSON)
		return nil
	})
	joined := []byte("before")
	for _, p := range parts {
		joined = append(joined, p...)
	}
	if err != nil || len(parts) != 20 || string(joined) != string(slab) {
		t.Fatalf("%d messages, %v", len(parts), err)
	}
}

// TestNamesAreBounded shows that an encoder forgets names rather than keep more and more, and stays right.
func TestNamesAreBounded(t *testing.T) {
	t.Parallel()
	e := NewEncoder(pdata.FromOptions{}, testRoutes)
	for round := range 3 {
		b := pdata.NewBuilder(pdata.Options{})
		for i := range 2000 {
			r := testResource(1)
			n := round*2000 + i
			_ = r.AddMetadata(fmt.Sprintf("key%d", n), "v")
			g := &pluginsdk.MetricsGroup{Resource: r, Type: fmt.Sprintf("t%d", i%2), Interval: 60}
			_ = g.AddDimension(fmt.Sprintf("d%d", n), "v")
			_ = g.AddMetric(pluginsdk.Metric{Name: fmt.Sprintf("m%d", n), Value: pluginsdk.Int(1), Timestamp: pluginsdk.Int(1)})
			b.Add(pdata.Scope{Plugin: "p"}, g)
		}
		same(t, e, b.Take(), pdata.FromOptions{})
	}
	if len(e.resource.attributes) > maxNames || len(e.scope.shape.metrics) > maxNames || e.scope.names > maxAllNames {
		t.Error(len(e.resource.attributes), len(e.scope.shape.metrics), e.scope.names)
	}
}

func BenchmarkEncode(b *testing.B) {
	for name, md := range map[string]pmetric.Metrics{
		"table": tableMetrics(48), "rates": withRates(tableMetrics(48), 0), "fewer_rates": withRates(tableMetrics(48), 5),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			e := NewEncoder(pdata.FromOptions{}, testRoutes)
			for b.Loop() {
				_, _ = e.Encode(md, func(*Message) error { return nil })
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/48, "ns/group")
		})
	}
}

package pdata

import (
	"testing"
	"time"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// TestUnitsOfContract: what is known of metrics reaches pdata; a rate keeps the unit of rates.
func TestUnitsOfContract(t *testing.T) {
	t.Parallel()
	g, err := pluginsdk.NewMetricsGroup(&pluginsdk.Resource{Site: "s"}, "disk", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.AddGauge("used", 1); err != nil {
		t.Fatal(err)
	}
	if err := g.AddGauge("free", 1); err != nil {
		t.Fatal(err)
	}
	b := NewBuilder(Options{})
	b.Add(Scope{Plugin: "p", Units: &Units{"disk": {"used": {Unit: "By", Description: "Bytes in use"}}, "other": {"free": {Unit: "s"}}}}, g)
	b.Add(Scope{Plugin: "q"}, g)
	scopes := b.Take().ResourceMetrics().At(0).ScopeMetrics()
	for i, want := range [][]string{{"By", "Bytes in use", ""}, {"", "", ""}} {
		used, free := scopes.At(i).Metrics().At(0), scopes.At(i).Metrics().At(1)
		if used.Unit() != want[0] || used.Description() != want[1] || free.Unit() != want[2] {
			t.Errorf("scope %d: units %q and %q, description %q", i, used.Unit(), free.Unit(), used.Description())
		}
	}
}

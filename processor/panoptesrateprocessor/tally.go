package panoptesrateprocessor

import (
	"context"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/group/attrs"
	"github.com/panoptes-otel/panoptes-otel/processor/panoptesrateprocessor/internal/ratestate"
)

// skip is a reason for which there is no rate; the names are those of metadata.yaml.
type skip uint8

const (
	skipBadTransform skip = iota
	skipCollision
	skipDuplicate
	skipEvicted
	skipFirst
	skipGap
	skipMoved
	skipNotANumber
	skipOutOfOrder
	skipReset
	skips
)

var skipNames = [skips]string{
	skipBadTransform: "bad_transform",
	skipCollision:    "collision",
	skipDuplicate:    "duplicate",
	skipEvicted:      "evicted",
	skipFirst:        "first",
	skipGap:          "gap",
	skipMoved:        "moved",
	skipNotANumber:   "not_a_number",
	skipOutOfOrder:   "out_of_order",
	skipReset:        "reset",
}

// skipOf is the reason that an outcome other than Rate stands for.
var skipOf = [...]skip{
	ratestate.First:      skipFirst,
	ratestate.Evicted:    skipEvicted,
	ratestate.Duplicate:  skipDuplicate,
	ratestate.OutOfOrder: skipOutOfOrder,
	ratestate.Gap:        skipGap,
	ratestate.Reset:      skipReset,
	ratestate.Moved:      skipMoved,
	ratestate.NotANumber: skipNotANumber,
}

// tally counts what a plugin's scopes came to in one call of ConsumeMetrics.
type tally struct {
	scope   string // its name
	plugin  string
	counts  *plugin // of the plugin, or of others together
	skipped [skips]int64
	gaps    gaps
	rates   int64
	// transforms are the plugin's, as the last scope had them.
	transforms string
	interval   int64 // the longest of its groups, in milliseconds; 0 where they carry none
}

// talliesSearched is how many tallies are searched for a scope's. Beyond that a scope's name may come twice, which is no
// harm.
const talliesSearched = 16

// tallyOf returns the index of the tally of a scope, by its name.
func (c *pass) tallyOf(in pcommon.InstrumentationScope) int {
	scope := in.Name()
	for i := len(c.tallies) - 1; i >= max(0, len(c.tallies)-talliesSearched); i-- {
		if c.tallies[i].scope == scope {
			return i
		}
	}
	name := pluginName(in)
	c.tallies = append(c.tallies, tally{scope: scope, plugin: name, counts: c.plugins.get(scope, name)})
	return len(c.tallies) - 1
}

// skip counts a data point that gets no rate.
func (c *pass) skip(reason skip) { c.tally.skipped[reason]++ }

func (c *pass) logSkip(resource pcommon.Resource, m pmetric.Metric, p pmetric.NumberDataPoint, reason skip) {
	ok, held := c.debugLines.Take()
	if !ok {
		return
	}
	c.logger.Debug("A data point gets no rate",
		zap.String("reason", skipNames[reason]),
		zap.String("plugin", c.tally.plugin),
		zap.String("metric", m.Name()),
		zap.Any("resource", resource.Attributes().AsRaw()),
		zap.Any("attributes", p.Attributes().AsRaw()),
		zap.Time("timestamp", p.Timestamp().AsTime()),
		zap.Int("not_logged", held))
}

// report adds what a call counted to the processor's own metrics.
func (c *pass) report(ctx context.Context) {
	var produced int64
	for i := range c.tallies {
		produced += c.tallies[i].rates
	}
	if produced > 0 {
		c.telemetry.PanoptesRatesProduced.Add(ctx, produced)
	}
	if c.evicted > 0 {
		c.telemetry.PanoptesRateSeriesEvicted.Add(ctx, c.evicted)
	}
	for i := range c.tallies {
		t := &c.tallies[i]
		t.counts.show(t)
		var none tally
		if t.skipped == none.skipped && t.gaps == none.gaps {
			continue
		}
		plugin := t.counts
		for s, n := range t.skipped {
			if n > 0 {
				c.telemetry.PanoptesRatesSkipped.Add(ctx, n, plugin.skipped[s])
			}
		}
		if n := plugin.note(t.gaps, c.now); n > 0 {
			c.telemetry.PanoptesRateSparsePoints.Add(ctx, n, plugin.sparse)
			if c.told.First(plugin.name, "sparse") {
				c.logger.Warn("Most points come more than 1.5 intervals apart: this processor sees only some of them, or "+
					"the plugin runs less often than its interval says; run it beside the receiver, or route by resource",
					zap.String("plugin", plugin.name))
			}
		}
	}
}

// pluginName is the name of a scope's plugin, as the receiver's own metrics have it; of a scope that is of no plugin, the
// scope's name.
func pluginName(scope pcommon.InstrumentationScope) string {
	if v, ok := scope.Attributes().Get(attrs.PluginName); ok && v.Str() != "" {
		return v.Str()
	}
	if name := strings.TrimPrefix(scope.Name(), attrs.ScopePrefix); name != "" {
		return name
	}
	return "unknown"
}

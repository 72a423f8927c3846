package panoptesrateprocessor

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

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
	skipNotANumber:   "not_a_number",
	skipOutOfOrder:   "out_of_order",
	skipReset:        "reset",
}

// skipOptions are built once: an attribute set is dearer than the count.
var skipOptions = func() (o [skips]metric.AddOption) {
	for s, name := range skipNames {
		o[s] = metric.WithAttributeSet(attribute.NewSet(attribute.String("reason", name)))
	}
	return o
}()

// skipOf is the reason that an outcome other than Rate stands for.
var skipOf = [...]skip{
	ratestate.First:      skipFirst,
	ratestate.Evicted:    skipEvicted,
	ratestate.Duplicate:  skipDuplicate,
	ratestate.OutOfOrder: skipOutOfOrder,
	ratestate.Gap:        skipGap,
	ratestate.Reset:      skipReset,
	ratestate.NotANumber: skipNotANumber,
}

// tally counts during one call of ConsumeMetrics.
type tally struct {
	produced int64
	evicted  int64
	skipped  [skips]int64
}

func (p *rateProcessor) report(ctx context.Context, t *tally) {
	if t.produced > 0 {
		p.telemetry.PanoptesRatesProduced.Add(ctx, t.produced)
	}
	if t.evicted > 0 {
		p.telemetry.PanoptesRateSeriesEvicted.Add(ctx, t.evicted)
	}
	for s, n := range t.skipped {
		if n > 0 {
			p.telemetry.PanoptesRatesSkipped.Add(ctx, n, skipOptions[s])
		}
	}
}

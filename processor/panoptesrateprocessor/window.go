package panoptesrateprocessor

import (
	"slices"

	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/panoptes-otel/panoptes-otel/processor/panoptesrateprocessor/internal/ratestate"
)

// windowPoints is after how many points a window is closed: enough for several in each shard of the state, few enough for
// their pdata to be in the cache still when their rates are put in.
const windowPoints = 1024

// window is some scopes in a row, whose points are taken to the state together (ratestate.Batch).
type window struct {
	batch    ratestate.Batch
	terms    ratestate.Terms // of the last point in it
	scopes   []windowScope
	counters []counter
}

// windowScope is a scope with counters.
type windowScope struct {
	resource pmetric.ResourceMetrics
	scope    pmetric.ScopeMetrics
	plan     *plan // may be nil
	tally    int   // index
	gap      int64
	counters [2]int // from, to
}

// counter is a metric that is to be converted.
type counter struct {
	metric     int // index in the scope
	conv       *conversion
	width      ratestate.Width
	delta      bool
	points     [2]int // from, to in the batch: one for each data point
	rates      int    // how many of them have a rate
	beside     int    // and how many of these go beside the counter
	rateMetric int    // index of the metric for these
}

// collides is the tag of points with a gauge in the place that the rate would have beside the counter.
const collides = 1

func (w *window) full() bool { return len(w.batch.Points) >= windowPoints }

// besideAt says whether a point has a rate that has a place beside its counter.
func besideAt(o *ratestate.Observation) bool { return o.Outcome == ratestate.Rate && o.Tag != collides }

// add adds a counter, and returns it.
func (w *window) add(metric int, conv *conversion, delta bool) *counter {
	n := len(w.counters)
	w.counters = slices.Grow(w.counters, 1)[:n+1]
	k := &w.counters[n]
	k.metric, k.conv, k.delta, k.rates, k.beside = metric, conv, delta, 0, 0
	return k
}

// forget drops what belongs to the data, and all else.
func (w *window) forget() {
	w.batch.Reset()
	w.terms = ratestate.Terms{}
	clear(w.scopes)
	w.scopes, w.counters = w.scopes[:0], w.counters[:0]
}

// close takes the points of the window to the state and puts the rates in.
func (c *pass) close() {
	w := &c.window
	if len(w.scopes) == 0 {
		return
	}
	c.state.ObserveBatch(&w.batch, c.now)
	if cap(c.sent) == 0 { // a new pass: garbage collections empty the pool of them
		c.sent = slices.Grow(c.sent, int(min(c.lastSent.Load(), maxKept)))
	}
	c.again = c.refused.any.Load()
	for i := range w.scopes {
		c.finish(&w.scopes[i])
	}
	w.forget()
}

// finish puts the rates of a scope in.
func (c *pass) finish(s *windowScope) {
	c.tally, c.gap = &c.tallies[s.tally], s.gap
	counters := c.window.counters[s.counters[0]:s.counters[1]]
	metrics := s.scope.Metrics()
	for i := range counters {
		c.settle(s, &counters[i])
	}
	c.insertRates(metrics, counters)
	if s.plan != nil {
		for group, groupType := range s.plan.extras {
			c.appendExtra(s, counters, group, groupType)
		}
	}
	if len(c.rules.selectors) > 0 && c.replaceCounters(metrics, counters) {
		c.emptied = append(c.emptied, s.resource)
	}
}

// settle counts what came of a counter's points, and notes what is needed if the batch is refused and comes again.
func (c *pass) settle(s *windowScope, k *counter) {
	points := c.window.batch.Points[k.points[0]:k.points[1]]
	for i := range points {
		o := &points[i]
		if o.Evicted {
			c.evicted++
		}
		if o.Apart > 0 && c.gap > 0 {
			c.tally.noteApart(o.Apart, c.gap)
		}
		if c.again && !k.delta {
			if value, again := c.refused.rate(o.Identity()); again {
				o.Rate, o.Outcome = value, ratestate.Rate
			}
		}
		switch {
		case o.Outcome == ratestate.Rate:
			k.rates++
			if o.Tag != collides {
				k.beside++
			}
			if !k.delta {
				c.sent = append(c.sent, sentRate{o.Identity(), o.Rate})
			}
		case o.Tag != collides:
			c.skip(skipOf[o.Outcome])
			if c.debug {
				m := s.scope.Metrics().At(k.metric)
				c.logSkip(s.resource.Resource(), m, m.Sum().DataPoints().At(i), skipOf[o.Outcome])
			}
		}
	}
	if !k.conv.inPlace {
		k.beside = 0
	}
}

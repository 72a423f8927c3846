package parity

import (
	"slices"
	"time"
)

// Tolerance is by how much two values may differ: Absolute plus Relative times the larger of them.
type Tolerance struct{ Relative, Absolute float64 }

// Options say what counts as agreement.
type Options struct {
	// Gauges is for gauges; rates, which are whole numbers in messages, may differ by one more.
	Gauges Tolerance
	// Counters is by how far a counter may lie outside of what A had before and after.
	Counters Tolerance
	// Sample says that B has some of the resources: what only A has of others does not count.
	Sample bool
	// Partitions says that partitions are compared, which takes topics with as many of them.
	Partitions bool
	// MaxSeries bounds the series that are compared, and with them memory, at 5 kB each at most.
	MaxSeries int
	// MaxDifferences is how many differences are kept to be shown.
	MaxDifferences int
}

// waitingPerSeries bounds the values of samples that wait, on average over MaxSeries: mostly four samples wait for each.
const waitingPerSeries = 80

// Comparison compares what is added. It is not safe for concurrent use.
type Comparison struct {
	options   Options
	names     names
	series    map[string]*series
	resources map[string]*resource
	waiting   int // values
	// first and last are the times of each side's earliest and latest samples, front that up to which it was read in full.
	first, last, front [2]time.Time
	result             Result
}

// New returns an empty comparison.
func New(o Options) *Comparison {
	return &Comparison{options: o, names: names{}, series: map[string]*series{}, resources: map[string]*resource{}}
}

// Read says up to which time a side was read in full. A group that the other side lacks is missed only then, and none is judged
// before both sides have such a time.
func (c *Comparison) Read(side Side, upTo time.Time) { c.front[side] = upTo }

// Add takes the next group of a side, and returns its time, zero where it has none. Nothing of the group is kept.
func (c *Comparison) Add(side Side, g Group) time.Time {
	s, ok := c.names.sampleOf(g)
	if !ok {
		c.result.Uncompared++
		return time.Time{}
	}
	c.result.Groups[side]++
	if first := c.first[side]; first.IsZero() || s.at.Before(first) {
		c.first[side] = s.at
	}
	if s.at.After(c.last[side]) {
		c.last[side] = s.at
	}
	of := c.find(g)
	if of == nil {
		c.result.Uncompared++
		return s.at
	}
	of.resource.seen[side] = true
	if !of.seen[side] {
		of.seen[side] = true
		c.result.Series[side]++
	}
	if c.put(of, side, s) && !c.front[A].IsZero() && !c.front[B].IsZero() {
		c.advance(of, false)
		c.age(of)
	}
	return s.at
}

// find returns the series of a group, nil for one too many.
func (c *Comparison) find(g Group) *series {
	owner, name := identify(g.MetricsGroup)
	if s, ok := c.series[name]; ok {
		return s
	}
	if len(c.series) >= c.options.MaxSeries {
		return nil
	}
	r := c.resources[owner]
	if r == nil {
		r = &resource{}
		c.resources[owner] = r
	}
	s := &series{name: name, resource: r}
	c.series[name] = s
	return s
}

// put lets a sample wait for its partner, and says whether it does: a second one of its time is a message that came twice.
func (c *Comparison) put(of *series, side Side, s *sample) bool {
	list := of.waiting[side]
	at, twice := slices.BinarySearchFunc(list, s, func(a, b *sample) int { return a.at.Compare(b.at) })
	if twice {
		c.result.Repeated++
		return false
	}
	for c.waiting+s.size() > c.options.MaxSeries*waitingPerSeries {
		c.result.Uncompared++
		if at == 0 {
			return false
		}
		// The oldest one makes room.
		c.pop(of, side)
		at--
	}
	of.waiting[side] = slices.Insert(of.waiting[side], at, s)
	c.waiting += s.size()
	return true
}

func (c *Comparison) pop(of *series, side Side) *sample {
	s := of.waiting[side][0]
	of.waiting[side] = slices.Delete(of.waiting[side], 0, 1)
	c.waiting -= s.size()
	if side == A {
		of.before = s
	}
	return s
}

// advance pairs the samples of a series as far as can be said. Which samples belong together is not to be seen from
// times alone, as the two sides look at a device at different moments: it is the nearest one, less than an interval away.
// last says that no more will come.
func (c *Comparison) advance(of *series, last bool) {
	for len(of.waiting[A]) > 0 && len(of.waiting[B]) > 0 {
		a, b := of.waiting[A][0], of.waiting[B][0]
		interval := max(a.interval, b.interval)
		switch apart := b.at.Sub(a.at); {
		case apart >= interval:
			c.missed(of, A, c.pop(of, A))
			continue
		case apart <= -interval:
			c.missed(of, B, c.pop(of, B))
			continue
		case !last && (len(of.waiting[A]) < 2 || len(of.waiting[B]) < 2):
			return // the next ones may be nearer, and tell where a counter went
		}
		// Once a series has its pairs, a sample is only left alone for one that is much nearer: where the sides look half an
		// interval apart, a second more or less must not break the pairs up.
		margin := time.Duration(0)
		if of.paired {
			margin = interval / 4
		}
		switch {
		case nearer(of.waiting[A], b, margin):
			c.missed(of, A, c.pop(of, A))
		case nearer(of.waiting[B], a, margin):
			c.missed(of, B, c.pop(of, B))
		default:
			of.paired = true
			var after *sample
			if len(of.waiting[A]) > 1 {
				after = of.waiting[A][1]
			}
			c.compare(of, of.before, a, after, b)
			c.pop(of, A)
			c.pop(of, B)
		}
	}
}

// nearer says whether the second of the waiting samples is nearer to one of the other side than the first, by a margin.
func nearer(waiting []*sample, to *sample, margin time.Duration) bool {
	return len(waiting) > 1 && waiting[1].at.Sub(to.at).Abs()+margin < waiting[0].at.Sub(to.at).Abs()
}

// age gives up samples whose partner should long have come.
func (c *Comparison) age(of *series) {
	for _, side := range []Side{A, B} {
		for len(of.waiting[side]) > 0 && len(of.waiting[side.other()]) == 0 {
			s := of.waiting[side][0]
			if c.front[side.other()].Sub(s.at) <= 2*s.interval {
				break
			}
			c.missed(of, side, c.pop(of, side))
		}
	}
}

// missed counts a sample that the other side lacks, except those at the ends of what both sides have: there its partner
// may lie outside, or the side had just begun.
func (c *Comparison) missed(of *series, side Side, s *sample) {
	other := side.other()
	if c.first[other].IsZero() || s.at.Before(c.first[other].Add(2*s.interval)) || s.at.After(c.last[other].Add(-s.interval)) {
		return
	}
	of.resource.missed[side]++
	if side == A && c.options.Sample && !of.resource.seen[B] {
		return
	}
	c.result.differ(c.options.MaxDifferences, Difference{Time: s.at, Series: of.name, What: "group", A: has(side == A), B: has(side == B)})
}

func has(there bool) string {
	if there {
		return "there"
	}
	return "missing"
}

// Finish compares what still waits, and returns the result. Nothing can be added after it.
func (c *Comparison) Finish() Result {
	for _, of := range c.series {
		c.advance(of, true)
		for _, side := range []Side{A, B} {
			for len(of.waiting[side]) > 0 {
				c.missed(of, side, c.pop(of, side))
			}
		}
	}
	r := &c.result
	for _, of := range c.resources {
		switch {
		case of.seen[A] && of.seen[B]:
			r.Resources.Both++
		case of.seen[A]:
			r.Resources.OnlyA++
			if c.options.Sample {
				continue
			}
		default:
			r.Resources.OnlyB++
		}
		r.OnlyA += of.missed[A]
		r.OnlyB += of.missed[B]
	}
	if total := r.Total(); total > 0 {
		r.Share = float64(r.Agree) / float64(total)
	}
	if r.Differences == nil {
		r.Differences = []Difference{} // JSON has a list
	}
	return *r
}

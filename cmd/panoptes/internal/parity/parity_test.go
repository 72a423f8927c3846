package parity

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

var strict = Options{Gauges: Tolerance{Relative: 0.1}, Partitions: true, MaxSeries: 1000, MaxDifferences: 10}

const interval = time.Minute

// look is what a side reads of a device at a moment: a counter that grows by itself, its rate, and a gauge.
func look(t interface {
	Helper()
	FailNow()
	Errorf(format string, args ...any)
}, device string, at time.Duration,
) Group {
	t.Helper()
	g, err := pluginsdk.NewMetricsGroup(&pluginsdk.Resource{Site: "dc1", Class: "c", Subclass: "s", Type: "t", ID: device, Endpoint: "e"}, "interface", interval)
	require.NoError(t, err)
	stamp := pluginsdk.Float(1_600_000_000 + at.Seconds())
	g.Timestamp = pluginsdk.NumberTimestamp(stamp)
	for _, m := range []pluginsdk.Metric{
		{Name: "in", Type: pluginsdk.Counter, Value: pluginsdk.Int(int64(1e6 + at.Seconds()*1000))},
		{Name: "in", Type: pluginsdk.Gauge, Value: pluginsdk.Int(1000)},
		{Name: "load", Type: pluginsdk.Gauge, Value: pluginsdk.Float(0.5)},
	} {
		m.Timestamp = stamp
		require.NoError(t, g.AddMetric(m))
	}
	require.NoError(t, g.AddDimension("port", "xe-0/0/1"))
	return Group{g, "c:s:t", 3}
}

// event is a group of a side.
type event struct {
	side Side
	at   time.Duration
	Group
}

// compareAll adds events in the order of their times.
func compareAll(o Options, events []event) Result {
	slices.SortStableFunc(events, func(a, b event) int { return cmp.Compare(a.at, b.at) })
	c := New(o)
	for _, e := range events {
		c.Read(e.side, c.Add(e.side, e.Group))
	}
	return c.Finish()
}

// both makes events of a device as both sides see it, ten times, B some time after A.
func both(t *testing.T, device string, later time.Duration) []event {
	t.Helper()
	var events []event
	for i := range 10 {
		at := time.Duration(i) * interval
		events = append(events, event{A, at, look(t, device, at)}, event{B, at + later, look(t, device, at+later)})
	}
	return events
}

func TestAgree(t *testing.T) {
	t.Parallel()
	for _, later := range []time.Duration{0, time.Second, 29 * time.Second, 30 * time.Second, 31 * time.Second, 59 * time.Second, -20 * time.Second} {
		r := compareAll(strict, both(t, "sw1", later))
		assert.Equal(t, 1.0, r.Share, "%s: %+v", later, r)
		assert.GreaterOrEqual(t, r.Compared, 9)
		assert.Empty(t, r.Differences)
		assert.Equal(t, [2]int{10, 10}, r.Groups)
		assert.Equal(t, [2]int{1, 1}, r.Series)
		assert.Equal(t, Resources{Both: 1}, r.Resources)
	}
}

// However the two sides look at a device, all of their samples have partners.
func TestPairing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		later := time.Duration(rapid.IntRange(-59_000, 59_000).Draw(t, "later")) * time.Millisecond
		jitter := rapid.IntRange(0, 5000)
		var events []event
		for i := range 30 {
			for _, side := range []Side{A, B} {
				at := time.Duration(i)*interval + time.Duration(jitter.Draw(t, "jitter"))*time.Millisecond
				if side == B {
					at += later
				}
				events = append(events, event{side, at, look(t, "sw1", at)})
			}
		}
		r := compareAll(strict, events)
		if r.Share != 1 || r.Compared < 28 {
			t.Fatalf("later %s: %+v", later, r)
		}
	})
}

// change makes another group of a group's metrics.
func change(t *testing.T, g *Group, name string, kind pluginsdk.MetricType, to pluginsdk.Number) {
	t.Helper()
	n := &pluginsdk.MetricsGroup{Resource: g.Resource, Type: g.Type, Interval: g.Interval, Timestamp: g.Timestamp}
	for _, m := range g.Metrics() {
		if m.Name == name && m.Type == kind {
			if math.IsNaN(to.Float64()) {
				continue
			}
			m.Value = to
		}
		require.NoError(t, n.AddMetric(m))
	}
	for _, d := range g.Dimensions() {
		require.NoError(t, n.AddDimension(d.Name, d.Value))
	}
	g.MetricsGroup = n
}

func TestDifferences(t *testing.T) {
	t.Parallel()
	set := func(name string, kind pluginsdk.MetricType, to pluginsdk.Number) func(*testing.T, *Group) {
		return func(t *testing.T, g *Group) { t.Helper(); change(t, g, name, kind, to) }
	}
	without := pluginsdk.Float(math.NaN())
	for name, c := range map[string]struct {
		change     func(*testing.T, *Group)
		what, a, b string
	}{
		"key":                {func(_ *testing.T, g *Group) { g.Key = "c:s:x" }, "key", "c:s:t", "c:s:x"},
		"partition":          {func(_ *testing.T, g *Group) { g.Partition = 4 }, "partition", "3", "4"},
		"interval":           {func(_ *testing.T, g *Group) { g.Interval = 30 }, "interval", "1m0s", "30s"},
		"gauge":              {set("load", pluginsdk.Gauge, pluginsdk.Float(0.6)), "gauge load", "0.5", "0.6"},
		"rate":               {set("in", pluginsdk.Gauge, pluginsdk.Int(8000)), "rate in", "1000", "8000"},
		"no rate":            {set("in", pluginsdk.Gauge, without), "rate in", "1000", "missing"},
		"no gauge":           {set("load", pluginsdk.Gauge, without), "gauge load", "0.5", "missing"},
		"counter too high":   {set("in", pluginsdk.Counter, pluginsdk.Int(1400_000)), "counter in", "1.3e+06", "1.4e+06"},
		"counter too low":    {set("in", pluginsdk.Counter, pluginsdk.Int(0)), "counter in", "1.3e+06", "0"},
		"gauge, but allowed": {change: set("load", pluginsdk.Gauge, pluginsdk.Float(0.54))},
		"rate, but allowed":  {change: set("in", pluginsdk.Gauge, pluginsdk.Int(1112))},
		"counter in between": {change: set("in", pluginsdk.Counter, pluginsdk.Int(1_359_000))},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			events := both(t, "sw1", time.Second)
			c.change(t, &events[11].Group)
			r := compareAll(strict, events)
			if c.what == "" {
				assert.Equal(t, 1.0, r.Share, "%+v", r.Differences)
				return
			}
			assert.Equal(t, []Difference{{
				Time: events[11].time(), Series: "dc1 c s t sw1 interface {port=xe-0/0/1}", What: c.what, A: c.a, B: c.b,
			}}, r.Differences)
			assert.Equal(t, 10, r.Compared)
			assert.InDelta(t, 0.9, r.Share, 1e-9)
		})
	}
}

func (e event) time() time.Time { return time.UnixMilli(1_600_000_000_000 + e.at.Milliseconds()) }

// What only B has is found, too: metrics and groups.
func TestOnlyInB(t *testing.T) {
	t.Parallel()
	events := both(t, "sw1", time.Second)
	change(t, &events[10].Group, "load", pluginsdk.Gauge, pluginsdk.Float(math.NaN())) // A's
	r := compareAll(strict, events)
	require.Len(t, r.Differences, 1)
	assert.Equal(t, "missing", r.Differences[0].A)

	events = both(t, "sw1", time.Second)
	r = compareAll(strict, slices.Delete(events, 10, 11))
	assert.Equal(t, 1, r.OnlyB)
	assert.Equal(t, []Difference{{Time: events[10].time(), Series: "dc1 c s t sw1 interface {port=xe-0/0/1}", What: "group", A: "missing", B: "there"}}, r.Differences)
}

// A counter that was reset says nothing, and one that is seen once alone is compared by its value.
func TestCounters(t *testing.T) {
	t.Parallel()
	events := both(t, "sw1", time.Second)
	for i := 12; i < len(events); i++ { // the device began anew at six minutes
		change(t, &events[i].Group, "in", pluginsdk.Counter, pluginsdk.Int(int64(events[i].at.Seconds()-300)))
	}
	r := compareAll(strict, events)
	assert.Equal(t, 1.0, r.Share, "%+v", r.Differences)

	events = both(t, "sw1", time.Second)[:2]
	assert.Equal(t, 1.0, compareAll(strict, events).Share)
	change(t, &events[1].Group, "in", pluginsdk.Counter, pluginsdk.Int(2_000_000))
	assert.Zero(t, compareAll(strict, events).Share)
	loose := strict
	loose.Counters.Relative = 0.5
	assert.Equal(t, 1.0, compareAll(loose, events).Share)
	loose.Counters = Tolerance{Absolute: 1e6}
	assert.Equal(t, 1.0, compareAll(loose, events).Share)
}

// A missing group counts inside, not at the ends of what both sides hold.
func TestMissing(t *testing.T) {
	t.Parallel()
	for gone, want := range map[int]int{0: 0, 1: 0, 3: 1, 5: 1, 8: 1, 9: 0} {
		var events []event
		for _, device := range []string{"sw1", "sw2"} {
			events = append(events, both(t, device, time.Second)...)
		}
		r := compareAll(strict, slices.Delete(events, 2*gone+1, 2*gone+2)) // B's of sw1
		assert.Equal(t, want, r.OnlyA, "sample %d", gone)
		assert.Zero(t, r.OnlyB, "sample %d", gone)
		assert.Len(t, r.Differences, want)
	}
}

// Resources that only A has count, unless B is to have a sample.
func TestSample(t *testing.T) {
	t.Parallel()
	var events []event
	for i := range 50 {
		for _, e := range both(t, fmt.Sprintf("sw%d", i), 5*time.Second) {
			if e.side == A || i == 7 {
				events = append(events, e)
			}
		}
	}
	r := compareAll(strict, slices.Clone(events))
	assert.Less(t, r.Share, 0.05)
	assert.Equal(t, Resources{Both: 1, OnlyA: 49}, r.Resources)
	require.Len(t, r.Differences, 10)
	assert.Equal(t, "there", r.Differences[0].A)

	sample := strict
	sample.Sample = true
	r = compareAll(sample, events)
	assert.Equal(t, 1.0, r.Share)
	assert.Equal(t, 10, r.Compared)
	assert.Zero(t, r.OnlyA)
	assert.Empty(t, r.Differences)
}

func TestRepeated(t *testing.T) {
	t.Parallel()
	events := both(t, "sw1", time.Second)
	r := compareAll(strict, append(events, events[10:14]...))
	assert.Equal(t, 1.0, r.Share)
	assert.Equal(t, 4, r.Repeated)
}

// However much there is of one side alone, what is held is bounded, and what is not compared is counted.
func TestBounded(t *testing.T) {
	t.Parallel()
	o := strict
	o.MaxSeries = 2
	c := New(o)
	for i := range 100 {
		for device := range 3 {
			at := time.Duration(i) * interval
			c.Add(A, look(t, fmt.Sprint(device), at))
			require.LessOrEqual(t, c.waiting, 2*waitingPerSeries)
			held := 0
			for _, of := range c.series {
				for _, s := range of.waiting[A] {
					held += s.size()
				}
			}
			require.Equal(t, c.waiting, held)
		}
	}
	require.Len(t, c.series, 2)
	r := c.Finish()
	assert.Equal(t, 100+200-2*waitingPerSeries/5, r.Uncompared, "three values make a sample of size five")
	assert.Zero(t, r.Total())
	assert.Zero(t, c.waiting)
}

// Two brokers hand out what they have at different speeds: one partition of a side may be read to its end before another begins.
func TestPartitionsAtDifferentSpeeds(t *testing.T) {
	t.Parallel()
	c := New(strict)
	for _, side := range []Side{A, B} {
		c.Read(side, c.Add(side, look(t, "first", 0)))
	}
	add := func(side Side, device string) (last time.Time) {
		t.Helper()
		for i := range 100 {
			last = c.Add(side, look(t, device, time.Duration(i)*interval))
		}
		return last
	}
	add(A, "early")
	add(B, "late")
	c.Read(A, add(A, "late"))
	c.Read(B, add(B, "early"))
	r := c.Finish()
	assert.Equal(t, 201, r.Agree)
	assert.Zero(t, r.OnlyA+r.OnlyB)
}

func TestNames(t *testing.T) {
	t.Parallel()
	g, err := pluginsdk.NewMetricsGroup(&pluginsdk.Resource{Site: "a b", Class: "c", Subclass: "s", Type: "t", ID: "\x1b[2J"}, "x", interval)
	require.NoError(t, err)
	require.NoError(t, g.AddDimension("d", "1, e=2"))
	owner, name := identify(g)
	assert.Equal(t, `"a b" c s t "\x1b[2J"`, owner)
	assert.Equal(t, owner+` x {d="1, e=2"}`, name)
}

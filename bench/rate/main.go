// Command rate measures the rate processor beside its peers: `make bench-rate`.
package main

import (
	"cmp"
	"flag"
	"fmt"
	"math"
	"os"
	"runtime"
	"runtime/metrics"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric"
	"golang.org/x/sys/unix"

	"github.com/panoptes-otel/panoptes-otel/bench/internal/bench"
)

const (
	rounds = 81
	turns  = 9 // of so many rounds together
	// turnsOfMany is how many turns there are with a million series, each of one round.
	turnsOfMany = 3
	// leastPoints is how many points a round has at least, so that it takes its time.
	leastPoints = 200_000
)

func main() {
	file := flag.String("out", "results/rate.json", "file for the figures")
	parts := flag.Int("parts", 6, "how many of the parts to run: 10 k, 100 k, 1 M series, table, storage, 10 M series")
	docs := flag.String("docs", "", "page whose table of rates is to be replaced, as ../docs/benchmarks.md")
	flag.Parse()
	head := fmt.Sprintf("ns are CPU a data point, garbage collection included, the making of the batches of %d not; minima of %d rounds, garbage collection by medians, %d cores, load %s, %s\n\n",
		single.points(), rounds, runtime.GOMAXPROCS(0), load(), runtime.Version())
	var report bench.Report
	for _, part := range []func(){
		func() { onePointEach(&report, 10_000) },
		func() { onePointEach(&report, 100_000) },
		func() { onePointEach(&report, 1_000_000) },
		func() { tableShape(&report) },
		func() { persistence(&report) },
		func() { tenMillion(&report) },
	}[:*parts] {
		part()
		must(report.Write(*file)) // what is there so far: it takes long
	}
	must(report.Publish(head, *file, *docs, "## Rates"))
}

// load is what the machine does for others: a busy one makes all figures larger, and not all by as much.
func load() string {
	data, _ := os.ReadFile("/proc/loadavg")
	first, _, _ := strings.Cut(string(data), " ")
	return cmp.Or(first, "unknown")
}

func count(n int) string {
	switch {
	case n >= 1_000_000:
		return fmt.Sprintf("%d M", n/1_000_000)
	case n >= 1000:
		return fmt.Sprintf("%d k", n/1000)
	}
	return fmt.Sprint(n)
}

// figure is what a contestant needed.
type figure struct {
	nanos float64 // CPU a data point
	bytes float64 // heap a series
}

// compare gives each contestant its turns, one after the other, with nothing of the others in memory.
func compare(s shape, series, turns, rounds int, contestants ...contestant) []figure {
	used := make([][]usage, len(contestants))
	for range turns {
		idle := turn(nothing, s, series, rounds/turns).others
		for i, c := range contestants {
			u := turn(c, s, series, rounds/turns)
			if !c.noBatches {
				u.others -= idle
			}
			used[i] = append(used[i], u)
		}
	}
	figures := make([]figure, len(contestants))
	for i, us := range used {
		figures[i] = figureOf(us)
	}
	return figures
}

// figureOf judges a contestant by its turns: its own CPU and heap by minima, and what it costs in garbage collection, which
// comes in cycles that a turn has few of, by medians.
func figureOf(turns []usage) figure {
	f := figure{math.Inf(1), math.Inf(1)}
	var others, share []float64
	for _, u := range turns {
		f.nanos, f.bytes = min(f.nanos, u.thread), min(f.bytes, u.bytes)
		others, share = append(others, u.others), append(share, u.share)
	}
	f.nanos += max(bench.Median(others), bench.Median(share))
	return f
}

// usage is what a contestant used in a turn: CPU for a point, and heap for a series.
type usage struct {
	// thread is of the thread that has the batch, while the contestant has it.
	thread float64
	// others is of all other threads, which collect the garbage, all the time, less what they need with nothing in the
	// contestant's place. But a large state without pointers lets collections become rarer, which must not hide what the
	// contestant's own garbage costs. So share of it is the least that counts: the share that the contestant has of all
	// that was allocated.
	others, share float64
	bytes         float64
}

// turn fills the state of a contestant with all series, and then sends each so many points more.
func turn(c contestant, s shape, series, rounds int) usage {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	st := newStream(s, series, c.transforms)
	repeat := max(1, leastPoints/st.series())
	before := heap()
	consume, end := c.begin(st)
	if c.noBatches {
		before = heap() // the keys are not its own
	}
	var used time.Duration
	var allocated uint64
	pass := func(round int) {
		for b := range st.batches {
			var md pmetric.Metrics
			if !c.noBatches {
				md = st.batch(b, round, c.sameTime)
			}
			bytes, start := allocs(), threadCPU()
			consume(b, md)
			used += threadCPU() - start
			allocated += allocs() - bytes
			check(c.out*s.points(), round)
		}
	}
	pass(0)
	u := usage{thread: math.Inf(1), bytes: float64(heap()-before) / float64(st.series())}
	// The garbage collector has few cycles in a round, so the other threads are judged by the whole turn.
	allocated = 0
	bytes, process, thread := allocs(), cpu(), threadCPU()
	for round := range rounds {
		used = 0
		for i := range repeat {
			pass(1 + round*repeat + i)
		}
		u.thread = min(u.thread, float64(used.Nanoseconds())/float64(repeat*st.series()))
	}
	others := (cpu() - process) - (threadCPU() - thread)
	u.others = float64(others.Nanoseconds()) / float64(rounds*repeat*st.series())
	u.share = u.others * float64(allocated) / float64(max(1, allocs()-bytes))
	end()
	runtime.KeepAlive(consume)
	return u
}

// allocs is how many bytes were ever allocated.
func allocs() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// cpu is what the process has used, user and system.
func cpu() time.Duration { return clock(unix.CLOCK_PROCESS_CPUTIME_ID) }

// threadCPU is what this thread has used; the goroutine must stay on it.
func threadCPU() time.Duration { return clock(unix.CLOCK_THREAD_CPUTIME_ID) }

func clock(id int32) time.Duration {
	var t unix.Timespec
	must(unix.ClockGettime(id, &t))
	return time.Duration(t.Nano())
}

func onePointEach(report *bench.Report, n int) {
	turns, rounds := turns, rounds
	if n >= 1_000_000 {
		turns, rounds = turnsOfMany, turnsOfMany
	}
	f := compare(single, n, turns, rounds,
		ours("state alone", true, true, nil), ourReplace(single), ours("append", true, false, nil), peers(single), bareMap, copied)
	state, replace, add, peer, floor, copying := f[0], f[1], f[2], f[3], f[4], f[5]
	// At ten thousand series what "append" makes of pdata is most of its cost, so there it is measured against that.
	appendAtLeast, floorAtLeast := 2.5, 0.0
	switch {
	case n >= 1_000_000:
		appendAtLeast = 4
	case n <= 10_000:
		appendAtLeast, floorAtLeast = 0, 0.75
	}
	of := ", " + count(n)
	for _, row := range []bench.Row{
		{Measure: "walk, hash, state" + of, Ours: state.nanos, Peer: "cumulativetodelta + deltatorate", PeerValue: peer.nanos, Required: 12},
		{Measure: "walk, hash, state" + of, Ours: state.nanos, Peer: "bare map of 128-bit keys", PeerValue: floor.nanos, Floor: true},
		{Measure: "replace" + of, Ours: replace.nanos, Peer: "cumulativetodelta + deltatorate", PeerValue: peer.nanos, Required: 6},
		{Measure: "append" + of, Ours: add.nanos, Peer: "cumulativetodelta + deltatorate", PeerValue: peer.nanos, Required: appendAtLeast},
		{Measure: "append" + of, Ours: add.nanos, Peer: copied.name, PeerValue: copying.nanos, Floor: true, Required: floorAtLeast},
	} {
		row.Unit = "ns/point"
		report.Add(row)
	}
	for _, row := range []bench.Row{
		{Ours: add.bytes, Peer: "limit", PeerValue: 88, Required: 1},
		{Ours: add.bytes, Peer: "cumulativetodelta + deltatorate", PeerValue: peer.bytes},
		{Ours: add.bytes, Peer: "bare map of 128-bit keys", PeerValue: floor.bytes, Floor: true},
	} {
		row.Measure, row.Unit = "heap"+of, "B/series"
		report.Add(row)
	}
}

func tableShape(report *bench.Report) {
	const n = 100_000
	f := compare(table, n, turns, rounds, ours("append", true, false, nil), deltaAlone, ourReplace(table), copied)
	report.Add(bench.Row{
		Measure: "table, append, " + count(n), Ours: f[0].nanos, Unit: "ns/point",
		Peer: "cumulativetodelta alone", PeerValue: f[1].nanos, Required: 5,
	})
	report.Add(bench.Row{
		Measure: "table, append, " + count(n), Ours: f[0].nanos, Unit: "ns/point", Peer: copied.name, PeerValue: f[3].nanos, Floor: true,
	})
	report.Add(bench.Row{
		Measure: "table, replace, " + count(n), Ours: f[2].nanos, Unit: "ns/point",
		Peer: "cumulativetodelta alone", PeerValue: f[1].nanos,
	})
}

// tenMillion has no peers, which would take four gigabytes, and one round: of ten million points.
func tenMillion(report *bench.Report) {
	const n = 10_000_000
	f := compare(single, n, 1, 1, ours("state alone", true, true, nil), ourReplace(single), ours("append", true, false, nil), bareMap)
	for i, measure := range []string{"walk, hash, state", "replace", "append"} {
		report.Add(bench.Row{
			Measure: measure + ", " + count(n), Ours: f[i].nanos, Unit: "ns/point",
			Peer: "bare map of 128-bit keys", PeerValue: f[3].nanos, Floor: true,
		})
	}
	report.Add(bench.Row{Measure: "heap, " + count(n), Ours: f[2].bytes, Unit: "B/series", Peer: "limit", PeerValue: 88, Required: 1})
	report.Add(bench.Row{
		Measure: "heap, " + count(n), Ours: f[2].bytes, Unit: "B/series",
		Peer: "bare map of 128-bit keys", PeerValue: f[3].bytes, Floor: true,
	})
}

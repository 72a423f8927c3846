package main

import (
	"math"
	"runtime"
	"slices"
	"sync/atomic"
	"syscall"
	"time"
)

// figure is what one turn of a contestant came to.
type figure struct {
	Bytes         float64 // a task, heap and stacks
	P50, P99, Max float64 // milliseconds from the slot to the start
	CPU           float64 // per cent of one core
	Starts        int64
}

// warmUp is how long a contestant runs before it is measured.
const warmUp = 3 * time.Second

// turn runs a contestant for a while. Its tasks start within a minute, evenly.
func turn(name string, window time.Duration) figure {
	i := slices.IndexFunc(contestants, func(c contestant) bool { return c.name == name })
	var before, after runtime.MemStats
	names := make([]string, tasks)
	for i := range names {
		names[i] = taskName(i)
	}
	runtime.GC()
	runtime.ReadMemStats(&before)
	start := contestants[i].prepare(names)
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&after)
	start()
	time.Sleep(warmUp)
	lateness.reset()
	cpu := cpuTime()
	begin := time.Now()
	time.Sleep(window)
	f := figure{
		Bytes: float64(after.HeapAlloc+after.StackInuse-before.HeapAlloc-before.StackInuse) / tasks,
		CPU:   100 * (cpuTime() - cpu).Seconds() / time.Since(begin).Seconds(),
	}
	f.P50, f.P99, f.Max, f.Starts = lateness.sum()
	runtime.KeepAlive(names)
	return f
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	must(syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// histogram counts lateness in steps of a tenth of a millisecond, up to a second.
type histogram struct {
	counts [10_000]atomic.Int64
	max    atomic.Int64
}

var lateness histogram

func (h *histogram) add(d time.Duration) {
	h.counts[min(max(int(d/(100*time.Microsecond)), 0), len(h.counts)-1)].Add(1)
	for {
		seen := h.max.Load()
		if int64(d) <= seen || h.max.CompareAndSwap(seen, int64(d)) {
			return
		}
	}
}

func (h *histogram) reset() {
	for i := range h.counts {
		h.counts[i].Store(0)
	}
	h.max.Store(0)
}

// sum gives quantiles in milliseconds.
func (h *histogram) sum() (p50, p99, most float64, n int64) {
	for i := range h.counts {
		n += h.counts[i].Load()
	}
	quantile := func(q float64) float64 {
		rest := int64(math.Ceil(q * float64(n)))
		for i := range h.counts {
			if rest -= h.counts[i].Load(); rest <= 0 {
				return float64(i+1) / 10
			}
		}
		return math.Inf(1)
	}
	return quantile(0.5), quantile(0.99), float64(h.max.Load()) / 1e6, n
}

package main

import (
	"errors"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/panoptes-otel/panoptes-otel/bench/internal/bench"
)

// measurement is what a contestant needed, and reached.
type measurement struct {
	cpu    float64 // the least nanoseconds of CPU time a group
	allocs float64 // the least allocations a group
	rate   float64 // groups a second, by the median
}

// compare gives each contestant its turns, one after the other in each round.
func compare(contestants []contestant, groups, callers int) ([]measurement, error) {
	out := make([]measurement, len(contestants))
	rates := make([][]float64, len(contestants))
	for i, c := range contestants {
		out[i] = measurement{cpu: math.Inf(1), allocs: math.Inf(1)}
		for range turns - rounds {
			if err := turn(c, callers); err != nil {
				return nil, err
			}
		}
	}
	for range rounds {
		for i, c := range contestants {
			runtime.GC()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start, cpu := time.Now(), processCPU()
			if err := turn(c, callers); err != nil {
				return nil, err
			}
			elapsed, used := time.Since(start), processCPU()-cpu
			runtime.ReadMemStats(&after)
			n := float64(groups * batches)
			out[i].cpu = min(out[i].cpu, float64(used.Nanoseconds())/n)
			out[i].allocs = min(out[i].allocs, float64(after.Mallocs-before.Mallocs)/n)
			rates[i] = append(rates[i], n/elapsed.Seconds())
		}
	}
	for i := range rates {
		out[i].rate = bench.Median(rates[i])
	}
	return out, nil
}

// turn sends all batches of a turn, and returns when Kafka has them.
func turn(c contestant, callers int) error {
	var (
		sent atomic.Int64
		wait sync.WaitGroup
		errs = make([]error, callers)
	)
	for i := range callers {
		wait.Go(func() {
			for sent.Add(1) <= batches && errs[i] == nil {
				errs[i] = c.send()
				if callers == 1 && errs[i] == nil {
					errs[i] = c.flush() // one batch after the other, for all
				}
			}
		})
	}
	wait.Wait()
	return errors.Join(append(errs, c.flush())...)
}

// processCPU is the CPU time of this process, user and system.
func processCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

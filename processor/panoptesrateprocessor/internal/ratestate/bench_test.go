package ratestate

import (
	"fmt"
	"runtime"
	"testing"
)

// BenchmarkObserve is the next value of each of so many series, in turn.
func BenchmarkObserve(b *testing.B) {
	for _, series := range []int{10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(series), func(b *testing.B) {
			var before, after runtime.MemStats
			h := NewHasher(Key{1, 2})
			keys := make([]Key, series)
			for i := range keys {
				keys[i] = h.Word(1, uint64(i))
			}
			runtime.GC()
			runtime.ReadMemStats(&before)
			s := New(Settings{Seed: Key{1, 2}})
			for _, k := range keys {
				s.Observe(k, IntPoint(0, 0), every(60), 0)
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			b.ReportAllocs()
			i, millis := 0, int64(0)
			for b.Loop() {
				if i++; i == series {
					i = 0
				}
				millis++
				s.Observe(keys[i], IntPoint(millis, millis), every(60), 0)
			}
			b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(series), "B/series")
		})
	}
}

// BenchmarkObserveBatch is BenchmarkObserve with a thousand points at a time, and what it takes to make them a batch.
func BenchmarkObserveBatch(b *testing.B) {
	for _, series := range []int{10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(series), func(b *testing.B) {
			h := NewHasher(Key{1, 2})
			keys := make([]Key, series)
			for i := range keys {
				keys[i] = h.Word(1, uint64(i))
			}
			s := New(Settings{Seed: Key{1, 2}})
			var batch Batch
			i, millis := 0, int64(0)
			for range 2 * series {
				if i++; i == series {
					i = 0
				}
				millis++
				s.Observe(keys[i], IntPoint(millis, millis), every(60), 0)
			}
			b.ReportAllocs()
			for b.Loop() {
				if i++; i == series {
					i = 0
				}
				millis++
				batch.SetTerms(every(60))
				batch.Add(keys[i], IntPoint(millis, millis))
				if len(batch.Points) == 512 {
					s.ObserveBatch(&batch, 0)
					batch.Reset()
				}
			}
		})
	}
}

func BenchmarkHash(b *testing.B) {
	h := NewHasher(Key{1, 2})
	for _, text := range []string{"ifname", "ge-0/0/12.100", "a description of some interface, as people write them"} {
		b.Run(fmt.Sprint(len(text)), func(b *testing.B) {
			var k Key
			for b.Loop() {
				k = k.Add(h.String(text))
			}
			runtime.KeepAlive(k)
		})
	}
}

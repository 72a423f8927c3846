package main

import (
	"runtime"
	"testing"

	"github.com/panoptes-otel/panoptes-otel/internal/codec"
)

func BenchmarkEncode(b *testing.B) {
	runtime.GOMAXPROCS(1)
	for name, batch := range map[string]batch{"standard": standardBatch(false), "standard_otlp": standardBatch(true), "table": tableBatch(false), "table_otlp": tableBatch(true)} {
		b.Run(name, func(b *testing.B) {
			e := newEncoder()
			for b.Loop() {
				_, _ = e.Encode(batch.md, func(*codec.Message) error { return nil })
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(batch.groups), "ns/group")
		})
	}
}

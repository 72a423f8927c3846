package main

import (
	"testing"

	"github.com/panoptes-otel/panoptes-otel/internal/codec"
)

// TestContestantsDoTheSame keeps the comparison honest: all write the same values, the floor and we the same bytes.
func TestContestantsDoTheSame(t *testing.T) {
	for _, otlp := range []bool{false, true} {
		standard := standardBatch(otlp)
		check(standard)
		check(tableBatch(otlp))
		if n := len(messagesOf(standard)[500]); n != 1765 {
			t.Errorf("a standard group has %d bytes", n)
		}
	}
}

// BenchmarkEncode is for profiles.
func BenchmarkEncode(b *testing.B) {
	for name, batch := range map[string]batch{
		"standard": standardBatch(false), "standard_otlp": standardBatch(true), "table": tableBatch(false), "table_otlp": tableBatch(true),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			e := newEncoder()
			for b.Loop() {
				_, _ = e.Encode(batch.md, func(*codec.Message) error { return nil })
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(batch.groups), "ns/group")
		})
	}
}

package main

import (
	"testing"

	"github.com/panoptes-otel/panoptes-otel/bench/internal/workload"
	"github.com/panoptes-otel/panoptes-otel/internal/group/panoptesjson"
	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// TestContestantsDoTheSame keeps the comparison honest: all write the same values, the floor and we the same bytes.
func TestContestantsDoTheSame(t *testing.T) {
	for _, otlp := range []bool{false, true} {
		standard := workload.Standard(otlp)
		check(standard)
		check(workload.Table(otlp))
		if n := len(messagesOf(standard)[500]); n != 1765 {
			t.Errorf("a standard group has %d bytes", n)
		}
	}
}

// BenchmarkEncode is for profiles.
func BenchmarkEncode(b *testing.B) {
	for name, batch := range map[string]workload.Batch{
		"standard": workload.Standard(false), "standard_otlp": workload.Standard(true), "table": workload.Table(false), "table_otlp": workload.Table(true),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			e := newEncoder()
			for b.Loop() {
				_, _ = e.Encode(batch.MD, func(*panoptesjson.Message) error { return nil })
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(batch.Groups), "ns/group")
		})
	}
}

// BenchmarkDecode is for profiles.
func BenchmarkDecode(b *testing.B) {
	messages := messagesOf(workload.Standard(false))
	d := panoptesjson.NewDecoder(panoptesjson.DecoderOptions{})
	b.Run("parse", func(b *testing.B) {
		b.ReportAllocs()
		var g pluginsdk.MetricsGroup
		for i := 0; b.Loop(); i++ {
			must(d.Decode(messages[i%len(messages)], &g))
		}
	})
	b.Run("pdata", func(b *testing.B) {
		b.ReportAllocs()
		builder := pdata.NewBuilder(pdata.Options{ServiceIdentity: true})
		for i := 0; b.Loop(); i++ {
			_, err := d.AppendTo(builder, pdata.Scope{Plugin: "interfaces"}, messages[i%len(messages)])
			must(err)
			if i%len(messages) == len(messages)-1 {
				builder.Take()
			}
		}
	})
}

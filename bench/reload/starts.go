package main

import (
	"context"
	"math"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// lateness is the receiver's own metric of how late runs start.
const lateness = "otelcol_panoptes_run_lateness"

// starts says how late runs start, and how long none did.
type starts struct {
	reader      *metric.ManualReader
	last, pause atomic.Int64
}

func newStarts() *starts {
	return &starts{reader: metric.NewManualReader(metric.WithTemporalitySelector(
		func(metric.InstrumentKind) metricdata.Temporality { return metricdata.DeltaTemporality }))}
}

// provider gives the receiver meters, of which lateness counts in steps of half a millisecond.
func (s *starts) provider() *metric.MeterProvider {
	var bounds []float64
	for i := range 400 {
		bounds = append(bounds, float64(i+1)/2000)
	}
	return metric.NewMeterProvider(metric.WithReader(s.reader), metric.WithView(metric.NewView(
		metric.Instrument{Name: lateness},
		metric.Stream{Aggregation: metric.AggregationExplicitBucketHistogram{Boundaries: bounds}},
	)))
}

// note notes a start.
func (s *starts) note() {
	now := time.Now().UnixNano()
	if last := s.last.Swap(now); last > 0 {
		for {
			pause := s.pause.Load()
			if now-last <= pause || s.pause.CompareAndSwap(pause, now-last) {
				return
			}
		}
	}
}

// late is how late runs started in a time.
type late struct{ p99, most, pause time.Duration }

// take gives what came since it was called last.
func (s *starts) take() late {
	var all metricdata.ResourceMetrics
	must(s.reader.Collect(context.Background(), &all))
	var counts []uint64
	var bounds []float64
	var n uint64
	most := 0.0
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			h, ok := m.Data.(metricdata.Histogram[float64])
			if m.Name != lateness || !ok {
				continue
			}
			for _, p := range h.DataPoints {
				if counts == nil {
					counts, bounds = make([]uint64, len(p.BucketCounts)), p.Bounds
				}
				for i, c := range p.BucketCounts {
					counts[i] += c
				}
				n += p.Count
				if max, ok := p.Max.Value(); ok {
					most = math.Max(most, max)
				}
			}
		}
	}
	out := late{most: seconds(most), p99: seconds(most), pause: time.Duration(s.pause.Swap(0))}
	rest := int64(math.Ceil(0.99 * float64(n)))
	for i, c := range counts {
		if rest -= int64(c); rest <= 0 && i < len(bounds) {
			out.p99 = seconds(bounds[i])
			break
		}
	}
	return out
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

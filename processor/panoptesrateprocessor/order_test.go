package panoptesrateprocessor

import (
	"cmp"
	"context"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"pgregory.net/rapid"
)

// drawRising draws a sample of counters that never begin anew: of two samples of a series the later is not smaller, and
// equal times have equal values.
func drawRising() *rapid.Generator[sample] {
	return rapid.Custom(func(t *rapid.T) sample {
		step := rapid.Int64Range(0, 12).Draw(t, "step")
		series := rapid.IntRange(0, 2).Draw(t, "series")
		return risingSample(series, step)
	})
}

func risingSample(series int, step int64) sample {
	return sample{series, 1_600_000_000_000 + step*59_999, int64(series)<<54 + step*step*1000}
}

// TestLateAndTwice sends the samples of counters that only grow shuffled, repeated and with some missing. Each rate must
// be the growth since an earlier sample that is not too old, as the sorted samples have it; whatever is sent in order has
// the rate since the sample before.
func TestLateAndTwice(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		next := &refusing{}
		p, err := newRateProcessor(componenttest.NewNopTelemetrySettings(), createDefaultConfig().(*Config), next)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = p.Shutdown(context.Background()) }()
		sorted := rapid.SliceOfN(drawRising(), 1, 40).Draw(t, "samples") // some are missing, some come twice
		sent := rapid.Permutation(sorted).Draw(t, "sent")
		if rapid.Bool().Draw(t, "in order") {
			slices.SortStableFunc(sent, func(a, b sample) int { return cmp.Compare(a.millis, b.millis) })
		}
		latest := map[int]sample{}
		for len(sent) > 0 {
			n := rapid.IntRange(1, len(sent)).Draw(t, "batch")
			md := samplesOf(sent[:n])
			sent = sent[n:]
			delivered := flatten(md)
			if err := p.ConsumeMetrics(context.Background(), md); err != nil {
				t.Fatal(err)
			}
			got := map[string]int{}
			for _, rate := range ratesOf(next.last) {
				got[rate]++
			}
			for _, s := range delivered {
				last, known := latest[s.series]
				if known && s.millis > last.millis && s.millis-last.millis <= 180_000 {
					if want := rateText(s, last); got[want] == 0 {
						t.Fatalf("%v after %v has no rate %s, but %v", s, last, want, got)
					}
				}
				if !known || s.millis > last.millis {
					latest[s.series] = s
				}
			}
			for rate := range got {
				if !isGrowth(sorted, rate) {
					t.Fatalf("%s is the growth between no two of %v", rate, sorted)
				}
			}
		}
	})
}

func rateText(s, last sample) string {
	f, _ := new(big.Rat).SetFrac(big.NewInt((s.value-last.value)*1000), big.NewInt(s.millis-last.millis)).Float64()
	return fmt.Sprintf("%d at %d: %v", s.series, s.millis, f)
}

// isGrowth says whether a rate is that between two samples not too far apart.
func isGrowth(samples []sample, rate string) bool {
	for _, s := range samples {
		for _, last := range samples {
			if last.series == s.series && last.millis < s.millis && s.millis-last.millis <= 180_000 && rateText(s, last) == rate {
				return true
			}
		}
	}
	return false
}

// call is one batch of one point, when its ConsumeMetrics began and ended, and the rate that came out.
type call struct {
	sample
	began, ended int64
	rate         string
}

// TestLinearizable has several goroutines send points of one series at once. What comes out must be what some order of
// the calls gives, one after the other, in which a call that ended before another began comes before it.
func TestLinearizable(t *testing.T) {
	t.Parallel()
	const goroutines, calls = 4, 4
	rapid.Check(t, func(t *rapid.T) {
		var out sync.Map // of a batch's number, which is a resource attribute that is no part of its identity
		next, err := consumer.NewMetrics(func(_ context.Context, md pmetric.Metrics) error {
			number, _ := md.ResourceMetrics().At(0).Resource().Attributes().Get("number")
			out.Store(number.Int(), strings.Join(ratesOf(md), ", "))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		p, err := newRateProcessor(componenttest.NewNopTelemetrySettings(), createDefaultConfig().(*Config), next)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = p.Shutdown(context.Background()) }()
		history := make([]call, goroutines*calls)
		batches := make([]pmetric.Metrics, len(history))
		for i := range history {
			history[i].sample = drawSample().Draw(t, "sample")
			history[i].series = 0
			batches[i] = samplesOf([]sample{history[i].sample})
			batches[i].ResourceMetrics().At(0).Resource().Attributes().PutInt("number", int64(i))
		}
		var clock atomic.Int64
		var wg sync.WaitGroup
		for g := range goroutines {
			wg.Go(func() {
				for i := g * calls; i < (g+1)*calls; i++ {
					history[i].began = clock.Add(1)
					_ = p.ConsumeMetrics(context.Background(), batches[i])
					history[i].ended = clock.Add(1)
				}
			})
		}
		wg.Wait()
		for i := range history {
			rate, _ := out.Load(int64(i))
			history[i].rate, _ = rate.(string)
		}
		if !linearizable(history, 0, model{}, map[visited]bool{}) {
			t.Fatalf("no order of these calls gives these rates: %+v", history)
		}
	})
}

// model is what is to be known of one series: the last sample and its rate.
type model struct {
	last  sample
	rate  string
	known bool
}

func (m model) after(s sample) (model, string) {
	if m.known && s.millis < m.last.millis {
		return m, ""
	}
	if m.known && s == m.last {
		return m, m.rate
	}
	rate := ""
	if dt := s.millis - m.last.millis; m.known && dt > 0 && dt <= 180_000 && s.value >= m.last.value {
		delta := new(big.Int).Sub(big.NewInt(s.value), big.NewInt(m.last.value))
		f, _ := new(big.Rat).SetFrac(delta.Mul(delta, big.NewInt(1000)), big.NewInt(dt)).Float64()
		rate = fmt.Sprintf("%d at %d: %v", s.series, s.millis, f)
	}
	return model{s, rate, true}, rate
}

// visited is where a search has been in vain: after which calls, in which state.
type visited struct {
	done uint32
	model
}

// linearizable looks for an order of the calls that are not done yet (Wing and Gong, "Testing and Verifying Concurrent
// Objects").
func linearizable(history []call, done uint32, m model, seen map[visited]bool) bool {
	if done == 1<<len(history)-1 {
		return true
	}
	if seen[visited{done, m}] {
		return false
	}
	seen[visited{done, m}] = true
	firstEnd := int64(1 << 62)
	for i, c := range history {
		if done>>i&1 == 0 {
			firstEnd = min(firstEnd, c.ended)
		}
	}
	for i, c := range history {
		if done>>i&1 == 1 || c.began > firstEnd {
			continue
		}
		if after, rate := m.after(c.sample); rate == c.rate && linearizable(history, done|1<<i, after, seen) {
			return true
		}
	}
	return false
}

package panoptesrateprocessor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"pgregory.net/rapid"

	"github.com/panoptes-otel/panoptes-otel/processor/panoptesrateprocessor/internal/ratestate"
)

var errRefused = errors.New("refused")

// refusing is a consumer that refuses while it is told so, and keeps what came last.
type refusing struct {
	refuse bool
	last   pmetric.Metrics
}

func (*refusing) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

func (r *refusing) ConsumeMetrics(_ context.Context, md pmetric.Metrics) error {
	r.last = md
	if r.refuse {
		return errRefused
	}
	return nil
}

// TestRefusedBatchComesAgain: batches of several points of a series are refused, others pass meanwhile, and when the
// refused ones come again, in any order, they get the rates they had.
func TestRefusedBatchComesAgain(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		next := &refusing{}
		p, err := newRateProcessor(componenttest.NewNopTelemetrySettings(), createDefaultConfig().(*Config), next)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = p.Shutdown(context.Background()) }()
		type attempt struct {
			batch []sample
			rates string
		}
		var waiting []attempt
		send := func(batch []sample, refuse bool) string {
			next.refuse = refuse
			if err := p.ConsumeMetrics(context.Background(), samplesOf(batch)); (err != nil) != refuse {
				t.Fatal(err)
			}
			// A point that stands twice in a batch, and another of the same time between, may have its rate once or twice.
			rates := ratesOf(next.last)
			slices.Sort(rates)
			return fmt.Sprint(slices.Compact(rates))
		}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			refuse := rapid.Bool().Draw(t, "refuse")
			if len(waiting) > 0 && rapid.Bool().Draw(t, "again") {
				i := rapid.IntRange(0, len(waiting)-1).Draw(t, "which")
				a := waiting[i]
				if got := send(a.batch, refuse); got != a.rates {
					t.Fatalf("%v gave %s, and %s when it came again", a.batch, a.rates, got)
				}
				if !refuse {
					waiting = append(waiting[:i], waiting[i+1:]...)
				}
				continue
			}
			batch := rapid.SliceOfN(rapid.OneOf(drawRising(), drawSample()), 1, 6).Draw(t, "batch")
			if rates := send(batch, refuse); refuse {
				waiting = append(waiting, attempt{batch, rates})
			}
		}
	})
}

// TestEvictedMeanwhile: the state of a refused batch is gone when it comes again.
func TestEvictedMeanwhile(t *testing.T) {
	t.Parallel()
	next := &refusing{}
	p, err := newRateProcessor(componenttest.NewNopTelemetrySettings(), &Config{MaxSeries: 1}, next)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Shutdown(context.WithoutCancel(t.Context()))) })
	batch := func(i int64) pmetric.Metrics { return samplesOf([]sample{{0, 1_600_000_000_000 + 60_000*i, 60 * i}}) }
	require.NoError(t, p.ConsumeMetrics(t.Context(), batch(0)))
	next.refuse = true
	require.ErrorIs(t, p.ConsumeMetrics(t.Context(), batch(1)), errRefused)
	want := ratesOf(next.last)
	require.Len(t, want, 1)
	next.refuse = false
	require.NoError(t, p.ConsumeMetrics(t.Context(), samplesOf([]sample{{1, 1_600_000_000_000, 0}})))
	require.NoError(t, p.ConsumeMetrics(t.Context(), batch(1)))
	assert.Equal(t, want, ratesOf(next.last))
	require.NoError(t, p.ConsumeMetrics(t.Context(), batch(2)))
	assert.Len(t, ratesOf(next.last), 1)
}

func TestRefusalsAreBounded(t *testing.T) {
	t.Parallel()
	var r refusals
	start := time.Unix(1_700_000_000, 0)
	sent := func(i int64) []sentRate { return []sentRate{{ratestate.Key{A: uint64(i)}, float64(i)}} }
	known := func(i int64) bool {
		rate, ok := r.rate(ratestate.Key{A: uint64(i)})
		assert.True(t, !ok || rate == float64(i))
		return ok
	}
	r.age(start)
	r.note(nil, start)
	assert.False(t, r.any.Load(), "a batch without rates has nothing to remember")
	for i := range int64(3*maxRefused + 1) {
		r.note(sent(i), start)
		if held := len(r.young) + len(r.old); held > 2*maxRefused {
			t.Fatalf("%d are remembered", held)
		}
	}
	assert.False(t, known(maxRefused))
	assert.True(t, known(2*maxRefused), "the later ones are known")
	assert.True(t, known(3*maxRefused))

	r.age(start.Add(refusedFor - 1))
	assert.True(t, known(2*maxRefused))
	r.age(start.Add(refusedFor))
	assert.False(t, known(2*maxRefused))
	assert.True(t, known(3*maxRefused))
	r.note(sent(5), start.Add(2*refusedFor-1))
	r.age(start.Add(2 * refusedFor))
	assert.True(t, known(5), "remembered for as long again")
	r.age(start.Add(3 * refusedFor))
	r.age(start.Add(4 * refusedFor))
	assert.False(t, known(5))
	assert.False(t, r.any.Load())
	assert.Nil(t, r.young)
}

package batch

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// metricsPipeline is a scripted consumer: it answers each batch with what answer says, and notes when it came.
type metricsPipeline struct {
	mu      sync.Mutex
	offered []int
	at      []time.Duration
	start   time.Time
	names   map[string]int // metric names of all batches it took
	answer  func(ctx context.Context, n int) error
	dropped map[string]int
	logs    *observer.ObservedLogs
}

func (p *metricsPipeline) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{MutatesData: true}
}

func (p *metricsPipeline) ConsumeMetrics(ctx context.Context, md pmetric.Metrics) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.offered = append(p.offered, md.DataPointCount())
	p.at = append(p.at, time.Since(p.start))
	err := p.answer(ctx, len(p.offered))
	if err == nil {
		for _, rm := range md.ResourceMetrics().All() {
			for _, sm := range rm.ScopeMetrics().All() {
				for _, m := range sm.Metrics().All() {
					p.names[m.Name()]++
				}
			}
		}
	}
	// What a consumer does to its data must not come back to it in the next try.
	md.ResourceMetrics().RemoveIf(func(pmetric.ResourceMetrics) bool { return true })
	return err
}

func newMetricsPipeline(t *testing.T, maxPoints int, answer func(ctx context.Context, n int) error) (*metricsPipeline, *Metrics) {
	t.Helper()
	if answer == nil {
		answer = func(context.Context, int) error { return nil }
	}
	core, logs := observer.New(zap.InfoLevel)
	p := &metricsPipeline{start: time.Now(), answer: answer, dropped: map[string]int{}, names: map[string]int{}, logs: logs}
	obs, err := receiverhelper.NewObsReport(receiverhelper.ObsReportSettings{
		ReceiverID:             component.MustNewID("panoptes"),
		ReceiverCreateSettings: receivertest.NewNopSettings(component.MustNewType("panoptes")),
	})
	require.NoError(t, err)
	return p, NewMetrics(MetricsSettings{
		Next: p, Obs: obs, MaxDelay: 200 * time.Millisecond, MaxPoints: maxPoints, Logger: zap.New(core),
		Dropped: func(reason string, n int) { p.dropped[reason] += n },
	})
}

var resource = &pluginsdk.Resource{Site: "s", Class: "c", Subclass: "u", Type: "t", ID: "id", Endpoint: "e"}

func groups(t *testing.T, n, metrics int) []*pluginsdk.MetricsGroup {
	t.Helper()
	var all []*pluginsdk.MetricsGroup
	for i := range n {
		g, err := pluginsdk.NewMetricsGroup(resource, "group", time.Minute)
		require.NoError(t, err)
		require.NoError(t, g.AddDimension("n", fmt.Sprint(i)))
		for m := range metrics {
			require.NoError(t, g.AddGauge(fmt.Sprint("m", m), float64(m)))
		}
		all = append(all, g)
	}
	return all
}

var scope = &pdata.Scope{Plugin: "P"}

func TestMetricsDelayAndSize(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, e := newMetricsPipeline(t, 10, nil)
		assert.Equal(t, 3, e.Add(scope, groups(t, 1, 3)))
		assert.Equal(t, 3, e.Add(scope, groups(t, 1, 3)))
		<-time.After(time.Second)
		synctest.Wait()
		assert.Equal(t, []int{6}, p.offered, "joined")
		assert.Equal(t, []time.Duration{200 * time.Millisecond}, p.at)

		assert.Equal(t, 24, e.Add(scope, groups(t, 8, 3)))
		synctest.Wait()
		assert.Equal(t, []int{6, 12, 12}, p.offered, "a group is not cut apart")
		assert.Equal(t, time.Second, p.at[2], "a full batch waits for nothing")

		e.Add(scope, groups(t, 1, 1))
		e.Stop()
		assert.Equal(t, []int{6, 12, 12, 1}, p.offered, "Stop sends what is left")
		assert.Equal(t, time.Second, p.at[3])
		e.Stop()
		assert.Empty(t, p.dropped)
	})
}

func TestGroupsWithoutDataSendNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, e := newMetricsPipeline(t, 10, nil)
		assert.Zero(t, e.Add(scope, groups(t, 3, 0)))
		<-time.After(time.Second)
		e.Stop()
		assert.Empty(t, p.offered)
	})
}

func TestMetricsRetry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, e := newMetricsPipeline(t, 10, func(_ context.Context, n int) error {
			if n <= 3 {
				return errors.New("memory limit")
			}
			return nil
		})
		e.Add(scope, groups(t, 1, 3))
		<-time.After(10 * time.Second)
		synctest.Wait()
		assert.Equal(t, []int{3, 3, 3, 3}, p.offered, "the same points are offered again, whatever became of the first ones")
		assert.Equal(t, map[string]int{"group.m0": 1, "group.m1": 1, "group.m2": 1}, p.names)
		assert.Empty(t, p.dropped)
		assert.Equal(t, 1, p.logs.FilterMessageSnippet("refuses").Len())
		assert.Equal(t, 1, p.logs.FilterMessageSnippet("takes metrics again").Len())
		e.Stop()
	})
}

func TestMetricsRetriesAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, e := newMetricsPipeline(t, 10, func(context.Context, int) error { return errors.New("down") })
		e.Add(scope, groups(t, 1, 3))
		<-time.After(2 * time.Minute)
		synctest.Wait()
		assert.Equal(t, map[string]int{ReasonRetriesExhausted: 3}, p.dropped)
		last := p.at[len(p.at)-1] - p.at[0]
		assert.InDelta(t, retryMetricsFor.Seconds(), last.Seconds(), 1)
		assert.Less(t, len(p.at), 40)
		e.Stop()
	})
}

func TestMetricsPermanentErrors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, e := newMetricsPipeline(t, 1, func(context.Context, int) error { return consumererror.NewPermanent(errors.New("bad data")) })
		e.Add(scope, groups(t, 5, 1))
		<-time.After(time.Second)
		e.Stop()
		assert.Equal(t, map[string]int{ReasonPermanent: 5}, p.dropped)
		assert.Len(t, p.offered, 5, "no second try")
		assert.Equal(t, 1, p.logs.Len(), "one line while the reason stays")
	})
}

// While the pipeline is busy one batch fills up, and then runs wait.
func TestMetricsBackPressure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		busy := make(chan struct{})
		p, e := newMetricsPipeline(t, 10, func(context.Context, int) error { <-busy; return nil })
		e.Add(scope, groups(t, 10, 1))
		synctest.Wait()
		e.Add(scope, groups(t, 10, 1))
		done := make(chan struct{})
		go func() {
			e.Add(scope, groups(t, 1, 1))
			close(done)
		}()
		synctest.Wait()
		select {
		case <-done:
			t.Fatal("Add did not wait")
		default:
		}
		close(busy)
		<-done
		e.Stop()
		assert.Equal(t, []int{10, 10, 1}, p.offered)
	})
}

func TestMetricsShutdown(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(ctx context.Context, n int) error{
		"refuses": func(context.Context, int) error { return errors.New("queue is full") },
		"blocks":  func(ctx context.Context, _ int) error { <-ctx.Done(); return ctx.Err() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, e := newMetricsPipeline(t, 1, answer)
				e.Add(scope, groups(t, 2, 1))
				<-time.After(20 * time.Second)
				start := time.Now()
				e.Stop()
				assert.InDelta(t, hurryFor.Seconds(), time.Since(start).Seconds(), 0.2)
				assert.Equal(t, map[string]int{ReasonShutdown: 2}, p.dropped)
			})
		})
	}
	// What the pipeline takes in the meantime is not lost.
	synctest.Test(t, func(t *testing.T) {
		p, e := newMetricsPipeline(t, 1, func(_ context.Context, n int) error {
			if n < 12 {
				return errors.New("queue is full")
			}
			return nil
		})
		e.Add(scope, groups(t, 1, 1))
		<-time.After(time.Second)
		e.Stop()
		assert.Empty(t, p.dropped)
	})
}

// Runs may end long after the Collector began to stop; a pipeline that works gets what they return.
func TestLateRunsAreSent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, e := newMetricsPipeline(t, 10, func(ctx context.Context, _ int) error { return ctx.Err() })
		e.Hurry()
		<-time.After(3 * hurryFor)
		e.Add(scope, groups(t, 1, 1))
		<-time.After(time.Second)
		e.Add(scope, groups(t, 1, 1))
		e.Stop()
		assert.Equal(t, map[string]int{"group.m0": 2}, p.names)
		assert.Empty(t, p.dropped)
	})
}

func TestMetricsAbandon(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, e := newMetricsPipeline(t, 1, func(ctx context.Context, _ int) error { <-ctx.Done(); return ctx.Err() })
		e.Add(scope, groups(t, 2, 1))
		synctest.Wait()
		start := time.Now()
		e.Abandon()
		e.Stop()
		assert.Less(t, time.Since(start), time.Second)
		assert.Equal(t, map[string]int{ReasonShutdown: 2}, p.dropped)
	})
}

// Pressure tells of a pipeline that does not take data while they pile up, and of nothing else.
func TestPressure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var takes atomic.Bool
		_, e := newMetricsPipeline(t, 10, func(context.Context, int) error {
			if !takes.Load() {
				return errors.New("not now")
			}
			return nil
		})
		e.Add(scope, groups(t, 1, 3))
		<-time.After(20 * time.Second)
		assert.Zero(t, e.Pressure(), "the next batch has room")
		e.Add(scope, groups(t, 1, 5))
		assert.InDelta(t, 15*time.Second, e.Pressure(), float64(time.Second))
		takes.Store(true)
		<-time.After(10 * time.Second)
		assert.Zero(t, e.Pressure())
		e.Stop()
		assert.Zero(t, e.Pressure())
	})
}

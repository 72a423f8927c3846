package batch

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/run/runlog"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

var update = flag.Bool("update", false, "rewrite the golden file")

// logsPipeline is a scripted consumer.
type logsPipeline struct {
	t       *testing.T
	answer  func(ctx context.Context, offer int) error
	logs    *observer.ObservedLogs
	speaker *Speaker

	mu      sync.Mutex
	offers  int
	taken   []string // bodies
	last    plog.Logs
	dropped map[string]int
}

func (p *logsPipeline) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{MutatesData: true}
}

func (p *logsPipeline) ConsumeLogs(ctx context.Context, ld plog.Logs) error {
	p.mu.Lock()
	p.offers++
	n := p.offers
	p.mu.Unlock()
	if err := p.answer(ctx, n); err != nil {
		// What a consumer does to its data must not come back to it in the next try.
		ld.ResourceLogs().RemoveIf(func(plog.ResourceLogs) bool { return true })
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = plog.NewLogs()
	ld.CopyTo(p.last)
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, r := range sl.LogRecords().All() {
				p.taken = append(p.taken, r.Body().Str())
			}
		}
	}
	return nil
}

func newLogsPipeline(t *testing.T, answer func(ctx context.Context, offer int) error) (*logsPipeline, *Logs) {
	t.Helper()
	if answer == nil {
		answer = func(context.Context, int) error { return nil }
	}
	core, logs := observer.New(zap.InfoLevel)
	p := &logsPipeline{t: t, answer: answer, logs: logs, dropped: map[string]int{}}
	p.speaker = &Speaker{Scope: "panoptes/P", Dropped: func(reason string, n int) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.dropped[reason] += n
	}}
	obs, err := receiverhelper.NewObsReport(receiverhelper.ObsReportSettings{
		ReceiverID:             component.MustNewID("panoptes"),
		ReceiverCreateSettings: receivertest.NewNopSettings(component.MustNewType("panoptes")),
	})
	require.NoError(t, err)
	return p, NewLogs(LogsSettings{
		Next: p, Obs: obs, MaxDelay: 200 * time.Millisecond, Logger: zap.New(core), Mapping: pdata.Options{ServiceIdentity: true},
	})
}

// seen returns how many batches were offered, and what was dropped.
func (p *logsPipeline) seen() (offers int, dropped map[string]int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.offers, maps.Clone(p.dropped)
}

func (p *logsPipeline) say(e *Logs, from, to int) {
	for i := from; i < to; i++ {
		e.Say(p.speaker, nil, runlog.Line{At: time.Now(), Level: zap.InfoLevel, Message: fmt.Sprint(i)})
	}
}

func numbers(from, to int) []string {
	var all []string
	for i := from; i < to; i++ {
		all = append(all, fmt.Sprint(i))
	}
	return all
}

// TestLogsRecords: what records say of a line, and that they come with the attributes that a resource has with its metrics.
func TestLogsRecords(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, e := newLogsPipeline(t, nil)
		one := &pluginsdk.Resource{
			Site: "dc1", Class: "network", Subclass: "router", Type: "cisco", ID: "r1", Endpoint: "r1.example", Plugin: "disc",
			Metadata: pluginsdk.Metadata{{Key: "os", Value: "ios"}},
		}
		at := time.UnixMilli(1_600_000_000_123)
		e.Say(p.speaker, one, runlog.Line{At: at, Level: zap.InfoLevel, RunID: 7, Message: "looking", Fields: []zap.Field{
			zap.String("logger", "panoptes.x"), zap.Int64("port", 3), zap.Bool("up", true), zap.Duration("took", time.Second),
			zap.Float64("load", 0.5), zap.Uint64("big", 9),
		}})
		e.Say(p.speaker, one, runlog.Line{At: at, Level: zap.WarnLevel, RunID: 7, Message: "printed", Fields: []zap.Field{zap.String("stream", "stderr")}})
		e.Say(p.speaker, nil, runlog.Line{At: at, Level: zap.DebugLevel, RunID: 8, Message: "discovering"})
		e.Say(&Speaker{Scope: "panoptes/Q"}, one, runlog.Line{At: at, Level: zap.ErrorLevel, Message: "oops", Fields: []zap.Field{zap.String("exception", "Traceback")}})
		e.Fail(p.speaker, one, 7, Failure{Outcome: run.OutcomeRaised, Err: fmt.Errorf("plugin %q: %w", "P",
			&run.PluginError{Type: "KeyError", Message: "'x'", Traceback: "Traceback ..."})})
		e.Stop()
		for _, rl := range p.last.ResourceLogs().All() {
			for _, sl := range rl.ScopeLogs().All() {
				for _, r := range sl.LogRecords().All() {
					r.SetObservedTimestamp(1)
					if strings.HasPrefix(r.Body().Str(), "plugin") {
						r.SetTimestamp(1)
					}
				}
			}
		}
		got, err := (&plog.JSONMarshaler{}).MarshalLogs(p.last)
		require.NoError(t, err)
		golden := filepath.Join("testdata", "records.json")
		if *update {
			require.NoError(t, os.WriteFile(golden, append(got, '\n'), 0o600))
		}
		want, err := os.ReadFile(golden)
		require.NoError(t, err)
		assert.JSONEq(t, string(want), string(got))
	})
}

func TestLogsDelayAndSize(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, e := newLogsPipeline(t, nil)
		p.say(e, 0, 3)
		synctest.Wait()
		offers, _ := p.seen()
		assert.Zero(t, offers)
		<-time.After(time.Second)
		synctest.Wait()
		offers, _ = p.seen()
		assert.Equal(t, 1, offers, "joined")
		p.say(e, 3, maxBatch+3)
		synctest.Wait()
		offers, _ = p.seen()
		assert.Equal(t, 2, offers, "a full batch waits for nothing")
		p.say(e, maxBatch+3, maxBatch+4)
		e.Stop()
		e.Stop()
		assert.Equal(t, numbers(0, maxBatch+4), p.taken)
		p.say(e, 0, 1)
		assert.Equal(t, map[string]int{ReasonShutdown: 1}, p.dropped)
	})
}

// TestSlowPipelineHoldsNobodyUp: what does not fit the queue is dropped at once.
func TestSlowPipelineHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		busy := make(chan struct{})
		p, e := newLogsPipeline(t, func(context.Context, int) error { <-busy; return nil })
		p.say(e, 0, maxBatch)
		synctest.Wait() // the first batch is with the pipeline
		p.say(e, maxBatch, maxBatch+maxLines+100)
		_, dropped := p.seen()
		assert.Equal(t, map[string]int{ReasonQueueFull: 100}, dropped)
		close(busy)
		e.Stop()
		assert.Equal(t, numbers(0, maxBatch+maxLines), p.taken)
	})
}

func TestLogsQueueIsBoundedInBytes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, e := newLogsPipeline(t, func(ctx context.Context, _ int) error { <-ctx.Done(); return ctx.Err() })
		p.say(e, 0, maxBatch)
		synctest.Wait()
		long := strings.Repeat("x", 2*maxText)
		const n = 1000
		for range n {
			e.Say(p.speaker, nil, runlog.Line{Message: long, Fields: []zap.Field{zap.String("exception", long)}})
		}
		_, dropped := p.seen()
		kept := n - dropped[ReasonQueueFull]
		assert.InDelta(t, maxBytes/(2*maxText), kept, 1)
		e.Stop()
		assert.Equal(t, maxBatch+kept, p.dropped[ReasonShutdown])
	})
}

func TestLogsRefusals(t *testing.T) {
	t.Parallel()
	down := errors.New("memory limit")
	for name, c := range map[string]struct {
		answer  func(ctx context.Context, offer int) error
		taken   int
		dropped map[string]int
		offers  int
	}{
		"for a moment": {func(_ context.Context, n int) error {
			if n <= 3 {
				return down
			}
			return nil
		}, 5, map[string]int{}, 4},
		"for long": {func(context.Context, int) error { return down }, 0, map[string]int{ReasonRetriesExhausted: 5}, 7},
		"for good": {func(context.Context, int) error {
			return consumererror.NewPermanent(down)
		}, 0, map[string]int{ReasonPermanent: 5}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, e := newLogsPipeline(t, c.answer)
				p.say(e, 0, 5)
				<-time.After(time.Minute)
				e.Stop()
				assert.Len(t, p.taken, c.taken)
				assert.Equal(t, c.dropped, p.dropped)
				assert.Equal(t, c.offers, p.offers)
				assert.Equal(t, 1, p.logs.FilterMessageSnippet("refuses").Len(), "one line while it lasts")
			})
		})
	}
}

// TestLogsShutdownIsBounded: a pipeline that blocks gets some seconds.
func TestLogsShutdownIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, e := newLogsPipeline(t, func(ctx context.Context, _ int) error { <-ctx.Done(); return ctx.Err() })
		p.say(e, 0, 5)
		begun := time.Now()
		e.Stop()
		assert.Equal(t, hurryFor, time.Since(begun))
		assert.Equal(t, map[string]int{ReasonShutdown: 5}, p.dropped)
	})
}

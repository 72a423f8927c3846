package runtimes

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// toy is a whole runtime: what a further one has to be.
type toy struct{ act func(ctx context.Context) }

func (toy) Load(_ context.Context, p *plugin.Plugin) (run.Facts, error) {
	return run.Facts{Type: p.Type}, nil
}

func (t toy) Run(_ context.Context, c *run.Call) run.Result {
	ctx := c.Begin()
	ended := make(chan *pluginsdk.MetricsGroup, 1)
	go func() {
		t.act(ctx)
		g, _ := pluginsdk.NewMetricsGroup(c.Resource, "toy", time.Minute)
		_ = g.AddGauge("value", 1)
		c.Ended()
		ended <- g
	}()
	select {
	case g := <-ended:
		return c.Groups([]*pluginsdk.MetricsGroup{g})
	case <-ctx.Done():
		return c.GivenUp(nil)
	}
}

func (toy) Concurrency(*plugin.Plugin) (most int, own bool) { return 0, false }

func (toy) Retire(*plugin.Plugin) {}

func (toy) Close(context.Context) error { return nil }

// TestToyRuntime: a further runtime is a type and an entry in the table of New; deadlines, overlaps and the shutdown come
// with the Runner.
func TestToyRuntime(t *testing.T) {
	t.Parallel()
	slow := make(chan struct{})
	r := run.NewRunner(map[plugin.Kind]run.Runtime{
		"toy":  toy{func(context.Context) {}},
		"slow": toy{func(context.Context) { <-slow }},
		"dead": toy{func(ctx context.Context) { <-ctx.Done() }},
	}, limits(run.Limits{}), zap.NewNop(), &logs.Scrubber{}, func() {})
	of := func(kind plugin.Kind) *plugin.Plugin {
		p := goPlugin(string(kind), 50*time.Millisecond)
		p.Kind = kind
		return p
	}
	loaded, err := r.Load(t.Context(), of("toy"))
	require.NoError(t, err)
	result := runOnce(r, loaded, "r1")
	require.NoError(t, result.Err)
	assert.Len(t, result.Groups, 1)
	assert.Positive(t, result.Duration)

	assert.Equal(t, run.OutcomeTimeout, runOnce(r, of("slow"), "r1").Outcome)
	assert.Equal(t, run.OutcomeBusy, runOnce(r, of("slow"), "r1").Outcome)
	require.ErrorContains(t, r.Close(canceled()), "1 runs of plugins have not ended (slow)")
	close(slow)
	require.NoError(t, r.Close(t.Context()))
	assert.Equal(t, run.OutcomeCanceled, runOnce(r, of("toy"), "r1").Outcome)
	assert.Equal(t, run.OutcomeRejected, runOnce(r, of("none"), "r1").Outcome)
}

func canceled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

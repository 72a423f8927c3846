package panoptesreceiver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/panoptes-otel/panoptes-otel/internal/group/attrs"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver/internal/batch"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver/internal/metadata"
)

// hearer is the pipeline of logs behind a receiver.
type hearer struct {
	logs   chan plog.Logs
	answer func() error
}

func newHearer() *hearer {
	return &hearer{logs: make(chan plog.Logs, 10000), answer: func() error { return nil }}
}

func (h *hearer) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

func (h *hearer) ConsumeLogs(_ context.Context, ld plog.Logs) error {
	if err := h.answer(); err != nil {
		return err
	}
	h.logs <- ld
	return nil
}

// record is a log record as the tests look at it.
type record struct {
	resource, attributes map[string]any
	scope, text          string
	severity             plog.SeverityNumber
}

// said waits for a log record with this text.
func (b *bench) said(text string) record {
	b.t.Helper()
	return b.saidAt(plog.SeverityNumberUnspecified, text)
}

// saidAt waits for a log record with this text that has at least this severity.
func (b *bench) saidAt(least plog.SeverityNumber, text string) record {
	b.t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case ld := <-b.heard.logs:
			for _, rl := range ld.ResourceLogs().All() {
				for _, sl := range rl.ScopeLogs().All() {
					for _, r := range sl.LogRecords().All() {
						if r.Body().Str() == text && r.SeverityNumber() >= least {
							return record{
								rl.Resource().Attributes().AsRaw(), r.Attributes().AsRaw(), sl.Scope().Name(), text, r.SeverityNumber(),
							}
						}
					}
				}
			}
		case <-deadline:
			require.Fail(b.t, "no log record "+text, b.log())
		}
	}
}

// TestWordsStandBesideMetrics: what a plugin says has the resource and the scope of what it measures.
func TestWordsStandBesideMetrics(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.heard = newHearer()
	b.plugins["talks"] = pluginsdk.PollingPluginFunc(func(_ context.Context, pc *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
		pc.Logger.Warn("the fan is slow", "fan", 2)
		g := pc.NewGroups()
		g.Group("fans").Gauge("slow", 1)
		return g.Result()
	})
	b.write("plugins/talks.panoptes-plugin", conf("Talks A Lot", "go:talks"))
	b.start()
	measured := b.until("fans", func(p point) bool { return p.metric == "fans.slow" })
	said := b.said("the fan is slow")
	assert.Equal(t, measured.attributes, said.resource)
	assert.Equal(t, measured.scope, said.scope)
	assert.Equal(t, plog.SeverityNumberWarn, said.severity)
	assert.Positive(t, said.attributes[attrs.RunID])
	assert.EqualValues(t, 2, said.attributes["fan"])
}

// TestFailuresAreRecords: a run that failed says so, whatever its plugin says.
func TestFailuresAreRecords(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.heard, b.logsOnly = newHearer(), true
	b.plugins["fails"] = pluginsdk.PollingPluginFunc(func(context.Context, *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
		return nil, errors.New("no route to host")
	})
	b.write("plugins/fails.panoptes-plugin", conf("Fails", "go:fails"))
	b.start()
	said := b.said(`plugin "Fails": resource "localhost": no route to host`)
	assert.Equal(t, "panoptes/Fails", said.scope)
	assert.Equal(t, plog.SeverityNumberError, said.severity)
	assert.Equal(t, "raised", said.attributes[attrs.RunOutcome])
	assert.Equal(t, "localhost", said.resource[attrs.ResourceID])
}

// TestLogsAlone: without a pipeline of metrics plugins run all the same, and what they measure is counted.
func TestLogsAlone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.heard, b.logsOnly = newHearer(), true
	b.plugins["talks"] = pluginsdk.PollingPluginFunc(func(_ context.Context, pc *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
		pc.Logger.Info("here I am")
		g := pc.NewGroups()
		g.Group("fans").Gauge("slow", 1)
		return g.Result()
	})
	b.write("plugins/talks.panoptes-plugin", conf("Talks", "go:talks"))
	b.start()
	b.line("stands in no pipeline of metrics")
	b.said("here I am")
	b.said("here I am")
	assert.Positive(t, b.sum("panoptes_dropped_data_points", "reason=no_pipeline"))
}

// TestTooManyWords: a run that talks without end, and a pipeline that does not listen, cost lines and no runs.
func TestTooManyWords(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.heard = newHearer()
	b.heard.answer = func() error { return consumererror.NewPermanent(errors.New("no logs please")) }
	b.plugins["floods"] = pluginsdk.PollingPluginFunc(func(_ context.Context, pc *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
		for i := range batch.MaxPerRun + 10 {
			pc.Logger.Info(fmt.Sprint("line ", i))
		}
		g := pc.NewGroups()
		g.Group("flood").Gauge("done", 1)
		return g.Result()
	})
	b.write("plugins/floods.panoptes-plugin", conf("Floods", "go:floods"))
	b.start()
	for range 2 {
		b.until("flood", func(p point) bool { return p.metric == "flood.done" })
	}
	assert.Eventually(t, func() bool {
		return b.sum("panoptes_dropped_log_records", "plugin=Floods", "reason=run_limit") >= 20 &&
			b.sum("panoptes_dropped_log_records", "plugin=Floods", "reason=permanent") >= 2*batch.MaxPerRun
	}, patience, 10*time.Millisecond)
}

// statusHost is a host that keeps its own statuses.
type statusHost struct {
	component.Host

	mu     sync.Mutex
	events []componentstatus.Status
	err    error
}

func (h *statusHost) Report(e *componentstatus.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events, h.err = append(h.events, e.Status()), e.Err()
}

func (h *statusHost) reported() []componentstatus.Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.events)
}

// TestOneReceiverForBothPipelines: the receiver starts once, with the last of its pipelines, ends once, with the first, and
// tells the status of both.
func TestOneReceiverForBothPipelines(t *testing.T) {
	t.Parallel()
	factory := NewFactory()
	cfg := factory.CreateDefaultConfig().(*Config)
	cfg.Plugins.Directories = []DirectoryConfig{{Path: t.TempDir()}}
	set := receivertest.NewNopSettings(metadata.Type)
	ofMetrics, err := factory.CreateMetrics(t.Context(), set, cfg, consumertest.NewNop())
	require.NoError(t, err)
	ofLogs, err := factory.CreateLogs(t.Context(), set, cfg, consumertest.NewNop())
	require.NoError(t, err)
	assert.Same(t, ofMetrics, ofLogs)
	another, err := factory.CreateMetrics(t.Context(), set, factory.CreateDefaultConfig(), consumertest.NewNop())
	require.NoError(t, err)
	assert.NotSame(t, ofMetrics, another)
	require.NoError(t, another.Shutdown(t.Context()))

	one, two := &statusHost{Host: componenttest.NewNopHost()}, &statusHost{Host: componenttest.NewNopHost()}
	shared := ofMetrics.(*instance)
	require.NoError(t, ofLogs.Start(t.Context(), one))
	assert.Nil(t, shared.receiver.scheduler, "the other pipeline may not be ready")
	require.NoError(t, ofMetrics.Start(t.Context(), two))
	require.NotNil(t, shared.receiver.scheduler)
	componentstatus.ReportStatus(shared.hosts, componentstatus.NewEvent(componentstatus.StatusOK))
	assert.Contains(t, one.reported(), componentstatus.StatusOK)
	assert.Contains(t, two.reported(), componentstatus.StatusOK)
	require.NoError(t, ofMetrics.Shutdown(t.Context()))
	require.NoError(t, ofLogs.Shutdown(t.Context()))
	again, err := factory.CreateMetrics(t.Context(), set, cfg, consumertest.NewNop())
	require.NoError(t, err)
	assert.NotSame(t, ofMetrics, again, "a new life begins with a new receiver")
	require.NoError(t, again.Shutdown(t.Context()))
}

package panoptesjsonexporter

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/panoptes-otel/panoptes-otel/internal/group/attrs"
	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// primer is an encoder that primes, with a clock of its own.
type primer struct {
	*encoder
	clock time.Time
	logs  *observer.ObservedLogs
}

func newPrimer(t *testing.T, limit int) *primer {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	core, written := observer.New(zapcore.InfoLevel)
	p := &primer{clock: time.Unix(1_600_000_000, 0), logs: written}
	primed := newPriming(zap.New(core), func() time.Time { return p.clock })
	primed.limit = limit
	p.encoder = newEncoder(cfg.mapping(), cfg.routes(), newTopicTable(cfg, zap.NewNop(), logs.NewHourly()), false, primed)
	return p
}

// passes says whether metrics go out, at a time after the start.
func (p *primer) passes(t *testing.T, after time.Duration, md pmetric.Metrics) bool {
	t.Helper()
	p.clock = time.Unix(1_600_000_000, 0).Add(after)
	b, out := p.encode(md)
	defer b.release()
	assert.Equal(t, 1, len(b.messages)+out.dropped[reasonPriming], "one group, sent or held back")
	return len(b.messages) == 1
}

// counted makes a group with a counter, taken at a time after the start; with its rate where it is rated.
func counted(t *testing.T, taken, interval time.Duration, id string, rated bool) pmetric.Metrics {
	t.Helper()
	g, err := pluginsdk.NewMetricsGroup(testResource("dc1", id), "interface", interval)
	require.NoError(t, err)
	at := pluginsdk.Float(1_600_000_000 + taken.Seconds())
	g.Timestamp = pluginsdk.NumberTimestamp(at)
	require.NoError(t, g.AddMetric(pluginsdk.Metric{Name: "m", Value: pluginsdk.Int(1), Type: pluginsdk.Counter, Timestamp: at}))
	md := batchOf(testScope, g)
	if rated {
		metrics := md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics()
		rate := metrics.AppendEmpty()
		rate.SetName("interface.m" + attrs.RateSuffix)
		metrics.At(0).Sum().DataPoints().At(0).CopyTo(rate.SetEmptyGauge().DataPoints().AppendEmpty())
	}
	return md
}

func TestPriming(t *testing.T) {
	t.Parallel()
	const minute, s = time.Minute, time.Second
	p := newPrimer(t, maxPrimed)
	for _, step := range []struct {
		what           string
		now, taken, of time.Duration
		id             string
		rated, passes  bool
	}{
		{"a first sample", s, s, minute, "a", false, false},
		{"of another resource", 59 * s, 59 * s, minute, "b", false, false},
		{"a second one, with its rate", 61 * s, 61 * s, minute, "a", true, true},
		{"a second one that has no rate all the same", 100 * s, 100 * s, minute, "b", false, true},
		{"a first one that has its rate, as the state was kept", 10 * s, 10 * s, minute, "c", true, true},
		{"and then none, as after a reset", 20 * s, 20 * s, minute, "c", false, true},
		{"what waited for Kafka, taken in time", 300 * s, 30 * s, minute, "d", false, false},
		{"what an earlier process took", 30 * s, -s, minute, "e", false, true},
		{"a resource that is new later", 61 * s, 61 * s, minute, "f", false, true},
		{"a short interval: first runs are spread over a minute", 59 * s, 59 * s, 2 * s, "g", false, false},
		{"a long interval: as long as it", 3600 * s, 3599 * s, time.Hour, "h", false, false},
		{"and no longer", 3601 * s, 3601 * s, time.Hour, "i", false, true},
	} {
		assert.Equal(t, step.passes, p.passes(t, step.now, counted(t, step.taken, step.of, step.id, step.rated)), step.what)
	}
}

// Metrics that have to go through package mapping are read as well.
func TestPrimingOfMappedGroups(t *testing.T) {
	t.Parallel()
	for _, rated := range []bool{false, true} {
		p := newPrimer(t, maxPrimed)
		md := counted(t, time.Second, time.Minute, "a", rated)
		md.ResourceMetrics().At(0).ScopeMetrics().At(0).Scope().Attributes().Remove(attrs.GroupInterval)
		assert.Equal(t, rated, p.passes(t, time.Second, md))
		assert.True(t, p.passes(t, 2*time.Second, md), "it came before")
	}
}

func TestPrimingIsBounded(t *testing.T) {
	t.Parallel()
	p := newPrimer(t, 3)
	held := 0
	for i := range 10 {
		if !p.passes(t, time.Second, counted(t, time.Second, time.Minute, fmt.Sprint(i), false)) {
			held++
		}
	}
	assert.Equal(t, 3, held)
	assert.Len(t, p.logs.All(), 1, "one line for all of them")

	assert.Len(t, p.priming.seen, 3)
	assert.True(t, p.passes(t, 3*time.Minute, counted(t, 3*time.Minute, time.Minute, "late", false)))
	assert.Nil(t, p.priming.seen, "all are through, and forgotten")
}

// Two groups that differ in nothing but their site are two.
func TestPrimingTellsGroupsApart(t *testing.T) {
	t.Parallel()
	p := newPrimer(t, maxPrimed)
	base := counted(t, time.Second, time.Minute, "a", false)
	assert.False(t, p.passes(t, time.Second, base))
	for _, key := range []string{attrs.ResourceSite, attrs.ResourceClass, attrs.ResourceType, attrs.ResourceID} {
		md := counted(t, time.Second, time.Minute, "a", false)
		md.ResourceMetrics().At(0).Resource().Attributes().PutStr(key, "other")
		assert.False(t, p.passes(t, time.Second, md), key)
	}
	assert.True(t, p.passes(t, time.Second, base))
}

func TestPrimedExporter(t *testing.T) {
	t.Parallel()
	c := newCluster(t, kfake.AllowAutoTopicCreation(), kfake.DefaultNumPartitions(1))
	s := newSender(t, c.ListenAddrs(), func(cfg *Config) {
		synchronous(cfg)
		cfg.Prime = true
	}).start(t)
	now := time.Duration(time.Now().UnixMilli()-1_600_000_000_000) * time.Millisecond
	gauges := testGroup(t, testResource("dc1", "gauges"), "cpu", "n", "gauges")
	require.NoError(t, s.ConsumeMetrics(t.Context(), batchOf(pdata.Scope{Plugin: "p"}, gauges)))
	require.NoError(t, s.ConsumeMetrics(t.Context(), counted(t, now+time.Millisecond, time.Minute, "a", false)))
	require.NoError(t, s.ConsumeMetrics(t.Context(), counted(t, now+time.Second, time.Minute, "a", true)))
	records := consume(t, c.ListenAddrs(), 2, "dc1-processed")
	require.Contains(t, string(records[0].Value), `"resource_id": "gauges"`, "a group without counters waits for nothing")
	require.Contains(t, string(records[1].Value), `"metric_type": "gauge"`, "and the first one with counters has rates")
	assert.Equal(t, 1, s.sum(t, "groups_dropped", "priming"))
	assert.Equal(t, 1, s.sum(t, "groups_dropped", ""))
	assert.Equal(t, 2, s.sum(t, "groups_sent", ""))
}

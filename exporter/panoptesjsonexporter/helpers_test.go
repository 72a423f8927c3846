package panoptesjsonexporter

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/panoptes-otel/panoptes-otel/exporter/panoptesjsonexporter/internal/metadata"
	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/internal/group/route"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// newCluster starts a broker in this process, that ends with the test.
func newCluster(t *testing.T, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// sender is an exporter under test, with what it tells about itself.
type sender struct {
	exporter.Metrics
	telemetry *componenttest.Telemetry
	logs      *observer.ObservedLogs
	// retries gets a value when an attempt has failed and another will follow.
	retries chan struct{}
	host    component.Host
}

// newSender makes an exporter from the default configuration, changed for quick tests and by change.
func newSender(t *testing.T, brokers []string, change func(*Config)) *sender {
	t.Helper()
	cfg := NewFactory().CreateDefaultConfig().(*Config)
	cfg.Client.Brokers = brokers
	cfg.Client.Metadata.Retry.Backoff = 10 * time.Millisecond
	cfg.Retry.InitialInterval = 5 * time.Millisecond
	cfg.Retry.MaxInterval = 20 * time.Millisecond
	if change != nil {
		change(cfg)
	}
	core, logs := observer.New(zapcore.InfoLevel)
	s := &sender{telemetry: componenttest.NewTelemetry(), logs: logs, retries: make(chan struct{}, 1), host: componenttest.NewNopHost()}
	set := exportertest.NewNopSettings(metadata.Type)
	set.TelemetrySettings = s.telemetry.NewTelemetrySettings()
	set.Logger = zap.New(core, zap.Hooks(func(e zapcore.Entry) error {
		if strings.HasPrefix(e.Message, "Exporting failed. Will retry") {
			select {
			case s.retries <- struct{}{}:
			default:
			}
		}
		return nil
	}))
	m, err := NewFactory().CreateMetrics(t.Context(), set, cfg)
	require.NoError(t, err)
	s.Metrics = m
	t.Cleanup(func() { require.NoError(t, s.telemetry.Shutdown(context.WithoutCancel(t.Context()))) })
	return s
}

// start starts the exporter, and shuts it down with the test.
func (s *sender) start(t *testing.T) *sender {
	t.Helper()
	require.NoError(t, s.Start(t.Context(), s.host))
	t.Cleanup(func() { require.NoError(t, s.Shutdown(context.WithoutCancel(t.Context()))) })
	return s
}

// awaitRetry waits until an attempt has failed.
func (s *sender) awaitRetry(t *testing.T) {
	t.Helper()
	select {
	case <-s.retries:
	case <-time.After(30 * time.Second):
		require.Fail(t, "no attempt failed")
	}
}

// sum is the value of a counter over all its attributes, or of those with a reason.
func (s *sender) sum(t *testing.T, name, reason string) int {
	t.Helper()
	m, err := s.telemetry.GetMetric("otelcol_panoptes_json_" + name)
	if err != nil { // nothing was counted yet
		documentation, err := os.ReadFile("documentation.md")
		require.NoError(t, err)
		require.Contains(t, string(documentation), "\n### otelcol_panoptes_json_"+name+"\n")
		require.Contains(t, string(documentation), reason)
		return 0
	}
	total := 0
	for _, point := range m.Data.(metricdata.Sum[int64]).DataPoints {
		if r, _ := point.Attributes.Value("reason"); reason == "" || r.AsString() == reason {
			total += int(point.Value)
		}
	}
	return total
}

// synchronous makes ConsumeMetrics return when the metrics are delivered.
func synchronous(cfg *Config) { cfg.Queue.Get().WaitForResult = true }

func testResource(site, id string) *pluginsdk.Resource {
	return &pluginsdk.Resource{
		Site: site, Class: "network", Subclass: "switch", Type: "acme", ID: id, Endpoint: id + ".example.com", Plugin: "find",
		CreationTimestamp: pluginsdk.NumberTimestamp(pluginsdk.Float(1512629517.03)),
		Metadata:          pluginsdk.Metadata{{Key: pluginsdk.ResourceTTLKey, Value: pluginsdk.DefaultResourceTTL}},
	}
}

// testGroup makes a group with a gauge of 1, and with the dimensions, which are names and values by turns.
func testGroup(t *testing.T, r *pluginsdk.Resource, groupType string, dimensions ...string) *pluginsdk.MetricsGroup {
	t.Helper()
	g, err := pluginsdk.NewMetricsGroup(r, groupType, time.Minute)
	require.NoError(t, err)
	at := pluginsdk.Float(1600000000.123)
	g.Timestamp = pluginsdk.NumberTimestamp(at)
	require.NoError(t, g.AddMetric(pluginsdk.Metric{Name: "m", Value: pluginsdk.Int(1), Timestamp: at}))
	for i := 0; i < len(dimensions); i += 2 {
		require.NoError(t, g.AddDimension(dimensions[i], dimensions[i+1]))
	}
	return g
}

func batchOf(scope pdata.Scope, groups ...*pluginsdk.MetricsGroup) pmetric.Metrics {
	b := pdata.NewBuilder(pdata.Options{ServiceIdentity: true})
	for _, g := range groups {
		b.Add(scope, g)
	}
	return b.Take()
}

// consume reads n records of the topics, and no more than are there: it fails when one follows the n.
func consume(t *testing.T, brokers []string, n int, topics ...string) []*kgo.Record {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.ConsumeTopics(topics...),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.MetadataMinAge(10*time.Millisecond), kgo.FetchMaxWait(100*time.Millisecond))
	require.NoError(t, err)
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var records []*kgo.Record
	for len(records) < n {
		fetches := client.PollFetches(ctx)
		for _, e := range fetches.Errors() {
			require.False(t, errors.Is(e.Err, context.DeadlineExceeded), "%d of %d records came", len(records), n)
		}
		records = append(records, fetches.Records()...)
	}
	require.Len(t, records, n)
	slices.SortStableFunc(records, func(a, b *kgo.Record) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
	})
	return records
}

// dimension is a dimension's value in a record.
func dimension(t *testing.T, r *kgo.Record, name string) string {
	t.Helper()
	g := &pluginsdk.MetricsGroup{}
	require.NoError(t, json.Unmarshal(r.Value, g))
	v, _ := g.Dimension(name)
	return v
}

func dimensionsOf(t *testing.T, records []*kgo.Record, name string) []string {
	t.Helper()
	values := make([]string, len(records))
	for i, r := range records {
		values[i] = dimension(t, r, name)
	}
	slices.Sort(values)
	return values
}

// partitionOf is where a record's group belongs.
func partitionOf(t *testing.T, r *kgo.Record, partitions int32) int32 {
	t.Helper()
	g := &pluginsdk.MetricsGroup{}
	require.NoError(t, json.Unmarshal(r.Value, g))
	return route.Partition(route.AppendPartitioningKey(nil, g), partitions)
}

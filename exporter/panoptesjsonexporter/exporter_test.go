package panoptesjsonexporter

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/panoptes-otel/panoptes-otel/internal/exporterkit"
	"github.com/panoptes-otel/panoptes-otel/internal/group/attrs"
	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// vector is a row of testdata/vectors/partition.jsonl.
type vector struct {
	Group      json.RawMessage `json:"group"`
	Key        *string         `json:"key"`
	Partitions int32           `json:"partitions"`
	Partition  *int32          `json:"partition"`
	Topics     json.RawMessage `json:"topics"`
	Options    struct {
		Site         bool   `json:"publish_to_site_topic"`
		Global       bool   `json:"publish_to_global_topic"`
		GlobalName   string `json:"global_topic_name"`
		PluginTopics *struct {
			Processed *string `json:"processed"`
		} `json:"plugin_topics"`
	} `json:"options"`
}

// readVectors returns the rows that tell topics: for the others the rule is this project's own (docs/mapping.md), and
// without any topic the exporter does not start.
func readVectors(t *testing.T) []vector {
	t.Helper()
	data, err := os.ReadFile("../../testdata/vectors/partition.jsonl")
	require.NoError(t, err)
	var rows []vector
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var row vector
		require.NoError(t, json.Unmarshal(lines.Bytes(), &row))
		if row.Key != nil && len(row.topics()) > 0 {
			rows = append(rows, row)
		}
	}
	require.Greater(t, len(rows), 30)
	return rows
}

func (v *vector) topics() []string {
	var topics []string
	_ = json.Unmarshal(v.Topics, &topics) // text instead of a list says that the rule is ours
	return topics
}

// send sends a vector's group through an exporter set up as the vector says, and returns the group's JSON.
func (v *vector) send(t *testing.T, brokers []string) []byte {
	t.Helper()
	g := &pluginsdk.MetricsGroup{}
	require.NoError(t, json.Unmarshal(v.Group, g))
	scope := pdata.Scope{Plugin: "p"}
	if p := v.Options.PluginTopics; p != nil && p.Processed != nil {
		// An empty option is one blank suffix, which a scope says with a blank: no attribute means no option.
		scope.Topics = cmp.Or(*p.Processed, " ")
	}
	s := newSender(t, brokers, func(cfg *Config) {
		synchronous(cfg)
		cfg.Topics.Site = v.Options.Site
		cfg.Topics.Global = v.Options.Global
		cfg.Topics.GlobalName = v.Options.GlobalName
	}).start(t)
	require.NoError(t, s.ConsumeMetrics(t.Context(), batchOf(scope, g)))
	return g.AppendJSON(nil)
}

func TestVectors(t *testing.T) {
	t.Parallel()
	for i, row := range readVectors(t) {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			t.Parallel()
			topics := row.topics()
			c := newCluster(t, kfake.SeedTopics(row.Partitions, topics...))
			value := row.send(t, c.ListenAddrs())
			var got []string
			for _, r := range consume(t, c.ListenAddrs(), len(topics), topics...) {
				assert.Equal(t, string(value), string(r.Value))
				assert.Equal(t, *row.Key, string(r.Key))
				assert.Equal(t, *row.Partition, r.Partition)
				got = append(got, r.Topic)
			}
			assert.Equal(t, topics, got)
		})
	}
}

func TestRates(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		rates exporterkit.Rates
		want  string
	}{
		{exporterkit.RatesInt, `"metric_name": "octets", "metric_value": 2, "metric_type": "gauge"}`},
		{exporterkit.RatesDouble, `"metric_name": "octets", "metric_value": 2.75, "metric_type": "gauge"}`},
	} {
		t.Run(string(tt.rates), func(t *testing.T) {
			t.Parallel()
			c := newCluster(t, kfake.SeedTopics(1, "dc1-processed"))
			s := newSender(t, c.ListenAddrs(), func(cfg *Config) {
				synchronous(cfg)
				cfg.Rates = tt.rates
			}).start(t)
			g := testGroup(t, testResource("dc1", "a"), "if")
			require.NoError(t, g.AddMetric(pluginsdk.Metric{
				Name: "octets", Type: pluginsdk.Counter, Value: pluginsdk.Int(500), Timestamp: pluginsdk.Float(1600000000.123),
			}))
			md := batchOf(pdata.Scope{Plugin: "p"}, g)
			scope := md.ResourceMetrics().At(0).ScopeMetrics().At(0)
			rate := scope.Metrics().AppendEmpty()
			rate.SetName("if.octets" + attrs.RateSuffix)
			rate.SetUnit(attrs.RateUnit)
			point := rate.SetEmptyGauge().DataPoints().AppendEmpty()
			point.SetTimestamp(scope.Metrics().At(0).Gauge().DataPoints().At(0).Timestamp())
			point.SetDoubleValue(2.75)
			require.NoError(t, s.ConsumeMetrics(t.Context(), md))
			value := string(consume(t, c.ListenAddrs(), 1, "dc1-processed")[0].Value)
			assert.Contains(t, value, tt.want)
			assert.Contains(t, value, `"metric_name": "octets", "metric_value": 500, "metric_type": "counter"}`)
		})
	}
}

// Metrics that never were Panoptes' go out under the configured defaults, and what has no form is counted.
func TestForeignMetrics(t *testing.T) {
	t.Parallel()
	c := newCluster(t, kfake.SeedTopics(1, "here-processed"))
	s := newSender(t, c.ListenAddrs(), func(cfg *Config) {
		synchronous(cfg)
		cfg.ResourceDefaults = exporterkit.ResourceDefaults{Site: "here", Class: "c", Subclass: "s", Type: "t", ID: "i", Endpoint: "e"}
		cfg.DefaultInterval = 90e9
	}).start(t)
	md := batchOf(pdata.Scope{})
	metrics := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics()
	gauge := metrics.AppendEmpty()
	gauge.SetName("room.temperature")
	point := gauge.SetEmptyGauge().DataPoints().AppendEmpty()
	point.SetTimestamp(1600000000123000000)
	point.SetDoubleValue(20.5)
	metrics.AppendEmpty().SetEmptyHistogram().DataPoints().AppendEmpty()
	require.NoError(t, s.ConsumeMetrics(t.Context(), md))

	r := consume(t, c.ListenAddrs(), 1, "here-processed")[0]
	assert.Equal(t, "c:s:t", string(r.Key))
	g := &pluginsdk.MetricsGroup{}
	require.NoError(t, json.Unmarshal(r.Value, g))
	assert.Equal(t, "room", g.Type)
	assert.Equal(t, 90, g.Interval)
	assert.Equal(t, 1, s.sum(t, "points_dropped", "histogram"))
	assert.Equal(t, 1, s.sum(t, "points_degraded", "type_lost"))
}

func TestReasonsAreListed(t *testing.T) {
	t.Parallel()
	metadata, err := os.ReadFile("metadata.yaml")
	require.NoError(t, err)
	reasons := []string{
		reasonTooLarge, reasonUnknownTopic, reasonInvalidTopic, reasonNotAuthorized, reasonRejected, reasonNoTopic,
		reasonTopicNotAllowed, reasonTooManyTopics,
	}
	for _, r := range pdata.Reasons() {
		reasons = append(reasons, string(r))
	}
	for _, r := range reasons {
		assert.True(t, strings.Contains(string(metadata), "      - "+r+"\n"), "metadata.yaml does not list %q", r)
	}
}

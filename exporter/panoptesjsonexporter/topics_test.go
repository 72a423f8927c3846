package panoptesjsonexporter

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

func TestTopicsOfPluginsAndSites(t *testing.T) {
	t.Parallel()
	c := newCluster(t, kfake.AllowAutoTopicCreation(), kfake.DefaultNumPartitions(1))
	s := newSender(t, c.ListenAddrs(), func(cfg *Config) {
		synchronous(cfg)
		cfg.Topics.Global = true
		cfg.Topics.Suffixes = []string{"processed", "copy"}
	}).start(t)
	require.NoError(t, s.ConsumeMetrics(t.Context(), batchOf(pdata.Scope{Plugin: "p", Topics: "extra, copy"},
		testGroup(t, testResource("dc1", "a"), "cpu"))))
	require.NoError(t, s.ConsumeMetrics(t.Context(), batchOf(pdata.Scope{Plugin: "q"},
		testGroup(t, testResource("dc2", "b"), "cpu"))))
	want := []string{
		"dc1-copy", "dc1-extra", "dc1-processed", "dc2-copy", "dc2-processed",
		"panoptes-metrics", "panoptes-metrics",
	}
	assert.Equal(t, want, topicsOf(consume(t, c.ListenAddrs(), len(want), slices.Compact(slices.Clone(want))...)))
	assert.Equal(t, 2, s.sum(t, "groups_sent", ""))
	assert.Equal(t, 7, s.sum(t, "records_sent", ""))
	assert.Zero(t, s.sum(t, "groups_sanitised", ""))
	assert.Zero(t, s.sum(t, "groups_topic_shared", ""), "the global topic is shared on purpose")
}

func topicsOf(records []*kgo.Record) []string {
	topics := make([]string, len(records))
	for i, r := range records {
		topics[i] = r.Topic
	}
	return topics
}

// groupsOfSites makes a group of each site.
func groupsOfSites(t *testing.T, sites ...string) []*pluginsdk.MetricsGroup {
	t.Helper()
	groups := make([]*pluginsdk.MetricsGroup, len(sites))
	for i, site := range sites {
		groups[i] = testGroup(t, testResource(site, "r"), "cpu", "n", site)
	}
	return groups
}

// Sites that are no legal part of a topic go out all the same, and are counted; so are those that then share a topic.
func TestSitesThatAreNoTopics(t *testing.T) {
	t.Parallel()
	c := newCluster(t, kfake.AllowAutoTopicCreation(), kfake.DefaultNumPartitions(1))
	s := newSender(t, c.ListenAddrs(), synchronous).start(t)
	for range 2 {
		require.NoError(t, s.ConsumeMetrics(t.Context(), batchOf(testScope, groupsOfSites(t, "a/b", "a_b", "a b", "My Site:1")...)))
	}
	records := consume(t, c.ListenAddrs(), 8, "a_b-processed", "My_Site_1-processed")
	assert.Equal(t, []string{"My Site:1", "My Site:1", "a b", "a b", "a/b", "a/b", "a_b", "a_b"}, dimensionsOf(t, records, "n"))
	assert.Equal(t, 6, s.sum(t, "groups_sanitised", ""))
	assert.Equal(t, 4, s.sum(t, "groups_topic_shared", ""), "of a_b and a b: a/b was first")
	assert.Equal(t, 8, s.sum(t, "groups_sent", ""))
	assert.Zero(t, s.sum(t, "groups_dropped", ""))
	logs := s.logs.FilterMessageSnippet("Two sites share a Kafka topic").All()
	require.Len(t, logs, 2, "each pair once")
	assert.Equal(t, map[string]any{"topic": "a_b-processed", "resource_site": "a_b", "first_site": "a/b"}, logs[0].ContextMap())
}

func TestAllowedTopics(t *testing.T) {
	t.Parallel()
	c := newCluster(t, kfake.AllowAutoTopicCreation(), kfake.DefaultNumPartitions(1))
	s := newSender(t, c.ListenAddrs(), func(cfg *Config) {
		synchronous(cfg)
		cfg.Topics.Allow = []string{"dc?-*", "lab-processed", "panoptes-*"}
		cfg.Topics.Global = true
	}).start(t)
	for range 2 {
		require.NoError(t, s.ConsumeMetrics(t.Context(), batchOf(pdata.Scope{Plugin: "p", Topics: "copy"},
			groupsOfSites(t, "dc1", "dc10", "lab", "evil")...)))
	}
	// dc10 and evil are on the global topic alone, lab is not on its second one.
	want := []string{"dc1-copy", "dc1-processed", "lab-processed"}
	records := consume(t, c.ListenAddrs(), 14, append(want, "panoptes-metrics")...)
	assert.Equal(t, append(want, "panoptes-metrics"), slices.Compact(topicsOf(records)))
	assert.Equal(t, 2, s.sum(t, "groups_sent", ""))
	assert.Equal(t, 6, s.sum(t, "groups_dropped", "topic_not_allowed"))
	assert.Equal(t, 6, s.sum(t, "groups_dropped", ""))
	logs := s.logs.FilterMessageSnippet("not in topics::allow").All()
	require.Len(t, logs, 5, "each topic once")
	assert.Equal(t, map[string]any{
		"topic": "dc10-processed", "resource_site": "dc10", "allow": []any{"dc?-*", "lab-processed", "panoptes-*"},
	}, logs[0].ContextMap())
}

// A site that makes up names gets no more topics than there may be; those that were there first go on.
func TestTooManyTopics(t *testing.T) {
	t.Parallel()
	c := newCluster(t, kfake.AllowAutoTopicCreation(), kfake.DefaultNumPartitions(1))
	s := newSender(t, c.ListenAddrs(), func(cfg *Config) {
		synchronous(cfg)
		cfg.Topics.Max = 2
	}).start(t)
	for i := range 3 {
		sites := []string{"dc1", "dc2", fmt.Sprintf("made-up-%d", i), fmt.Sprintf("more-%d", i)}
		require.NoError(t, s.ConsumeMetrics(t.Context(), batchOf(testScope, groupsOfSites(t, sites...)...)))
	}
	records := consume(t, c.ListenAddrs(), 6, "dc1-processed", "dc2-processed")
	assert.Equal(t, []string{"dc1", "dc1", "dc1", "dc2", "dc2", "dc2"}, dimensionsOf(t, records, "n"))
	assert.Equal(t, 6, s.sum(t, "groups_dropped", "too_many_topics"))
	assert.Equal(t, 6, s.sum(t, "groups_sent", ""))
	logs := s.logs.FilterMessageSnippet("as many topics as topics::max allows").All()
	require.Len(t, logs, 1, "once for all of them")
	assert.Equal(t, map[string]any{"topic": "made-up-0-processed", "resource_site": "made-up-0", "max": int64(2)}, logs[0].ContextMap())
}

// Headers are off by default: a record is byte for byte what it was.
func TestHeaders(t *testing.T) {
	t.Parallel()
	for _, on := range []bool{false, true} {
		c := newCluster(t, kfake.SeedTopics(1, "dc1-processed"))
		s := newSender(t, c.ListenAddrs(), func(cfg *Config) {
			synchronous(cfg)
			cfg.Headers = cmp.Or(on, cfg.Headers)
		}).start(t)
		require.NoError(t, s.ConsumeMetrics(t.Context(), batchOf(testScope, numbered(t, "dc1", 3)...)))
		for _, r := range consume(t, c.ListenAddrs(), 3, "dc1-processed") {
			var headers []string
			for _, h := range r.Headers {
				headers = append(headers, h.Key+": "+string(h.Value))
			}
			want := ""
			if on {
				want = "content-type: application/json, panoptes-schema-version: 0.2"
			}
			assert.Equal(t, want, strings.Join(headers, ", "))
		}
	}
}

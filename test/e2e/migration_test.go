//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/panoptes-otel/panoptes-otel/internal/oldkafka"
	"github.com/panoptes-otel/panoptes-otel/internal/redistest"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// TestMigration follows docs/migration.md to the letter, with a program in the old Panoptes' place, and looks at what a
// consumer of its topic saw: series stayed in their partitions, with their keys and their rates.
func TestMigration(t *testing.T) {
	t.Parallel()
	seeds := os.Getenv("PANOPTES_TEST_OLD_BROKERS") // those that scripts/test-kafka starts
	if seeds == "" {
		seeds = brokers(t)
	}
	host, port, _ := strings.Cut(seeds, ":")
	server := redistest.Start(t)
	_, redisPort, _ := strings.Cut(server.Addr, ":")
	keys := redis.NewClient(&redis.Options{Addr: server.Addr})
	defer keys.Close()
	require.NoError(t, keys.Set(t.Context(), "panoptes:secrets:snmp_community_string:dc1", "community of dc1", 0).Err())
	require.NoError(t, keys.Set(t.Context(), "panoptes:secrets:snmp_community_string:default", "public", 0).Err())
	old := startOldPanoptes(t, seeds)
	w := newWalk(t, "../../docs/migration.md", strings.NewReplacer(
		"kafka1.example.com:9092", seeds, "kafka1.example.com", host, "port = 9092", "port = "+port,
		"redis1.example.com:6379", server.Addr, "redis1.example.com", "127.0.0.1", "port = 6379", "port = "+redisPort,
		"127.0.0.1:13151", fmt.Sprintf("127.0.0.1:%d", freePort(t)), "port: 18888", fmt.Sprintf("port: %d", freePort(t)),
	))
	w.show(t, "trial.log", "switched.log")
	write(t, filepath.Join(w.dir, "old-panoptes"), "#!/bin/sh\necho \"$1\" >"+old.switchFile+".$2\n")
	require.NoError(t, os.Chmod(filepath.Join(w.dir, "old-panoptes"), 0o755))
	w.env = append(w.env, "PATH="+w.dir+string(os.PathListSeparator)+w.path)
	files, commands := w.follow(t)
	require.Equal(t, 6, files)
	require.Greater(t, commands, 8)
	old.check(t)
	found, err := keys.Keys(t.Context(), "*panoptes:resource_manager_kv*").Result()
	require.NoError(t, err)
	require.NotEmpty(t, found)
	for _, key := range found {
		require.Contains(t, key, "panoptes:resource_manager_kv:resource:plugin|")
		require.Contains(t, key, "|site|dc1|", "of the site that is moved alone")
	}
}

// oldPanoptes writes what Panoptes would: resource sets on its bus, and a group of each of its resources every two seconds,
// in the partition and with the key that Panoptes gives it, and without a time of Kafka's.
type oldPanoptes struct {
	writer     *oldkafka.Writer
	seeds      string
	sites      []string
	switchFile string // ".<site>" of which holds start or stop
	stopped    map[string]time.Time
	started    map[string]time.Time
}

const (
	oldInterval   = 2 * time.Second
	oldPartitions = 4
)

func startOldPanoptes(t *testing.T, seeds string) *oldPanoptes {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(seeds))
	require.NoError(t, err)
	defer client.Close()
	o := &oldPanoptes{
		writer: oldkafka.NewWriter(t, seeds), seeds: seeds, sites: []string{"dc1", "dc2"}, switchFile: filepath.Join(t.TempDir(), "switch"),
		stopped: map[string]time.Time{}, started: map[string]time.Time{},
	}
	admin := kadm.NewClient(client)
	for _, s := range o.sites {
		topics := []string{s + "-resources", s + "-processed", s + "-trial"}
		_, _ = admin.DeleteTopics(t.Context(), topics...) // of an earlier run on the same broker
		for _, topic := range topics {
			waitFor(t, "the topic "+topic, func() (bool, string) {
				made, err := admin.CreateTopic(t.Context(), oldPartitions, 1, nil, topic)
				return err == nil && made.Err == nil, fmt.Sprint(err, made.Err)
			})
		}
		o.discover(t, s)
	}
	done := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() { o.run(t, done) })
	t.Cleanup(func() { close(done); running.Wait() })
	return o
}

// resources are twelve in each site.
func (o *oldPanoptes) resources(site string) []*pluginsdk.Resource {
	var all []*pluginsdk.Resource
	for i := range 12 {
		r := &pluginsdk.Resource{
			Site: site, Class: "network", Subclass: "switch", Type: "acme", ID: fmt.Sprintf("sw%d.%s", i, site), Endpoint: "localhost",
			Plugin: "Inventory", CreationTimestamp: pluginsdk.NumberTimestamp(pluginsdk.Float(1512629517.03)),
			Metadata: pluginsdk.Metadata{{Key: pluginsdk.ResourceTTLKey, Value: pluginsdk.DefaultResourceTTL}},
		}
		all = append(all, r)
	}
	return all
}

func (o *oldPanoptes) discover(t *testing.T, site string) {
	t.Helper()
	set := map[string]any{
		"resources": o.resources(site), "resource_set_schema_version": "0.1",
		"resource_set_creation_timestamp": float64(time.Now().UnixMilli()) / 1000,
	}
	text, err := json.Marshal(set)
	require.NoError(t, err)
	const key = "Inventory:0.1:3221e556fca9b9bd99d669e46052debd"
	o.put(t, site, oldkafka.Message{Topic: "resources", Key: key, PartitionedBy: key, Value: string(text)})
}

// put writes a message where Panoptes' partitioner, which is that of Kafka's own clients, puts it.
func (o *oldPanoptes) put(t *testing.T, site string, m oldkafka.Message) {
	t.Helper()
	m.Partition = int32(kgo.StickyKeyPartitioner(nil).ForTopic("").Partition(&kgo.Record{Key: []byte(m.PartitionedBy)}, oldPartitions))
	if err := o.writer.Put(t.Context(), site, m); err != nil && t.Context().Err() == nil {
		t.Errorf("the old Panoptes cannot write: %v", err)
	}
}

func (o *oldPanoptes) run(t *testing.T, done <-chan struct{}) {
	tick := time.NewTicker(oldInterval)
	defer tick.Stop()
	for {
		for _, s := range o.sites {
			if o.runs(s) {
				for _, r := range o.resources(s) {
					o.poll(t, r)
				}
			}
		}
		select {
		case <-done:
			return
		case <-tick.C:
		}
	}
}

// runs says whether a site is on, and notes when it was switched.
func (o *oldPanoptes) runs(site string) bool {
	word, _ := os.ReadFile(o.switchFile + "." + site)
	off := strings.TrimSpace(string(word)) == "stop"
	switch {
	case off && o.stopped[site].IsZero():
		o.stopped[site] = time.Now()
	case !off && !o.stopped[site].IsZero() && o.started[site].IsZero():
		o.started[site] = time.Now()
	}
	return !off
}

// poll writes what the plugin of docs/migration.md finds, as Panoptes writes it (docs/panoptes/formats.md, sections 1 and 5).
// None of it is written, or placed, by code of ours.
func (o *oldPanoptes) poll(t *testing.T, r *pluginsdk.Resource) {
	now := time.Now()
	at := fmt.Sprintf("%d.%03d", now.Unix(), now.UnixMilli()%1000)
	metric := func(name, value, kind string) string {
		return fmt.Sprintf(`{"metric_creation_timestamp": %s, "metric_name": %q, "metric_value": %s, "metric_type": %q}`, at, name, value, kind)
	}
	text := fmt.Sprintf(`{"metrics_group_type": "interface", "metrics_group_interval": 2, "metrics_group_creation_timestamp": %s, `+
		`"metrics_group_schema_version": "0.2", "resource": {"resource_site": %q, "resource_class": "network", `+
		`"resource_subclass": "switch", "resource_type": "acme", "resource_id": %q, "resource_endpoint": "localhost", `+
		`"resource_metadata": {"_resource_ttl": "604800"}, "resource_creation_timestamp": 1512629517.03, "resource_plugin": "Inventory"}, `+
		`"metrics": [%s, %s, %s], "dimensions": [{"dimension_name": "interface_name", "dimension_value": "xe-0/0/1"}]}`,
		at, r.Site, r.ID, metric("oper_status", "1", "gauge"),
		metric("in_octets", fmt.Sprint(now.UnixMilli()), "counter"), metric("in_octets", "1000", "gauge"))
	o.put(t, r.Site, oldkafka.Message{
		Topic: "processed", Key: "network:switch:acme", PartitionedBy: r.ID + "|interface|interface_name|xe-0/0/1", Value: text,
	})
}

// check reads what a consumer of dc1-processed has seen.
func (o *oldPanoptes) check(t *testing.T) {
	t.Helper()
	stopped, started := o.stopped["dc1"], o.started["dc1"]
	require.False(t, stopped.IsZero() || started.IsZero(), "the site was switched, and back")
	partitions := map[string]int32{}
	times := map[string][]float64{}
	var moved, back int
	seen := map[string]bool{}
	consume(t, o.seeds, "dc1-processed").until(t, "a group of the old Panoptes, back again", func(r *kgo.Record) bool {
		var g pluginsdk.MetricsGroup
		require.NoError(t, json.Unmarshal(r.Value, &g))
		id := g.Resource.ID
		if p, known := partitions[id]; known {
			require.Equal(t, p, r.Partition, "%s stays in its partition", id)
		}
		partitions[id] = r.Partition
		require.Equal(t, "network:switch:acme", string(r.Key))
		require.Len(t, g.Metrics(), 3, "counter, rate and gauge, from the first message on: %s", r.Value)
		at, _ := g.Timestamp.Seconds()
		times[id] = append(times[id], at)
		switch when := time.UnixMilli(int64(at * 1000)); {
		case when.After(started):
			back++
		case when.After(stopped):
			moved++
			seen[id] = true
		}
		return back > 12 && len(seen) == 12 // partitions do not come in the order of time
	})
	require.Len(t, seen, 12, "each resource was polled while the site was moved")
	require.GreaterOrEqual(t, moved, 24)
	// Where one gives the site to the other, which is known to an interval, there may be any time between two groups.
	const seconds = float64(time.Second)
	begin, end := float64(stopped.UnixNano())/seconds, float64(started.UnixNano())/seconds
	given := oldInterval.Seconds() + 0.5
	for id, at := range times {
		for i := 1; i < len(at); i++ {
			if at[i] < begin-given || at[i-1] > begin && at[i] < end-given {
				require.Greater(t, at[i]-at[i-1], 0.5, "%s is polled by one of the two: %v", id, at)
			}
		}
	}
}

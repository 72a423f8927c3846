//go:build e2e && kafka

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

const trustYAML = `
extensions:
  file_storage: {directory: %[1]s/state, create_directory: true}
receivers:
  otlp: {protocols: {http: {endpoint: "127.0.0.1:%[2]d"}}}
processors:
  panoptes_rate:
    storage: file_storage
    transforms: ["t = rate:t:c"]
exporters:
  panoptes_json:
    brokers: ["%[3]s"]
    rates: double
    resource_defaults: {site: %[4]s}
    producer: {allow_auto_topic_creation: false}
    retry_on_failure: {initial_interval: 200ms, max_interval: 1s}
    sending_queue: {storage: file_storage, queue_size: 100000, batch: {flush_timeout: 50ms, min_size: 500}}
service:
  extensions: [file_storage]
  pipelines: {metrics: {receivers: [otlp], processors: [panoptes_rate], exporters: [panoptes_json]}}
  telemetry: {metrics: {level: none}, logs: {level: warn}}
`

const trustInterval = 20 * time.Second // a base counts for three of them

// trustSetting is a number from the environment: PANOPTES_KILLS, PANOPTES_TRUST_SERIES, PANOPTES_TRUST_PACE (milliseconds).
func trustSetting(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, name)
	return n
}

// trustSample is a value of a counter.
type trustSample struct {
	value int64
	acked bool
	// life is that of the Collector that was sent it.
	life int
}

// trusted are counters whose every value is known, and what Kafka has of them.
type trusted struct {
	mu      sync.Mutex
	samples []map[int64]*trustSample // by counter and time in milliseconds
	times   []int64                  // of all samples, in order
	pace    time.Duration
	life    atomic.Int64
	batches atomic.Int64
}

// send sends a value of each counter, and then the next ones, for as long as ctx lives.
func (c *trusted) send(ctx context.Context, url string, random *rand.Rand) {
	values := make([]int64, len(c.samples))
	pace := time.NewTicker(c.pace)
	defer pace.Stop()
	for ctx.Err() == nil {
		md := pmetric.NewMetrics()
		points := newPoints(md, trustInterval)
		now := time.Now().UnixMilli()
		sent := make([]*trustSample, len(values))
		c.mu.Lock()
		c.times = append(c.times, now)
		for i := range values {
			values[i] += random.Int64N(1 << 30)
			sent[i] = &trustSample{value: values[i], life: int(c.life.Load())}
			c.samples[i][now] = sent[i]
			dp := points.AppendEmpty()
			dp.Attributes().PutStr("n", strconv.Itoa(i))
			dp.SetTimestamp(pcommon.Timestamp(now * 1e6))
			dp.SetIntValue(values[i])
		}
		c.mu.Unlock()
		body, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(md)
		if err == nil && post(url, body) {
			c.mu.Lock()
			for _, s := range sent {
				s.acked = true
			}
			c.mu.Unlock()
			c.batches.Add(1)
		}
		<-pace.C
	}
}

func (c *trusted) wait(t *testing.T, batches int64) {
	t.Helper()
	until := c.batches.Load() + batches
	waitFor(t, "batches", func() (bool, string) { return c.batches.Load() >= until, "" })
}

// TestTrust kills the built Collector without mercy under load, at random moments, with the broker there and, in the middle, away.
// All that it acknowledged is on Kafka; each rate there is the right one of two values that were sent; of each counter one rate a
// kill may be missing, or be made with an older value than the last; and the folder of the storage has no more files than
// before. With PANOPTES_TRUST=full it takes 500 kills, and the broker is away for ten minutes.
func TestTrust(t *testing.T) {
	kills, away := 6, 3*time.Second
	if os.Getenv("PANOPTES_TRUST") == "full" {
		kills, away = 500, 10*time.Minute
	}
	kills = trustSetting(t, "PANOPTES_KILLS", kills)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	dir, site, port := t.TempDir(), site(t), freePort(t)
	topic := site + "-processed"
	client, err := kgo.NewClient(kgo.SeedBrokers(os.Getenv("KAFKA_BOOTSTRAP")))
	require.NoError(t, err)
	defer client.Close()
	_, err = kadm.NewClient(client).CreateTopics(t.Context(), 4, 1, nil, topic)
	require.NoError(t, err)
	write(t, filepath.Join(dir, "collector.yaml"), fmt.Sprintf(trustYAML, dir, port, os.Getenv("KAFKA_BOOTSTRAP"), site))
	start := func() *process {
		return start(t, nil, binary(t, "panoptes-otelcol"), "--config", filepath.Join(dir, "collector.yaml"))
	}

	c := &trusted{pace: time.Duration(trustSetting(t, "PANOPTES_TRUST_PACE", 100)) * time.Millisecond}
	for range trustSetting(t, "PANOPTES_TRUST_SERIES", 10) {
		c.samples = append(c.samples, map[int64]*trustSample{})
	}
	collector := start()
	ctx, quit := context.WithCancel(t.Context())
	var sending sync.WaitGroup
	sending.Go(func() {
		c.send(ctx, fmt.Sprintf("http://127.0.0.1:%d/v1/metrics", port), rand.New(rand.NewPCG(seed, 1)))
	})
	t.Cleanup(quit)
	c.wait(t, 10)
	files := storageFiles(t, dir)
	for i := range kills {
		c.wait(t, 1+random.Int64N(20))
		if i == kills/2 {
			kafkaBroker(t, "stop")
			c.wait(t, 5)
		}
		_ = collector.stop(t, syscall.SIGKILL)
		c.life.Add(1)
		collector = start()
		if i == kills/2 {
			time.Sleep(away) // how long the broker is away is what is tested
			kafkaBroker(t, "start")
		}
	}
	c.wait(t, 20)
	quit()
	sending.Wait()
	c.drained(t, kadm.NewClient(client), topic)
	require.NoError(t, collector.stop(t, syscall.SIGTERM))
	require.Equal(t, files, storageFiles(t, dir), "what is in the folder of the storage")
	c.check(t, topic, kills)
}

// drained waits until Kafka has as many messages as groups were acknowledged: a queue on disk is not emptied by a stop.
func (c *trusted) drained(t *testing.T, admin *kadm.Client, topic string) {
	t.Helper()
	deadline := time.Now().Add(5 * patience)
	for {
		ends, err := admin.ListEndOffsets(t.Context(), topic)
		require.NoError(t, err)
		var there int64
		ends.Each(func(o kadm.ListedOffset) { there += o.Offset })
		if acked := c.batches.Load() * int64(len(c.samples)); there >= acked {
			return
		} else if time.Now().After(deadline) {
			t.Errorf("%d of %d groups are on Kafka", there, acked)
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func storageFiles(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(dir, "state"))
	require.NoError(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// trustedGroup is a message, as far as it matters.
type trustedGroup struct {
	Metrics []struct {
		Value json.Number `json:"metric_value"`
		Type  string      `json:"metric_type"`
		Time  json.Number `json:"metric_creation_timestamp"`
	} `json:"metrics"`
	Dimensions []struct {
		Value string `json:"dimension_value"`
	} `json:"dimensions"`
}

func (c *trusted) check(t *testing.T, topic string, kills int) {
	t.Helper()
	seen := make([]map[int64]bool, len(c.samples))
	for i := range seen {
		seen[i] = map[int64]bool{}
	}
	var messages, duplicates, rates, older, without int
	for _, value := range readTopic(t, topic) {
		var g trustedGroup
		require.NoError(t, json.Unmarshal(value, &g), "%s", value)
		require.Len(t, g.Dimensions, 1)
		i, err := strconv.Atoi(g.Dimensions[0].Value)
		require.NoError(t, err)
		var at int64
		rate := -1.0
		for _, m := range g.Metrics {
			if m.Type == "gauge" {
				rate, err = m.Value.Float64()
				require.NoError(t, err)
				continue
			}
			seconds, err := m.Time.Float64()
			require.NoError(t, err)
			at = int64(seconds*1000 + 0.5)
			require.NotNil(t, c.samples[i][at], "no such value was sent: %s", value)
			require.Equal(t, strconv.FormatInt(c.samples[i][at].value, 10), m.Value.String(), "%s", value)
		}
		messages++
		if seen[i][at] {
			duplicates++
			continue
		}
		seen[i][at] = true
		if rate < 0 {
			without++
			continue
		}
		rates++
		if !c.right(t, i, at, rate) {
			older++
		}
	}
	lost, acked := 0, 0
	for i, samples := range c.samples {
		for at, s := range samples {
			if s.acked {
				acked++
				if !seen[i][at] {
					lost++
				}
			}
		}
	}
	t.Logf("%d kills: %d groups acknowledged, %d lost; %d messages, %d of them twice; %d rates, none wrong, %d of them over more than one value; %d groups without rates",
		kills, acked, lost, messages, duplicates, rates, older, without)
	require.Zero(t, lost)
	require.Positive(t, rates)
	require.LessOrEqual(t, without, len(c.samples)*(kills+1), "the first, and one a kill")
	require.LessOrEqual(t, older, len(c.samples)*kills, "one a kill")
}

// right checks that a rate is the one between a value and an earlier one that was sent, and says whether that is the last one before
// it.
func (c *trusted) right(t *testing.T, i int, at int64, rate float64) bool {
	t.Helper()
	var match int64
	end, _ := slices.BinarySearch(c.times, at)
	bases := c.times[:end]
	first, _ := slices.BinarySearch(bases, at-3*trustInterval.Milliseconds())
	bases = bases[first:]
	for _, base := range slices.Backward(bases) {
		if rateBetween(c.samples[i][base].value, c.samples[i][at].value, at-base) == rate {
			match = base
			break
		}
	}
	require.NotZero(t, match, "counter %d at %d: the rate %v is none of those that its %d earlier values make", i, at, rate, len(bases))
	return match == bases[len(bases)-1]
}

// readTopic reads a topic to its end.
func readTopic(t *testing.T, topic string) (values [][]byte) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(os.Getenv("KAFKA_BOOTSTRAP")), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	require.NoError(t, err)
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*patience)
	defer cancel()
	offsets := map[int32]int64{}
	for !atEnd(t, client, topic, offsets) {
		fetches := client.PollFetches(ctx)
		require.NoError(t, ctx.Err())
		fetches.EachRecord(func(r *kgo.Record) {
			offsets[r.Partition] = r.Offset + 1
			values = append(values, r.Value)
		})
	}
	return values
}

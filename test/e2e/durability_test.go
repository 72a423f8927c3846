//go:build e2e && kafka

package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// The tests of this file stop and start a real Apache Kafka and kill Collectors, all under load; scripts/test-kafka gives
// them a broker of their own.

const durabilityYAML = `
extensions:
  file_storage: {directory: %[1]s/queue, create_directory: true}
receivers:
  otlp: {protocols: {http: {endpoint: "127.0.0.1:%[2]d"}}}
exporters:
  panoptes_json:
    brokers: ["%[3]s"]
    auth: {sasl: {mechanism: SCRAM-SHA-256, username: %[4]s, password: secret}}
    producer: {compression: lz4, allow_auto_topic_creation: false}
    retry_on_failure: {initial_interval: 200ms, max_interval: 1s}
    sending_queue: {storage: file_storage, queue_size: 100000, batch: {flush_timeout: 50ms, min_size: 500}}
service:
  extensions: [file_storage]
  pipelines: {metrics: {receivers: [otlp], exporters: [panoptes_json]}}
  telemetry:
    metrics: {readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: %[5]d}}}}]}
`

// durability is a Collector with a queue on disk, as a user of Kafka who may not write to one of the topics.
type durability struct {
	*process
	admin      *kadm.Client
	dir        string
	site       string
	port, self int
}

func newDurability(t *testing.T) *durability {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(os.Getenv("KAFKA_BOOTSTRAP")))
	require.NoError(t, err)
	t.Cleanup(client.Close)
	d := &durability{admin: kadm.NewClient(client), dir: t.TempDir(), site: site(t), port: freePort(t), self: freePort(t)}

	_, err = d.admin.CreateTopics(t.Context(), 4, 1, nil, d.topic(""), d.topic("-denied"))
	require.NoError(t, err)
	_, err = d.admin.CreateTopics(t.Context(), 4, 1, map[string]*string{"max.message.bytes": new("4000")}, d.topic("-small"))
	require.NoError(t, err)
	_, err = d.admin.AlterUserSCRAMs(t.Context(), nil,
		[]kadm.UpsertSCRAM{{User: d.site, Mechanism: kadm.ScramSha256, Iterations: 4096, Password: "secret"}})
	require.NoError(t, err)
	acl := kadm.NewACLs().Allow("User:"+d.site).AllowHosts("*").ResourcePatternType(kadm.ACLPatternLiteral).
		Operations(kadm.OpWrite, kadm.OpDescribe).Topics(d.topic(""), d.topic("-small"))
	_, err = d.admin.CreateACLs(t.Context(), acl)
	require.NoError(t, err)
	waitFor(t, "the user's rights", func() (bool, string) {
		known, err := d.admin.DescribeACLs(t.Context(), acl)
		for _, r := range known {
			if len(r.Described) == 0 {
				return false, fmt.Sprint(known)
			}
		}
		return err == nil, fmt.Sprint(err)
	})
	write(t, filepath.Join(d.dir, "collector.yaml"),
		fmt.Sprintf(durabilityYAML, d.dir, d.port, os.Getenv("KAFKA_SASL_BOOTSTRAP"), d.site, d.self))
	return d
}

// topic is the one of a site whose name ends in suffix.
func (d *durability) topic(suffix string) string { return d.site + suffix + "-processed" }

func (d *durability) start(t *testing.T) {
	t.Helper()
	d.process = start(t, nil, binary(t, "panoptes-otelcol"), "--config", filepath.Join(d.dir, "collector.yaml"))
}

func kafkaBroker(t *testing.T, command string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), os.Getenv("KAFKA_BROKER_SCRIPT"), command, os.Getenv("KAFKA_BROKER_PORT"),
		os.Getenv("KAFKA_BROKER_DATA")).CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// TestBrokerRestartsUnderLoad: what comes while the broker is away waits, the topics that Kafka refuses are dropped
// alone, and each series stays in order.
func TestBrokerRestartsUnderLoad(t *testing.T) {
	d := newDurability(t)
	kafkaBroker(t, "stop") // not there at the start either
	d.start(t)
	d.waitForLog(t, "Everything is ready")
	l := startLoad(t, d)
	l.waitForBatches(t, 50)
	kafkaBroker(t, "start")
	l.waitForBatches(t, 100)
	kafkaBroker(t, "stop")
	l.waitForBatches(t, 50)
	kafkaBroker(t, "start")
	l.waitForBatches(t, 100)
	sent := l.stop(t)

	got := readSeries(t, d.topic(""), loadSeries, sent)
	small := readSeries(t, d.topic("-small"), 1, sent)
	t.Logf("%d batches of %d series: 0 lost, %d duplicates, %d out of order", sent, loadSeries, got.duplicates, got.reordered)
	require.Zero(t, got.reordered, "a series is out of order")
	require.Zero(t, got.duplicates, "the broker recognises what a client repeats")
	require.Zero(t, small.reordered)
	text := scrape(t, d.self)
	require.Equal(t, sent, dropped(text, "not_authorized"))
	require.Equal(t, (sent+tooLargeEvery-1)/tooLargeEvery, dropped(text, "too_large"))
	require.NoError(t, d.stop(t, syscall.SIGTERM))
}

// dropped is a counter of the Collector's own metrics.
func dropped(text, reason string) int {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "otelcol_panoptes_json_groups_dropped") && strings.Contains(line, `reason="`+reason+`"`) {
			var n float64
			_, _ = fmt.Sscan(line[strings.LastIndexByte(line, ' ')+1:], &n)
			return int(n)
		}
	}
	return 0
}

// TestKilledUnderLoad kills the Collector without mercy, at any moment, with the broker there and away: what it
// acknowledged is not lost. Batches that were under way are sent again, so there are duplicates, and a series goes back
// in time for as long as they take.
func TestKilledUnderLoad(t *testing.T) {
	const kills = 5
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	d := newDurability(t)
	d.start(t)
	l := startLoad(t, d)
	for i := range kills {
		l.waitForBatches(t, 1+random.IntN(60))
		if i == 2 {
			kafkaBroker(t, "stop")
			l.waitForBatches(t, 1+random.IntN(60))
		}
		_ = d.stop(t, syscall.SIGKILL)
		d.start(t)
		if i == 3 {
			kafkaBroker(t, "start")
		}
	}
	l.waitForBatches(t, 50)
	sent := l.stop(t)
	got := readSeries(t, d.topic(""), loadSeries, sent)
	readSeries(t, d.topic("-small"), 1, sent)
	t.Logf("%d batches of %d series, %d kills: %d messages, 0 lost, %d duplicates, %d behind newer ones",
		sent, loadSeries, kills, got.messages, got.duplicates, got.reordered)
	require.NoError(t, d.stop(t, syscall.SIGTERM))
}

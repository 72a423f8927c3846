package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/panoptes-otel/panoptes-otel/bench/internal/bench"
)

const nodes = 3

// cluster is three brokers of Apache Kafka, which end with this program.
type cluster struct {
	script, port, dir string
	brokers           []string
	client            *kgo.Client
}

func startCluster(port int) *cluster {
	script, err := filepath.Abs("../scripts/kafka-cluster")
	must(err)
	dir, err := os.MkdirTemp("", "panoptes-bench-cluster")
	must(err)
	c := &cluster{script: script, port: strconv.Itoa(port), dir: dir}
	for n := range nodes {
		c.brokers = append(c.brokers, fmt.Sprintf("127.0.0.1:%d", port+10*(n+1)))
	}
	must(os.Setenv("KAFKA_JIT", "")) // as in production
	must(os.Setenv("KAFKA_HEAP", "1g"))
	cmd := exec.Command(c.script, "start", c.port, c.dir)
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		c.remove()
		panic(fmt.Errorf("start Kafka: %w", err))
	}
	c.client, err = kgo.NewClient(kgo.SeedBrokers(c.brokers...), kgo.MetadataMinAge(100*time.Millisecond))
	must(err)
	return c
}

// order runs the script, and returns what it prints.
func (c *cluster) order(command string, args ...string) string {
	cmd := exec.Command(c.script, append([]string{command, c.port, c.dir}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	must(err)
	return strings.TrimSpace(string(out))
}

func (c *cluster) remove() {
	if c.client != nil {
		c.client.Close()
	}
	c.order("wipe")
	_ = os.RemoveAll(c.dir)
}

// coordinator is the node that coordinates a group.
func (c *cluster) coordinator(group string) string {
	found := kadm.NewClient(c.client).FindGroupCoordinators(background, group)
	must(found.Error())
	return strconv.Itoa(int(found[group].NodeID))
}

// processorTime is what all brokers have used.
func (c *cluster) processorTime() (used time.Duration) {
	for n := 1; n <= nodes; n++ {
		pid, err := strconv.Atoi(c.order("pid", strconv.Itoa(n)))
		must(err)
		used += bench.ProcessorTime(pid)
	}
	return used
}

// share is what part of a core the brokers use during a time.
func (c *cluster) share(during time.Duration) float64 {
	before, begin := c.processorTime(), time.Now()
	time.Sleep(during)
	return float64(c.processorTime()-before) / float64(time.Since(begin))
}

// warm lets the brokers compile what they do for members, as brokers that have run for a day have: some ten thousand heartbeats,
// and questions for a topic.
func (c *cluster) warm(topic string, during time.Duration) {
	deadline := time.Now().Add(during)
	for range nodes {
		member, err := kgo.NewClient(kgo.SeedBrokers(c.brokers...), kgo.ConsumerGroup("warm"), kgo.ConsumeTopics(topic), kgo.HeartbeatInterval(time.Millisecond))
		must(err)
		defer member.Close()
	}
	for admin := kadm.NewClient(c.client); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		_, err := admin.ListTopics(background, topic)
		must(err)
	}
}

// copier writes all records of a topic to another one like it, as the extension writes states, and nothing else.
type copier struct {
	writer    *kgo.Client
	records   []*kgo.Record
	target    string
	megabytes float64
}

func newCopier(c *cluster, topic string) *copier {
	p := &copier{records: c.read(topic), target: topic + "-copy"}
	for _, r := range p.records {
		p.megabytes += float64(len(r.Key)+len(r.Value)) / 1e6
	}
	_, err := kadm.NewClient(c.client).CreateTopic(background, shards, -1, nil, p.target)
	must(err)
	p.writer, err = kgo.NewClient(kgo.SeedBrokers(c.brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0),
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.RequiredAcks(kgo.LeaderAck()),
		kgo.DisableIdempotentWrite(), kgo.MaxProduceRequestsInflightPerBroker(5))
	must(err)
	return p
}

func (p *copier) write() time.Duration {
	records := make([]*kgo.Record, len(p.records))
	for i, r := range p.records {
		records[i] = &kgo.Record{Topic: p.target, Partition: r.Partition, Key: r.Key, Value: r.Value}
	}
	begin := time.Now()
	must(p.writer.ProduceSync(background, records...).FirstErr())
	return time.Since(begin)
}

func (c *cluster) read(topic string) (records []*kgo.Record) {
	reader, err := kgo.NewClient(kgo.SeedBrokers(c.brokers...), kgo.ConsumeTopics(topic))
	must(err)
	defer reader.Close()
	ends, err := kadm.NewClient(reader).ListEndOffsets(background, topic)
	must(err)
	left := int64(0)
	ends.Each(func(o kadm.ListedOffset) { left += o.Offset })
	for left > 0 {
		fetches := reader.PollFetches(background)
		must(fetches.Err())
		fetches.EachRecord(func(r *kgo.Record) {
			records = append(records, r)
			left--
		})
	}
	return records
}

package panoptesjsonexporter

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// produced is a produce request as the broker saw it, with its batches of records.
type produced struct {
	*kmsg.ProduceRequest
	at      time.Time
	batches []kmsg.RecordBatch
}

// recordProduced returns a function that returns the produce requests that came until then.
func recordProduced(c *kfake.Cluster) func() []produced {
	var mu sync.Mutex
	var all []produced
	c.ControlKey(produceKey, func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		p := produced{ProduceRequest: req.(*kmsg.ProduceRequest), at: time.Now()}
		for _, topic := range p.Topics {
			for _, partition := range topic.Partitions {
				var b kmsg.RecordBatch
				if b.ReadFrom(partition.Records) == nil {
					p.batches = append(p.batches, b)
				}
			}
		}
		mu.Lock()
		defer mu.Unlock()
		all = append(all, p)
		return nil, nil, false
	})
	return func() []produced {
		mu.Lock()
		defer mu.Unlock()
		return all
	}
}

// batchesWith returns the batches that groups become with a setting.
func batchesWith(t *testing.T, count int, text string) []kmsg.RecordBatch {
	t.Helper()
	c := newCluster(t, kfake.SeedTopics(1, "dc1-processed"))
	seen := recordProduced(c)
	delivers(t, c.ListenAddrs(), count, setting(t, text))
	consume(t, c.ListenAddrs(), count, "dc1-processed")
	var all []kmsg.RecordBatch
	for _, p := range seen() {
		all = append(all, p.batches...)
	}
	return all
}

func producerSettings() map[string]func(*testing.T) {
	return map[string]func(*testing.T){
		"producer::max_message_bytes": func(t *testing.T) {
			batches := batchesWith(t, 100, "producer: {max_message_bytes: 5000}")
			assert.Greater(t, len(batches), 10)
			for _, b := range batches {
				assert.LessOrEqual(t, int(b.Length)+12, 5000) // offset and length come before what Length counts
			}
		},
		// A request of over 100 MiB, which is the least it can be, would tell; a test should not need one.
		"producer::max_broker_write_bytes": func(t *testing.T) {
			c := newCluster(t, kfake.SeedTopics(1, "dc1-processed"))
			s := delivers(t, c.ListenAddrs(), 1, setting(t, "producer: {max_broker_write_bytes: 104857601}"))
			assert.Equal(t, int32(104857601), s.Metrics.(*jsonExporter).producer.get().OptValue(kgo.BrokerMaxWriteBytes))
		},
		"producer::required_acks": func(t *testing.T) {
			for value, wire := range map[string]int16{"all": -1, "-1": -1, "1": 1, "0": 0} {
				c := newCluster(t, kfake.SeedTopics(1, "dc1-processed"))
				seen := recordProduced(c)
				s := delivers(t, c.ListenAddrs(), 1, setting(t, "producer: {required_acks: "+value+"}"))
				consume(t, c.ListenAddrs(), 1, "dc1-processed")
				request := seen()[0]
				assert.Equal(t, wire, request.Acks)
				assert.Equal(t, wire == -1, request.batches[0].ProducerID >= 0, "idempotent with all")
				assert.Equal(t, wire != -1, s.logs.FilterMessageSnippet("required_acks is not all").Len() == 1)
			}
		},
		"producer::compression": func(t *testing.T) {
			for code, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
				for _, b := range batchesWith(t, 50, "producer: {compression: "+codec+"}") {
					if b.NumRecords > 1 { // one that compression would not shrink goes as it is
						assert.Equal(t, code, int(b.Attributes&7), codec)
					}
				}
			}
		},
		"producer::compression_params::level": func(t *testing.T) {
			size := func(level int) (sum int) {
				text := fmt.Sprintf("producer: {linger: 50ms, compression: gzip, compression_params: {level: %d}}", level)
				for _, b := range batchesWith(t, 200, text) {
					sum += int(b.Length)
				}
				return sum
			}
			assert.Less(t, size(9), size(1))
		},
		"producer::flush_max_messages": func(t *testing.T) {
			batches := batchesWith(t, 20, "producer: {flush_max_messages: 1}")
			assert.Len(t, batches, 20, "one under way at a time")
			assert.Less(t, len(batchesWith(t, 20, "producer: {linger: 50ms}")), 20)
		},
		"producer::allow_auto_topic_creation": func(t *testing.T) {
			for text, reason := range map[string]string{"true": "", "false": "unknown_topic"} {
				c := newCluster(t, kfake.AllowAutoTopicCreation(), kfake.DefaultNumPartitions(1))
				s := delivers(t, c.ListenAddrs(), 1, setting(t, "producer: {allow_auto_topic_creation: "+text+"}"))
				assert.Equal(t, reason != "", s.sum(t, "groups_dropped", reason) == 1, text)
			}
		},
		"producer::linger": func(t *testing.T) {
			c := newCluster(t, kfake.SeedTopics(1, "dc1-processed"))
			seen := recordProduced(c)
			start := time.Now()
			delivers(t, c.ListenAddrs(), 1, setting(t, "producer: {linger: 400ms}"))
			assert.Greater(t, seen()[0].at.Sub(start), 350*time.Millisecond)
		},
	}
}

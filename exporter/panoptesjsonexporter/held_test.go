package panoptesjsonexporter

import (
	"bytes"
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/internal/status/statustest"
)

// refuseTopic answers for a topic that its replicas are too few, as long as the flag says so.
func refuseTopic(t *testing.T, c *kfake.Cluster, topic string, refused *atomic.Bool) {
	t.Helper()
	var ids [][16]byte
	info := c.TopicInfo(topic)
	require.NotNil(t, info)
	ids = append(ids, info.TopicID)
	c.ControlKey(int16(kmsg.Produce), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		request := r.(*kmsg.ProduceRequest)
		if !refused.Load() || len(request.Topics) == 0 {
			return nil, nil, false
		}
		response := request.ResponseKind().(*kmsg.ProduceResponse)
		for _, asked := range request.Topics {
			if asked.Topic != topic && asked.TopicID != ids[0] {
				return nil, nil, false
			}
			answer := kmsg.NewProduceResponseTopic()
			answer.Topic, answer.TopicID = asked.Topic, asked.TopicID
			for _, p := range asked.Partitions {
				one := kmsg.NewProduceResponseTopicPartition()
				one.Partition, one.ErrorCode = p.Partition, kerr.NotEnoughReplicas.Code
				answer.Partitions = append(answer.Partitions, one)
			}
			response.Topics = append(response.Topics, answer)
		}
		return response, nil, true
	})
}

// A topic of which the broker says that its replicas are too few holds up no other, and has all, in order, once it is taken.
func TestHeldTopic(t *testing.T) {
	t.Parallel()
	c := newCluster(t, kfake.SeedTopics(1, "stuck-processed", "other-processed"))
	var refused atomic.Bool
	refused.Store(true)
	refuseTopic(t, c, "stuck-processed", &refused)
	s := newSender(t, c.ListenAddrs(), func(cfg *Config) { cfg.Timeout.Timeout = 1200 * time.Millisecond })
	board := &statustest.Host{}
	s.host = board
	s.start(t)
	send := func(n int) {
		for _, site := range []string{"stuck", "other"} {
			g := testGroup(t, testResource(site, "r"), "cpu", "n", strconv.Itoa(n))
			require.NoError(t, s.ConsumeMetrics(t.Context(), batchOf(testScope, g)))
		}
	}
	for n := range 20 {
		send(n)
	}
	for i, r := range consume(t, c.ListenAddrs(), 20, "other-processed") {
		assert.Equal(t, strconv.Itoa(i), dimension(t, r, "n"))
	}
	assert.Len(t, s.logs.FilterMessageSnippet("Kafka does not take a topic").All(), 1)
	assert.Eventually(t, func() bool {
		return slices.Equal(board.Told(testScope.Plugin), []string{"yes groups delivered: 20, on their way: 20"})
	}, 10*time.Second, 10*time.Millisecond, "a board is told")
	require.NoError(t, s.ConsumeMetrics(t.Context(), batchOf(pdata.Scope{Plugin: "q"}, numbered(t, "other", 1)...)))
	assert.Eventually(t, func() bool { return slices.Equal(board.Told("q"), []string{"yes groups delivered: 1"}) }, 10*time.Second, 10*time.Millisecond,
		"of each plugin, though they share a topic")
	refused.Store(false)
	send(20)
	for i, r := range consume(t, c.ListenAddrs(), 21, "stuck-processed") {
		assert.Equal(t, strconv.Itoa(i), dimension(t, r, "n"), "in order")
	}
	assert.Eventually(t, func() bool { return s.sum(t, "groups_sent", "") == 43 }, 10*time.Second, 10*time.Millisecond)
	assert.Equal(t, []string{"yes groups delivered: 42"}, board.Told(testScope.Plugin), "those that were held among them")
	require.Eventually(t, func() bool {
		return s.logs.FilterMessageSnippet("wait in a queue of their own any more").Len() == 1
	}, 10*time.Second, 10*time.Millisecond)
	assert.Zero(t, s.sum(t, "groups_dropped", ""))
}

// What is held is on disk where the queue is, and sent by the next Collector.
func TestHeldTopicsAreKept(t *testing.T) {
	t.Parallel()
	c := newCluster(t, kfake.SeedTopics(1, "stuck-processed", "other-processed"))
	var refused atomic.Bool
	refused.Store(true)
	refuseTopic(t, c, "stuck-processed", &refused)
	id := component.MustNewID("storage")
	host := hostWith{id: &disk{clients: map[string]map[string][]byte{}}}
	newer := func() *sender {
		s := newSender(t, c.ListenAddrs(), func(cfg *Config) {
			cfg.Timeout.Timeout = 1200 * time.Millisecond
			cfg.Queue.Get().StorageID = &id
		})
		s.Metrics.(*jsonExporter).drain.Patience = 50 * time.Millisecond
		require.NoError(t, s.Start(t.Context(), host))
		return s
	}
	s := newer()
	for n := range 3 {
		g := testGroup(t, testResource("stuck", "r"), "cpu", "n", strconv.Itoa(n))
		require.NoError(t, s.ConsumeMetrics(t.Context(), batchOf(testScope, g)))
	}
	require.NoError(t, s.ConsumeMetrics(t.Context(), batchOf(testScope, numbered(t, "other", 1)...)))
	consume(t, c.ListenAddrs(), 1, "other-processed")
	require.NoError(t, s.Shutdown(t.Context()))

	refused.Store(false)
	s = newer()
	assert.Equal(t, numbers(3), dimensionsOf(t, consume(t, c.ListenAddrs(), 3, "stuck-processed"), "n"))
	require.NoError(t, s.Shutdown(context.WithoutCancel(t.Context())))
}

// A broker that hangs is in the log long before the attempt ends.
func TestSilentBroker(t *testing.T) {
	t.Parallel()
	c := newCluster(t, kfake.SeedTopics(1, "dc1-processed"))
	answer := make(chan struct{})
	for _, key := range []kmsg.Key{kmsg.Produce, kmsg.Metadata} {
		c.ControlKey(int16(key), func(kmsg.Request) (kmsg.Response, error, bool) {
			c.KeepControl()
			<-answer
			return nil, nil, false
		})
	}
	s := newSender(t, c.ListenAddrs(), nil)
	s.Metrics.(*jsonExporter).stalls = stallTimes{look: 20 * time.Millisecond, patience: time.Minute, question: 50 * time.Millisecond}
	s.Metrics.(*jsonExporter).drain.Patience = 50 * time.Millisecond
	require.NoError(t, s.Start(t.Context(), componenttest.NewNopHost()))
	require.NoError(t, s.ConsumeMetrics(t.Context(), batchOf(testScope, numbered(t, "dc1", 3)...)))
	require.Eventually(t, func() bool { return s.logs.FilterMessageSnippet("Kafka does not answer").Len() == 1 }, 10*time.Second, 10*time.Millisecond)
	close(answer)
	consume(t, c.ListenAddrs(), 3, "dc1-processed")
	require.Eventually(t, func() bool { return s.logs.FilterMessageSnippet("Kafka takes messages again").Len() == 1 }, 10*time.Second, 10*time.Millisecond)
	require.NoError(t, s.Shutdown(t.Context()))
}

// With the default times a broker that hangs is in the log within ten seconds.
func TestStallTimes(t *testing.T) {
	t.Parallel()
	for _, timeout := range []time.Duration{0, 30 * time.Second, 5 * time.Second} {
		times := newStallTimes(timeout)
		assert.Less(t, times.look+times.question, 10*time.Second)
		assert.Less(t, times.look, times.patience)
	}
}

// disk is a storage that outlives Collectors.
type disk struct {
	component.StartFunc
	component.ShutdownFunc

	mu      sync.Mutex
	clients map[string]map[string][]byte
}

type hostWith map[component.ID]component.Component

func (h hostWith) GetExtensions() map[component.ID]component.Component { return h }

func (d *disk) GetClient(_ context.Context, _ component.Kind, id component.ID, name string) (storage.Client, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	key := strconv.FormatBool(strings.HasSuffix(id.Name(), heldSuffix)) + " " + name // each exporter of a test has an ID of its own
	if d.clients[key] == nil {
		d.clients[key] = map[string][]byte{}
	}
	return &diskClient{d, d.clients[key]}, nil
}

type diskClient struct {
	disk   *disk
	values map[string][]byte
}

func (c *diskClient) Get(ctx context.Context, key string) ([]byte, error) {
	op := storage.GetOperation(key)
	err := c.Batch(ctx, op)
	return op.Value, err
}

func (c *diskClient) Set(ctx context.Context, key string, value []byte) error {
	return c.Batch(ctx, storage.SetOperation(key, value))
}

func (c *diskClient) Delete(ctx context.Context, key string) error {
	return c.Batch(ctx, storage.DeleteOperation(key))
}

func (c *diskClient) Batch(_ context.Context, ops ...*storage.Operation) error {
	c.disk.mu.Lock()
	defer c.disk.mu.Unlock()
	for _, op := range ops {
		switch op.Type {
		case storage.Get:
			op.Value = bytes.Clone(c.values[op.Key])
		case storage.Set:
			c.values[op.Key] = bytes.Clone(op.Value)
		case storage.Delete:
			delete(c.values, op.Key)
		}
	}
	return nil
}

func (*diskClient) Close(context.Context) error { return nil }

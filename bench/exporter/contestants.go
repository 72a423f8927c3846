package main

import (
	"context"
	"fmt"
	"sync"

	"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/kafkaexporter"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"

	"github.com/panoptes-otel/panoptes-otel/bench/internal/workload"
	"github.com/panoptes-otel/panoptes-otel/exporter/panoptesjsonexporter"
)

// contestant is one way to bring batches to Kafka, a message a group.
type contestant struct {
	name  string
	floor bool
	// send sends a batch. It may return before Kafka has it; flush waits for that.
	send  func() error
	flush func() error
	close func(context.Context) error
	topic string
	// before is how many messages the topic had at the start.
	before int64
}

// newContestants returns ours, the stock exporter with two encodings, and the floor: in this order. Each has a topic of
// its own, with the same settings.
func newContestants(ctx context.Context, brokers, codec string, work workload.Batch) ([]contestant, error) {
	stock := func(encoding, topic string) map[string]any {
		return map[string]any{
			"metrics": map[string]any{"topic": topic, "encoding": encoding},
			// One message a resource; a resource has one group in this workload.
			"partition_metrics_by_resource_attributes": true,
		}
	}
	site := work.Structs[0].Resource.Site
	ours, err := newExporter(ctx, panoptesjsonexporter.NewFactory(), brokers, codec, work, map[string]any{
		"topics": map[string]any{"suffixes": []any{codec}},
	})
	if err != nil {
		return nil, err
	}
	ours.name, ours.topic = "ours", site+"-"+codec
	out := []contestant{ours}
	for _, encoding := range []string{"otlp_json", "otlp_proto"} {
		topic := encoding + "-" + codec
		c, err := newExporter(ctx, kafkaexporter.NewFactory(), brokers, codec, work, stock(encoding, topic))
		if err != nil {
			return nil, err
		}
		c.name, c.topic = "kafkaexporter "+encoding+", message a resource", topic
		out = append(out, c)
	}
	floor, err := newFloor(brokers, codec, "floor-"+codec, work)
	if err != nil {
		return nil, err
	}
	out = append(out, floor)
	for i := range out {
		c := &out[i]
		if err := createTopic(ctx, brokers, c.topic); err != nil {
			return nil, fmt.Errorf("create topic %q: %w", c.topic, err)
		}
		if c.before, err = written(ctx, brokers, c.topic); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// newExporter starts an exporter that returns from a batch when Kafka has it. What is common to all is set the same;
// all else is each one's default.
func newExporter(
	ctx context.Context, factory exporter.Factory, brokers, codec string, work workload.Batch, settings map[string]any,
) (contestant, error) {
	cfg := factory.CreateDefaultConfig()
	settings["brokers"] = []any{brokers}
	settings["producer"] = map[string]any{"compression": codec, "required_acks": "all", "linger": "0s"}
	settings["sending_queue"] = map[string]any{"wait_for_result": true}
	if err := confmap.NewFromStringMap(settings).Unmarshal(cfg); err != nil {
		return contestant{}, err
	}
	e, err := factory.CreateMetrics(ctx, exportertest.NewNopSettings(factory.Type()), cfg)
	if err != nil {
		return contestant{}, err
	}
	if err := e.Start(ctx, componenttest.NewNopHost()); err != nil {
		return contestant{}, err
	}
	return contestant{
		send:  func() error { return e.ConsumeMetrics(ctx, work.MD) },
		flush: func() error { return nil },
		close: e.Shutdown,
	}, nil
}

// newFloor returns a bare producer: the append loop, the client with the same settings, nothing else. It waits for
// nothing but the client's own bound of messages under way.
func newFloor(brokers, codec, topic string, work workload.Batch) (contestant, error) {
	opts := []kgo.Opt{
		kgo.SeedBrokers(brokers), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchMaxBytes(1_000_000),
		kgo.RequiredAcks(kgo.AllISRAcks()), kgo.ProducerLinger(0), kgo.DisableClientMetrics(),
		kgo.ProducerBatchCompression(kgo.NoCompression()),
	}
	if codec == "lz4" {
		opts = append(opts, kgo.ProducerBatchCompression(kgo.Lz4Compression()))
	}
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return contestant{}, err
	}
	f := &floor{client: client, topic: topic, work: work}
	return contestant{
		name: "bare franz-go, append loop", floor: true, topic: topic,
		send:  f.send,
		flush: f.flush,
		close: func(context.Context) error { client.Close(); return nil },
	}, nil
}

type floor struct {
	client *kgo.Client
	topic  string
	work   workload.Batch
	slabs  sync.Pool // of *slab

	mu  sync.Mutex
	err error
}

// slab holds a batch that is under way.
type slab struct {
	values  []byte
	records []kgo.Record
	open    sync.WaitGroup
}

func (f *floor) send() error {
	s, ok := f.slabs.Get().(*slab)
	if !ok {
		s = &slab{records: make([]kgo.Record, f.work.Groups)}
	}
	promise := func(_ *kgo.Record, err error) {
		if err != nil {
			f.mu.Lock()
			f.err = err
			f.mu.Unlock()
		}
		s.open.Done()
	}
	s.values = s.values[:0]
	s.open.Add(f.work.Groups)
	for i := range f.work.Structs {
		g := &f.work.Structs[i]
		start := len(s.values)
		s.values = workload.AppendFloor(s.values, g)
		s.records[i] = kgo.Record{Topic: f.topic, Value: s.values[start:len(s.values):len(s.values)], Partition: int32(i % partitions)}
		f.client.Produce(context.Background(), &s.records[i], promise)
	}
	go func() {
		s.open.Wait()
		f.slabs.Put(s)
	}()
	return nil
}

func (f *floor) flush() error {
	if err := f.client.Flush(context.Background()); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

package panoptesjsonexporter

import (
	"context"
	"fmt"
	"sync"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/kafka/configkafka"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configcompression"
	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/kafkaclient"
)

// producer is the exporter's client, which can be replaced. It is safe for concurrent use.
type producer struct {
	opts []kgo.Opt

	mu     sync.Mutex
	client *kgo.Client
	closed bool
}

// newProducer returns a producer as cfg says. It connects when there is something to send, so no broker need be up. ctx
// is for reading TLS files only; host has the extension that gives tokens.
func newProducer(ctx context.Context, cfg *Config, host component.Host, logger *zap.Logger, hooks ...kgo.Hook) (*producer, error) {
	opts, err := kafkaclient.Options(ctx, &cfg.Client, host, logger)
	if err != nil {
		return nil, err
	}
	opts = append(opts, producerOptions(cfg)...)
	opts = append(opts, kgo.WithHooks(hooks...))
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return nil, fmt.Errorf("create Kafka client: %w", err)
	}
	return &producer{opts: opts, client: client}, nil
}

func (p *producer) get() *kgo.Client {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.client
}

// replace puts a fresh client in the place of one that is beyond use: one that the broker has refused idempotent writes, which
// never asks again, or one that waits for a topic in vain. What others send with the old one fails, to be tried again.
func (p *producer) replace(broken *kgo.Client) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.client != broken {
		return
	}
	client, err := kgo.NewClient(p.opts...)
	if err != nil { // the same options made the first one
		return
	}
	p.client = client
	broken.Close()
}

// close fails all that is under way, and ends the client's goroutines.
func (p *producer) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.client.Close()
}

// producerOptions leaves franz-go's own retries and delivery time unlimited: it keeps the order of a partition, and
// fails all that waits behind a failed message.
func producerOptions(cfg *Config) []kgo.Opt {
	p := &cfg.Producer
	opts := []kgo.Opt{
		kgo.RecordPartitioner(kgo.BasicConsistentPartitioner(func(string) func(*kgo.Record, int) int { return partition })),
		kgo.UnknownTopicRetries(cfg.Client.Metadata.Retry.Max),
		kgo.ProducerBatchMaxBytes(int32(p.MaxMessageBytes)),
		kgo.BrokerMaxWriteBytes(int32(p.MaxBrokerWriteBytes)),
		kgo.MaxBufferedRecords(p.FlushMaxMessages),
		kgo.ProducerLinger(p.Linger),
		kgo.ProducerBatchCompression(compression(p)),
	}
	if cfg.Timeout.Timeout > 0 {
		opts = append(opts, kgo.ProduceRequestTimeout(cfg.Timeout.Timeout))
	}
	if p.AllowAutoTopicCreation {
		opts = append(opts, kgo.AllowAutoTopicCreation())
	}
	switch p.RequiredAcks {
	case configkafka.WaitForAll:
		opts = append(opts, kgo.RequiredAcks(kgo.AllISRAcks()))
	case configkafka.WaitForLocal:
		opts = append(opts, kgo.RequiredAcks(kgo.LeaderAck()), kgo.DisableIdempotentWrite())
	default:
		opts = append(opts, kgo.RequiredAcks(kgo.NoAck()), kgo.DisableIdempotentWrite())
	}
	return opts
}

// partition places a record where Panoptes does: its Partition holds the hash of the partitioning key, without sign.
// The client overwrites the field with the outcome.
func partition(r *kgo.Record, partitions int) int { return int(r.Partition) % partitions }

func compression(p *configkafka.ProducerConfig) kgo.CompressionCodec {
	codec := kgo.NoCompression()
	switch p.Compression {
	case "gzip":
		codec = kgo.GzipCompression()
	case "snappy":
		codec = kgo.SnappyCompression()
	case "lz4":
		codec = kgo.Lz4Compression()
	case "zstd":
		codec = kgo.ZstdCompression()
	}
	if l := p.CompressionParams.Level; l != 0 && l != configcompression.DefaultCompressionLevel {
		codec = codec.WithLevel(int(l))
	}
	return codec
}

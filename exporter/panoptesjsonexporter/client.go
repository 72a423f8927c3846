package panoptesjsonexporter

import (
	"context"
	"fmt"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/kafka/configkafka"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kversion"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
	"go.opentelemetry.io/collector/config/configcompression"
	"go.uber.org/zap"
)

// newClient returns a producer as cfg says. It connects when there is something to send, so no broker need be up. ctx
// is for reading TLS files only.
func newClient(ctx context.Context, cfg *Config, logger *zap.Logger, hooks ...kgo.Hook) (*kgo.Client, error) {
	opts := append(connectionOptions(&cfg.Client), producerOptions(cfg)...)
	opts = append(opts, kgo.WithHooks(hooks...), kgo.WithLogger(clientLogger{logger.Named("kafka")}))
	tls := cfg.Client.TLS
	if tls == nil {
		tls = cfg.Client.Authentication.TLS
	}
	if tls != nil {
		t, err := tls.LoadTLSConfig(ctx)
		if err != nil {
			return nil, fmt.Errorf("load tls: %w", err)
		}
		if t != nil {
			opts = append(opts, kgo.DialTLSConfig(t))
		}
	}
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return nil, fmt.Errorf("create Kafka client: %w", err)
	}
	return client, nil
}

func connectionOptions(c *configkafka.ClientConfig) []kgo.Opt {
	opts := []kgo.Opt{
		kgo.SeedBrokers(c.Brokers...),
		kgo.ClientID(c.ClientID),
		kgo.Rack(c.RackID),
		kgo.ConnIdleTimeout(c.ConnIdleTimeout),
		kgo.MetadataMaxAge(c.Metadata.RefreshInterval),
		kgo.MetadataMinAge(c.Metadata.Retry.Backoff),
		// Some brokers say that they take a client's metrics and then do not.
		kgo.DisableClientMetrics(),
	}
	if v := kversion.FromString(c.ProtocolVersion); v != nil {
		opts = append(opts, kgo.MinVersions(v), kgo.MaxVersions(v))
	}
	if m := saslMechanism(&c.Authentication); m != nil {
		opts = append(opts, kgo.SASL(m))
	}
	return opts
}

func saslMechanism(a *configkafka.AuthenticationConfig) sasl.Mechanism {
	if p := a.PlainText; p != nil {
		return plain.Auth{User: p.Username, Pass: p.Password}.AsMechanism()
	}
	s := a.SASL
	if s == nil {
		return nil
	}
	switch s.Mechanism {
	case saslSHA256:
		return scram.Auth{User: s.Username, Pass: s.Password}.AsSha256Mechanism()
	case saslSHA512:
		return scram.Auth{User: s.Username, Pass: s.Password}.AsSha512Mechanism()
	default: // Validate lets no other through.
		return plain.Auth{User: s.Username, Pass: s.Password}.AsMechanism()
	}
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

// clientLogger brings franz-go's log into the Collector's. The exporter itself tells what an operator must know, once;
// the client tells each try, so all of it is for those who debug.
type clientLogger struct{ logger *zap.Logger }

// Level implements kgo.Logger.
func (l clientLogger) Level() kgo.LogLevel {
	if l.logger.Core().Enabled(zap.DebugLevel) {
		return kgo.LogLevelInfo
	}
	return kgo.LogLevelNone
}

// Log implements kgo.Logger. keyvals alternate between names and values.
func (l clientLogger) Log(_ kgo.LogLevel, msg string, keyvals ...any) {
	fields := make([]zap.Field, 0, len(keyvals)/2)
	for i := 0; i+1 < len(keyvals); i += 2 {
		fields = append(fields, zap.Any(fmt.Sprint(keyvals[i]), keyvals[i+1]))
	}
	l.logger.Debug(msg, fields...)
}

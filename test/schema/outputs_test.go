package schema

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"pgregory.net/rapid"

	"github.com/panoptes-otel/panoptes-otel/exporter/panoptesjsonexporter"
	"github.com/panoptes-otel/panoptes-otel/extension/panoptesencodingextension"
	"github.com/panoptes-otel/panoptes-otel/internal/group/schema"
)

// validate judges a message by the published schema for what is written, and by our own checker.
func validate(t interface{ Errorf(string, ...any) }, written interface{ Validate(any) error }, message []byte) {
	v, err := parsed(message)
	if err == nil {
		err = written.Validate(v)
	}
	if err == nil {
		err = schema.Validate(message)
	}
	if err != nil {
		t.Errorf("%v\n%s", err, message)
	}
}

func configure(t *testing.T, cfg component.Config, settings map[string]any) component.Config {
	t.Helper()
	if err := confmap.NewFromStringMap(settings).Unmarshal(cfg); err != nil {
		t.Fatal(err)
	}
	if err := confmap.Validate(cfg); err != nil {
		t.Fatal(err)
	}
	return cfg
}

// TestEncodingIsValid validates what the encoding extension writes.
func TestEncodingIsValid(t *testing.T) {
	t.Parallel()
	_, written := compiled(t)
	marshaler := func(framing string) pmetric.Marshaler {
		f := panoptesencodingextension.NewFactory()
		e, err := f.Create(t.Context(), extensiontest.NewNopSettings(f.Type()), configure(t, f.CreateDefaultConfig(), map[string]any{"framing": framing}))
		if err != nil {
			t.Fatal(err)
		}
		return e.(pmetric.Marshaler)
	}
	lines, array := marshaler("lines"), marshaler("array")
	rapid.Check(t, func(t *rapid.T) {
		md := drawMetrics(t)
		text, err := lines.MarshalMetrics(md)
		if err != nil {
			t.Fatal(err)
		}
		var messages [][]byte
		if len(text) > 0 {
			messages = bytes.Split(text, []byte("\n"))
		}
		for _, m := range messages {
			validate(t, written, m)
		}
		var list []json.RawMessage
		if text, err = array.MarshalMetrics(md); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &list); err != nil || len(list) != len(messages) {
			t.Fatalf("%d in the array, %d in lines: %v", len(list), len(messages), err)
		}
		for i, m := range list {
			if !bytes.Equal(m, messages[i]) {
				t.Fatalf("got\n%s\nwant\n%s", m, messages[i])
			}
		}
	})
}

// exported starts a broker, lets the exporter send batches of all sorts to it, and returns its address and the messages
// that it must have.
func exported(t *testing.T) (brokers string, messages [][]byte) {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.AllowAutoTopicCreation(), kfake.DefaultNumPartitions(2))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	brokers = cluster.ListenAddrs()[0]
	f := panoptesjsonexporter.NewFactory()
	e, err := f.CreateMetrics(t.Context(), exportertest.NewNopSettings(f.Type()), configure(t, f.CreateDefaultConfig(), map[string]any{
		"brokers": []any{brokers}, "topics": map[string]any{"site": false, "global": true}, "sending_queue": map[string]any{"enabled": false},
	}))
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Start(t.Context(), componenttest.NewNopHost()); err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		md := rapid.Custom(drawMetrics).Example(i)
		messages = append(messages, messagesOf(md)...)
		if err := e.ConsumeMetrics(t.Context(), md); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Shutdown(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	return brokers, messages
}

// TestExporterIsValid validates what the exporter puts on Kafka.
func TestExporterIsValid(t *testing.T) {
	t.Parallel()
	_, written := compiled(t)
	brokers, messages := exported(t)
	want := len(messages)
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers), kgo.ConsumeTopics("panoptes-metrics"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	got := 0
	for got < want {
		fetches := client.PollFetches(ctx)
		if err := ctx.Err(); err != nil {
			t.Fatal(fmt.Errorf("%d of %d messages: %w", got, want, err))
		}
		fetches.EachRecord(func(r *kgo.Record) {
			got++
			validate(t, written, r.Value)
		})
	}
	if got != want || want < 100 {
		t.Errorf("%d messages, want %d", got, want)
	}
}

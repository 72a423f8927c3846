package main

import (
	"context"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/panoptes-otel/panoptes-otel/bench/internal/workload"
)

// TestContestantsDoTheSame keeps the comparison honest: each sends a message a group; ours and the floor's are the same
// bytes, the stock exporter's hold one resource each.
func TestContestantsDoTheSame(t *testing.T) {
	ctx := t.Context()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	brokers, work := cluster.ListenAddrs()[0], workload.Standard(false)
	contestants, err := newContestants(ctx, brokers, "lz4", work)
	if err != nil {
		t.Fatal(err)
	}
	messages := map[string]map[string]bool{}
	for _, c := range contestants {
		if err := c.send(); err != nil {
			t.Fatal(err)
		}
		if err := c.flush(); err != nil {
			t.Fatal(err)
		}
		messages[c.name] = valuesOf(t, brokers, c.topic)
		if n := len(messages[c.name]); n != work.Groups {
			t.Errorf("%s: %d different messages", c.name, n)
		}
		if err := c.close(context.WithoutCancel(ctx)); err != nil {
			t.Error(err)
		}
	}
	ours, floor := contestants[0], contestants[3]
	for value := range messages[ours.name] {
		if !messages[floor.name][value] {
			t.Fatalf("the floor does not write\n%s", value)
		}
	}
	for i, unmarshaler := range []pmetric.Unmarshaler{&pmetric.JSONUnmarshaler{}, &pmetric.ProtoUnmarshaler{}} {
		for value := range messages[contestants[1+i].name] {
			md, err := unmarshaler.UnmarshalMetrics([]byte(value))
			if err != nil || md.ResourceMetrics().Len() != 1 || md.DataPointCount() != len(work.Structs[0].Metrics) {
				t.Fatalf("%s: %v, %d data points", contestants[1+i].name, err, md.DataPointCount())
			}
		}
	}
}

func valuesOf(t *testing.T, brokers, topic string) map[string]bool {
	t.Helper()
	n, err := written(t.Context(), brokers, topic)
	if err != nil {
		t.Fatal(err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	values := map[string]bool{}
	for read := int64(0); read < n; {
		fetches := client.PollFetches(t.Context())
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) { values[string(r.Value)] = true; read++ })
	}
	return values
}

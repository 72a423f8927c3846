package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// kafka is a broker that ends with this program.
type kafka struct{ script, port, dir, address string }

// startKafka starts an Apache Kafka in a folder of its own.
func startKafka(ctx context.Context, port int) (*kafka, error) {
	script, err := filepath.Abs("../scripts/kafka-broker")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "panoptes-bench-kafka")
	if err != nil {
		return nil, err
	}
	k := &kafka{script, strconv.Itoa(port), dir, fmt.Sprintf("127.0.0.1:%d", port)}
	cmd := exec.CommandContext(ctx, script, "start", k.port, dir)
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		k.remove()
		return nil, fmt.Errorf("start Kafka: %w", err)
	}
	return k, nil
}

func (k *kafka) remove() {
	_ = exec.Command(k.script, "wipe", k.port, k.dir).Run()
	_ = os.RemoveAll(k.dir)
}

func createTopic(ctx context.Context, brokers, topic string) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers))
	if err != nil {
		return err
	}
	defer client.Close()
	_, err = kadm.NewClient(client).CreateTopic(ctx, partitions, 1, nil, topic)
	if errors.Is(err, kerr.TopicAlreadyExists) { // of an earlier run on the same Kafka
		return nil
	}
	return err
}

// written returns how many messages a topic has.
func written(ctx context.Context, brokers, topic string) (int64, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers))
	if err != nil {
		return 0, err
	}
	defer client.Close()
	offsets, err := kadm.NewClient(client).ListEndOffsets(ctx, topic)
	if err != nil {
		return 0, err
	}
	var total int64
	offsets.Each(func(o kadm.ListedOffset) { total += o.Offset })
	return total, offsets.Error()
}

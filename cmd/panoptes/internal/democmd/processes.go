package democmd

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/stream"
	"github.com/panoptes-otel/panoptes-otel/internal/run/child"
)

const (
	brokerPartitions = 4
	// What the broker keeps of each partition in memory; the rest goes every retentionEvery.
	retentionBytes = "8388608"
	segmentBytes   = "2097152"
	retentionEvery = 15 * time.Second

	// collectorGrace is how long the Collector may take to send what it holds and end.
	collectorGrace = 15 * time.Second
)

// broker is the embedded Kafka.
type broker struct {
	cluster *kfake.Cluster
	stop    chan struct{}
	done    sync.WaitGroup
}

func startBroker(port int) (*broker, error) {
	cluster, err := kfake.NewCluster(
		kfake.NumBrokers(1),
		kfake.Ports(port),
		kfake.AllowAutoTopicCreation(),
		kfake.DefaultNumPartitions(brokerPartitions),
		kfake.BrokerConfigs(map[string]string{"log.retention.bytes": retentionBytes, "log.segment.bytes": segmentBytes}),
	)
	if err != nil {
		return nil, err
	}
	b := &broker{cluster: cluster, stop: make(chan struct{})}
	b.done.Go(func() {
		tick := time.NewTicker(retentionEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				cluster.ApplyRetention()
			case <-b.stop:
				return
			}
		}
	})
	return b, nil
}

func (b *broker) close() {
	close(b.stop)
	b.done.Wait()
	b.cluster.Close()
}

// startCollector starts the Collector in a process group of its own, so that Ctrl-C reaches the demo alone, which then
// stops it in order.
func startCollector(s *setup, log *collectorLog) (*child.Process, error) {
	env := append(os.Environ(),
		"PANOPTES_BROKERS="+s.broker,
		"PANOPTES_PROMETHEUS="+s.prometheus,
		"PANOPTES_STATUS="+s.status,
		"PANOPTES_QUICKSTART="+s.home,
	)
	p, err := child.Start(child.Config{
		Path:   s.collector,
		Args:   []string{"--config", s.config},
		Env:    env,
		Stderr: func(line string, _ bool) { log.line(line) },
		Grace:  collectorGrace,
	})
	if err != nil {
		return nil, err
	}
	_ = p.Stdin().Close()
	go func() {
		out := p.Stdout()
		defer out.Close()
		_, _ = io.Copy(io.Discard, out)
	}()
	return p, nil
}

func stopCollector(p *child.Process) error {
	if err := p.Stop(context.Background()); err != nil {
		return fmt.Errorf("stop the Collector: %w", err)
	}
	return nil
}

// watch shows what arrives until ctx is done, the duration has passed, or the Collector has ended.
func watch(ctx context.Context, s *setup, collector <-chan struct{}, v *viewer, duration time.Duration, note func(string)) (ending, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	reading, err := stream.Open(ctx, stream.Source{Connection: stream.Connection{Brokers: []string{s.broker}}, From: stream.Start()})
	if err != nil {
		return interrupted, ignoreCancel(ctx, err)
	}
	defer reading.Close()

	var timer <-chan time.Time
	if duration > 0 {
		t := time.NewTimer(duration)
		defer t.Stop()
		timer = t.C
	}
	read := make(chan error, 1)
	go func() {
		read <- reading.Each(ctx, note, v.show)
	}()
	ended := interrupted
	tick := time.NewTicker(summaryEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			v.summarize()
			continue
		case err := <-read:
			return ended, err
		case <-ctx.Done():
		case <-timer:
			ended = elapsed
		case <-collector:
			ended = collectorEnded
		}
		cancel()
		return ended, <-read
	}
}

func ignoreCancel(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

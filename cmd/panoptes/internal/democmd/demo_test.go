package democmd

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
)

// The test binary plays the Collector where this variable tells it how.
const playVariable = "PANOPTES_TEST_COLLECTOR"

func TestMain(m *testing.M) {
	if how := os.Getenv(playVariable); how != "" {
		os.Exit(playCollector(how))
	}
	goleak.VerifyTestMain(m)
}

// playCollector sends two rounds of groups to the broker it is told, and goes on until it is asked to end.
func playCollector(how string) int {
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGTERM)
	switch how {
	case "fails":
		fmt.Fprintln(os.Stderr, "Error: invalid configuration: no such key")
		return 1
	case "sends":
		client, err := kgo.NewClient(kgo.SeedBrokers(os.Getenv("PANOPTES_BROKERS")), kgo.AllowAutoTopicCreation())
		if err != nil {
			return 1
		}
		defer client.Close()
		for _, rates := range []bool{false, true} {
			for _, kind := range []string{"example", "host_network"} {
				r := &kgo.Record{Topic: "local-processed", Key: []byte("c:s:t"), Value: []byte(message(kind, "all", rates))}
				if err := client.ProduceSync(context.Background(), r).FirstErr(); err != nil {
					return 1
				}
			}
		}
		fmt.Fprintf(os.Stderr, "2026-01-02T03:04:05.678Z\twarn\tx\tsent all, %s %s\n", os.Getenv("PANOPTES_PROMETHEUS"), strings.Join(os.Args[1:], " "))
	}
	<-asked
	fmt.Fprintln(os.Stderr, "2026-01-02T03:04:05.678Z\twarn\tx\tended in order")
	return 0
}

// output keeps what was written and tells who waits for a text.
type output struct {
	mu   sync.Mutex
	text strings.Builder
	news chan struct{}
}

func newOutput() *output { return &output{news: make(chan struct{}, 1)} }

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	select {
	case o.news <- struct{}{}:
	default:
	}
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func (o *output) waitFor(t *testing.T, text string) {
	t.Helper()
	for !strings.Contains(o.String(), text) {
		select {
		case <-o.news:
		case <-t.Context().Done():
			t.Fatal("the test ended")
		case <-time.After(time.Minute):
			t.Fatalf("no %q in:\n%s", text, o.String())
		}
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", address+":0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(b)
}

// newOptions are those of a demo whose Collector is this test binary.
func newOptions(t *testing.T) *options {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	return &options{
		collector: self, config: "../../../../examples/quickstart/collector.yaml",
		brokerPort: freePort(t), prometheusPort: freePort(t), statusPort: freePort(t), expect: []string{"example", "host_network"},
	}
}

func TestDemo(t *testing.T) {
	t.Setenv(playVariable, "sends")
	o := newOptions(t)
	o.logFile = filepath.Join(t.TempDir(), "collector.log")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stdout, stderr := newOutput(), newOutput()
	done := make(chan error, 1)
	go func() { done <- o.run(ctx, stdout, stderr) }()
	stdout.waitFor(t, "rates n=7/s")
	stderr.waitFor(t, "sent all")
	cancel()
	require.NoError(t, <-done)

	require.Contains(t, stdout.String(), "local-processed  partition ")
	require.Contains(t, stdout.String(), "key c:s:t")
	require.Contains(t, stdout.String(), `"metrics_group_type": "host_network"`)
	prometheus := fmt.Sprintf("%s:%d", address, o.prometheusPort)
	require.Contains(t, stderr.String(), "http://"+prometheus+"/metrics")
	require.Contains(t, stderr.String(), fmt.Sprintf("http://%s:%d/\n", address, o.statusPort))
	require.Contains(t, stderr.String(), prometheus+" --config /")
	require.Contains(t, stderr.String(), "machine.panoptes-plugin")
	require.Contains(t, stderr.String(), "machine.py: edit it now")
	require.Contains(t, stderr.String(), "collector: warn: x\tended in order", "the Collector could end in order")
	require.Contains(t, read(t, o.logFile), "ended in order")
	for _, port := range []int{o.brokerPort, o.prometheusPort} {
		l, err := net.Listen("tcp", fmt.Sprintf("%s:%d", address, port))
		require.NoError(t, err, "the port is free again")
		require.NoError(t, l.Close())
	}
}

func TestDemoVerdict(t *testing.T) {
	t.Parallel()
	o := &options{duration: time.Second, expect: []string{"example"}}
	log, err := newCollectorLog(io.Discard, "")
	require.NoError(t, err)
	v := newViewed(false)
	v.sees(t, message("example", "all", true))
	var stderr strings.Builder
	require.NoError(t, o.verdict(elapsed, v.viewer, log, nil, &stderr))
	require.Equal(t, "Groups that arrived from Kafka: 1; example 1 (rates: 1)\n", stderr.String())
	require.NoError(t, o.verdict(interrupted, newViewed(false).viewer, log, nil, io.Discard))
}

func TestDemoNothingArrives(t *testing.T) {
	t.Setenv(playVariable, "waits")
	o := newOptions(t)
	o.duration = time.Millisecond
	err := o.run(t.Context(), io.Discard, io.Discard)
	require.EqualError(t, err, `within 1ms there came no group of type "example", and no group of type "host_network"`)
	require.Equal(t, exit.Failed, exit.Code(err))
}

func TestDemoCollectorFails(t *testing.T) {
	t.Setenv(playVariable, "fails")
	stderr := newOutput()
	err := newOptions(t).run(t.Context(), io.Discard, stderr)
	require.EqualError(t, err, "the Collector has ended by itself: exit status 1")
	require.Contains(t, stderr.String(), "  Error: invalid configuration: no such key\n")
}

func TestDemoSaysWhatIsMissing(t *testing.T) {
	l, err := net.Listen("tcp", address+":0")
	require.NoError(t, err)
	defer l.Close()
	taken := l.Addr().(*net.TCPAddr).Port
	plain := filepath.Join(t.TempDir(), "plain")
	require.NoError(t, os.WriteFile(plain, nil, 0o600))
	oldPython := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(oldPython, "python3"), []byte("#!/bin/sh\necho 3 7\n"), 0o700))

	for name, c := range map[string]struct {
		change  func(*options)
		path    string
		message string
	}{
		"broker port":      {func(o *options) { o.brokerPort = taken }, "", fmt.Sprintf("port %d of 127.0.0.1, for the embedded broker, is in use already", taken)},
		"prometheus port":  {func(o *options) { o.prometheusPort = taken }, "", "choose another port with --prometheus-port"},
		"no port":          {func(o *options) { o.brokerPort = 70000 }, "", "--broker-port must be from 1 to 65535, is 70000"},
		"no collector":     {func(o *options) { o.collector = "/nonexistent" }, "", "`make build` makes it"},
		"no program":       {func(o *options) { o.collector = plain }, "", "is no program"},
		"no configuration": {func(o *options) { o.config = "nonexistent.yaml" }, "", "cannot find the Collector's configuration nonexistent.yaml"},
		"no python3":       {func(*options) {}, t.TempDir(), "cannot find python3"},
		"old python3":      {func(*options) {}, oldPython, "is Python 3.7: Python 3.8 or newer is needed"},
		"log file":         {func(o *options) { o.logFile = "/nonexistent/x" }, "", "cannot write --log"},
		"duration":         {func(o *options) { o.duration = -1 }, "", "--duration must not be negative"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(playVariable, "fails")
			if c.path != "" {
				t.Setenv("PATH", c.path)
			}
			o := newOptions(t)
			c.change(o)
			err := o.run(t.Context(), io.Discard, io.Discard)
			require.ErrorContains(t, err, c.message)
			require.Equal(t, exit.Usage, exit.Code(err))
		})
	}
}

// TestBrokerIsBounded: what the broker keeps in memory does not grow without end.
func TestBrokerIsBounded(t *testing.T) {
	t.Parallel()
	b, err := startBroker(freePort(t))
	require.NoError(t, err)
	defer b.close()
	client, err := kgo.NewClient(kgo.SeedBrokers(b.cluster.ListenAddrs()...), kgo.AllowAutoTopicCreation(),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(kgo.NoCompression()))
	require.NoError(t, err)
	defer client.Close()
	for range 20 {
		require.NoError(t, client.ProduceSync(t.Context(), &kgo.Record{Topic: "x", Value: make([]byte, 900<<10)}).FirstErr())
	}
	require.Zero(t, b.cluster.PartitionInfo("x", 0).LogStartOffset)
	b.cluster.ApplyRetention()
	require.Greater(t, b.cluster.PartitionInfo("x", 0).LogStartOffset, int64(5))
}

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/panoptes-otel/panoptes-otel/bench/internal/bench"
)

const nodes = 3

// cluster is three brokers of Apache Kafka, which end with this program.
type cluster struct {
	script, port, dir string
	brokers           []string
	client            *kgo.Client
}

func startCluster(port int) *cluster {
	script, err := filepath.Abs("../scripts/kafka-cluster")
	must(err)
	dir, err := os.MkdirTemp("", "panoptes-bench-cluster")
	must(err)
	c := &cluster{script: script, port: strconv.Itoa(port), dir: dir}
	for n := range nodes {
		c.brokers = append(c.brokers, fmt.Sprintf("127.0.0.1:%d", port+10*(n+1)))
	}
	must(os.Setenv("KAFKA_JIT", "")) // as in production
	cmd := exec.Command(c.script, "start", c.port, c.dir)
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		c.remove()
		panic(fmt.Errorf("start Kafka: %w", err))
	}
	c.client, err = kgo.NewClient(kgo.SeedBrokers(c.brokers...), kgo.MetadataMinAge(100*time.Millisecond))
	must(err)
	return c
}

// order runs the script, and returns what it prints.
func (c *cluster) order(command string, args ...string) string {
	cmd := exec.Command(c.script, append([]string{command, c.port, c.dir}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	must(err)
	return strings.TrimSpace(string(out))
}

func (c *cluster) remove() {
	if c.client != nil {
		c.client.Close()
	}
	c.order("wipe")
	_ = os.RemoveAll(c.dir)
}

// coordinator is the node that coordinates a group.
func (c *cluster) coordinator(group string) string {
	found := kadm.NewClient(c.client).FindGroupCoordinators(background, group)
	must(found.Error())
	return strconv.Itoa(int(found[group].NodeID))
}

// processorTime is what all brokers have used.
func (c *cluster) processorTime() (used time.Duration) {
	for n := 1; n <= nodes; n++ {
		pid, err := strconv.Atoi(c.order("pid", strconv.Itoa(n)))
		must(err)
		used += bench.ProcessorTime(pid)
	}
	return used
}

// share is what part of a core the brokers use during a time.
func (c *cluster) share(during time.Duration) float64 {
	before, begin := c.processorTime(), time.Now()
	time.Sleep(during)
	return float64(c.processorTime()-before) / float64(time.Since(begin))
}

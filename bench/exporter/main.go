// Command exporter measures the exporter panoptes_json beside its peers, with a real Apache Kafka that it starts and
// removes: `make bench-exporter`.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime"

	"github.com/panoptes-otel/panoptes-otel/bench/internal/bench"
	"github.com/panoptes-otel/panoptes-otel/bench/internal/workload"
)

const (
	// rounds is how often each contestant has its turn.
	rounds = 11
	// turns adds those in which connections, buffers and pools get ready.
	turns = rounds + 2
	// batches is how many batches a turn sends.
	batches = 20
	// callers is how many goroutines send them where throughput is measured, so that one batch can be prepared while
	// another one is with Kafka.
	callers    = 4
	partitions = 4
)

func main() {
	out := flag.String("out", "results/exporter.json", "file for the figures")
	brokers := flag.String("brokers", "", "address of a Kafka to use, rather than to start one")
	port := flag.Int("port", 29392, "first of the five ports of the Kafka to start")
	flag.Parse()
	if err := run(context.Background(), *out, *brokers, *port); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out, brokers string, port int) error {
	if brokers == "" {
		k, err := startKafka(ctx, port)
		if err != nil {
			return err
		}
		defer k.remove()
		brokers = k.address
	}
	work := workload.Standard(false)
	fmt.Printf("standard group, %d batches of %d a turn, %d partitions, acks=all; %d rounds: CPU (user and system, this process alone) "+
		"by minima, throughput by medians; %d cores shared with the broker, %s\n\n",
		batches, work.Groups, partitions, rounds, runtime.GOMAXPROCS(0), runtime.Version())
	var report bench.Report
	for _, codec := range []string{"none", "lz4"} {
		if err := measure(ctx, &report, brokers, codec, work); err != nil {
			return fmt.Errorf("compression %s: %w", codec, err)
		}
	}
	report.Print(os.Stdout)
	return report.Write(out)
}

// measure adds the rows of one kind of compression.
func measure(ctx context.Context, report *bench.Report, brokers, codec string, work workload.Batch) error {
	contestants, err := newContestants(ctx, brokers, codec, work)
	if err != nil {
		return err
	}
	cost, err := compare(contestants, work.Groups, 1)
	if err != nil {
		return err
	}
	addCPU(report, codec, contestants, cost)
	speed, err := compare(contestants, work.Groups, callers)
	if err != nil {
		return err
	}
	addThroughput(report, codec, contestants, speed)
	for _, c := range contestants {
		// All have sent as much: a message a group.
		if n, err := written(ctx, brokers, c.topic); err != nil || n-c.before != int64(2*turns*batches*work.Groups) {
			return fmt.Errorf("%s: %d messages are in topic %q, %w", c.name, n-c.before, c.topic, err)
		}
		if err := c.close(ctx); err != nil {
			return err
		}
	}
	return nil
}

// addCPU adds the rows of one batch after the other.
func addCPU(report *bench.Report, codec string, contestants []contestant, measured []measurement) {
	required := []float64{0, 4, 2, 0.8}
	if codec == "lz4" {
		required[1] = 3.5
	}
	for i, c := range contestants[1:] {
		report.Add(bench.Row{
			Measure: "CPU, " + codec, Ours: measured[0].cpu, Unit: "ns/group",
			Peer: c.name, PeerValue: measured[i+1].cpu, Floor: c.floor, Required: required[i+1],
		})
	}
	report.Add(bench.Row{
		Measure: "allocations, " + codec, Ours: measured[0].allocs, Unit: "allocs/group",
		Peer: contestants[3].name, PeerValue: measured[3].allocs, Floor: true,
	})
}

// addThroughput adds the rows of several batches at a time.
func addThroughput(report *bench.Report, codec string, contestants []contestant, measured []measurement) {
	for i, c := range contestants[1:] {
		row := bench.Row{
			Measure: "throughput, " + codec, Ours: measured[0].rate, Unit: "groups/s", Peer: c.name, PeerValue: measured[i+1].rate, Floor: c.floor,
		}
		if c.floor && codec == "lz4" {
			row.Required = 0.7
		}
		report.AddRate(row)
	}
}

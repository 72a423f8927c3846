// Command scale measures how several Collectors share a fleet, with three brokers of a real Apache Kafka that it starts and
// removes: `make bench-scale`.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/panoptes-otel/panoptes-otel/bench/internal/bench"
)

var background = context.Background()

// allParts are the parts of this benchmark, each of which can be run alone.
const allParts = "runs,state,planned,killed,coordinator,brokers"

func main() {
	out := flag.String("out", "", "file for the figures (default: results/scale.json for a run of all parts, none for others)")
	port := flag.Int("port", 26300, "the first of the ports of the brokers")
	only := flag.String("parts", allParts, "which of the parts to run")
	during := flag.Duration("during", 30*time.Second, "how long the work of brokers and the runs of Collectors are counted")
	one := flag.String("member", "", "be a member with these orders")
	flag.Parse()
	if *one != "" {
		beMember(*one)
		return
	}
	load, _, _ := strings.Cut(string(readFile("/proc/loadavg")), " ")
	fmt.Printf("%d shards, session %s, %d brokers on the same %d cores, load %s, %s\n\n",
		shards, session, nodes, runtime.GOMAXPROCS(0), load, runtime.Version())
	parts := strings.Split(*only, ",")
	for _, part := range parts {
		if !slices.Contains(strings.Split(allParts, ","), part) {
			panic(fmt.Errorf("unknown part %q: expected some of %s", part, allParts))
		}
	}
	var r bench.Report
	if slices.Contains(parts, "runs") {
		runs(&r, *during)
	}
	if len(parts) > 1 || parts[0] != "runs" {
		withCluster(&r, *port, parts, *during)
	}
	fmt.Println()
	r.Print(os.Stdout)
	if *out == "" && *only == allParts {
		*out = "results/scale.json"
	}
	if *out != "" {
		must(r.Write(*out))
	}
}

func withCluster(r *bench.Report, port int, parts []string, during time.Duration) {
	c := startCluster(port)
	defer c.remove()
	if slices.Contains(parts, "state") {
		state(r, c)
	}
	if slices.ContainsFunc(parts, func(part string) bool { return events[part] != nil }) {
		moves(r, c, parts)
	}
	if slices.Contains(parts, "brokers") {
		brokers(r, c, during)
	}
}

func readFile(path string) []byte {
	data, err := os.ReadFile(path)
	must(err)
	return data
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

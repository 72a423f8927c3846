// Command schedule measures the scheduler beside its peers: `make bench-schedule`. Each contestant runs a million tasks
// of a minute in a process of its own; they take turns.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"time"

	"github.com/panoptes-otel/panoptes-otel/bench/internal/bench"
)

const (
	tasks    = 1_000_000
	perPlug  = 100_000 // resources of each plugin
	interval = time.Minute
)

func main() {
	out := flag.String("out", "results/schedule.json", "file for the figures")
	rounds := flag.Int("rounds", 9, "turns of each contestant")
	window := flag.Duration("window", 6*time.Second, "how long a turn measures")
	one := flag.String("contestant", "", "run one turn of this contestant")
	flag.Parse()
	if *one != "" {
		must(json.NewEncoder(os.Stdout).Encode(turn(*one, *window)))
		return
	}
	fmt.Printf("%d tasks of %s, %d starts a second; %d rounds of %s, medians; GOMAXPROCS=%d, %s\n\n",
		tasks, interval, tasks/int(interval.Seconds()), *rounds, *window, runtime.GOMAXPROCS(0), runtime.Version())
	figures := map[string][]figure{}
	for range *rounds {
		for _, c := range contestants {
			figures[c.name] = append(figures[c.name], child(c.name, *window))
		}
	}
	report(*out, figures)
}

// child runs one turn in a process of its own.
func child(name string, window time.Duration) figure {
	cmd := exec.Command(os.Args[0], "-contestant", name, "-window", window.String())
	cmd.Stderr = os.Stderr
	data, err := cmd.Output()
	must(err)
	var f figure
	must(json.Unmarshal(data, &f))
	return f
}

func report(out string, figures map[string][]figure) {
	var r bench.Report
	const ours = "ours"
	median := func(name string, of func(figure) float64) float64 {
		return bench.MedianOf(figures[name], of)
	}
	measures := []struct {
		name, unit string
		of         func(figure) float64
		limit      float64
	}{
		{"bytes a task", "B", func(f figure) float64 { return f.Bytes }, 88},
		{"lateness p50", "ms", func(f figure) float64 { return f.P50 }, 0},
		{"lateness p99", "ms", func(f figure) float64 { return f.P99 }, 8},
		{"lateness max", "ms", func(f figure) float64 { return f.Max }, 0},
		{"CPU share of one core", "%", func(f figure) float64 { return f.CPU }, 8},
	}
	for _, m := range measures {
		if m.limit > 0 {
			r.Add(bench.Row{
				Measure: m.name, Ours: median(ours, m.of), Unit: m.unit, Peer: "limit", PeerValue: m.limit, Required: 1,
			})
		}
		for _, c := range contestants[1:] {
			r.Add(bench.Row{
				Measure: m.name, Ours: median(ours, m.of), Unit: m.unit, Peer: c.name, PeerValue: median(c.name, m.of), Floor: c.floor,
			})
		}
	}
	for _, c := range contestants {
		fmt.Printf("%s: %.0f starts a turn\n", c.name, median(c.name, func(f figure) float64 { return float64(f.Starts) }))
	}
	fmt.Println()
	r.Print(os.Stdout)
	must(r.Write(out))
}

// taskName is a task's name, as long as a real one.
func taskName(i int) string {
	return "interface_metrics:3221e556fca9b9bd99d669e46052debd:device" + strconv.Itoa(i)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// Command idle measures what a run costs in a whole Collector that has little to do, beside one where plugins are kept busy:
// `make bench-idle`.
package main

import (
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/panoptes-otel/panoptes-otel/bench/internal/bench"
	"github.com/panoptes-otel/panoptes-otel/bench/internal/whole"
	"github.com/panoptes-otel/panoptes-otel/bench/internal/workload"
	"github.com/panoptes-otel/panoptes-otel/bench/plugins/sample"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

const (
	// plugins run once a minute for each resource.
	plugins   = 5
	resources = 1000
	// turn is how long a Collector is looked at.
	turn = time.Minute
)

// kind is a kind of plugin.
type kind struct {
	name string
	// main are lines of [main]; suffix is that of the file of the program, whose text is program.
	main, suffix, program string
	// atOnce is how many runs are under way where the plugin is kept busy.
	atOnce int
	// warmUp is until all tasks have run, and processes have ended that were wanted for that alone.
	warmUp time.Duration
}

func main() {
	out := flag.String("out", "results/idle.json", "file for the figures")
	collector := flag.String("collector", "", "the Collector")
	before := flag.String("before", "", "another Collector, whose memory and lateness are not to be exceeded")
	interpreter := flag.String("python", "python3", "the interpreter")
	docs := flag.String("docs", "", "page whose table is to be replaced, as ../docs/benchmarks.md")
	only := flag.String("only", "", "the one kind of plugin to measure")
	flag.Parse()
	dir, err := os.MkdirTemp("", "bench-idle-")
	must(err)
	defer os.RemoveAll(dir)

	var report bench.Report
	var text strings.Builder
	fmt.Fprintf(&text, "%d resources, %d plugins, each once a minute, for %s; %d cores, %s\n\n", resources, plugins, turn, runtime.NumCPU(), runtime.Version())
	for _, k := range kinds(dir) {
		if *only != "" && k.name != *only {
			continue
		}
		busy := saturated(k, filepath.Join(dir, k.name), *interpreter)
		settings := k.settings(*collector, *interpreter)
		settings.Dir = filepath.Join(dir, k.name, "collector")
		got := measure(k, settings)
		line := fmt.Sprintf("%s: %.0f runs, %.0f us of a run in the Collector, %.0f us in %d processes besides it; %.0f MiB; 99 %% began within %g ms\n",
			k.name, got.runs, got.own, got.others, got.processes, got.memory/(1<<20), got.late*1000)
		fmt.Print(line)
		text.WriteString(line)
		report.Add(bench.Row{
			Measure: k.name + ", processor time of a run", Ours: got.own + got.others, Unit: "us", Peer: "3 x that of a run where plugins are kept busy", PeerValue: 3 * busy, Required: 1,
		})
		report.Add(bench.Row{Measure: k.name + ", of it in the Collector", Ours: got.own, Unit: "us", Peer: "a run where plugins are kept busy", PeerValue: busy})
		if *before != "" {
			settings.Binary, settings.Dir = *before, filepath.Join(dir, k.name, "before")
			then := measure(k, settings)
			for _, row := range []bench.Row{
				{Measure: "processor time of a run", Ours: got.own + got.others, Unit: "us", PeerValue: then.own + then.others},
				{Measure: "memory", Ours: got.memory / (1 << 20), Unit: "MiB", PeerValue: then.memory / (1 << 20), Required: 0.95}, // two runs of one differ by that
				{Measure: "99 of 100 runs late by at most", Ours: got.late * 1000, Unit: "ms", PeerValue: then.late * 1000, Required: 1},
			} {
				row.Measure, row.Peer = k.name+", "+row.Measure, "the Collector before"
				report.Add(row)
			}
		}
	}
	text.WriteString("\n")
	must(report.Publish(text.String(), *out, *docs, "## A Collector that has little to do"))
}

// kinds are what is measured; the program of two of them is built.
func kinds(dir string) []kind {
	child := filepath.Join(dir, "child")
	build := exec.Command("go", "build", "-o", child, "./plugins/child")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stderr = os.Stderr
	must(build.Run())
	program, err := os.ReadFile(child)
	must(err)
	return []kind{
		{"python", "", ".py", workload.Tutorial, 2 * 5, 140 * time.Second},
		{"process", "args = serve\n", "", string(program), 16, 65 * time.Second},
		{"exec", "runtime = exec\nargs = once\n", "", string(program), 2, 65 * time.Second},
	}
}

// file is a plugin's own file.
func (k *kind) file(name string) string {
	return fmt.Sprintf("[Core]\nName = %s\nModule = %s\n[main]\nexecute_frequency = 60\nresource_filter = resource_class = \"network\"\n%s", name, name, k.main)
}

func (k *kind) settings(collector, interpreter string) whole.Settings {
	s := whole.Settings{Binary: collector, Interpreter: interpreter, Processors: "panoptes_rate", Plugins: map[string]string{}}
	for i := range plugins {
		name := fmt.Sprint("plugin", i)
		s.Plugins[name+".panoptes-plugin"], s.Plugins[name+k.suffix] = k.file(name), k.program
	}
	for i := range resources {
		s.Resources = append(s.Resources, device(i))
	}
	return s
}

func device(i int) *pluginsdk.Resource {
	r := sample.Resource(i)
	must(r.Validate())
	return r
}

// figures are what runs came to: microseconds of processor time a run, in the Collector and in all processes besides it, bytes,
// and seconds.
type figures struct {
	runs, own, others, memory, late float64
	processes                       int
}

// measure runs a Collector.
func measure(k kind, s whole.Settings) figures {
	c := whole.StartCollector(s)
	defer c.End()
	time.Sleep(k.warmUp)
	counts, cost := c.Counts(), c.Cost()
	time.Sleep(turn)
	counts, cost = c.Counts().Since(counts), c.Cost().Since(cost)
	if expected := float64(plugins*resources) * turn.Minutes(); math.Abs(counts.Runs-expected) > 0.1*expected || counts.Others > 0 {
		fmt.Printf("%s: %g runs ended well, %g did not: the machine has too little time\n", k.name, counts.Runs, counts.Others)
	}
	micros := func(d time.Duration) float64 { return float64(d.Microseconds()) / counts.Runs }
	return figures{counts.Runs, micros(cost.Own), micros(cost.Others), c.Memory(), counts.Late(0.99), cost.Processes}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

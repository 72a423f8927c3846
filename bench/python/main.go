// Command python measures how Python plugins are run, beside a plain loop of the steps that Panoptes' own runner takes
// and beside a process forked for each run: `make bench-python`.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"github.com/panoptes-otel/panoptes-otel/bench/internal/bench"
	"github.com/panoptes-otel/panoptes-otel/bench/internal/workload"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/run/workers"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
	"github.com/panoptes-otel/panoptes-otel/python"
)

const (
	rounds = 9
	// turn is how long one contestant runs in a round.
	turn = 800 * time.Millisecond
	// inFlight is how many runs the host asks for at once, for each worker.
	inFlight = workers.RunsPerWorker + 1
)

func main() {
	out := flag.String("out", "results/python.json", "file for the figures")
	interpreter := flag.String("python", "python3", "the interpreter")
	docs := flag.String("docs", "", "page whose table is to be replaced, as ../docs/benchmarks.md")
	flag.Parse()
	dir, err := os.MkdirTemp("", "bench-python-")
	must(err)
	defer os.RemoveAll(dir)
	p := tutorial(dir)
	head := fmt.Sprintf("the tutorial's plugin: one group, two metrics, one dimension, two log lines; %d processors, %d rounds of %s, medians, %s\n\n",
		runtime.NumCPU(), rounds, turn, version(*interpreter))

	var report bench.Report
	throughput(&report, *interpreter, dir, p)
	memory(&report, *interpreter, p)
	replacement(&report, *interpreter, dir, p)
	variables(&report, *interpreter, dir)
	must(report.Publish(head, *out, *docs, "## Python plugins"))
}

// throughput measures runs a second, and the processor time of all that takes part, which says more where others use the
// machine as well.
func throughput(report *bench.Report, interpreter, dir string, p *plugin.Plugin) {
	type contestant struct {
		name       string
		run        func(time.Duration) (rate, micros float64)
		rates, cpu []float64
	}
	one, two := newHost(interpreter, 1), newHost(interpreter, 2)
	defer one.close()
	defer two.close()
	loop := func(mode string, processes int) func(time.Duration) (float64, float64) {
		return func(d time.Duration) (float64, float64) { return peer(interpreter, dir, mode, processes, d) }
	}
	contestants := []*contestant{
		{name: "1 worker", run: func(d time.Duration) (float64, float64) { return one.runs(p, 1, d) }},
		{name: "2 workers", run: func(d time.Duration) (float64, float64) { return two.runs(p, 2, d) }},
		{name: "loop", run: loop("loop", 1)},
		{name: "loop with gc", run: loop("collect", 1)},
		{name: "two loops", run: loop("loop", 2)},
		{name: "fork", run: loop("fork", 1)},
	}
	for range rounds {
		for _, c := range contestants {
			rate, micros := c.run(turn)
			c.rates, c.cpu = append(c.rates, rate), append(c.cpu, micros)
		}
	}
	rate, cpu := map[string]float64{}, map[string]float64{}
	for _, c := range contestants {
		rate[c.name], cpu[c.name] = bench.Median(c.rates), bench.Median(c.cpu)
	}
	for _, row := range []struct {
		ours, peer, what string
		floor            bool
		required         float64
	}{
		{"1 worker", "loop", "loop in one process, no isolation", true, 0},
		{"1 worker", "loop with gc", "the same with gc.collect() each run, as Panoptes", false, 0},
		{"2 workers", "two loops", "two such loops", true, 0.6},
		{"2 workers", "fork", "fork for each run", false, 0},
	} {
		report.AddRate(bench.Row{
			Measure: "runs a second, " + row.ours, Ours: rate[row.ours], Unit: "runs/s", Peer: row.what, PeerValue: rate[row.peer], Floor: row.floor, Required: row.required,
		})
		report.Add(bench.Row{
			Measure: "processor time of a run, " + row.ours, Ours: cpu[row.ours], Unit: "us", Peer: row.what, PeerValue: cpu[row.peer], Floor: row.floor,
		})
	}
}

// memory measures what a worker more costs, after it has run the plugin a thousand times.
func memory(report *bench.Report, interpreter string, p *plugin.Plugin) {
	measure := func(processes int) (float64, int) {
		host := newHost(interpreter, processes)
		defer host.close()
		return host.memory(p)
	}
	base, baseWorkers := measure(1)
	all, processes := measure(4)
	report.Add(bench.Row{
		Measure: "memory of a further worker (PSS)", Ours: (all - base) / float64(processes-baseWorkers) / (1 << 20), Unit: "MiB",
		Peer: "budget", PeerValue: 6, Required: 1,
	})
	report.Add(bench.Row{
		Measure: "memory of a further worker (PSS)", Ours: (all - base) / float64(processes-baseWorkers) / (1 << 20), Unit: "MiB",
		Peer: "interpreter of its own", PeerValue: alone(interpreter) / (1 << 20),
	})
}

// replacement measures the time from kill -9 to the next result.
func replacement(report *bench.Report, interpreter, dir string, p *plugin.Plugin) {
	host := newHost(interpreter, 1)
	defer host.close()
	pid := pidPlugin(dir)
	var took, starts []float64
	for range 30 {
		n := int(host.value(pid))
		host.run(p)
		took = append(took, host.killAndRun(n, p))
		starts = append(starts, start(interpreter))
	}
	report.Add(bench.Row{
		Measure: "kill -9 to the next result", Ours: bench.Median(took), Unit: "ms", Peer: "python3 -I -S -c pass", PeerValue: bench.Median(starts), Required: 1,
	})
}

// variables measures what a variable of an SNMP walk costs a plugin, from the answer of the host on.
func variables(report *bench.Report, interpreter, dir string) {
	archive, err := python.WriteZip(filepath.Join(dir, "zip"))
	must(err)
	out, err := exec.Command(interpreter, "-B", "-c", variablesProgram, archive).Output()
	must(err)
	var ours, checked float64
	_, err = fmt.Sscan(string(out), &ours, &checked)
	must(err)
	for _, row := range []bench.Row{
		{Peer: "budget", PeerValue: 0.6, Required: 1},
		{Peer: "by the constructor that checks", PeerValue: checked},
	} {
		row.Measure, row.Ours, row.Unit = "variable of an SNMP walk", ours, "us"
		report.Add(row)
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func resource() *pluginsdk.Resource {
	r := &pluginsdk.Resource{
		Site: "dc1", Class: "network", Subclass: "switch", Type: "generic", ID: "switch1", Endpoint: "switch1.example", Plugin: "p",
		CreationTimestamp: pluginsdk.NumberTimestamp(pluginsdk.Float(1512629517.03)),
	}
	must(r.Validate())
	return r
}

// write puts a plugin into the folder and opens it as the receiver does: with a copy of its module.
func write(dir, name, module string) *plugin.Plugin {
	path := filepath.Join(dir, name+".panoptes-plugin")
	must(os.WriteFile(path, fmt.Appendf(nil, "[Core]\nName = %s\nModule = %s\n[main]\nexecute_frequency = 60\nresource_filter = resource_class = \"network\"\n", name, name), 0o600))
	must(os.WriteFile(filepath.Join(dir, name+".py"), []byte(module), 0o600))
	p, _, err := plugin.Open(path, plugin.OpenOptions{})
	must(err)
	p, err = p.Snapshot(filepath.Join(dir, "copy-"+name))
	must(err)
	return p
}

func tutorial(dir string) *plugin.Plugin { return write(dir, "tutorial", workload.Tutorial) }

func pidPlugin(dir string) *plugin.Plugin { return write(dir, "pid", pidModule) }

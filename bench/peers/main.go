// Command peers runs one script against the same targets by Telegraf's agent and by a whole Collector: `make bench-peers`.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/panoptes-otel/panoptes-otel/bench/internal/bench"
)

const (
	count = 1000
	// interval is how often each target is polled, and how long each contestant is looked at.
	interval = 25 * time.Second
)

func main() {
	out := flag.String("out", "results/peers.json", "file for the figures")
	collector := flag.String("collector", "", "the Collector")
	interpreter := flag.String("python", "python3", "the interpreter")
	only := flag.String("only", "", "the one contestant to look at")
	docs := flag.String("docs", "", "page whose table is to be replaced, as ../docs/benchmarks.md")
	readme := flag.String("readme", "", "page whose line about Telegraf is to be replaced, as ../README.md")
	flag.Parse()
	python, err := exec.LookPath(*interpreter)
	must(err)
	dir, err := os.MkdirTemp("", "bench-peers-")
	must(err)
	defer os.RemoveAll(dir)
	f := &field{
		collector: *collector, telegraf: filepath.Join(dir, "telegraf"), interpreter: python, script: filepath.Join(dir, "link"),
		targets: newTargets(),
	}
	must(os.WriteFile(f.script, []byte(f.text()), 0o755))
	build := exec.Command("go", "build", "-o", f.telegraf, ".")
	build.Dir, build.Stderr = "telegraf", os.Stderr
	must(build.Run())

	var text strings.Builder
	fmt.Fprintf(&text, "%d targets, each polled every %s by the same script; one interval of each; %d cores, %s\n\n", count, interval, runtime.NumCPU(), runtime.Version())
	figures := map[string]figure{}
	for i, c := range f.contestants() {
		if *only != "" && c.name != *only {
			continue
		}
		got := f.measure(c, filepath.Join(dir, fmt.Sprint(i)))
		figures[c.name] = got
		line := fmt.Sprintf("%s: %d polls, %d at most in one second; %.0f us of a poll in the agent; %d processes besides it at the end\n",
			c.name, got.polls, got.most, got.own, got.processes)
		fmt.Print(line)
		text.WriteString(line)
	}
	if *only != "" {
		return
	}
	text.WriteString("\n")
	must(reportOf(figures).Publish(text.String(), *out, *docs, "### Beside Telegraf"))
	if *readme != "" {
		must(bench.ReplaceLine(*readme, "Beside Telegraf", summary(figures)))
	}
}

// figure is what a contestant came to.
type figure struct {
	pace
	// own is processor time of a poll in the agent, all that in all processes, in microseconds.
	own, all  float64
	memory    float64 // the most, in bytes
	processes int
}

// measure runs a contestant.
func (f *field) measure(c contestant, dir string) figure {
	f.targets.forget()
	p := c.start(dir)
	defer p.End()
	time.Sleep(c.warmUp)
	before, from := p.Cost(), time.Now()
	memory := 0.0
	for time.Since(from) < interval-time.Second {
		memory = max(memory, p.Memory())
		time.Sleep(time.Second)
	}
	time.Sleep(time.Until(from.Add(interval)))
	cost := p.Cost().Since(before)
	got := figure{pace: f.targets.pace(from, interval), memory: memory, processes: cost.Processes}
	if got.polls == 0 {
		output, _ := os.ReadFile(filepath.Join(dir, "output"))
		panic(fmt.Sprintf("%s polled nothing: %s", c.name, output))
	}
	micros := func(d time.Duration) float64 { return float64(d.Microseconds()) / float64(got.polls) }
	got.own, got.all = micros(cost.Own), micros(cost.Own+cost.Others)
	return got
}

// pairs are who is compared with whom.
var pairs = [][2]string{
	{"exec", "Telegraf exec, an input each"},
	{"exec", "Telegraf exec, one input"},
	{"process", "Telegraf execd"},
	{"Python", "Telegraf exec, an input each"},
	{"Python", "Telegraf execd"},
}

func reportOf(figures map[string]figure) *bench.Report {
	var report bench.Report
	for _, measure := range []struct {
		name, unit string
		of         func(figure) float64
	}{
		{"processor time of a poll", "us", func(f figure) float64 { return f.all }},
		{"memory at most", "MiB", func(f figure) float64 { return f.memory / (1 << 20) }},
		{"lateness p99", "ms", func(f figure) float64 { return float64(f.off.Microseconds()) / 1000 }},
		{"polls in one second at most", "polls", func(f figure) float64 { return float64(f.most) }},
	} {
		for _, pair := range pairs {
			report.Add(bench.Row{
				Measure: pair[0] + ": " + measure.name, Ours: measure.of(figures[pair[0]]), Unit: measure.unit,
				Peer: pair[1], PeerValue: measure.of(figures[pair[1]]),
			})
		}
	}
	return &report
}

// summary is the README's line.
func summary(figures map[string]figure) string {
	of := func(name string) string { return fmt.Sprintf("%.1f", figures[name].all/1000) }
	return fmt.Sprintf("Beside Telegraf, the same script against %d targets ([benchmark](docs/benchmarks.md#beside-telegraf)): %s ms of processor time a poll with `exec` "+
		"(Telegraf's `exec`: %s), %s as a process plugin (`execd`: %s), %s as a Python plugin.",
		count, of("exec"), of("Telegraf exec, an input each"), of("process"), of("Telegraf execd"), of("Python"))
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

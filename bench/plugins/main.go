// Command plugins measures the runtimes of plugins beside their peers: `make bench-plugins`.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/panoptes-otel/panoptes-otel/bench/internal/bench"
	"github.com/panoptes-otel/panoptes-otel/bench/plugins/sample"
	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/run/runtimes"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

const (
	// rounds is how often each contestant has its turn; medians count.
	rounds = 9
	turn   = 400 * time.Millisecond
	// atOnce is the number of runs under way where several are.
	atOnce = 16
	// idlePlugins is how many plugins wait for their next run while memory is looked at.
	idlePlugins = 20
)

func main() {
	out := flag.String("out", "results/plugins.json", "file for the figures")
	docs := flag.String("docs", "", "page whose table is to be replaced, as ../docs/benchmarks.md")
	flag.Parse()
	dir, err := os.MkdirTemp("", "bench-plugins-")
	must(err)
	defer func() { _ = os.RemoveAll(dir) }()
	child := filepath.Join(dir, "child")
	build := exec.Command("go", "build", "-o", child, "./plugins/child")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stderr = os.Stderr
	must(build.Run())
	h := newHost(dir, child)
	defer func() { must(h.runners.Close(context.Background())) }()

	head := fmt.Sprintf("%d rounds of %s in turns, medians of runs a second and of processor time, %d processors, %s\n\n", rounds, turn, runtime.GOMAXPROCS(0), runtime.Version())
	var report bench.Report
	execRows(&report, h)
	processRows(&report, h)
	goRows(&report, h)
	memoryRows(&report, h)
	must(report.Publish(head, *out, *docs, "## Runtimes of plugins"))
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// host runs plugins as the receiver does, and turns what they return into pdata.
type host struct {
	dir, child string
	runners    *run.Runner
	resources  []*pluginsdk.Resource
	builders   sync.Pool
}

func newHost(dir, child string) *host {
	runners, err := runtimes.New(runtimes.Settings{
		GoPlugins: map[string]pluginsdk.PollingPlugin{"sample": pluginsdk.PollingPluginFunc(sample.Run)},
	})
	must(err)
	h := &host{dir: dir, child: child, runners: runners}
	h.builders.New = func() any { return pdata.NewBuilder(pdata.Options{ServiceIdentity: true}) }
	for i := range atOnce {
		h.resources = append(h.resources, sample.Resource(i))
	}
	return h
}

// plugin opens a plugin; main are lines of its [main].
func (h *host) plugin(name, module, main string) *plugin.Plugin {
	path := filepath.Join(h.dir, name+".panoptes-plugin")
	must(os.WriteFile(path, []byte("[Core]\nName = "+name+"\nModule = "+module+"\n[main]\nexecute_frequency = 60\n"+
		"resource_filter = resource_class = \"network\"\n"+main), 0o600))
	p, _, err := plugin.Open(path, plugin.OpenOptions{})
	must(err)
	p, err = h.runners.Load(context.Background(), p)
	must(err)
	return p
}

func (h *host) run(p *plugin.Plugin, resource int) {
	result := h.runners.Run(context.Background(), run.Request{Plugin: p, Resource: h.resources[resource]})
	if result.Err != nil || len(result.Groups) != 1 {
		panic(fmt.Sprint(p.Name(), ": ", result.Err, len(result.Groups), " groups"))
	}
	b := h.builders.Get().(*pdata.Builder)
	if b.Add(pdata.Scope{Plugin: p.File.NormalizedName}, result.Groups[0]) != 8 {
		panic("points are missing")
	}
	b.Take()
	h.builders.Put(b)
}

// contestant does the work with a number of workers; each call of run is one run of a worker.
type contestant struct {
	name    string
	workers int
	run     func(worker int)
}

// measured is what a contestant came to, as medians.
type measured struct {
	rate float64 // runs a second
	cpu  float64 // microseconds of processor time a run, ours and that of the children
}

// measure lets contestants take turns.
func measure(contestants []contestant) []measured {
	rates, cpus := make([][]float64, len(contestants)), make([][]float64, len(contestants))
	for round := range rounds + 1 {
		for i, c := range contestants {
			runtime.GC()
			var wg sync.WaitGroup
			counts := make([]int, c.workers)
			cpu := cpuTime()
			start := time.Now()
			for w := range c.workers {
				wg.Go(func() {
					for time.Since(start) < turn {
						c.run(w)
						counts[w]++
					}
				})
			}
			wg.Wait()
			if round == 0 {
				continue // everything gets ready
			}
			n := 0
			for _, count := range counts {
				n += count
			}
			rates[i] = append(rates[i], float64(n)/time.Since(start).Seconds())
			cpus[i] = append(cpus[i], float64((cpuTime()-cpu).Nanoseconds())/1e3/float64(n))
		}
	}
	medians := make([]measured, len(contestants))
	for i := range medians {
		medians[i] = measured{bench.Median(rates[i]), bench.Median(cpus[i])}
	}
	return medians
}

// cpuTime is the processor time of this process and its children, of those that were reaped and those that live.
func cpuTime() time.Duration {
	var sum time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		must(syscall.Getrusage(who, &u))
		sum += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	for _, pid := range bench.Children(os.Getpid()) {
		sum += bench.ProcessorTime(pid)
	}
	return sum
}

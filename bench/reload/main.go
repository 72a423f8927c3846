// Command reload measures a reload of 100,000 resources against 10 plugins with filters, in a receiver that runs a million
// tasks meanwhile: `make bench-reload`.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"syscall"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/panoptes-otel/panoptes-otel/bench/internal/bench"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk/pluginextension"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver"
)

// between is how long the bench waits between two reloads: a store that changed just before takes its time.
const between = 3 * time.Second

// reload is what one reload came to.
type reload struct {
	took time.Duration
	cpu  time.Duration // of the reload alone
	late
}

func main() {
	out := flag.String("out", "results/reload.json", "file for the figures")
	rounds := flag.Int("rounds", 9, "reloads of each kind")
	wait := flag.Duration("wait", 70*time.Second, "time until all tasks have run once, and keep their places")
	profile := flag.String("cpuprofile", "", "file for a profile of the reloads")
	flag.Parse()
	dir, err := os.MkdirTemp("", "panoptes-reload-")
	must(err)
	defer os.RemoveAll(dir)
	files, runs := newFleet(dir), newStarts()

	loaded := make(chan struct{}, 1000)
	begin := time.Now()
	r := start(dir, runs, loaded)
	<-loaded
	fmt.Printf("%d resources x %d plugins with filters; first load after %s; %d rounds of each kind in turns, medians; GOMAXPROCS=%d, %s\n\n",
		resources, plugins, time.Since(begin).Round(time.Millisecond), *rounds, runtime.GOMAXPROCS(0), runtime.Version())
	time.Sleep(*wait)
	if *profile != "" {
		f, err := os.Create(*profile)
		must(err)
		must(pprof.StartCPUProfile(f))
		defer pprof.StopCPUProfile()
	}
	found := map[string][]reload{}
	for round := 1; round <= *rounds; round++ {
		idle := quiet(runs)
		found[""] = append(found[""], idle)
		for _, s := range scenarios {
			files.change(s, round)
			time.Sleep(between)
			got := measure(runs, files.publish, loaded)
			got.cpu -= time.Duration(float64(idle.cpu) * float64(got.took+settle) / float64(idle.took))
			found[s.name] = append(found[s.name], got)
			fmt.Printf("%s: %s, %s of processor time; runs late by %s (99 of 100), %s (most); longest pause %s\n", s.name,
				got.took.Round(time.Millisecond), got.cpu.Round(time.Millisecond), got.p99, got.most.Round(100*time.Microsecond), got.pause.Round(100*time.Microsecond))
		}
	}
	fmt.Println()
	must(r.Shutdown(context.Background()))
	report(*out, found)
}

// settle is how long starts are watched after a reload.
const settle = 300 * time.Millisecond

// quiet measures a time without a reload.
func quiet(runs *starts) reload {
	runs.take()
	cpu, begin := cpuTime(), time.Now()
	time.Sleep(between)
	return reload{took: time.Since(begin), cpu: cpuTime() - cpu, late: runs.take()}
}

func measure(runs *starts, publish func(), loaded <-chan struct{}) reload {
	runs.take()
	cpu, begin := cpuTime(), time.Now()
	publish()
	<-loaded
	took := time.Since(begin)
	time.Sleep(settle)
	return reload{took: took, cpu: cpuTime() - cpu, late: runs.take()}
}

func report(out string, found map[string][]reload) {
	var r bench.Report
	idle := func(of func(reload) float64) float64 { return bench.MedianOf(found[""], of) }
	for _, s := range scenarios {
		list := found[s.name]
		took := func(r reload) float64 { return r.took.Seconds() }
		r.Add(bench.Row{Measure: s.name + ": file to tasks", Ours: bench.MedianOf(list, took), Unit: "s", Peer: "limit", PeerValue: 1, Required: 1})
		r.Add(bench.Row{Measure: s.name + ": processor time", Ours: bench.MedianOf(list, func(r reload) float64 { return r.cpu.Seconds() }), Unit: "s", Peer: "limit of the time", PeerValue: 1})
		for _, m := range []struct {
			name  string
			of    func(reload) float64
			limit float64
		}{
			{"runs late by, 99 of 100", func(r reload) float64 { return ms(r.p99) }, 0},
			{"runs late by, most", func(r reload) float64 { return ms(r.most) }, 50},
			{"longest pause", func(r reload) float64 { return ms(r.pause) }, 50},
		} {
			if m.limit > 0 {
				r.Add(bench.Row{Measure: s.name + ": " + m.name, Ours: bench.MedianOf(list, m.of), Unit: "ms", Peer: "limit", PeerValue: m.limit, Required: 1})
			}
			r.Add(bench.Row{Measure: s.name + ": " + m.name, Ours: bench.MedianOf(list, m.of), Unit: "ms", Peer: "without a reload", PeerValue: idle(m.of), Floor: true})
		}
	}
	r.Print(os.Stdout)
	must(r.Write(out))
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// start starts a receiver, which tells each time that its tasks follow the resources.
func start(dir string, runs *starts, loaded chan<- struct{}) component.Component {
	f := panoptesreceiver.NewFactory()
	cfg := f.CreateDefaultConfig().(*panoptesreceiver.Config)
	cfg.Plugins.Directories = []panoptesreceiver.DirectoryConfig{{Path: filepath.Join(dir, "plugins")}}
	cfg.Plugins.Settle = 0
	cfg.Resources.Files = []string{filepath.Join(dir, "resources.json")}
	set := receivertest.NewNopSettings(f.Type())
	set.MeterProvider = runs.provider()
	core := zapcore.NewCore(zapcore.NewJSONEncoder(zapcore.EncoderConfig{}), zapcore.AddSync(os.Stderr), zapcore.ErrorLevel)
	set.Logger = zap.New(hooked{core, loaded})
	r, err := f.CreateMetrics(context.Background(), set, cfg, consumertest.NewNop())
	must(err)
	must(r.Start(context.Background(), host{runs}))
	return r
}

// hooked sees the line that says that tasks follow the resources.
type hooked struct {
	zapcore.Core
	loaded chan<- struct{}
}

func (h hooked) Enabled(l zapcore.Level) bool { return l >= zapcore.DebugLevel }

func (h hooked) Check(e zapcore.Entry, c *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if e.Message == "Tasks follow the resources" {
		h.loaded <- struct{}{}
	}
	return h.Core.Check(e, c)
}

// host offers the plugin that all plugin files name.
type host struct{ runs *starts }

func (h host) GetExtensions() map[component.ID]component.Component {
	plugin := pluginsdk.PollingPluginFunc(func(_ context.Context, pc *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
		h.runs.note()
		return nil, pluginsdk.ErrNoResults
	})
	f := pluginextension.NewFactory(component.MustNewType("bench"), map[string]pluginsdk.PollingPlugin{"bench": plugin})
	ext, err := f.Create(context.Background(), extensiontest.NewNopSettings(f.Type()), f.CreateDefaultConfig())
	must(err)
	return map[component.ID]component.Component{component.NewID(f.Type()): ext}
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	must(syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, strings.TrimSpace(err.Error()))
		os.Exit(1)
	}
}

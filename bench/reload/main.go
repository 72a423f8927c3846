// Command reload measures a reload of 100,000 resources against 10 plugins with filters, in a receiver that runs a million
// tasks meanwhile: `make bench-reload`.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/panoptes-otel/panoptes-otel/bench/internal/bench"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk/pluginextension"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver"
)

const (
	resources = 100_000
	plugins   = 10
)

// starts notes the longest pause between two starts of runs, of which there are seventeen thousand a second.
var starts struct{ last, pause atomic.Int64 }

func noteStart() {
	now := time.Now().UnixNano()
	if last := starts.last.Swap(now); last > 0 {
		for {
			pause := starts.pause.Load()
			if now-last <= pause || starts.pause.CompareAndSwap(pause, now-last) {
				return
			}
		}
	}
}

// longestPause is the longest pause since it was asked last.
func longestPause() time.Duration { return time.Duration(starts.pause.Swap(0)) }

func main() {
	out := flag.String("out", "results/reload.json", "file for the figures")
	rounds := flag.Int("rounds", 9, "reloads")
	wait := flag.Duration("wait", 70*time.Second, "time until all tasks have run once, and keep their places")
	flag.Parse()
	dir, err := os.MkdirTemp("", "panoptes-reload-")
	must(err)
	defer os.RemoveAll(dir)
	writePlugins(dir)
	writeResources(dir, 0)

	loaded := make(chan struct{}, 1000)
	r := start(dir, loaded)
	begin := time.Now()
	<-loaded
	first := time.Since(begin)
	fmt.Printf("%d resources x %d plugins with filters; first load after %s; %s\n", resources, plugins, first.Round(time.Millisecond), runtime.Version())
	time.Sleep(*wait)

	longestPause()
	time.Sleep(5 * time.Second)
	quiet := longestPause()
	least, least1, worst := time.Hour, time.Hour, time.Duration(0)
	for round := 1; round <= *rounds; round++ {
		writeResources(dir, round)
		cpu, begin := cpuTime(), time.Now()
		must(os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, "resources.json")))
		<-loaded
		took, used := time.Since(begin), cpuTime()-cpu
		time.Sleep(time.Second)
		pause := longestPause()
		fmt.Printf("reload %d: %s, %s of processor time in all, longest pause between starts %s\n", round,
			took.Round(time.Millisecond), used.Round(time.Millisecond), pause.Round(100*time.Microsecond))
		least, least1, worst = min(least, took), min(least1, pause), max(worst, pause)
	}
	fmt.Printf("longest pause without a reload: %s\n\n", quiet)
	must(r.Shutdown(context.Background()))

	var report bench.Report
	report.Add(bench.Row{Measure: "reload, file to tasks (least)", Ours: least.Seconds(), Unit: "s", Peer: "limit", PeerValue: 1, Required: 1})
	report.Add(bench.Row{Measure: "longest pause of the schedule (least)", Ours: ms(least1), Unit: "ms", Peer: "limit", PeerValue: 50, Required: 1})
	report.Add(bench.Row{Measure: "longest pause of the schedule (most)", Ours: ms(worst), Unit: "ms", Peer: "limit", PeerValue: 50})
	report.Add(bench.Row{Measure: "longest pause of the schedule (most)", Ours: ms(worst), Unit: "ms", Peer: "without a reload", PeerValue: ms(quiet), Floor: true})
	report.Print(os.Stdout)
	must(report.Write(*out))
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// start starts a receiver, which tells each time that its tasks follow the resources.
func start(dir string, loaded chan<- struct{}) component.Component {
	f := panoptesreceiver.NewFactory()
	cfg := f.CreateDefaultConfig().(*panoptesreceiver.Config)
	cfg.Plugins.Directories = []panoptesreceiver.DirectoryConfig{{Path: filepath.Join(dir, "plugins")}}
	cfg.Plugins.Settle = 0
	cfg.Resources.Files = []string{filepath.Join(dir, "resources.json")}
	set := receivertest.NewNopSettings(f.Type())
	core := zapcore.NewCore(zapcore.NewJSONEncoder(zapcore.EncoderConfig{}), zapcore.AddSync(os.Stderr), zapcore.ErrorLevel)
	set.Logger = zap.New(hooked{core, loaded})
	r, err := f.CreateMetrics(context.Background(), set, cfg, consumertest.NewNop())
	must(err)
	must(r.Start(context.Background(), host{}))
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
type host struct{}

func (host) GetExtensions() map[component.ID]component.Component {
	plugin := pluginsdk.PollingPluginFunc(func(_ context.Context, pc *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
		noteStart()
		return nil, pluginsdk.ErrNoResults
	})
	f := pluginextension.NewFactory(component.MustNewType("bench"), map[string]pluginsdk.PollingPlugin{"bench": plugin})
	ext, err := f.Create(context.Background(), extensionSettings(f), f.CreateDefaultConfig())
	must(err)
	return map[component.ID]component.Component{component.NewID(f.Type()): ext}
}

func writePlugins(dir string) {
	must(os.Mkdir(filepath.Join(dir, "plugins"), 0o700))
	for i := range plugins {
		text := fmt.Sprintf("[Core]\nName = Bench %d\nModule = go:bench\n[main]\nexecute_frequency = 60\n"+
			"resource_filter = resource_class = \"network\" AND resource_subclass IN (\"switch\", \"router\") AND resource_metadata.os_name LIKE \"os%%%%\"\n", i)
		must(os.WriteFile(filepath.Join(dir, "plugins", fmt.Sprint(i, ".panoptes-plugin")), []byte(text), 0o600))
	}
}

// writeResources writes the next version of the file beside it: every resource has another endpoint, one in ten another id.
func writeResources(dir string, round int) {
	var b bytes.Buffer
	b.WriteByte('[')
	for i := range resources {
		id := i
		if i%10 == 0 {
			id = i + round*resources
		}
		if i > 0 {
			b.WriteString(",\n")
		}
		fmt.Fprintf(&b, `{"resource_site": "dc%d", "resource_class": "network", "resource_subclass": "switch", "resource_type": "cisco", `+
			`"resource_id": "sw%d.example.com", "resource_endpoint": "10.%d.%d.%d", "resource_plugin": "discovery", `+
			`"resource_creation_timestamp": 1512629517.03, "resource_metadata": {"_resource_ttl": "86400", "os_name": "os%d", "os_version": "4.2"}}`,
			i%5, id, round, i/256, i%256, i%3)
	}
	b.WriteByte(']')
	name := "new"
	if round == 0 {
		name = "resources.json"
	}
	must(os.WriteFile(filepath.Join(dir, name), b.Bytes(), 0o600))
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

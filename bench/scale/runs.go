package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/panoptes-otel/panoptes-otel/bench/internal/bench"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk/pluginextension"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver"
)

// The fleet wants 400 runs of a second each a second, and a Collector has places for 100.
const (
	devices  = 2000
	interval = 5 * time.Second
	takes    = time.Second
	places   = 100
)

// runs measures how many simulated devices one Collector polls, and two do.
func runs(r *bench.Report, during time.Duration) {
	dir, err := os.MkdirTemp("", "panoptes-bench-scale-")
	must(err)
	defer os.RemoveAll(dir)
	must(os.Mkdir(filepath.Join(dir, "plugins"), 0o700))
	must(os.WriteFile(filepath.Join(dir, "plugins/bench.panoptes-plugin"), fmt.Appendf(nil,
		"[Core]\nName = Bench\nModule = go:bench\n[main]\nexecute_frequency = %d\nresource_filter = resource_class = \"network\"\n", interval/time.Second), 0o600))
	var list []string
	for i := range devices {
		list = append(list, fmt.Sprintf(`{"resource_site": "dc1", "resource_class": "network", "resource_subclass": "switch", "resource_type": "vendor", `+
			`"resource_id": "sw%d.example.com", "resource_endpoint": "192.0.2.1", "resource_plugin": "inventory", "resource_creation_timestamp": 1512629517, `+
			`"resource_metadata": {"_resource_ttl": "86400"}}`, i))
	}
	must(os.WriteFile(filepath.Join(dir, "resources.json"), []byte("["+strings.Join(list, ",")+"]"), 0o600))
	one := polled(dir, 1, during)
	two := polled(dir, 2, during)
	fmt.Printf("%d devices that answer after %s, every %s, which is %d runs a second: one Collector with %d places %.1f, two %.1f\n",
		devices, takes, interval, devices/int(interval.Seconds()), places, one, two)
	r.AddRate(bench.Row{Measure: "runs of two Collectors", Ours: two, Unit: "1/s", Peer: "of one", PeerValue: one, Required: 1.9})
}

// polled returns how many runs a second so many Collectors do.
func polled(dir string, collectors int, during time.Duration) float64 {
	var done atomic.Int64
	plugin := pluginsdk.PollingPluginFunc(func(ctx context.Context, _ *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
		select {
		case <-time.After(takes):
			done.Add(1)
			return nil, pluginsdk.ErrNoResults
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	})
	for i := range collectors {
		defer poller(dir, i, collectors, plugin)()
	}
	time.Sleep(3 * interval)
	before, begin := done.Load(), time.Now()
	time.Sleep(during)
	return float64(done.Load()-before) / time.Since(begin).Seconds()
}

// poller is one Collector of so many, with a fixed share.
func poller(dir string, index, count int, plugin pluginsdk.PollingPlugin) (shutdown func()) {
	pf := pluginextension.NewFactory(component.MustNewType("bench"), map[string]pluginsdk.PollingPlugin{"bench": plugin})
	plugins, err := pf.Create(background, extensiontest.NewNopSettings(pf.Type()), pf.CreateDefaultConfig())
	must(err)
	share := newSharing(map[string]any{"static": map[string]any{"index": index, "count": count}}, componenttest.NewNopTelemetrySettings())
	id := component.MustNewID("panoptes_shards")
	h := host{id: share, component.NewID(pf.Type()): plugins}
	must(share.Start(background, h))
	f := panoptesreceiver.NewFactory()
	cfg := f.CreateDefaultConfig().(*panoptesreceiver.Config)
	cfg.Plugins.Directories = []panoptesreceiver.DirectoryConfig{{Path: filepath.Join(dir, "plugins")}}
	cfg.Plugins.Settle = 0
	cfg.Resources.Files = []string{filepath.Join(dir, "resources.json")}
	cfg.MaxConcurrentRuns = places
	cfg.Sharding = &id
	set := receivertest.NewNopSettings(f.Type())
	rec, err := f.CreateMetrics(background, set, cfg, consumertest.NewNop())
	must(err)
	must(rec.Start(background, h))
	must(share.Ready())
	return func() {
		must(share.NotReady())
		must(rec.Shutdown(background))
		must(share.Shutdown(background))
	}
}

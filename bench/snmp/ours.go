package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/run/python"
	"github.com/panoptes-otel/panoptes-otel/internal/run/runtimes"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/devices"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/engine"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/usm"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// walker is our engine alone: it walks the columns and asks for sysUpTime.
type walker struct {
	engine  *engine.Engine
	request engine.Request
	targets map[netip.AddrPort]*engine.Target
}

func newWalker(o *options, v3 bool) *walker {
	e, err := engine.New(engine.Options{})
	must(err)
	w := &walker{engine: e, targets: map[netip.AddrPort]*engine.Target{}}
	w.request.Get = []ber.OID{ber.MustOID(uptime)}
	for _, c := range metrics {
		w.request.Columns = append(w.request.Columns, engine.Column{Base: ber.MustOID(c.oid)})
	}
	credentials := engine.Credentials{Community: community}
	if v3 {
		credentials = engine.Credentials{
			Version: engine.V3, User: user, Auth: usm.SHA1, AuthPassphrase: passphrase, Priv: usm.AES128, PrivPassphrase: passphrase,
		}
	}
	for _, addr := range o.addresses() {
		w.targets[addr] = &engine.Target{Address: addr.String(), Timeout: 2 * time.Second, Retries: 1, Credentials: credentials}
	}
	return w
}

// poll begins the next device where one is done, as the floor does.
func (w *walker) poll(devices []netip.AddrPort) int64 {
	var values, next atomic.Int64
	var wg sync.WaitGroup
	var start func()
	done := func(r *engine.Result) {
		must(r.Err)
		n := 0
		for i := range r.Columns {
			n += r.Columns[i].Len()
		}
		values.Add(int64(n))
		start()
		wg.Done()
	}
	start = func() {
		if i := int(next.Add(1)) - 1; i < len(devices) {
			wg.Add(1)
			w.engine.Start(context.Background(), w.targets[devices[i]], &w.request, done)
		}
	}
	wg.Add(1)
	for range floorAtOnce {
		start()
	}
	wg.Done()
	wg.Wait()
	return values.Load()
}

// tables is all of ours: a plugin file with tables, run as the receiver runs it, and its groups turned into pdata.
type tables struct {
	dir       string
	runner    *run.Runner
	plugin    *plugin.Plugin
	resources map[netip.AddrPort]*pluginsdk.Resource
	builders  sync.Pool
	room      run.Room
	groups    bool // all that is measured is the run, which ends with groups
	atOnce    int
}

const pluginFile = `[Core]
Name = interfaces
Module = %s

[main]
execute_frequency = 60
resource_filter = resource_class = "network"
`

// document is the YAML of the tables.
func document() string {
	var b strings.Builder
	b.WriteString("groups:\n  - group: interface\n    index: ifIndex\n    dimensions:\n")
	for _, c := range labels {
		fmt.Fprintf(&b, "      %s: {oid: %s}\n", c.name, c.oid)
	}
	b.WriteString("    metrics:\n")
	for _, c := range metrics {
		fmt.Fprintf(&b, "      %s: {oid: %s}\n", c.name, c.oid)
	}
	return b.String()
}

// newTables returns the tables of a plugin without a program.
func newTables(o *options) *tables {
	return newPlugin(o, "snmp", map[string]string{"interfaces.yaml": document()}, "")
}

// generic is Panoptes' generic plugin with a configuration for the same.
type generic struct{ *tables }

func newGeneric(o *options) generic {
	oids, kinds := map[string]any{}, map[string]map[string]any{"metrics": {}, "dimensions": {}}
	add := func(kind string, target map[string]any, columns []column) {
		for _, c := range columns {
			oids[c.name] = map[string]any{"method": "bulk_walk", "oid": "." + c.oid}
			one := maps.Clone(target)
			one["value"] = c.name + ".$index"
			kinds[kind][c.name] = one
		}
	}
	add("metrics", map[string]any{"metric_type": "counter"}, metrics)
	add("dimensions", map[string]any{}, labels)
	text, err := json.Marshal(map[string]any{"oids": oids, "metrics_groups": []any{map[string]any{
		"group_name": "interface", "metrics": kinds["metrics"], "dimensions": kinds["dimensions"],
	}}})
	must(err)
	const main = "namespace = metrics\npolling_status_metric_name = polling_status\n\n[enrichment]\nfile = interfaces.json\n"
	return generic{newPlugin(o, "plugin_polling_generic_snmp", map[string]string{"interfaces.json": string(text)}, main)}
}

// poll does not count the group with the state.
func (g generic) poll(devices []netip.AddrPort) int64 {
	return g.tables.poll(devices) - int64(len(devices))
}

//go:embed interfaces.py
var interfacesModule string

// pythonWorkers is how many workers an unmodified plugin in Python has.
const pythonWorkers = 8

// newPython returns the same from a plugin of Panoptes' kind in Python.
func newPython(o *options) *tables {
	t := newPlugin(o, "interfaces", map[string]string{"interfaces.py": interfacesModule}, "")
	t.atOnce = 2 * pythonWorkers
	return t
}

// newPlugin opens a plugin with files beside its own, and more options in that.
func newPlugin(o *options, module string, files map[string]string, more string) *tables {
	dir, err := os.MkdirTemp("", "bench-snmp-") // Python reads it later
	must(err)
	path := filepath.Join(dir, "interfaces.panoptes-plugin")
	must(os.WriteFile(path, []byte(fmt.Sprintf(pluginFile, module)+more), 0o600))
	for name, text := range files {
		must(os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	p, _, err := plugin.Open(path, plugin.OpenOptions{})
	must(err)
	t := &tables{dir: dir, resources: map[netip.AddrPort]*pluginsdk.Resource{}, atOnce: 64, room: run.NewRoom()}
	t.runner, err = runtimes.New(runtimes.Settings{
		Python: python.Settings{PythonEnv: plugin.PythonEnv{Interpreter: o.python, MaxWorkers: pythonWorkers}},
		Host:   runtimes.Host{SNMP: devices.Settings{Community: community, Timeout: 2 * time.Second, Retries: 1}},
	})
	must(err)
	t.plugin, err = t.runner.Load(context.Background(), p)
	must(err)
	t.groups = o.kind == "groups"
	if o.all {
		t.atOnce = o.devices
	}
	for _, addr := range o.addresses() {
		t.resources[addr] = resource(addr)
	}
	closing = append(closing, t.close)
	t.builders.New = func() any { return pdata.NewBuilder(pdata.Options{ServiceIdentity: true}) }
	return t
}

// close ends processes and removes files.
func (t *tables) close() {
	must(t.runner.Close(context.Background()))
	must(os.RemoveAll(t.dir))
}

func resource(addr netip.AddrPort) *pluginsdk.Resource {
	return &pluginsdk.Resource{
		Site: "dc1", Class: "network", Subclass: "switch", Type: "bench", ID: addr.Addr().String(), Endpoint: addr.String(),
	}
}

func (t *tables) poll(devices []netip.AddrPort) int64 {
	var values atomic.Int64
	next := make(chan netip.AddrPort)
	var wg sync.WaitGroup
	for range min(t.atOnce, len(devices)) {
		wg.Go(func() {
			for addr := range next {
				values.Add(int64(t.run(addr)))
			}
		})
	}
	for _, addr := range devices {
		next <- addr
	}
	close(next)
	wg.Wait()
	return values.Load()
}

// failed tells of the first run that did.
var failed sync.Once

// run polls a device and returns the number of data points, 0 if it does not answer.
func (t *tables) run(addr netip.AddrPort) (points int) {
	enter, leave := t.room.For()
	defer leave()
	result := t.runner.Run(context.Background(), run.Request{Plugin: t.plugin, Resource: t.resources[addr], Room: enter})
	if result.Err != nil {
		failed.Do(func() { fmt.Fprintln(os.Stderr, result.Err) })
		return 0
	}
	if t.groups {
		for _, g := range result.Groups {
			points += len(g.Metrics())
		}
		return points
	}
	b := t.builders.Get().(*pdata.Builder)
	for i := range result.Groups {
		points += b.AddFirst(pdata.Scope{Plugin: t.plugin.File.NormalizedName}, result.Groups[i:])
	}
	runtime.KeepAlive(b.Take())
	t.builders.Put(b)
	lastAnswered.Store(time.Now().UnixNano())
	return points
}

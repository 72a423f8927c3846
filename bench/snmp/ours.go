package main

import (
	"context"
	"fmt"
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
	runner    *run.Runner
	plugin    *plugin.Plugin
	resources map[netip.AddrPort]*pluginsdk.Resource
	builders  sync.Pool
	atOnce    int
}

const pluginFile = `[Core]
Name = interfaces
Module = snmp

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

func newTables(o *options) *tables {
	dir, err := os.MkdirTemp("", "bench-snmp-")
	must(err)
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "interfaces.panoptes-plugin")
	must(os.WriteFile(path, []byte(pluginFile), 0o600))
	must(os.WriteFile(filepath.Join(dir, "interfaces.yaml"), []byte(document()), 0o600))
	p, _, err := plugin.Open(path, plugin.OpenOptions{})
	must(err)
	r, err := runtimes.New(runtimes.Settings{Host: runtimes.Host{SNMP: devices.Settings{Community: community, Timeout: 2 * time.Second, Retries: 1}}})
	must(err)
	p, err = r.Load(context.Background(), p)
	must(err)
	t := &tables{runner: r, plugin: p, resources: map[netip.AddrPort]*pluginsdk.Resource{}, atOnce: 256}
	if o.all {
		t.atOnce = o.devices
	}
	for i := range o.devices {
		addr := device(i, o.port)
		t.resources[addr] = resource(addr)
	}
	t.builders.New = func() any { return pdata.NewBuilder(pdata.Options{ServiceIdentity: true}) }
	return t
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

// run polls a device and returns the number of data points, 0 if it does not answer.
func (t *tables) run(addr netip.AddrPort) (points int) {
	result := t.runner.Run(context.Background(), run.Request{Plugin: t.plugin, Resource: t.resources[addr]})
	if result.Err != nil {
		return 0
	}
	b := t.builders.Get().(*pdata.Builder)
	for _, g := range result.Groups {
		points += b.Add(pdata.Scope{Plugin: t.plugin.File.NormalizedName}, g)
	}
	runtime.KeepAlive(b.Take())
	t.builders.Put(b)
	lastAnswered.Store(time.Now().UnixNano())
	return points
}

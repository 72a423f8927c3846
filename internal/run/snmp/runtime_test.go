package snmp_test

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi"
	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi/kv"
	"github.com/panoptes-otel/panoptes-otel/internal/run/runlog"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/agenttest"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/devices"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/engine"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/snmprec"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/tabletest"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/usm"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	head   = "[Core]\nName = p\nModule = snmp\n[main]\nexecute_frequency = 60\nresource_filter = resource_class = \"c\"\n"
	tables = "groups:\n  - group: interface\n    index: ifIndex\n    dimensions: {name: 1.3.6.1.2.1.2.2.1.2}\n    metrics: {octets: 1.3.6.1.2.1.2.2.1.10}\n"
	// exporter is written as snmp_exporter's generator writes.
	exporter = `auths:
  v3: {version: 3, username: panoptes, security_level: authPriv, password: Kw3pL9xTvB8nQ2mD, auth_protocol: SHA256, priv_protocol: AES, priv_password: Rz5cH7jYsG4fU6kM}
modules:
  small:
    walk: [1.3.6.1.2.1.2.2.1.10]
    metrics:
      - {name: ifInOctets, oid: 1.3.6.1.2.1.2.2.1.10, type: counter, help: Octets, indexes: [{labelname: ifIndex, type: gauge}]}
`
	recording = "1.3.6.1.2.1.1.3.0|67|10000\n1.3.6.1.2.1.2.2.1.2.1|4|eth0\n1.3.6.1.2.1.2.2.1.10.1|65|7\n"
)

// poller runs one plugin against one device.
type poller struct {
	t      *testing.T
	dir    string
	store  pluginsdk.KeyValueStore
	agent  *agenttest.Server
	runner *run.Runner

	ping     func(context.Context, string) error
	metadata pluginsdk.Metadata
	endpoint string // "": the agent's
	logged   *observer.ObservedLogs
}

func newPoller(t *testing.T) *poller {
	source, err := snmprec.Parse("device", []byte(recording))
	require.NoError(t, err)
	user, err := usm.NewUser("panoptes", usm.SHA256, "Kw3pL9xTvB8nQ2mD", usm.AES128, "Rz5cH7jYsG4fU6kM")
	require.NoError(t, err)
	p := &poller{
		t: t, dir: t.TempDir(), store: kv.NewStore(kv.Options{}).Namespace(kv.PluginsNamespace),
		agent: agenttest.Start(t, "udp4", &agenttest.Server{Source: source, Users: map[string]*usm.User{"panoptes": user}}),
	}
	p.renew()
	return p
}

// renew is a restart of ours.
func (p *poller) renew() {
	if p.runner != nil {
		require.NoError(p.t, p.runner.Close(context.Background()))
	}
	e, err := engine.New(engine.Options{})
	require.NoError(p.t, err)
	d := devices.New(devices.Settings{Community: "public", Timeout: 100 * time.Millisecond, Retries: 1}, e, kv.NoSecrets{})
	core, logged := observer.New(zap.WarnLevel)
	p.logged = logged
	runner := run.NewRunner(map[plugin.Kind]run.Runtime{plugin.KindSNMP: snmp.New(snmp.Settings{
		Devices: d, KV: p.store, Enrichment: hostapi.Enrichment{Store: p.store}, Logger: zap.New(core), Budget: runlog.NewBudget(), Ping: p.ping,
	})}, run.Limits{ResultBytes: 1 << 20, Groups: 1000}, zap.New(core), &logs.Scrubber{}, func() { _ = e.Close() })
	p.runner = runner
	p.t.Cleanup(func() { require.NoError(p.t, runner.Close(context.Background())) })
}

func (p *poller) write(name, text string) {
	require.NoError(p.t, os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600))
}

func (p *poller) load() (*plugin.Plugin, error) {
	one, _, err := plugin.Open(filepath.Join(p.dir, "p.panoptes-plugin"), plugin.OpenOptions{})
	if err != nil {
		return nil, err
	}
	return p.runner.Load(p.t.Context(), one)
}

func (p *poller) poll() run.Result {
	p.t.Helper()
	one, err := p.load()
	require.NoError(p.t, err)
	return p.runner.Run(p.t.Context(), run.Request{Plugin: one, Resource: &pluginsdk.Resource{
		Site: "s", Class: "c", Subclass: "s", Type: "t", ID: "switch1", Endpoint: cmp.Or(p.endpoint, p.agent.Address()), Plugin: "p", Metadata: p.metadata,
		CreationTimestamp: pluginsdk.NumberTimestamp(pluginsdk.Int(1_700_000_000)),
	}})
}

// warnings are the lines that were logged.
func (p *poller) warnings() (out []string) {
	for _, line := range p.logged.All() {
		text := line.Message
		if name, is := line.ContextMap()["plugin"].(string); is {
			text = fmt.Sprintf("plugin %q: %s", name, text)
		}
		out = append(out, text)
	}
	return out
}

func texts(r run.Result) (out []string) {
	for _, g := range r.Groups {
		out = append(out, tabletest.GroupText(g))
	}
	return out
}

// The start of counters stays the same over a restart of ours.
func TestStartOfCountersIsKept(t *testing.T) {
	p := newPoller(t)
	p.write("p.panoptes-plugin", head)
	p.write("p.yaml", tables)
	first := p.poll()
	require.NoError(t, first.Err)
	assert.Equal(t, []string{`interface{name="eth0"} octets=7c32`}, texts(first))
	since := first.Groups[0].CountersSince
	assert.WithinDuration(t, time.Now().Add(-100*time.Second), since, 10*time.Second)
	p.renew()
	second := p.poll()
	require.NoError(t, second.Err)
	assert.WithinDuration(t, since, second.Groups[0].CountersSince, 0)
}

// A snmp.yml has its own credentials, and its groups those of tables beside them.
func TestExporterProfile(t *testing.T) {
	p := newPoller(t)
	p.agent.Lock()
	p.agent.Community = "nobody knows"
	p.agent.Unlock()
	p.write("p.panoptes-plugin", head+"[snmp]\nprofiles = snmp.yml:small\nauth = v3\n")
	p.write("snmp.yml", exporter)
	result := p.poll()
	require.NoError(t, result.Err)
	assert.Equal(t, []string{`small{ifIndex="1"} ifInOctets=7c32`}, texts(result))
	p.write("p.panoptes-plugin", head+"[snmp]\nprofiles = snmp.yml:small\ntables = p.yaml\nauth = v3\n")
	p.write("p.yaml", tables)
	result = p.poll()
	require.NoError(t, result.Err, "one of the documents came")
	assert.Equal(t, []string{`small{ifIndex="1"} ifInOctets=7c32`}, texts(result))
	require.Len(t, result.Dropped, 1)
	assert.Equal(t, run.DropNotFetched, result.Dropped[0].Reason)
	assert.ErrorContains(t, result.Dropped[0].Err, "no answer")
}

// Each device has the profile that fits its sysObjectID.
func TestProfilesOfFolder(t *testing.T) {
	p := newPoller(t)
	p.write("p.panoptes-plugin", head+"[snmp]\nprofiles = profiles\n")
	require.NoError(t, os.Mkdir(filepath.Join(p.dir, "profiles"), 0o700))
	p.write("profiles/_base.yaml", "metric_tags: [{tag: host, symbol: {OID: 1.3.6.1.2.1.1.5.0, name: sysName}}]\n")
	p.write("profiles/acme.yaml", "extends: [_base.yaml]\nsysobjectid: 1.3.6.1.4.1.9999.1.*\nmetrics: [{symbol: {OID: 1.3.6.1.2.1.1.3.0, name: uptime}}]\n")
	p.write("profiles/bad.yaml", "sysobjectid: 1.3.6.1.4.1.9999.2.*\nmetrics: 1\n")
	p.write("profiles/README.md", "no YAML")
	set := func(id string) {
		source, err := snmprec.Parse("device", []byte("1.3.6.1.2.1.1.2.0|6|"+id+"\n1.3.6.1.2.1.1.3.0|67|10000\n1.3.6.1.2.1.1.5.0|4|sw1\n"))
		require.NoError(t, err)
		p.agent.Lock()
		defer p.agent.Unlock()
		p.agent.Source = source
	}
	set("1.3.6.1.4.1.9999.3.1")
	result := p.poll()
	assert.ErrorContains(t, result.Err, `no profile of profiles fits the device's sysObjectID, which is "1.3.6.1.4.1.9999.3.1"`)
	set("1.3.6.1.4.1.9999.1.1")
	result = p.poll()
	require.NoError(t, result.Err)
	assert.Equal(t, []string{`snmp{host="sw1"} uptime=10000`}, texts(result))
}

// What is wrong names its file and line when the plugin is loaded.
func TestLoadFails(t *testing.T) {
	p := newPoller(t)
	for _, c := range []struct{ file, yaml, want string }{
		{head, "groups: 1\n", "p.yaml:1: groups must be a list"},
		{head + "[snmp]\nprofiles = snmp.yml:larger\n", "", `snmp.yml:4: there is no module "larger"`},
		{head + "[snmp]\nprofiles = snmp.yml:small\nauth = v4\n", "", `[snmp] auth: snmp.yml has no auth "v4"; it has v3`},
		{head + "[snmp]\nprofiles = snmp.yml\n", "", "there are no groups"},
		{head + "[snmp]\ntables = none.yaml\n", "", `[snmp] tables "none.yaml"`},
	} {
		p.write("p.panoptes-plugin", c.file)
		p.write("p.yaml", c.yaml)
		p.write("snmp.yml", exporter)
		_, err := p.load()
		assert.ErrorContains(t, err, c.want)
	}
	p.write("p.panoptes-plugin", head)
	require.NoError(t, os.Remove(filepath.Join(p.dir, "p.yaml")))
	_, err := p.load()
	assert.ErrorContains(t, err, `there is no "p.yaml" beside the plugin file`)
}

// Errors have the names that Panoptes gives them, and options that are wrong are named.
func TestRunFails(t *testing.T) {
	p := newPoller(t)
	p.agent.Lock()
	p.agent.Respond = func(*agenttest.Request) {}
	p.agent.Unlock()
	p.write("p.yaml", tables)
	for _, c := range []struct{ options, kind, want string }{
		{"", "PanoptesSNMPTimeoutException", "switch1"},
		{"timeout = soon\n", "PanoptesSNMPException", `[snmp] timeout must be a whole number from 1 to 3600, is "soon"`},
		{"retries = 1\n", "PanoptesSNMPException", "[snmp] retries needs timeout beside it"},
	} {
		p.write("p.panoptes-plugin", head+"[snmp]\n"+c.options)
		result := p.poll()
		assert.Equal(t, run.OutcomeRaised, result.Outcome)
		require.Error(t, result.Err)
		text := result.Err.Error()
		assert.True(t, strings.Contains(text, c.kind) && strings.Contains(text, c.want), text)
	}
}

package plugincmd

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
)

// The directory of a Python plugin says what it imports, and what of the environment it gets.
func TestRunInADirectoryAsACollectorDoes(t *testing.T) {
	t.Setenv("PANOPTES_TEST_PROXY", "there")
	f := newFolder(t)
	plugin := f.plugin(t, "named", "mod.py", `resource_id = "one"`, "")
	f.write(t, "base.py", "VALUE = 5\n")
	f.write(t, "mod.py", `import os
from panoptes import check, gauge
from yahoo_panoptes.plugins.polling.site.base import VALUE

@check(every=60)
def value(resource):
    yield gauge("value", VALUE if os.environ["PANOPTES_TEST_PROXY"] == "there" else 0)
`)
	config := f.write(t, "collector.yaml", `
receivers:
  panoptes:
    plugins: {directories: [{path: `+f.path+`, package: yahoo_panoptes.plugins.polling.site}]}
    resources: {files: [`+f.resources+`]}
    python: {environment: [PANOPTES_TEST_PROXY]}
`)
	stdout, stderr, err := execute(t, NewRun(host), plugin, "--config", config, "--json")
	require.NoError(t, err, stderr)
	require.Contains(t, stdout, `"metric_value": 5`)
}

// The configuration of a Collector says what a run is like there.
func TestRunAsACollectorDoes(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	plugin := f.plugin(t, "counting", "go:counting", `resource_id = "none"`, rateOfN)
	config := f.write(t, "collector.yaml", `
receivers:
  panoptes:
    plugins:
      directories: [`+f.path+`]
      overrides:
        - {plugin: counting, resource_filter: 'resource_class = "system"'}
        - {plugin: counting, resources: 'resource_site = "dc2"', config: {main: {depth: 3}}}
        - {plugin: other, execute_frequency: 10s}
    resources: {files: [`+f.resources+`]}
`)
	stdout, stderr, err := execute(t, NewRun(host), plugin, "--config", config)
	require.NoError(t, err, stderr)
	require.Contains(t, stdout, "run 1 of 1 against one (site dc1): ok")
	require.Contains(t, stdout, "run 1 of 1 against two (site dc2): ok")
	require.Contains(t, stdout, "\none: overrides[0]: resource_filter = resource_class = \"system\"\n")
	require.Contains(t, stdout, "\ntwo: overrides[1]: [main] depth = 3\n")
	require.NotContains(t, stdout, "one: overrides[1]")
	require.NotContains(t, stdout, "overrides[2]")

	_, stderr, err = execute(t, NewRun(host), plugin, "--config", config, "--explain", "--resource", "two")
	require.NoError(t, err)
	require.Contains(t, stderr, "two: overrides[1]: [main] depth = 3\n")

	_, _, err = execute(t, NewRun(host), plugin, "--config", config, "--resource", "two", "--site", "dc1")
	require.ErrorContains(t, err, `no resource of the receiver has the id "two" in the site "dc1"`)
	_, stderr, err = execute(t, NewRun(host), plugin, "--config", config, "--resource", "two", "--site", "dc2")
	require.NoError(t, err, stderr)
	_, _, err = execute(t, NewRun(host), plugin, "--config", config, "--site", "dc2")
	require.ErrorContains(t, err, "--site goes with --resource")
	filtered := f.write(t, "filtered.yaml", `
receivers:
  panoptes:
    plugins: {directories: [`+f.path+`]}
    resources: {files: [`+f.resources+`], filter: 'resource_site = "dc1"'}
`)
	_, _, err = execute(t, NewRun(host), plugin, "--config", filtered, "--resource", "two")
	require.EqualError(t, err, `resources::filter of the receiver leaves out the resource "two": resource_site = "dc1"; resource_site is "dc2"`)
	_, _, err = execute(t, NewRun(host), plugin, "--config", filtered, "--resource", "three")
	require.EqualError(t, err, `no resource of the receiver has the id "three"`)

	_, _, err = execute(t, NewRun(host), plugin, "--config", config, "--receiver", "panoptes/2")
	require.ErrorContains(t, err, `no receiver "panoptes/2"`)
	require.Equal(t, exit.Usage, exit.Code(err))
	_, _, err = execute(t, NewRun(host), plugin, "--receiver", "panoptes")
	require.ErrorContains(t, err, "--receiver goes with --config")
	_, _, err = execute(t, NewRun(host), plugin, "--config", f.write(t, "none.yaml", "receivers: {otlp: }"))
	require.ErrorContains(t, err, `no receiver "panoptes"`)
	_, _, err = execute(t, NewRun(host), plugin, "--config", f.write(t, "two.yaml", "receivers: {panoptes: , panoptes/2: }"))
	require.ErrorContains(t, err, "name one with --receiver")
	_, _, err = execute(t, NewRun(host), plugin, "--config", f.write(t, "bad.yaml", "receivers: {panoptes: {plugin: }}"))
	require.ErrorContains(t, err, `did you mean "plugins"`)
}

const asks = `
from yahoo_panoptes.framework.metrics import *
from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin


class Asks(PanoptesPollingPlugin):
    def run(self, context):
        group = PanoptesMetricsGroup(context.data, 'asks', 60)
        for name, value in seen(context).items():
            group.add_dimension(PanoptesMetricDimension(name, str(value)))
        group.add_metric(PanoptesMetric('n', 1, PanoptesMetricType.GAUGE))
        groups = PanoptesMetricsGroupSet()
        groups.add(group)
        return groups
`

// Resources of all sources are those of the receiver, after its filter, and plugins see its context.
func TestRunReadsTheReceiversSettings(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	f.write(t, "asks.py", asks+`

def seen(context):
    return {'timeout': context.snmp['timeout'], 'community': context.snmp['community'], 'sites': ','.join(sorted(context.sites))}
`)
	plugin := f.plugin(t, "asks", "asks.py", `resource_class = "system"`, "")
	f.write(t, "lists/a.json", "["+resource("file-a", "dc1")+"]")
	f.write(t, "lists/b.json", "["+resource("file-b", "dc1")+", "+resource("elsewhere", "dc9")+"]")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("[" + resource("served", "dc1") + "]"))
	}))
	defer server.Close()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "dc1-resources"))
	require.NoError(t, err)
	defer cluster.Close()
	producer, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...))
	require.NoError(t, err)
	defer producer.Close()
	require.NoError(t, producer.ProduceSync(t.Context(), &kgo.Record{
		Topic: "dc1-resources", Key: []byte("found:0.1:abc"), Timestamp: time.Now(),
		Value: []byte(`{"resources": [` + resource("bus", "dc1") + `], "resource_set_creation_timestamp": ` +
			strconv.FormatInt(time.Now().Unix(), 10) + `, "resource_set_schema_version": "0.1"}`),
	}).FirstErr())
	config := f.write(t, "collector.yaml", `
receivers:
  panoptes:
    plugins: {directories: [`+f.path+`]}
    context: {sites: [dc1, dc9], snmp: {timeout: 7, community: sesame}}
    resources:
      files: ["`+f.path+`/lists/*.json"]
      inline: [{resource_site: dc1, resource_class: system, resource_subclass: host, resource_type: generic, resource_id: inline, resource_endpoint: localhost}]
      http: [{url: "`+server.URL+`"}]
      kafka: {brokers: ["`+cluster.ListenAddrs()[0]+`"], topics: [dc1-resources]}
      filter: resource_site = "dc1"
`)
	stdout, stderr, err := execute(t, NewRun(host), plugin, "--config", config)
	require.NoError(t, err, stderr)
	for _, id := range []string{"file-a", "file-b", "served", "bus", "inline"} {
		require.Regexp(t, `(?m)^`+id+`\tdc1\t.*\tok$`, stdout, stderr)
	}
	require.NotContains(t, stdout, "elsewhere")
	stdout, stderr, err = execute(t, NewRun(host), plugin, "--config", config, "--resource", "inline")
	require.NoError(t, err, stderr)
	require.Contains(t, stdout, "timeout=7")
	require.Contains(t, stdout, "sites=dc1,dc9")

	_, _, err = execute(t, NewRun(host), plugin, "--config", config, "--resource", "elsewhere")
	require.EqualError(t, err, `resources::filter of the receiver leaves out the resource "elsewhere": resource_site = "dc1"; resource_site is "dc9"`)
}

// What a Collector does not take is not run.
func TestRunRefusesWhatACollectorRefuses(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	f.write(t, "polls.py", polls)
	plugin := f.plugin(t, "polls", "polls.py", `resource_class = "system"`, "")
	f.write(t, "polls.py", "import no_such_module\n"+polls)
	stdout, stderr, err := execute(t, NewRun(host), plugin, "--resources", f.resources)
	require.ErrorIs(t, err, exit.ErrReported)
	require.Empty(t, stdout)
	require.Contains(t, stderr, "a Collector does not take this plugin")
	require.Contains(t, stderr, "no_such_module")

	f.write(t, "polls.py", polls)
	config := f.write(t, "collector.yaml", "receivers: {panoptes: {plugins: {directories: ["+f.path+"], pins: {polls: \""+strings.Repeat("0", 64)+"\"}}}}")
	stdout, stderr, err = execute(t, NewRun(host), plugin, "--resources", f.resources, "--config", config)
	require.ErrorIs(t, err, exit.ErrReported)
	require.Empty(t, stdout)
	require.Regexp(t, `a Collector does not take this plugin: .*its SHA-256 is [0-9a-f]{64}, the configuration pins it to 0{64}: correct plugins::pins`, stderr)
	f.write(t, "requirements.txt", "no-such-distribution==1.0\n")
	_, stderr, err = execute(t, NewRun(host), plugin, "--resources", f.resources)
	require.ErrorIs(t, err, exit.ErrReported)
	require.Contains(t, stderr, "no-such-distribution")
}

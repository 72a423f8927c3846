//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
)

// pipeline is a Collector with the whole path: plugins in dir/plugins, one resource of a site of its own, Kafka and
// Prometheus.
type pipeline struct {
	*process
	dir, site, brokers string
	prometheus         int
}

const collectorYAML = `
extensions:
  host_plugins:
receivers:
  panoptes:
    plugins: {directories: [%[1]s/plugins], settle: 200ms, scan_interval: 1s}
    resources: {files: [%[1]s/resources/*.json], scan_interval: 1s}
    python: {max_workers: 2, runtime_dir: %[1]s/runtime}
processors:
  panoptes_rate:
exporters:
  panoptes_json: {brokers: ["%[2]s"]}
  prometheus: {endpoint: "127.0.0.1:%[3]d", without_scope_info: true}
service:
  extensions: [host_plugins]
  pipelines:
    metrics: {receivers: [panoptes], processors: [panoptes_rate], exporters: [panoptes_json, prometheus]}
  telemetry: {metrics: {level: none}, logs: {level: debug, encoding: json}}
`

func resourceJSON(site string) string {
	return `{"resource_site": "` + site + `", "resource_class": "system", "resource_subclass": "host", "resource_type": "generic", ` +
		`"resource_id": "host1", "resource_endpoint": "localhost", "resource_metadata": {"_resource_ttl": "900", "os_name": "linux"}, ` +
		`"resource_creation_timestamp": 1512629517.03, "resource_plugin": "plugin_discovery_from_json_file"}`
}

func prepare(t *testing.T, seeds string) *pipeline {
	t.Helper()
	p := &pipeline{dir: t.TempDir(), site: site(t), brokers: seeds, prometheus: freePort(t)}
	require.NoError(t, os.Mkdir(filepath.Join(p.dir, "runtime"), 0o755))
	write(t, filepath.Join(p.dir, "resources/localhost.json"), "["+resourceJSON(p.site)+"]")
	write(t, filepath.Join(p.dir, "collector.yaml"), fmt.Sprintf(collectorYAML, p.dir, seeds, p.prometheus))
	return p
}

func (p *pipeline) start(t *testing.T) *pipeline {
	t.Helper()
	p.process = start(t, nil, binary(t, "panoptes-otelcol"), "--config", filepath.Join(p.dir, "collector.yaml"))
	return p
}

func (p *pipeline) plugin(t *testing.T, name, conf, code string) {
	t.Helper()
	if code != "" {
		write(t, filepath.Join(p.dir, "plugins", name+".py"), code)
	}
	write(t, filepath.Join(p.dir, "plugins", name+".panoptes-plugin"), conf)
}

func conf(name, version, transforms string) string {
	text := fmt.Sprintf("[Core]\nName = %[1]s\nModule = %[1]s\n[Documentation]\nVersion = %[2]s\n[main]\nexecute_frequency = 1\n"+
		"resource_filter = resource_class = \"system\"\n", name, version)
	if transforms != "" {
		text += "[transforms]\n" + transforms + "\n"
	}
	return text
}

// countingPlugin counts in steps of 50 in a file, at times that it makes up, so that its rate is exactly 50 a second.
const countingPlugin = `
import os
from yahoo_panoptes.framework.metrics import *
from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin

class Counting(PanoptesPollingPlugin):
    def run(self, context):
        n = int(context.kv.get('n') or 0) + 1
        context.kv.set('n', str(n))
        group = PanoptesMetricsGroup(context.data, 'example', int(context.config['main']['execute_frequency']))
        group.add_dimension(PanoptesMetricDimension('cpu_no', '5'))
        group.add_metric(PanoptesMetric('context_switch_count', 50 * n, PanoptesMetricType.COUNTER, 1600000000.25 + n))
        group.add_metric(PanoptesMetric('cpu_load', 0.3, PanoptesMetricType.GAUGE, 1600000000.25 + n))
        groups = PanoptesMetricsGroupSet()
        groups.add(group)
        return groups
`

func TestPythonPluginToKafka(t *testing.T) {
	t.Parallel()
	p := prepare(t, brokers(t))
	p.plugin(t, "counting", conf("counting", "0.1", "example = rate:example:context_switch_count"), countingPlugin)
	p.start(t)

	topic := p.site + "-processed"
	var n int
	record := consume(t, p.brokers, topic).until(t, "a group with counter and rate", func(r *kgo.Record) bool {
		var group struct {
			Metrics []struct {
				Name  string  `json:"metric_name"`
				Type  string  `json:"metric_type"`
				Value float64 `json:"metric_value"`
			}
		}
		require.NoError(t, json.Unmarshal(r.Value, &group), string(r.Value))
		for _, m := range group.Metrics {
			if m.Type == "counter" {
				n = int(m.Value) / 50
			}
		}
		return len(group.Metrics) == 3
	})
	metric := func(name, value, kind string) string {
		return fmt.Sprintf(`{"metric_creation_timestamp": %d.25, "metric_name": "%s", "metric_value": %s, "metric_type": "%s"}`,
			1600000000+n, name, value, kind)
	}
	want := []string{
		metric("context_switch_count", fmt.Sprint(50*n), "counter"),
		metric("context_switch_count", "50", "gauge"),
		metric("cpu_load", "0.3", "gauge"),
	}
	head := fmt.Sprintf(`{"metrics_group_type": "example", "metrics_group_interval": 1, "metrics_group_creation_timestamp": %d.25, `+
		`"metrics_group_schema_version": "0.2", "resource": %s, "metrics": [`, 1600000000+n, resourceJSON(p.site))
	foot := `], "dimensions": [{"dimension_name": "cpu_no", "dimension_value": "5"}]}`
	got := string(record.Value)
	require.True(t, strings.HasPrefix(got, head), "got  %s\nwant %s", got, head)
	require.True(t, strings.HasSuffix(got, foot), got)
	// Panoptes writes metrics in no order.
	metrics := strings.Split(strings.ReplaceAll(got[len(head):len(got)-len(foot)], "}, {", "}\n{"), "\n")
	require.ElementsMatch(t, want, metrics)
	require.Equal(t, "system:host:generic", string(record.Key))
}

// TestPrometheusSeries looks at the other output of the same pipeline, and edits the plugin's version and transforms.
func TestPrometheusSeries(t *testing.T) {
	t.Parallel()
	p := prepare(t, brokers(t))
	transforms := "example = rate:example:context_switch_count"
	p.plugin(t, "counting", conf("counting", "0.1", transforms), countingPlugin)
	p.start(t)

	value := func(text, series string) string {
		for line := range strings.SplitSeq(text, "\n") {
			if strings.HasPrefix(line, series+"{") {
				return line[strings.LastIndexByte(line, ' ')+1:]
			}
		}
		return ""
	}
	var before string
	waitFor(t, "counter, gauge and rate at the Prometheus side", func() (bool, string) {
		before = scrape(t, p.prometheus)
		return value(before, "example_context_switch_count_total") != "" && value(before, "example_cpu_load") == "0.3" &&
			value(before, "example_context_switch_count_rate_per_second") == "50", before
	})
	require.Contains(t, before, `job="`+p.site+`/system.host.generic"`)
	require.Contains(t, before, `instance="host1"`)
	require.Contains(t, before, `cpu_no="5"`)

	// The same data point at both sides: what Prometheus shows now, Kafka has too.
	shown := value(before, "example_context_switch_count_total")
	consume(t, p.brokers, p.site+"-processed").until(t, "counter "+shown, func(r *kgo.Record) bool {
		return strings.Contains(string(r.Value), `"metric_value": `+shown+`, "metric_type": "counter"`)
	})

	// An edit of version, label of the transform and module; the gauge's value tells when it has taken effect.
	p.plugin(t, "counting", conf("counting", "0.2", "another = rate:example:context_switch_count,cpu_load"),
		strings.Replace(countingPlugin, "0.3", "0.4", 1))
	var after string
	waitFor(t, "the edited plugin's data", func() (bool, string) {
		after = scrape(t, p.prometheus)
		return value(after, "example_cpu_load") == "0.4", after
	})
	require.Equal(t, seriesOf(before), seriesOf(after), "an edit started new series")
}

var labelsAndName = regexp.MustCompile(`(?m)^([a-zA-Z_:][^ ]*(?:\{.*\})?) [^ ]+(?: [0-9]+)?$`)

// seriesOf returns the sorted series of a Prometheus text, without their values.
func seriesOf(text string) []string {
	var all []string
	for _, m := range labelsAndName.FindAllStringSubmatch(text, -1) {
		all = append(all, m[1])
	}
	slices.Sort(all)
	return all
}

func TestGoPluginToKafka(t *testing.T) {
	t.Parallel()
	p := prepare(t, brokers(t))
	p.plugin(t, "host", strings.Replace(conf("host", "0.1", "host_network = rate:host_network:bytes_received,bytes_sent"),
		"Module = host", "Module = go:host", 1), "")
	p.start(t)
	consume(t, p.brokers, p.site+"-processed").until(t, "a network group with rates", func(r *kgo.Record) bool {
		s := string(r.Value)
		return strings.Contains(s, `"metrics_group_type": "host_network"`) && strings.Contains(s, `"metric_name": "bytes_received"`) &&
			strings.Count(s, `"metric_type": "gauge"`) == 2
	})
}

// TestBrokerComesLate starts the Collector while no broker listens: it must come up, wait and lose nothing it promised.
func TestBrokerComesLate(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	p := prepare(t, fmt.Sprintf("127.0.0.1:%d", port))
	p.plugin(t, "counting", conf("counting", "0.1", ""), countingPlugin)
	p.start(t)
	p.waitForLog(t, "Everything is ready")
	waitFor(t, "data at the Prometheus side", func() (bool, string) {
		text := scrape(t, p.prometheus)
		return strings.Contains(text, "example_cpu_load"), text
	})
	fakeBroker(t, port)
	consume(t, p.brokers, p.site+"-processed").until(t, "the very first group", func(r *kgo.Record) bool {
		return strings.Contains(string(r.Value), `"metric_value": 50, "metric_type": "counter"`)
	})
}

func TestCleanShutdown(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(sig.String(), func(t *testing.T) {
			p := prepare(t, brokers(t))
			p.plugin(t, "counting", conf("counting", "0.1", ""), countingPlugin)
			p.start(t)
			consume(t, p.brokers, p.site+"-processed").until(t, "a group", func(*kgo.Record) bool { return true })
			require.NotEmpty(t, processesWith(t, p.dir+"/runtime"), "the worker is not to be seen")
			require.NoError(t, p.stop(t, sig))
			require.Empty(t, processesWith(t, p.dir), "processes left behind")
		})
	}
}

// TestKilled kills the Collector without mercy: its workers must not outlive it.
func TestKilled(t *testing.T) {
	t.Parallel()
	p := prepare(t, brokers(t))
	p.plugin(t, "counting", conf("counting", "0.1", ""), countingPlugin)
	p.start(t)
	consume(t, p.brokers, p.site+"-processed").until(t, "a group", func(*kgo.Record) bool { return true })
	_ = p.stop(t, syscall.SIGKILL)
	waitFor(t, "the end of all workers", func() (bool, string) {
		left := processesWith(t, p.dir)
		return len(left) == 0, strings.Join(left, "\n")
	})
}

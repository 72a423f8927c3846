//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/panoptes-otel/panoptes-otel/internal/oldkafka"
)

// The stock components with our encoding. One Collector has both ends: it runs a plugin and writes to Kafka, and reads
// from Kafka what was written.

// threeGroupsPlugin makes three groups a run, so that a batch has several.
const threeGroupsPlugin = `
from yahoo_panoptes.framework.metrics import *
from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin

class ThreeGroups(PanoptesPollingPlugin):
    def run(self, context):
        n = int(context.kv.get('n') or 0) + 1
        context.kv.set('n', str(n))
        groups = PanoptesMetricsGroupSet()
        for cpu in range(3):
            group = PanoptesMetricsGroup(context.data, 'example', 1)
            group.add_dimension(PanoptesMetricDimension('cpu_no', str(cpu)))
            group.add_metric(PanoptesMetric('context_switch_count', 50 * n, PanoptesMetricType.COUNTER, 1600000000.25 + n))
            group.add_metric(PanoptesMetric('cpu_load', 0.25 * cpu, PanoptesMetricType.GAUGE, 1600000000.25 + n))
            groups.add(group)
        return groups
`

// startEncoding starts a Collector with the plugin of three groups, further receivers, and the given rest of a
// configuration.
func startEncoding(t *testing.T, p *pipeline, receivers, rest string) {
	t.Helper()
	p.plugin(t, "three", conf("three", "0.1", "example = rate:example:context_switch_count"), threeGroupsPlugin)
	write(t, filepath.Join(p.dir, "collector.yaml"), strings.NewReplacer(
		"DIR", p.dir, "BROKERS", p.brokers, "SITE", p.site, "PROMETHEUS", fmt.Sprint(p.prometheus)).Replace(`
receivers:
  panoptes:
    plugins: {directories: [DIR/plugins], settle: 200ms, scan_interval: 1s}
    resources: {files: [DIR/resources/*.json], scan_interval: 1s}
    python: {max_workers: 1, runtime_dir: DIR/runtime}
`+receivers+`
processors:
  panoptes_rate:
`+rest))
	p.start(t)
}

// fileLines waits until a file has lines enough, and returns all whole ones.
func fileLines(t *testing.T, path string, enough func([]string) bool) []string {
	t.Helper()
	var lines []string
	waitFor(t, "enough lines in "+filepath.Base(path), func() (bool, string) {
		data, _ := os.ReadFile(path) // not there yet
		lines = strings.SplitAfter(string(data), "\n")
		lines = lines[:len(lines)-1]
		return enough(lines), string(data)
	})
	return lines
}

// checkSchema lets panoptes schema check judge lines.
func checkSchema(t *testing.T, lines []string) {
	t.Helper()
	cmd := exec.Command(binary(t, "panoptes"), "schema", "check")
	cmd.Stdin = strings.NewReader(strings.Join(lines, ""))
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Equal(t, strings.Repeat("valid\n", len(lines)), string(out))
}

func produce(t *testing.T, seeds, topic string, values ...string) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(seeds), kgo.AllowAutoTopicCreation(), kgo.UnknownTopicRetries(-1))
	require.NoError(t, err)
	defer client.Close()
	for _, v := range values {
		require.NoError(t, client.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Key: []byte("c:sc:t"), Value: []byte(v)}).FirstErr())
	}
}

// legacyMessages are as Panoptes' own and others write them: sets in any order, a time as text, no plugin, other blanks,
// an unknown key. One among them is no group, and one holds two with a bad one between them.
func legacyMessages(site string) []string {
	return []string{
		`{"metrics_group_type": "legacy", "metrics_group_interval": 60, "metrics_group_creation_timestamp": 1600000100.5, ` +
			`"metrics_group_schema_version": "0.2", "resource": {"resource_site": "` + site + `", "resource_class": "network", ` +
			`"resource_subclass": "switch", "resource_type": "os", "resource_id": "legacy1", "resource_endpoint": "10.0.0.1", ` +
			`"resource_metadata": {"_resource_ttl": "900"}, "resource_creation_timestamp": "1512629517.03121", "resource_plugin": null}, ` +
			`"metrics": [{"metric_creation_timestamp": 1600000101.001, "metric_name": "octets", "metric_value": 7, "metric_type": "gauge"}, ` +
			`{"metric_creation_timestamp": 1600000100.5, "metric_name": "octets", "metric_value": 12345678901, "metric_type": "counter"}], ` +
			`"dimensions": [{"dimension_name": "name", "dimension_value": "xe-0\/0\/1 \u00e9"}]}`,
		`this is no metrics group`,
		`{"metrics":[{"metric_type":"gauge","metric_value":1e2,"metric_name":"load","metric_creation_timestamp":"1600000100"}],"by":"hand",` +
			`"resource":{"resource_id":"legacy2","resource_site":"` + site + `","resource_class":"c","resource_subclass":"sc","resource_type":"t",` +
			`"resource_endpoint":"e"},"dimensions":[],"metrics_group_interval":60,"metrics_group_type":"legacy"}` + "\n{}\n" +
			`[{"metrics_group_type":"legacy","metrics_group_interval":60,"metrics":[{"metric_type":"gauge","metric_value":3,"metric_name":"load",` +
			`"metric_creation_timestamp":1600000100}],"resource":{"resource_id":"legacy3","resource_site":"` + site + `","resource_class":"c",` +
			`"resource_subclass":"sc","resource_type":"t","resource_endpoint":"e"},"dimensions":[]}]`,
	}
}

// TestKafkaReceiverWithEncoding is the bridge out of Panoptes: the stock kafka receiver reads a Panoptes topic, and other
// components take what it reads for metrics of the receiver panoptes. The file that the stock file exporter writes with
// the encoding has the messages of our exporter again, byte for byte.
func TestKafkaReceiverWithEncoding(t *testing.T) {
	t.Parallel()
	p := prepare(t, brokers(t))
	topic := p.site + "-processed"
	produce(t, p.brokers, topic, legacyMessages(p.site)...)
	startEncoding(t, p, `
  kafka:
    brokers: [BROKERS]
    group_id: SITE
    initial_offset: earliest
    metrics: {topics: [SITE-processed], encoding: panoptes_encoding}`, `
extensions:
  panoptes_encoding:
exporters:
  panoptes_json: {brokers: [BROKERS]}
  prometheus: {endpoint: "127.0.0.1:PROMETHEUS", without_scope_info: true}
  file: {path: DIR/groups.jsonl, encoding: panoptes_encoding, flush_interval: 100ms}
service:
  extensions: [panoptes_encoding]
  pipelines:
    metrics/to: {receivers: [panoptes], processors: [panoptes_rate], exporters: [panoptes_json]}
    metrics/from: {receivers: [kafka], exporters: [prometheus, file]}
  telemetry: {metrics: {level: none}, logs: {encoding: json}}
`)
	var text string
	series := func(name, instance, value string) bool {
		for line := range strings.SplitSeq(text, "\n") {
			if strings.HasPrefix(line, name+"{") && strings.Contains(line, `instance="`+instance+`"`) && strings.HasSuffix(line, " "+value) {
				return true
			}
		}
		return false
	}
	waitFor(t, "groups of both kinds at the Prometheus side", func() (bool, string) {
		text = scrape(t, p.prometheus)
		return series("legacy_octets_total", "legacy1", "1.2345678901e+10") && series("legacy_octets_rate_per_second", "legacy1", "7") &&
			series("legacy_load", "legacy2", "100") && series("legacy_load", "legacy3", "3") &&
			series("example_context_switch_count_rate_per_second", "host1", "50"), text
	})
	assert.Contains(t, text, `job="`+p.site+`/network.switch.os"`)
	assert.Contains(t, text, `name="xe-0/0/1 é"`)
	p.waitForLog(t, "failed to unmarshal message")
	p.waitForLog(t, "What is no metrics group was left out")
	assert.Contains(t, p.output(), "group 1: resource (at byte")

	var written []string
	consume(t, p.brokers, topic).until(t, "six groups of the exporter", func(r *kgo.Record) bool {
		if bytes.Contains(r.Value, []byte(`"example"`)) {
			written = append(written, string(r.Value)+"\n")
		}
		return len(written) == 6
	})
	lines := fileLines(t, filepath.Join(p.dir, "groups.jsonl"), func(lines []string) bool { return containsAll(strings.Join(lines, ""), written) })
	checkSchema(t, lines)
	require.Contains(t, lines, strings.Replace(legacyMessages(p.site)[0], `xe-0\/0\/1`, "xe-0/0/1", 1)+"\n")
}

// TestKafkaExporterWithEncoding: the stock kafka exporter writes one message a batch, as JSON lines and as an array, and
// the stock kafka receiver reads both back.
func TestKafkaExporterWithEncoding(t *testing.T) {
	t.Parallel()
	p := prepare(t, brokers(t))
	// The receiver looks for new topics once a minute.
	produce(t, p.brokers, p.site+"-lines", "")
	produce(t, p.brokers, p.site+"-array", "[]")
	startEncoding(t, p, `
  kafka/lines:
    brokers: [BROKERS]
    group_id: SITE-lines
    initial_offset: earliest
    metrics: {topics: [SITE-lines], encoding: panoptes_encoding}
  kafka/array:
    brokers: [BROKERS]
    group_id: SITE-array
    initial_offset: earliest
    metrics: {topics: [SITE-array], encoding: panoptes_encoding}`, `
extensions:
  panoptes_encoding: {rates: double}
  panoptes_encoding/array: {framing: array}
exporters:
  kafka/lines: {brokers: [BROKERS], metrics: {topic: SITE-lines, encoding: panoptes_encoding}}
  kafka/array: {brokers: [BROKERS], metrics: {topic: SITE-array, encoding: panoptes_encoding/array}}
  file/lines: {path: DIR/lines.jsonl, encoding: panoptes_encoding, flush_interval: 100ms}
  file/array: {path: DIR/array.jsonl, encoding: panoptes_encoding/array, flush_interval: 100ms}
service:
  extensions: [panoptes_encoding, panoptes_encoding/array]
  pipelines:
    metrics/to: {receivers: [panoptes], processors: [panoptes_rate], exporters: [kafka/lines, kafka/array]}
    metrics/lines: {receivers: [kafka/lines], exporters: [file/lines]}
    metrics/array: {receivers: [kafka/array], exporters: [file/array]}
  telemetry: {metrics: {level: none}, logs: {encoding: json}}
`)
	three := func(text string) bool {
		return strings.Count(text, `"metrics_group_type": "example"`) == 3 && strings.Contains(text, `"metric_value": 50`)
	}
	record := consume(t, p.brokers, p.site+"-lines").until(t, "a batch of three groups with rates", func(r *kgo.Record) bool {
		return three(string(r.Value)) && strings.Count(string(r.Value), `"metric_type": "gauge"`) == 6
	})
	batch := strings.SplitAfter(string(record.Value)+"\n", "\n")[:3]
	checkSchema(t, batch)
	assert.Contains(t, batch[0], `"metric_value": 50.0, "metric_type": "gauge"`, "rates are doubles here")
	fileLines(t, filepath.Join(p.dir, "lines.jsonl"), func(lines []string) bool { return containsAll(strings.Join(lines, ""), batch) })

	record = consume(t, p.brokers, p.site+"-array").until(t, "an array of three groups with rates", func(r *kgo.Record) bool {
		return three(string(r.Value)) && strings.Count(string(r.Value), `"metric_type": "gauge"`) == 6
	})
	var groups []json.RawMessage
	require.NoError(t, json.Unmarshal(record.Value, &groups))
	require.Len(t, groups, 3)
	assert.Contains(t, string(groups[0]), `"metric_value": 50, "metric_type": "gauge"`)
	fileLines(t, filepath.Join(p.dir, "array.jsonl"), func(lines []string) bool {
		return strings.Contains(strings.Join(lines, ""), string(record.Value)+"\n")
	})
}

// TestBridgeOfPanoptes: the stock kafka receiver reads what kafka-python wrote, in each format in which brokers keep it.
func TestBridgeOfPanoptes(t *testing.T) {
	needsNoKafka(t)
	t.Parallel()
	var groups []string
	for _, m := range oldkafka.Messages(t) {
		if m.Topic == "processed" {
			groups = append(groups, m.Value+"\n")
		}
	}
	dir, all := t.TempDir(), oldkafka.All(t)
	names := slices.Sorted(maps.Keys(all))
	var receivers, exporters, pipelines strings.Builder
	for n, name := range names {
		fmt.Fprintf(&receivers, `
  kafka/%d:
    brokers: [%q]
    group_id: bridge
    initial_offset: earliest
    metrics: {topics: ["^.+-processed$"], encoding: panoptes_encoding}
    message_marking: {after: true, on_permanent_error: true}`, n, oldkafka.Serve(t, all[name]).ListenAddrs()[0])
		fmt.Fprintf(&exporters, "\n  file/%d: {path: %s/%[1]d.jsonl, encoding: panoptes_encoding, flush_interval: 100ms}", n, dir)
		fmt.Fprintf(&pipelines, "\n    metrics/%d: {receivers: [kafka/%[1]d], exporters: [file/%[1]d]}", n)
	}
	config := filepath.Join(dir, "collector.yaml")
	write(t, config, "extensions: {panoptes_encoding: }\nreceivers:"+receivers.String()+"\nexporters:"+exporters.String()+
		"\nservice:\n  extensions: [panoptes_encoding]\n  pipelines:"+pipelines.String()+"\n  telemetry: {metrics: {level: none}}\n")
	start(t, nil, binary(t, "panoptes-otelcol"), "--config", config)
	for n, name := range names {
		lines := fileLines(t, filepath.Join(dir, fmt.Sprint(n, ".jsonl")), func(lines []string) bool { return len(lines) >= len(groups) })
		assert.ElementsMatch(t, groups, lines, name)
	}
}

//go:build e2e

package e2e

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const prometheusPage = "docs/prometheus.md"

// The interfaces' octets grow by exactly 7,000 a second, their errors in jumps.
const interfacesPlugin = `[Core]
Name = Interfaces
Module = interfaces
[Documentation]
Version = 0.1
[main]
runtime = exec
execute_frequency = 1
resource_filter = resource_class = "network"
[transforms]
interface = rate:interface:octets,errors
`

const interfacesProgram = `#!/usr/bin/python3 -IS
import json, sys, time
resource, now = json.load(sys.stdin), int(time.time() * 1000)
for port in ("1", "2"):
    values = [("octets", 7 * now, "counter"), ("errors", now // 1000 * 3 + now // 3000 * 100, "counter"), ("up", 1, "gauge"), ("power", 0.5, "gauge")]
    print(json.dumps({"metrics_group_type": "interface", "metrics_group_interval": 1, "metrics_group_creation_timestamp": now / 1000,
        "metrics_group_schema_version": "0.2", "resource": resource, "dimensions": [{"dimension_name": "port", "dimension_value": port}],
        "metrics": [{"metric_name": n, "metric_value": v, "metric_type": t, "metric_creation_timestamp": now / 1000} for n, v, t in values]}))
`

// The slow plugin looks at the clock before it takes its two seconds: others that ran meanwhile are ahead of it.
const slowPlugin = `[Core]
Name = Slow
Module = slow
[Documentation]
Version = 0.1
[main]
runtime = exec
execute_frequency = 4
resource_filter = resource_class = "network"
`

const slowProgram = `#!/usr/bin/python3 -IS
import json, sys, time
resource, now = json.load(sys.stdin), int(time.time() * 1000) / 1000
time.sleep(2)
print(json.dumps({"metrics_group_type": "slow", "metrics_group_interval": 4, "metrics_group_creation_timestamp": now,
    "metrics_group_schema_version": "0.2", "resource": resource, "dimensions": [],
    "metrics": [{"metric_name": "took", "metric_value": 2, "metric_type": "gauge", "metric_creation_timestamp": now}]}))
`

// road is a Collector and a Prometheus, configured as a section of the page says.
type road struct {
	dir        string
	prometheus *prometheusServer
	collector  *process
	own        int // the port of the Collector's own metrics
}

// startRoad starts both with two resources, and with the test's folders, ports and pace in place of the page's.
func startRoad(t *testing.T, section string, edits ...string) *road {
	t.Helper()
	program := debianCommands(t, "PANOPTES_REQUIRE_PROMETHEUS", "prometheus", "prometheus")[0]
	r := &road{dir: t.TempDir(), own: freePort(t)}
	writePlugin(t, r.dir, "interfaces", interfacesPlugin, interfacesProgram)
	writePlugin(t, r.dir, "slow", slowPlugin+"[contract]\nslow =\n    gauge took s: How long it took\n", slowProgram)
	r.resources(t, "sw1", "sw2")

	data, server := freePort(t), freePort(t)
	replacer := strings.NewReplacer("/etc/panoptes", r.dir, "127.0.0.1:9464", fmt.Sprintf("127.0.0.1:%d", data),
		"127.0.0.1:8888", fmt.Sprintf("127.0.0.1:%d", r.own), "port: 8888", fmt.Sprintf("port: %d", r.own),
		"127.0.0.1:4318", fmt.Sprintf("127.0.0.1:%d", freePort(t)), "interval: 15000", "interval: 1000",
		"127.0.0.1:9090", fmt.Sprintf("127.0.0.1:%d", server), "scrape_interval: 15s", "scrape_interval: 400ms")
	blocks := pageBlocks(t, prometheusPage, section, "yaml")
	collector, prometheus := replacer.Replace(blocks[0]), replacer.Replace(blocks[1])
	for i := 0; i < len(edits); i += 2 {
		require.Contains(t, collector, edits[i])
		collector = strings.ReplaceAll(collector, edits[i], edits[i+1])
	}
	collector = strings.ReplaceAll(collector, "port: SELF", fmt.Sprintf("port: %d", r.own))
	write(t, filepath.Join(r.dir, "collector.yaml"), collector)
	write(t, filepath.Join(r.dir, "prometheus.yaml"), prometheus)
	rules, err := os.ReadFile("../../deploy/prometheus/panoptes.rules.yaml")
	require.NoError(t, err)
	write(t, filepath.Join(r.dir, "panoptes.rules.yaml"), string(rules))
	r.prometheus = startPrometheus(t, program, filepath.Join(r.dir, "prometheus.yaml"), server)
	r.collector = start(t, nil, binary(t, "panoptes-otelcol"), "--config", filepath.Join(r.dir, "collector.yaml"))
	return r
}

// resources writes the resources that there are from now on.
func (r *road) resources(t *testing.T, ids ...string) {
	t.Helper()
	var list []string
	for _, id := range ids {
		list = append(list, fmt.Sprintf(`{"resource_site": "dc1", "resource_class": "network", "resource_subclass": "switch",
			"resource_type": "acme", "resource_id": %q, "resource_endpoint": "%[1]s.example.com", "resource_plugin": "inventory",
			"resource_creation_timestamp": "1512629517.03", "resource_metadata": {"_resource_ttl": "900", "model": "X1"}}`, id))
	}
	write(t, filepath.Join(r.dir, "resources", "all.json"), "["+strings.Join(list, ",")+"]")
}

// eventually waits until an expression has a number of series, and returns them.
func (r *road) eventually(t *testing.T, expr string, series int) []sample {
	t.Helper()
	var found []sample
	waitFor(t, fmt.Sprintf("%d series of %s", series, expr), func() (bool, string) {
		found = r.prometheus.query(t, expr)
		return len(found) == series, fmt.Sprintf("%d: %v", len(found), found)
	})
	return found
}

// wantSeries are all series that the two resources have, whatever happens to plugins: by hand, from the page's rules.
func wantSeries() []string {
	var want []string
	for _, id := range []string{"sw1", "sw2"} {
		labels := fmt.Sprintf(`instance=%q, job="dc1/network.switch.acme"`, id)
		for _, port := range []string{"1", "2"} {
			for _, name := range []string{
				"interface_octets_total", "interface_octets_rate_per_second", "interface_errors_total",
				"interface_errors_rate_per_second", "interface_up", "interface_power",
			} {
				want = append(want, fmt.Sprintf(`%s{%s, port=%q}`, name, labels, port))
			}
		}
		want = append(want, fmt.Sprintf(`polling_status{%s, plugin="Interfaces"}`, labels), fmt.Sprintf(`polling_status{%s, plugin="Slow"}`, labels))
		want = append(want, fmt.Sprintf(`slow_took_seconds{%s}`, labels), fmt.Sprintf(`target_info{%s, panoptes_resource_class="network", `+
			`panoptes_resource_creation_timestamp="1512629517.03", panoptes_resource_endpoint="%s.example.com", `+
			`panoptes_resource_id=%[2]q, panoptes_resource_metadata__resource_ttl="900", panoptes_resource_metadata_model="X1", `+
			`panoptes_resource_plugin="inventory", panoptes_resource_site="dc1", panoptes_resource_subclass="switch", `+
			`panoptes_resource_type="acme"}`, labels, id))
	}
	return want
}

// checkRates compares the rates that the processor made with Prometheus' own: each with the difference of the two
// samples that it is of, and with irate() at its time; and rate() over a window where the counter grows evenly.
func (r *road) checkRates(t *testing.T) {
	t.Helper()
	r.eventually(t, `count_over_time(interface_errors_rate_per_second{instance="sw1", port="1"}[1h]) >= 6`, 1)
	compared := 0
	for _, name := range []string{"interface_octets", "interface_errors"} {
		selector := `{instance="sw1", port="1"}[1h]`
		counter := r.prometheus.query(t, name+"_total"+selector)[0].Values
		rates := map[float64]string{}
		for _, v := range r.prometheus.query(t, name+"_rate_per_second"+selector)[0].Values {
			rates[v.time()] = v.text()
		}
		for i := 1; i < len(counter); i++ {
			last, now := counter[i-1], counter[i]
			dt := math.Round((now.time()-last.time())*1000) / 1000
			rate, ok := rates[now.time()]
			if dt > 1.8 || !ok {
				continue // between the two was a poll that was not scraped
			}
			compared++
			assert.InDelta(t, (now.value(t)-last.value(t))/dt, number(t, rate), 1e-8, "%s at %f", name, now.time())
			irate := r.prometheus.queryAt(t, fmt.Sprintf(`irate(%s_total{instance="sw1", port="1"}[5s])`, name), now.time())
			require.Len(t, irate, 1)
			assert.InDelta(t, number(t, rate), irate[0].Value.value(t), 1e-8, "%s at %f", name, now.time())
		}
	}
	require.Greater(t, compared, 3)
	waitFor(t, "PromQL's rate() is the rate", func() (bool, string) {
		promql := r.prometheus.query(t, `rate(interface_octets_total[6s])`)
		ours := r.prometheus.query(t, `avg_over_time(interface_octets_rate_per_second[6s])`)
		near := func(s []sample) bool {
			for _, s := range s {
				if v := s.Value.value(t); v < 7000*(1-1e-9) || v > 7000*(1+1e-9) {
					return false
				}
			}
			return len(s) == 4
		}
		return near(promql) && near(ours), fmt.Sprint(promql, ours)
	})
}

// TestPrometheusScrape goes the first road.
func TestPrometheusScrape(t *testing.T) {
	needsNoKafka(t)
	t.Parallel()
	r := startRoad(t, "Scrape", "metric_expiration: 15m", "metric_expiration: 10s")
	r.eventually(t, "slow_took_seconds", 2)
	r.eventually(t, "interface_octets_rate_per_second", 4)
	r.eventually(t, `count_over_time(slow_took_seconds{instance="sw1"}[1h]) >= 2`, 1)
	r.checkRates(t)
	assert.ElementsMatch(t, wantSeries(), r.prometheus.series(t, `{job=~"dc1/.*"}`))
	assert.Empty(t, r.prometheus.query(t, `{exported_job!=""}`))
	joined := r.eventually(t, pageBlocks(t, prometheusPage, "Resources as labels", "")[0], 1)
	assert.Equal(t, map[string]string{"panoptes_resource_site": "dc1", "panoptes_resource_metadata_model": "X1"}, joined[0].Metric)
	var rules struct {
		Groups []struct {
			Rules []struct{ Name, Query string }
		}
	}
	r.prometheus.get(t, "rules", &rules)
	require.Len(t, rules.Groups, 5)
	for _, group := range rules.Groups {
		for _, rule := range group.Rules {
			r.prometheus.query(t, rule.Query)
		}
	}
	own := r.eventually(t, `otelcol_panoptes_runs{plugin="Interfaces", outcome="ok"}`, 1)
	assert.Equal(t, "panoptes-otelcol", own[0].Metric["job"])
	metrics := scrape(t, r.prometheus.port)
	assert.Contains(t, metrics, "\nprometheus_target_scrapes_sample_duplicate_timestamp_total 0\n")
	assert.Contains(t, metrics, "\nprometheus_target_scrapes_sample_out_of_order_total 0\n")

	// An edit that changes the interval, which is part of the scope, starts no series and sets no counter back.
	edited := strings.ReplaceAll(interfacesPlugin, "execute_frequency = 1", "execute_frequency = 2")
	write(t, filepath.Join(r.dir, "plugins", "interfaces.panoptes-plugin"), edited)
	waitFor(t, "the plugin runs every two seconds", func() (bool, string) {
		got := r.prometheus.query(t, `count_over_time(interface_up{instance="sw1", port="1"}[8s]) <= 5`)
		return len(got) == 1, fmt.Sprint(got)
	})
	assert.ElementsMatch(t, wantSeries(), r.prometheus.series(t, `{job=~"dc1/.*"}`))
	resets := r.prometheus.query(t, `resets(interface_octets_total[1h])`)
	require.Len(t, resets, 4)
	for _, s := range resets {
		assert.Zero(t, s.Value.value(t), s.Metric)
	}

	// A resource that leaves: its target_info ends with metric_expiration, its values five minutes after the last.
	r.resources(t, "sw1")
	gone := r.eventually(t, `max_over_time(target_info{panoptes_resource_id!=""}[1h]) unless target_info`, 1)
	assert.Equal(t, "sw2", gone[0].Metric["instance"])
	last := r.prometheus.query(t, `max(timestamp(interface_up{instance="sw2"}))`)
	require.Len(t, last, 1)
	at := last[0].Value.value(t)
	assert.Len(t, r.prometheus.queryAt(t, `interface_up{instance="sw2"}`, at+299), 2)
	assert.Empty(t, r.prometheus.queryAt(t, `interface_up{instance="sw2"}`, at+301))
}

// TestPrometheusRemoteWrite goes the second road.
func TestPrometheusRemoteWrite(t *testing.T) {
	needsNoKafka(t)
	t.Parallel()
	r := startRoad(t, "Remote write", "readers:", "readers:\n        - pull: {exporter: {prometheus: {host: 127.0.0.1, port: SELF}}}")
	r.eventually(t, "slow_took_seconds", 2)
	r.eventually(t, "interface_octets_rate_per_second", 4)
	r.eventually(t, `count_over_time(slow_took_seconds{instance="sw1"}[1h]) >= 2`, 1)
	r.checkRates(t)
	assert.ElementsMatch(t, wantSeries(), r.prometheus.series(t, `{job=~"dc1/.*"}`))
	for _, expr := range []string{
		`otelcol_panoptes_runs{plugin="Interfaces", outcome="ok"}`, `otelcol_panoptes_tasks`, `otelcol_process_memory_rss`, `otelcol_process_uptime`,
		`otelcol_panoptes_run_duration_bucket{plugin="Interfaces", le="+Inf"}`, `otelcol_exporter_queue_size{exporter="prometheus_remote_write"}`,
	} {
		own := r.eventually(t, expr, 1)
		assert.Equal(t, [2]string{"panoptes-otelcol", "collector1"}, [2]string{own[0].Metric["job"], own[0].Metric["instance"]}, expr)
	}

	// Prometheus goes for longer than a request may take by default, and comes again.
	require.NoError(t, r.prometheus.stop(t, syscall.SIGTERM))
	own := func(metric string) float64 {
		found := regexp.MustCompile(`(?m)^` + metric + `\{.*exporter="prometheus_remote_write"\} (\d+)$`).FindStringSubmatch(scrape(t, r.own))
		if found == nil {
			return 0
		}
		return number(t, found[1])
	}
	waitFor(t, "batches wait", func() (bool, string) { n := own("otelcol_exporter_queue_size"); return n >= 16, fmt.Sprint(n) })
	r.prometheus.start(t)
	// The Collector goes first, or it waits for Prometheus.
	t.Cleanup(func() { _ = r.collector.stop(t, syscall.SIGINT) })
	waitFor(t, "the queue is empty", func() (bool, string) { n := own("otelcol_exporter_queue_size"); return n == 0, fmt.Sprint(n) })

	// Every point has arrived, those of the slow plugin and of the time without Prometheus too.
	assert.Zero(t, own("otelcol_exporter_send_failed_metric_points"))
	sent, arrived := own("otelcol_exporter_sent_metric_points"), 0
	require.NotZero(t, sent)
	for _, s := range r.prometheus.query(t, `{job=~"dc1/.*", __name__!="target_info"}[1h]`) {
		arrived += len(s.Values)
	}
	assert.GreaterOrEqual(t, float64(arrived), sent)
	assert.Less(t, r.longestGap(t, `interface_up{instance="sw1", port="1"}[1h]`), 6.0)
}

// longestGap is the longest time, in seconds, between two samples of a series.
func (r *road) longestGap(t *testing.T, series string) (gap float64) {
	t.Helper()
	values := r.prometheus.query(t, series)[0].Values
	for i := 1; i < len(values); i++ {
		gap = max(gap, values[i].time()-values[i-1].time())
	}
	return gap
}

// TestPrometheusExpiration shows what metric_expiration is for: where it is too short a slow plugin's series comes and goes.
func TestPrometheusExpiration(t *testing.T) {
	needsNoKafka(t)
	t.Parallel()
	dir, short, long := t.TempDir(), freePort(t), freePort(t)
	write(t, filepath.Join(dir, "collector.yaml"), fmt.Sprintf(expirationYAML, dir, short, long))
	writePlugin(t, dir, "slow", slowPlugin, strings.ReplaceAll(slowProgram, "time.sleep(2)", ""))
	(&road{dir: dir}).resources(t, "sw1")
	start(t, nil, binary(t, "panoptes-otelcol"), "--config", filepath.Join(dir, "collector.yaml"))
	has := func(port int) bool { return strings.Contains(scrape(t, port), "\nslow_took{") }
	waitFor(t, "the first poll", func() (bool, string) { return has(short) && has(long), "" })
	for _, want := range []bool{false, true, false} {
		waitFor(t, fmt.Sprintf("the series with the short expiration is there: %v", want), func() (bool, string) {
			require.True(t, has(long), "a series was lost between two polls")
			return has(short) == want, ""
		})
	}
	// The same exporter puts the resource's attributes on the series.
	assert.Regexp(t, `\nslow_took\{.*panoptes_resource_metadata_model="X1".*panoptes_resource_site="dc1".*\} 2 `, scrape(t, long))
}

// TestPrometheusDimensions has dimensions that are called as Prometheus' own labels, and an exporter without
// send_timestamps: the page's processor makes both go well.
func TestPrometheusDimensions(t *testing.T) {
	needsNoKafka(t)
	t.Parallel()
	dir, port := t.TempDir(), freePort(t)
	write(t, filepath.Join(dir, "collector.yaml"), fmt.Sprintf(dimensionsYAML, dir, port))
	write(t, filepath.Join(dir, "processor.yaml"), pageBlocks(t, prometheusPage, "What to keep apart", "yaml")[0])
	plugin := strings.ReplaceAll(slowPlugin, "execute_frequency = 4", "execute_frequency = 1")
	writePlugin(t, dir, "slow", plugin, dimensionsProgram)
	(&road{dir: dir}).resources(t, "sw1")
	collector := start(t, nil, binary(t, "panoptes-otelcol"), "--config", filepath.Join(dir, "collector.yaml"),
		"--config", filepath.Join(dir, "processor.yaml"))
	value := func() string {
		found := regexp.MustCompile(`(?m)^sessions_seen_total\{(.*)\} (.*)$`).FindAllStringSubmatch(scrape(t, port), -1)
		if len(found) != 2 {
			return ""
		}
		for i, dimension := range []string{"a", "b"} {
			assert.Equal(t, fmt.Sprintf(`dimension_instance=%q,dimension_job="web",instance="sw1",job="dc1/network.switch.acme"`, dimension), found[i][1])
		}
		return found[0][2]
	}
	waitFor(t, "two series", func() (bool, string) { return value() != "", scrape(t, port) })
	write(t, filepath.Join(dir, "plugins", "slow.panoptes-plugin"), strings.ReplaceAll(plugin, "frequency = 1", "frequency = 2"))
	waitFor(t, "the edit is taken", func() (bool, string) { return strings.Count(collector.output(), "Loaded plugin") == 2, "" })
	for range 3 {
		before := value()
		waitFor(t, "new values go on", func() (bool, string) {
			now := value()
			require.NotEmpty(t, now)
			return now != before, now
		})
	}
	assert.NotContains(t, collector.output(), "error gathering metrics")
}

const dimensionsProgram = `#!/usr/bin/python3 -IS
import json, time
for name in "a", "b":
    print(json.dumps({"type": "sessions", "dimensions": {"job": "web", "instance": name}, "counters": {"seen": int(time.time() * 1000)}}))
`

const dimensionsYAML = `
receivers:
  panoptes: {plugins: {directories: [%[1]s/plugins], settle: 100ms}, resources: {files: [%[1]s/resources/*.json]}}
exporters:
  prometheus: {endpoint: "127.0.0.1:%[2]d", without_scope_info: true}
service:
  telemetry: {metrics: {level: none}}
  pipelines: {metrics: {receivers: [panoptes], processors: [transform/prometheus], exporters: [prometheus]}}
`

// writePlugin writes a plugin file and the program that it names.
func writePlugin(t *testing.T, dir, name, file, program string) {
	t.Helper()
	path := filepath.Join(dir, "plugins", name)
	write(t, path, program)
	require.NoError(t, os.Chmod(path, 0o700))
	write(t, path+".panoptes-plugin", file)
}

const expirationYAML = `
receivers:
  panoptes: {plugins: {directories: [%[1]s/plugins]}, resources: {files: [%[1]s/resources/*.json]}}
exporters:
  prometheus/short: {endpoint: "127.0.0.1:%[2]d", without_scope_info: true, send_timestamps: true, metric_expiration: 1s}
  prometheus/long: {endpoint: "127.0.0.1:%[3]d", without_scope_info: true, send_timestamps: true, metric_expiration: 10s,
    resource_to_telemetry_conversion: {enabled: true}}
service:
  telemetry: {metrics: {level: none}}
  pipelines: {metrics: {receivers: [panoptes], exporters: [prometheus/short, prometheus/long]}}
`

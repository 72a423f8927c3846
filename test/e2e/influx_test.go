//go:build e2e

package e2e

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// diskPlugin counts in steps of 50 at times a second apart, so that its rate is exactly 50 a second; beside it are a group
// of a type whose field somebody else has, and one that has no line.
const diskPlugin = `
import datetime
from yahoo_panoptes.framework.metrics import *
from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin

class Disk(PanoptesPollingPlugin):
    def run(self, context):
        n = int(context.kv.get('n') or 0) + 1
        context.kv.set('n', str(n))
        base = int(context.kv.get('base') or datetime.datetime.now().timestamp())
        context.kv.set('base', str(base))
        groups = PanoptesMetricsGroupSet()
        for kind, mount in (('disk', '/'), ('disk', 'a b,c=d"e'), ('disk', 'C:\\'), ('not mine', '/')):
            group = PanoptesMetricsGroup(context.data, kind, int(context.config['main']['execute_frequency']))
            group.add_dimension(PanoptesMetricDimension('mount', mount))
            group.add_metric(PanoptesMetric('reads', 50 * n, PanoptesMetricType.COUNTER, float(base + n)))
            group.add_metric(PanoptesMetric('used', 0.4, PanoptesMetricType.GAUGE, float(base + n)))
            group.add_metric(PanoptesMetric('size', 2 ** 40, PanoptesMetricType.GAUGE, float(base + n)))
            groups.add(group)
        return groups
`

// TestInfluxDB follows docs/influxdb.md with a real InfluxDB: what it prepares, what it configures, what it queries.
func TestInfluxDB(t *testing.T) {
	needsNoKafka(t)
	t.Parallel()
	influx := newInflux(t)
	influx.query(t, "", pageBlocks(t, "docs/influxdb.md", "Prepare InfluxDB", "sql")[0])
	influx.writeLine(t, "Panoptes", fmt.Sprintf(`not_mine used__gauge="text" %d`, time.Now().Unix()))

	p := &pipeline{dir: t.TempDir(), site: "dc 1"}
	write(t, filepath.Join(p.dir, "resources/localhost.json"), "["+resourceJSON(p.site)+"]")
	p.plugin(t, "disk", conf("disk", "0.1", "disk = rate:disk:reads"), diskPlugin)
	config := strings.NewReplacer("/etc/panoptes", p.dir, "/var/lib/panoptes-otelcol", filepath.Join(p.dir, "storage"),
		"http://127.0.0.1:8086", influx.url).Replace(pageBlocks(t, "docs/influxdb.md", "The configuration", "yaml")[0])
	write(t, filepath.Join(p.dir, "collector.yaml"), config)
	self := freePort(t)
	write(t, filepath.Join(p.dir, "test.yaml"), fmt.Sprintf(`
receivers: {panoptes: {plugins: {settle: 200ms}, python: {runtime_dir: %s/runtime}}}
service: {telemetry: {metrics: {readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: %d}}}}]}}}
`, p.dir, self))
	p.process = start(t, []string{"INFLUXDB_PASSWORD=change me"}, binary(t, "panoptes-otelcol"),
		"--config", filepath.Join(p.dir, "collector.yaml"), "--config", filepath.Join(p.dir, "test.yaml"))

	count := func(query string) int {
		series := influx.query(t, "Panoptes", query)
		if len(series) == 0 {
			return 0
		}
		return int(series[0].Values[0][1].(float64))
	}
	waitFor(t, "three points with a rate", func() (bool, string) {
		n := count(`SELECT count("reads__gauge") FROM disk WHERE mount = '/'`)
		return n >= 3, fmt.Sprint(n)
	})
	checkDisk(t, influx)

	// Of the groups that InfluxDB refuses the others stand beside them, and each is counted.
	require.Equal(t, 1, count("SELECT count(used__gauge) FROM not_mine"))
	waitFor(t, "the counts of drops", func() (bool, string) {
		text := scrape(t, self)
		counted := influxGroups(text, "sent") >= 6 && influxGroups(text, `dropped{reason="field_type_conflict"}`) >= 3 &&
			influxGroups(text, `dropped{reason="backslash"}`) >= 3
		return counted, strings.Join(regexp.MustCompile(`otelcol_panoptes_influx.*`).FindAllString(text, -1), "\n")
	})
	require.Contains(t, p.output(), `already exists as type string`)
	require.Contains(t, p.output(), `has a backslash at its end`)

	// The derivative wants two intervals of five minutes.
	influx.writeLine(t, "Panoptes", fmt.Sprintf(`disk,mount=/ reads__counter=0 %d`, time.Now().Add(-10*time.Minute).Unix()))
	queries := 0
	for query := range strings.SplitSeq(pageBlocks(t, "docs/influxdb.md", "What is there", "sql")[0], ";") {
		require.NotEmpty(t, influx.query(t, "Panoptes", query), query)
		queries++
	}
	require.Equal(t, 4, queries)
}

// checkDisk compares the points of the measurement disk with docs/panoptes/formats.md.
func checkDisk(t *testing.T, influx *influxServer) {
	t.Helper()
	const tags = "mount resource_class resource_endpoint resource_site resource_subclass resource_type"
	keys := influx.query(t, "Panoptes", "SHOW TAG KEYS FROM disk")
	require.Len(t, keys, 1)
	require.Equal(t, tags, strings.Trim(fmt.Sprint(keys[0].column(t, "tagKey")), "[]"))
	fields := influx.query(t, "Panoptes", "SHOW FIELD KEYS FROM disk")
	require.Len(t, fields, 1)
	require.Equal(t, [][]any{{"reads__counter", "float"}, {"reads__gauge", "float"}, {"size__gauge", "float"}, {"used__gauge", "float"}}, fields[0].Values)

	series := influx.query(t, "Panoptes", "SELECT * FROM disk GROUP BY "+strings.ReplaceAll(tags, " ", ", "))
	require.Len(t, series, 2)
	for i, mount := range []string{"/", `a b,c=d"e`} {
		require.Equal(t, map[string]string{
			"mount": mount, "resource_class": "system", "resource_subclass": "host", "resource_type": "generic",
			"resource_endpoint": "localhost", "resource_site": "dc 1",
		}, series[i].Tags)
		times, reads := series[i].column(t, "time"), series[i].column(t, "reads__counter")
		rates, used, size := series[i].column(t, "reads__gauge"), series[i].column(t, "used__gauge"), series[i].column(t, "size__gauge")
		for n := range times {
			require.InDelta(t, times[0].(float64)+float64(n), times[n], 0)
			require.InDelta(t, 50*(n+1), reads[n], 0)
			require.InDelta(t, 0.4, used[n], 0)
			require.InDelta(t, 1<<40, size[n], 0)
			if n > 0 {
				require.InDelta(t, 50, rates[n], 0)
			}
		}
		require.Nil(t, rates[0])
	}
}

// influxGroups reads one count of the exporter's groups.
func influxGroups(text, series string) int {
	m := regexp.MustCompile(`(?m)^otelcol_panoptes_influx_groups_` + regexp.QuoteMeta(series) + ` (\d+)$`).FindStringSubmatch(text)
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(m[1])
	return n
}

const influxRestartYAML = `
receivers:
  otlp: {protocols: {http: {endpoint: "127.0.0.1:%[2]d"}}}
exporters:
  panoptes_influx:
    endpoint: %[3]s
    database: load
    headers: {Authorization: Basic YWRtaW46YWRtaW4=}
    retry_on_failure: {initial_interval: 100ms, max_interval: 500ms}
    sending_queue: {storage: file_storage, queue_size: 100000}
extensions:
  file_storage: {directory: %[1]s/queue, create_directory: true}
service:
  extensions: [file_storage]
  pipelines: {metrics: {receivers: [otlp], exporters: [panoptes_influx]}}
  telemetry: {metrics: {level: none}}
`

// TestInfluxDBRestartsUnderLoad kills InfluxDB, and the Collector that waits for it, while batches come: each that the
// Collector took on is there in the end.
func TestInfluxDBRestartsUnderLoad(t *testing.T) {
	needsNoKafka(t)
	t.Parallel()
	influx := newInflux(t)
	influx.query(t, "", "CREATE DATABASE load")
	dir, port := t.TempDir(), freePort(t)
	write(t, filepath.Join(dir, "collector.yaml"), fmt.Sprintf(influxRestartYAML, dir, port, influx.url))
	collector := func() *process {
		return start(t, nil, binary(t, "panoptes-otelcol"), "--config", filepath.Join(dir, "collector.yaml"))
	}
	p := collector()
	sent := 0
	send := func(batches int) {
		for range batches {
			data, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(influxBatch(t, sent))
			require.NoError(t, err)
			waitFor(t, "a batch is taken on", func() (bool, string) {
				return post(fmt.Sprintf("http://127.0.0.1:%d/v1/metrics", port), data), ""
			})
			sent++
		}
	}
	send(100)
	_ = influx.stop(t, syscall.SIGKILL)
	send(100)
	p.waitForLog(t, "InfluxDB takes no points")
	_ = p.stop(t, syscall.SIGKILL)
	p = collector()
	send(50)
	influx.start(t)
	send(100)
	p.waitForLog(t, "InfluxDB takes points again")

	waitFor(t, "each point is there", func() (bool, string) {
		series, err := influx.tryQuery(t.Context(), "load", `SELECT n__gauge FROM load GROUP BY "series"`)
		if err != nil {
			return false, err.Error()
		}
		for _, s := range series {
			for i, n := range s.column(t, "n__gauge") {
				if n.(float64) != float64(i) {
					return false, fmt.Sprintf("series %s lacks %d", s.Tags["series"], i)
				}
			}
			if len(s.Values) != sent {
				return false, fmt.Sprintf("series %s has %d points of %d", s.Tags["series"], len(s.Values), sent)
			}
		}
		return len(series) == influxLoadSeries, fmt.Sprintf("%d series", len(series))
	})
}

const influxLoadSeries = 20

// influxBatch is batch n: a group with the value n for each series, a second after those of the batch before.
func influxBatch(t *testing.T, n int) pmetric.Metrics {
	t.Helper()
	b := pdata.NewBuilder(pdata.Options{})
	r := &pluginsdk.Resource{
		Site: "s", Class: "c", Subclass: "s", Type: "t", ID: "r", Endpoint: "e", Plugin: "p",
		CreationTimestamp: pluginsdk.NumberTimestamp(pluginsdk.Int(1600000000)),
	}
	for series := range influxLoadSeries {
		g, err := pluginsdk.NewMetricsGroup(r, "load", time.Minute)
		require.NoError(t, err)
		at := pluginsdk.Int(int64(1600000000 + n))
		g.Timestamp = pluginsdk.NumberTimestamp(at)
		require.NoError(t, g.AddMetric(pluginsdk.Metric{Name: "n", Value: pluginsdk.Int(int64(n)), Timestamp: at}))
		require.NoError(t, g.AddDimension("series", strconv.Itoa(series)))
		b.Add(pdata.Scope{Plugin: "load"}, g)
	}
	return b.Take()
}

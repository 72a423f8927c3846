//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/internal/redistest"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// sharedYAML is one of two Collectors with one Redis, each of which polls its half of the resources.
const sharedYAML = `
extensions:
  panoptes_encoding:
  panoptes_redis: {endpoint: "REDIS"}
  panoptes_shards: {static: {index: INDEX, count: 2}}
receivers:
  panoptes:
    redis: panoptes_redis
    sharding: panoptes_shards
    plugins: {directories: [DIR/plugins], settle: 200ms, scan_interval: 1s}
    resources: {files: [DIR/resources/*.json], scan_interval: 1s}
    python: {max_workers: 1, runtime_dir: DIR/runtime}
exporters:
  file: {path: DIR/INDEX.jsonl, encoding: panoptes_encoding, flush_interval: 100ms}
service:
  extensions: [panoptes_encoding, panoptes_redis, panoptes_shards]
  pipelines:
    metrics: {receivers: [panoptes], exporters: [file]}
  telemetry: {metrics: {level: none}}
`

// sharingPlugin tells how often it has run against each resource, of which the enrichment is known, and what is secret.
const sharingPlugin = `
from yahoo_panoptes.framework.enrichment import PanoptesEnrichmentCacheError
from yahoo_panoptes.framework.metrics import *
from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin

class Sharing(PanoptesPollingPlugin):
    def run(self, context):
        key = 'runs ' + context.data.resource_id
        context.kv.set(key, str(int(context.kv.get(key) or 0) + 1))
        group = PanoptesMetricsGroup(context.data, 'sharing', 1)
        group.add_dimension(PanoptesMetricDimension('secret', context.secrets.get_by_site('token', context.data.resource_site)))
        for n in range(8):
            name = 'host%d' % n
            group.add_metric(PanoptesMetric('runs_' + name, int(context.kv.get('runs ' + name) or 0), PanoptesMetricType.GAUGE))
            try:
                serial = context.enrichment.get_enrichment_value(name, 'inventory', 'case')['serial']
                group.add_metric(PanoptesMetric('serial_' + name, serial, PanoptesMetricType.GAUGE))
            except PanoptesEnrichmentCacheError:
                pass
        groups = PanoptesMetricsGroupSet()
        groups.add(group)
        return groups
`

const inventoryPlugin = `
from yahoo_panoptes.enrichment.enrichment_plugin import PanoptesEnrichmentPlugin
from yahoo_panoptes.framework.enrichment import *

class Validator(PanoptesEnrichmentSchemaValidator):
    schema = {'enrichment_label': {'type': 'dict', 'schema': {'serial': {'type': 'integer'}}}}

class Inventory(PanoptesEnrichmentPlugin):
    def run(self, context):
        group = PanoptesEnrichmentGroup('inventory', Validator(), 600, 60)
        group.add_enrichment_set(PanoptesEnrichmentSet('case', {'serial': 1000 + int(context.data.resource_id[-1])}))
        groups = PanoptesEnrichmentGroupSet(context.data)
        groups.add_enrichment_group(group)
        return groups
`

// TestCollectorsShareRedis: what plugins of one Collector keep and find out, those of the other have, and a Collector that was
// killed goes on with it.
func TestCollectorsShareRedis(t *testing.T) {
	needsNoKafka(t)
	t.Parallel()
	server, dir := redistest.Start(t), t.TempDir()
	require.NoError(t, server.Client(t).Set(t.Context(), "panoptes:secrets:token:dc1", "hush", 0).Err())
	var resources, preload []string
	for n := range 8 {
		resources = append(resources, strings.ReplaceAll(resourceJSON("dc1"), "host1", fmt.Sprint("host", n)))
		preload = append(preload, fmt.Sprintf("host%d:inventory", n))
	}
	write(t, filepath.Join(dir, "resources/all.json"), "["+strings.Join(resources, ",")+"]")
	p := &pipeline{dir: dir}
	p.plugin(t, "inventory", strings.Replace(conf("inventory", "0.1", ""), "[main]\n", "[main]\nenrichment_ttl = 600\n", 1), inventoryPlugin)
	p.plugin(t, "sharing", conf("sharing", "0.1", "")+"[enrichment]\npreload = "+strings.Join(preload, ", ")+"\n", sharingPlugin)
	run := func(index int) *process {
		config := filepath.Join(dir, fmt.Sprint(index, ".yaml"))
		write(t, config, strings.NewReplacer("REDIS", server.Addr, "INDEX", fmt.Sprint(index), "DIR", dir).Replace(sharedYAML))
		return start(t, nil, binary(t, "panoptes-otelcol"), "--config", config)
	}
	first, polled := run(0), map[string]int{} // by whom a resource is polled
	run(1)
	type metrics = map[string]int64
	last := func(index int, ok func(metrics) bool) (got metrics) {
		fileLines(t, filepath.Join(dir, fmt.Sprint(index, ".jsonl")), func(lines []string) bool {
			for _, line := range lines {
				var g pluginsdk.MetricsGroup
				require.NoError(t, json.Unmarshal([]byte(line), &g))
				by, again := polled[g.Resource.ID]
				require.True(t, !again || by == index, "%s is polled by both", g.Resource.ID)
				polled[g.Resource.ID], got = index, metrics{}
				for _, m := range g.Metrics() {
					got[m.Name], _ = m.Value.Int64()
				}
				require.Contains(t, line, `"dimension_value": "hush"`)
			}
			return len(lines) > 0 && ok(got)
		})
		return got
	}
	all := func(got metrics) bool {
		for n := range 8 {
			if got[fmt.Sprint("runs_host", n)] == 0 || got[fmt.Sprint("serial_host", n)] != int64(1000+n) {
				return false
			}
		}
		return true
	}
	before := last(0, all)
	last(1, all)
	require.Len(t, polled, 8)
	require.Contains(t, slices.Collect(maps.Values(polled)), 0)
	require.Contains(t, slices.Collect(maps.Values(polled)), 1)

	_ = first.stop(t, syscall.SIGKILL)
	require.NoError(t, os.Remove(filepath.Join(dir, "0.jsonl")))
	run(0)
	for name, n := range last(0, all) {
		require.GreaterOrEqual(t, n, before[name], "%s goes on", name)
	}
}

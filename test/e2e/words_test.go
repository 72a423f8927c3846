//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

const wordsYAML = `
receivers:
  panoptes:
    plugins: {directories: [%[1]s/plugins], settle: 100ms}
    resources: {files: [%[1]s/resources.json]}
    secrets: {directory: %[1]s/secrets}
    polling_status: true
exporters:
  file/metrics: {path: %[1]s/metrics.jsonl, flush_interval: 100ms}
  file/logs: {path: %[1]s/logs.jsonl, flush_interval: 100ms}
service:
  telemetry: {metrics: {level: none}, logs: {level: error}}
  pipelines:
    metrics: {receivers: [panoptes], exporters: [file/metrics]}
    logs: {receivers: [panoptes], exporters: [file/logs]}
`

const wordsPlugin = `[Core]
Name = Fans Of A Host
Module = fans.py
[Documentation]
Version = 0.1
[main]
execute_frequency = 1
resource_filter = resource_class = "system"
`

const wordsModule = `from yahoo_panoptes.framework.metrics import PanoptesMetric, PanoptesMetricsGroup, PanoptesMetricsGroupSet, PanoptesMetricType
from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin


class Fans(PanoptesPollingPlugin):
    def run(self, context):
        secret = context.secrets.get_by_site('community', 'local')
        context.logger.warning('fan 2 is slow, asked with %s', secret)
        print('printed')
        group = PanoptesMetricsGroup(context.data, 'fans', 1)
        group.add_metric(PanoptesMetric('slow', 1, PanoptesMetricType.GAUGE))
        groups = PanoptesMetricsGroupSet()
        groups.add(group)
        return groups
`

// What a plugin says comes out of the built Collector beside what it measures: one receiver in both pipelines.
func TestWords(t *testing.T) {
	needsNoKafka(t)
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "collector.yaml"), fmt.Sprintf(wordsYAML, dir))
	write(t, filepath.Join(dir, "plugins", "fans.panoptes-plugin"), wordsPlugin)
	write(t, filepath.Join(dir, "plugins", "fans.py"), wordsModule)
	write(t, filepath.Join(dir, "plugins", "fails.panoptes-plugin"), "[Core]\nName = Fails\nModule = fails.sh\n[main]\nruntime = exec\n"+
		"execute_frequency = 1\nresource_filter = resource_class = \"system\"\n")
	write(t, filepath.Join(dir, "plugins", "fails.sh"), "#!/bin/sh\necho 'no such fan' >&2\nexit 3\n")
	require.NoError(t, os.Chmod(filepath.Join(dir, "plugins", "fails.sh"), 0o700))
	write(t, filepath.Join(dir, "secrets", "community", "default"), "swordfish\n")
	write(t, filepath.Join(dir, "resources.json"), `[{"resource_site": "local", "resource_class": "system", "resource_subclass": "host",
		"resource_type": "generic", "resource_id": "one", "resource_endpoint": "127.0.0.1", "resource_plugin": "p",
		"resource_creation_timestamp": 1512629517.5, "resource_metadata": {"os": "linux"}}]`)
	p := start(t, nil, binary(t, "panoptes-otelcol"), "--config", filepath.Join(dir, "collector.yaml"))

	var said map[string]said
	require.Eventually(t, func() bool {
		said = readWords(t, filepath.Join(dir, "logs.jsonl"))
		return len(said["fan 2 is slow, asked with (secret)"].resource) > 0 && len(said["no such fan"].resource) > 0 &&
			len(said["printed"].resource) > 0
	}, patience, 100*time.Millisecond)
	var measured, status map[string]any
	require.Eventually(t, func() bool {
		all := readMeasured(t, filepath.Join(dir, "metrics.jsonl"))
		measured, status = all["panoptes/Fans_Of_A_Host fans.slow"], all["panoptes/Fails polling.status"]
		return measured != nil && status != nil
	}, patience, 100*time.Millisecond)

	warning := said["fan 2 is slow, asked with (secret)"]
	assert.Equal(t, measured, warning.resource)
	assert.Equal(t, measured, status, "and so is the polling status")
	assert.Equal(t, "panoptes/Fans_Of_A_Host", warning.scope)
	assert.Equal(t, plog.SeverityNumberWarn, warning.severity)
	assert.NotEmpty(t, warning.attributes["panoptes.run.id"])
	assert.Equal(t, "stdout", said["printed"].attributes["log.iostream"])
	failed := said[`plugin "Fails": resource "one": the program ended with exit status 3; it said: no such fan`]
	assert.Equal(t, "raised", failed.attributes["panoptes.run.outcome"])
	assert.Equal(t, plog.SeverityNumberError, failed.severity)
	assert.NotContains(t, p.output(), "swordfish")
	text, err := os.ReadFile(filepath.Join(dir, "logs.jsonl"))
	require.NoError(t, err)
	assert.NotContains(t, string(text), "swordfish")
}

// said is a log record.
type said struct {
	resource, attributes map[string]any
	scope                string
	severity             plog.SeverityNumber
}

// readWords returns the log records of a file by their text.
func readWords(t *testing.T, path string) map[string]said {
	t.Helper()
	all := map[string]said{}
	for _, line := range fileLines(t, path, func(lines []string) bool { return len(lines) > 0 }) {
		ld, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs([]byte(line))
		require.NoError(t, err)
		for _, rl := range ld.ResourceLogs().All() {
			for _, sl := range rl.ScopeLogs().All() {
				for _, r := range sl.LogRecords().All() {
					all[r.Body().Str()] = said{rl.Resource().Attributes().AsRaw(), r.Attributes().AsRaw(), sl.Scope().Name(), r.SeverityNumber()}
				}
			}
		}
	}
	return all
}

// readMeasured returns the resource attributes of the metrics of a file by scope and name.
func readMeasured(t *testing.T, path string) map[string]map[string]any {
	t.Helper()
	all := map[string]map[string]any{}
	for _, line := range fileLines(t, path, func(lines []string) bool { return len(lines) > 0 }) {
		md, err := (&pmetric.JSONUnmarshaler{}).UnmarshalMetrics([]byte(line))
		require.NoError(t, err)
		for _, rm := range md.ResourceMetrics().All() {
			for _, sm := range rm.ScopeMetrics().All() {
				for _, m := range sm.Metrics().All() {
					all[sm.Scope().Name()+" "+m.Name()] = rm.Resource().Attributes().AsRaw()
				}
			}
		}
	}
	return all
}

//go:build e2e

package e2e

import (
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
)

const primeYAML = `
extensions:
  file_storage: {directory: %[1]s/storage, create_directory: true}
receivers:
  panoptes:
    plugins: {directories: [%[1]s/plugins], settle: 200ms, scan_interval: 1s}
    resources: {files: [%[1]s/resources/*.json], scan_interval: 1s}
    python: {max_workers: 1, runtime_dir: %[1]s/runtime}
    storage: file_storage
processors:
  panoptes_rate: {storage: file_storage}
exporters:
  panoptes_json: {brokers: ["%[2]s"], prime: true}
service:
  extensions: [file_storage]
  pipelines: {metrics: {receivers: [panoptes], processors: [panoptes_rate], exporters: [panoptes_json]}}
  telemetry: {metrics: {readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: %[3]d}}}}]}}
`

const primePlugin = `
from panoptes import check, counter, gauge
import time

@check(every=4, resources='resource_class = "system"', rates=['n'])
def ticks(ctx):
    yield counter('n', int(time.time() * 50))
    yield gauge('load', 0.5, kind='gauges alone')
`

// TestPrime: the very first message with a counter has its rate; after a restart with the state kept nothing is held back.
func TestPrime(t *testing.T) {
	t.Parallel()
	needsNoKafka(t)
	p := prepare(t, brokers(t))
	write(t, filepath.Join(p.dir, "collector.yaml"), fmt.Sprintf(primeYAML, p.dir, p.brokers, p.prometheus))
	p.plugin(t, "ticks", "[Core]\nName = Ticks\nModule = ticks\n", primePlugin)
	records := consume(t, p.brokers, p.site+"-processed")
	held := func() int {
		n := 0
		for line := range strings.Lines(scrape(t, p.prometheus)) {
			if strings.HasPrefix(line, "otelcol_panoptes_json_groups_dropped") && strings.Contains(line, `"priming"`) {
				_, err := fmt.Sscan(line[strings.LastIndexByte(line, ' '):], &n)
				require.NoError(t, err)
			}
		}
		return n
	}
	var gauges, counters int
	for life, want := range []int{1, 0} {
		p.start(t)
		counters = 0
		records.until(t, "a message with a counter", func(r *kgo.Record) bool {
			text := string(r.Value)
			switch {
			case !strings.Contains(text, `"counter"`):
				if gauges++; life == 0 && gauges == 1 {
					require.Zero(t, counters, "groups without counters wait for nothing")
				}
				return false
			case !strings.Contains(text, `"metric_type": "gauge"`):
				t.Errorf("a message of life %d has a counter and no rate: %s", life, text)
			}
			counters++
			return true
		})
		require.Equal(t, want, held(), "held back in life %d", life)
		require.NoError(t, p.stop(t, syscall.SIGINT))
	}
	require.Positive(t, gauges)
}

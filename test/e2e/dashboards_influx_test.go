//go:build e2e

package e2e

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestDashboardsOnInfluxDB asks a real InfluxDB every query of its dashboards, filled as docs/influxdb.md and
// docs/grafana.md say.
func TestDashboardsOnInfluxDB(t *testing.T) {
	needsNoKafka(t)
	t.Parallel()
	influx := newInflux(t)
	influx.query(t, "", pageBlocks(t, "docs/influxdb.md", "Prepare InfluxDB", "sql")[0])
	r := &road{dir: t.TempDir()}
	r.resources(t, "sw1")
	writePlugin(t, r.dir, "interfaces", interfacesPlugin, interfacesProgram)
	writePlugin(t, r.dir, "failing", failingPlugin, failingProgram)
	replacer := strings.NewReplacer("/etc/panoptes", r.dir, "/var/lib/panoptes-otelcol", filepath.Join(r.dir, "storage"),
		"http://127.0.0.1:8086", influx.url, "127.0.0.1:4318", fmt.Sprintf("127.0.0.1:%d", freePort(t)), "interval: 15000", "interval: 1000")
	write(t, filepath.Join(r.dir, "collector.yaml"), replacer.Replace(pageBlocks(t, "docs/influxdb.md", "The configuration", "yaml")[0]))
	write(t, filepath.Join(r.dir, "own.yaml"), replacer.Replace(pageBlocks(t, "docs/grafana.md", "With InfluxDB", "yaml")[0]))
	start(t, []string{"INFLUXDB_PASSWORD=change me"}, binary(t, "panoptes-otelcol"),
		"--config", filepath.Join(r.dir, "collector.yaml"), "--config", filepath.Join(r.dir, "own.yaml"))

	asked := queries(t, "influxdb")
	require.Greater(t, len(asked), 20)
	values := map[string]string{"timeFilter": "time > now() - 1m", "__interval": "2s"}
	choose := map[string]string{"endpoint": "sw1.example.com", "type": "interface", "field": "octets__gauge", "plugin": "Failing"}
	for _, q := range asked {
		expr := expand(q.expr, values)
		var found []influxSeries
		waitFor(t, q.dashboard+": "+q.panel+q.variable+" has data: "+expr, func() (bool, string) {
			found = influx.query(t, "Panoptes", expr)
			return len(found) > 0 && (q.variable == "" || influxHas(found, choose[q.variable])), fmt.Sprint(found)
		})
		if q.variable != "" {
			values[q.variable] = choose[q.variable]
		}
		if q.panel == "Devices" || q.variable == "endpoint" {
			assert.Equal(t, [][]any{{"resource_endpoint", "sw1.example.com"}}, found[0].Values, "devices, and no Collectors")
		}
	}
	for _, s := range influx.query(t, "Panoptes", `SELECT octets__gauge FROM interface`) {
		for _, rate := range s.column(t, "octets__gauge") {
			assert.InDelta(t, 7000, rate, 1, "the rate that the dashboard shows")
		}
	}
}

// influxHas says whether a value is anywhere in an answer.
func influxHas(series []influxSeries, value string) bool {
	for _, s := range series {
		for _, row := range s.Values {
			for _, v := range row {
				if v == value {
					return true
				}
			}
		}
	}
	return false
}

//go:build e2e

package e2e

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// failingPlugin gives one good and one bad group every other run, and fails in between. Its counter never gets a rate.
const failingPlugin = `[Core]
Name = Failing
Module = failing
[Documentation]
Version = 0.1
[main]
runtime = exec
execute_frequency = 1
resource_filter = resource_class = "network"
[transforms]
good = rate:good:falls
`

const failingProgram = `#!/bin/sh
[ $(($(date +%s) % 2)) = 0 ] || exit 3
echo '{"type": "good", "counters": {"falls": '$((9999999999 - $(date +%s)))'}}'
echo '{"type": "bad", "gauges": {"no name": 1}}'
`

// TestDashboardsOnPrometheus asks a real Prometheus every query of the dashboards, with values of the variables that it
// has itself. A query may answer nothing only until there are data for it.
func TestDashboardsOnPrometheus(t *testing.T) {
	needsNoKafka(t)
	t.Parallel()
	r := startRoad(t, "Scrape", "exporters: [prometheus]", "exporters: [prometheus, panoptes_json]",
		"exporters:\n", fmt.Sprintf("exporters:\n  panoptes_json: {brokers: [%q]}\n", fakeBroker(t, 0).ListenAddrs()[0]))
	writePlugin(t, r.dir, "failing", failingPlugin, failingProgram)
	r.eventually(t, `otelcol_panoptes_dropped_groups`, 1)
	r.eventually(t, `otelcol_panoptes_rates_produced`, 1)
	r.eventually(t, `otelcol_panoptes_runs{plugin="Failing", outcome!="ok"}`, 1)

	asked := queries(t, "prometheus")
	require.Greater(t, len(asked), 50)
	values := map[string]string{"__rate_interval": "6s", "collector": ".*", "metric": ".*"}
	for _, q := range asked {
		expr := expand(q.expr, values)
		if q.variable == "" {
			r.eventuallySome(t, q.dashboard+": "+q.panel, expr)
			if !slices.Contains(absent, ownMetric.FindString(expr)) {
				r.eventuallySome(t, q.dashboard+": "+q.panel, zero.ReplaceAllString(expr, ""))
			}
			continue
		}
		choices := r.labelValues(t, expr)
		require.NotEmpty(t, choices, "variable %s of %s: %s", q.variable, q.dashboard, expr)
		if _, set := values[q.variable]; !set {
			values[q.variable] = choices[0]
		}
	}
	assert.Equal(t, "dc1/network.switch.acme", values["job"])
	assert.Equal(t, "sw1", values["instance"])
	assert.Equal(t, "Failing", values["plugin"])

	// What they show is true: half of this plugin's runs fail, and its bad groups are dropped.
	for _, title := range []string{"Failing runs", "Dropped groups"} {
		i := slices.IndexFunc(asked, func(q query) bool { return q.dashboard == "plugin" && q.panel == title })
		require.GreaterOrEqual(t, i, 0)
		r.eventually(t, "("+expand(asked[i].expr, values)+") > 0.1", 1)
	}
}

// zero is what makes a query 0 that has no data.
var zero = regexp.MustCompile(` or (on \(\) )?vector\(0\)`)

var ownMetric = regexp.MustCompile(`otelcol_\w+`)

// absent are the metrics of what does not happen in the test's pipeline: 0 is all that is shown of them.
var absent = []string{
	"otelcol_panoptes_missed_slots", "otelcol_panoptes_skipped_runs", "otelcol_panoptes_worker_restarts",
	"otelcol_panoptes_dropped_data_points", "otelcol_panoptes_dropped_log_records", "otelcol_panoptes_empty_groups",
	"otelcol_panoptes_json_groups_dropped", "otelcol_panoptes_json_points_dropped", "otelcol_panoptes_json_records_unsent",
	"otelcol_panoptes_influx_groups_dropped", "otelcol_exporter_send_failed_metric_points",
	"otelcol_panoptes_rate_sparse_points", "otelcol_panoptes_run_peak_memory_sum",
}

// eventuallySome waits until an expression has any answer.
func (r *road) eventuallySome(t *testing.T, what, expr string) {
	t.Helper()
	waitFor(t, what+" has data: "+expr, func() (bool, string) { return len(r.prometheus.query(t, expr)) > 0, "" })
}

// labelValues answers as Grafana does what label_values(selector, label) asks for.
func (r *road) labelValues(t *testing.T, query string) []string {
	t.Helper()
	m := regexp.MustCompile(`^label_values\((.*), (\w+)\)$`).FindStringSubmatch(query)
	require.NotNil(t, m, query)
	var found []map[string]string
	r.prometheus.get(t, "series?match[]="+url.QueryEscape(m[1]), &found)
	var values []string
	for _, series := range found {
		values = append(values, series[m[2]])
	}
	slices.Sort(values)
	return slices.Compact(values)
}

// TestAlertRules has promtool check the rules, run their unit tests, and Prometheus load them.
func TestAlertRules(t *testing.T) {
	needsNoKafka(t)
	t.Parallel()
	tools := debianCommands(t, "PANOPTES_REQUIRE_PROMETHEUS", "prometheus", "promtool")
	for _, args := range [][]string{
		{"check", "rules", "../../deploy/prometheus/panoptes.rules.yaml"},
		{"test", "rules", "../../deploy/prometheus/panoptes.rules.test.yaml"},
	} {
		out, err := exec.Command(tools[0], args...).CombinedOutput()
		require.NoError(t, err, string(out))
		assert.Contains(t, string(out), "SUCCESS", strings.Join(args, " "))
	}
	rules, err := os.ReadFile("../../deploy/prometheus/panoptes.rules.yaml")
	require.NoError(t, err)
	alerts := regexp.MustCompile(`(?m)alert: (\w+)\n(?s:.*?)runbook_url: .*/docs/alerts.md#(\w+)$`).FindAllStringSubmatch(string(rules), -1)
	require.Len(t, alerts, strings.Count(string(rules), "- alert: "))
	page, err := os.ReadFile("../../docs/alerts.md")
	require.NoError(t, err)
	tests, err := os.ReadFile("../../deploy/prometheus/panoptes.rules.test.yaml")
	require.NoError(t, err)
	for _, m := range alerts {
		assert.Equal(t, strings.ToLower(m[1]), m[2], "the alert's section")
		assert.Contains(t, string(page), "\n## "+m[1]+"\n")
		assert.Contains(t, string(tests), m[1], "no unit test fires it")
	}
	assert.Len(t, alerts, strings.Count(string(page), "\n## "), "a section without an alert")
}

package dashboards

import "fmt"

// The Collector's own metrics come to InfluxDB as docs/grafana.md says: measurement otelcol, a field a metric, and the
// Collector's id as the endpoint.

// influxRate is what counters grow by in a second, added up over all series; by are tags to keep, where has conditions.
func influxRate(field, where string, by ...string) string {
	outer := ""
	for _, tag := range by {
		outer += fmt.Sprintf(", %q", tag)
	}
	return fmt.Sprintf(`SELECT sum("v") FROM (SELECT non_negative_derivative(last(%q), 1s) AS "v" FROM "otelcol" WHERE %s$timeFilter `+
		`GROUP BY time($__interval), * fill(none)) WHERE $timeFilter GROUP BY time($__interval)%s fill(none)`, field, where, outer)
}

// influxSum adds up the newest values of all series.
func influxSum(field string) string {
	return fmt.Sprintf(`SELECT sum("v") FROM (SELECT last(%q) AS "v" FROM "otelcol" WHERE $timeFilter GROUP BY time($__interval), * fill(none)) `+
		`WHERE $timeFilter GROUP BY time($__interval) fill(none)`, field)
}

// influxMean is the mean of what a histogram has counted.
func influxMean(metric, where string) string {
	return fmt.Sprintf(`SELECT non_negative_difference(last("%[1]s_sum__counter")) / non_negative_difference(last("%[1]s_count__counter")) `+
		`FROM "otelcol" WHERE %[2]s$timeFilter GROUP BY time($__interval), "plugin", "resource_endpoint" fill(none)`, metric, where)
}

func influxFleet() Dashboard {
	return Dashboard{
		Source: InfluxDB, Name: "fleet", Title: "Panoptes / Fleet (InfluxDB)",
		Description: "All that is polled, and whether it goes well. Names of plugins and devices lead to their own dashboards.",
		rows: []row{
			{"What there is", []panel{
				{
					kind: stat, title: "Resources", unit: "short", width: 6,
					description: "Resources that are known and pass the receiver's filter.",
					targets:     []target{{expr: influxSum("panoptes_resources__gauge")}},
				},
				{
					kind: stat, title: "Tasks", unit: "short", width: 6,
					description: "One for each plugin and matching resource.",
					targets:     []target{{expr: influxSum("panoptes_tasks__gauge")}},
				},
				{
					kind: stat, title: "Resources left alone", unit: "short", width: 6, warn: 1, bad: 50,
					description: "Resources that do not answer and are left alone for a while.",
					targets:     []target{{expr: influxSum("panoptes_resources_unreachable__gauge")}},
				},
				{
					kind: stat, title: "Runs under way", unit: "short", width: 6,
					description: "At the top of max_concurrent_runs for long: raise it, or find the slow plugin.",
					targets:     []target{{expr: influxSum("panoptes_running__gauge")}},
				},
			}},
			{"Runs and data", []panel{
				{
					kind: timeseries, title: "Runs by outcome", unit: "ops", width: 12, stacked: true,
					description: "Runs that ended, by how. What is neither ok nor none is a fault of a plugin, a device or the Collector.",
					targets:     []target{{expr: influxRate("panoptes_runs__counter", "", "outcome"), legend: "$tag_outcome"}},
				},
				{
					kind: timeseries, title: "Failing runs by plugin", unit: "ops", width: 12, stacked: true,
					description: "Runs that gave nothing through a fault.",
					targets:     []target{{expr: influxRate("panoptes_runs__counter", `"outcome" !~ /^(ok|none|canceled)$/ AND `, "plugin"), legend: "$tag_plugin"}},
				},
				{
					kind: timeseries, title: "Data points", unit: "cps", width: 12,
					description: "Data points that plugins gave, and rates that the rate processor added to them.",
					targets: []target{
						{expr: influxRate("panoptes_data_points__counter", ""), legend: "from plugins"}, {expr: influxRate("panoptes_rates_produced__counter", ""), legend: "rates"},
					},
				},
				{
					kind: timeseries, title: "Lateness", unit: "s", width: 12,
					description: "How long after their slot runs start, on average. It grows where max_concurrent_runs is too small.",
					targets:     []target{{expr: influxMean("panoptes_run_lateness", ""), legend: "$tag_plugin"}},
				},
				{
					kind: timeseries, title: "Queues", unit: "short", width: 12,
					description: "Batches that wait in each exporter's queue.",
					targets:     []target{{expr: `SELECT last("exporter_queue_size__gauge") FROM "otelcol" WHERE $timeFilter GROUP BY time($__interval), "exporter", "resource_endpoint" fill(none)`, legend: "$tag_exporter"}},
				},
				{
					kind: timeseries, title: "Memory", unit: "bytes", width: 12,
					description: "Of the Collector's process, without its Python workers.",
					targets:     []target{{expr: `SELECT last("process_memory_rss__gauge") FROM "otelcol" WHERE $timeFilter GROUP BY time($__interval), "resource_endpoint" fill(none)`, legend: "$tag_resource_endpoint"}},
				},
			}},
			{"Plugins and devices", []panel{
				{
					kind: table, title: "Plugins", unit: "short", width: 12,
					description: "Plugins that run, and how many runs of each ended since the Collector started. The name leads to the plugin.",
					hide:        []string{"Time"}, targets: []target{{expr: `SELECT sum("v") AS "runs" FROM (SELECT last("panoptes_runs__counter") AS "v" FROM "otelcol" WHERE $timeFilter GROUP BY *) WHERE $timeFilter GROUP BY "plugin"`}},
					links: []link{{"plugin", "plugin", []string{"plugin=plugin"}}},
				},
				{
					kind: table, title: "Devices", unit: "short", width: 12,
					description: "Endpoints that InfluxDB has data of. The name leads to the device.",
					hide:        []string{"key"}, targets: []target{{expr: `SHOW TAG VALUES WITH KEY = "resource_endpoint" WHERE "resource_class" != 'otel' LIMIT 500`}},
					links: []link{{"value", "device", []string{"endpoint=value"}}},
				},
			}},
		},
	}
}

func influxDevice() Dashboard {
	const device = `WHERE "resource_endpoint" = '$endpoint' AND $timeFilter`
	return Dashboard{
		Source: InfluxDB, Name: "device", Title: "Panoptes / Device (InfluxDB)",
		Description: "One resource: what its plugins measure. Panoptes' points do not have a resource's id: its endpoint tells it.",
		variables: []variable{
			{name: "endpoint", label: "Device", query: `SHOW TAG VALUES WITH KEY = "resource_endpoint" WHERE "resource_class" != 'otel'`},
			{name: "type", label: "Group type", query: `SHOW MEASUREMENTS WHERE "resource_endpoint" = '$endpoint'`},
			{name: "field", label: "Metric", query: `SHOW FIELD KEYS FROM "$type"`},
		},
		rows: []row{
			{"How it is polled", []panel{{
				kind: table, title: "Plugins", unit: "short", width: 24, states: true,
				description: "How the last run of each plugin on this device ended. Empty where the receiver's polling_status is off.",
				targets:     []target{{expr: `SELECT last("status__gauge") AS "state" FROM "polling" ` + device + ` GROUP BY "plugin"`}},
				links:       []link{{"plugin", "plugin", []string{"plugin=plugin"}}},
			}}},
			{"What is measured", []panel{
				{
					kind: timeseries, title: "Chosen metric", unit: "short", width: 24,
					description: "The metric that is chosen above, of each of the group's dimensions. A rate is the gauge of its counter's name.",
					targets:     []target{{expr: `SELECT mean("$field") FROM "$type" ` + device + ` GROUP BY time($__interval), * fill(none)`}},
				},
				{
					kind: table, title: "Newest values", unit: "short", width: 24,
					description: "The newest values of the chosen group type, with their dimensions and the time of the newest.",
					targets:     []target{{expr: `SELECT last(*) FROM "$type" ` + device + ` GROUP BY *`}},
				},
				{
					kind: timeseries, title: "Points", unit: "short", width: 24,
					description: "How many values of the chosen metric came. Gaps are polls that failed.",
					targets:     []target{{expr: `SELECT count("$field") FROM "$type" ` + device + ` GROUP BY time($__interval) fill(0)`, legend: "points"}},
				},
			}},
		},
	}
}

func influxPlugin() Dashboard {
	const plugin = `"plugin" = '$plugin' AND `
	return Dashboard{
		Source: InfluxDB, Name: "plugin", Title: "Panoptes / Plugin (InfluxDB)",
		Description: "One plugin on all resources: does it run, how long does it take, what does it give, and what is dropped of it.",
		variables:   []variable{{name: "plugin", label: "Plugin", query: `SHOW TAG VALUES FROM "otelcol" WITH KEY = "plugin"`}},
		rows: []row{
			{"Runs", []panel{
				{
					kind: timeseries, title: "Runs by outcome", unit: "ops", width: 12, stacked: true,
					description: "raised: the plugin's own exception. timeout: it took longer than its deadline. crashed: its process ended. rejected: it cannot be loaded.",
					targets:     []target{{expr: influxRate("panoptes_runs__counter", plugin, "outcome"), legend: "$tag_outcome"}},
				},
				{
					kind: timeseries, title: "Duration", unit: "s", width: 12,
					description: "How long runs take, on average. Near the deadline they are about to fail.",
					targets:     []target{{expr: influxMean("panoptes_run_duration", plugin), legend: "mean"}},
				},
				{
					kind: timeseries, title: "Lateness", unit: "s", width: 12,
					description: "How long after their slot runs start, on average.",
					targets:     []target{{expr: influxMean("panoptes_run_lateness", plugin), legend: "mean"}},
				},
				{
					kind: timeseries, title: "Processor time", unit: "s", width: 12,
					description: "Processor time a second that runs take, of Python plugins and of programs.",
					targets:     []target{{expr: influxRate("panoptes_run_cpu_time_sum__counter", plugin), legend: "cores"}},
				},
			}},
			{"Data", []panel{
				{
					kind: timeseries, title: "Metrics groups", unit: "cps", width: 12,
					description: "Groups that the plugin gave.",
					targets:     []target{{expr: influxRate("panoptes_groups__counter", plugin), legend: "groups"}},
				},
				{
					kind: timeseries, title: "Data points", unit: "cps", width: 12,
					description: "Data points that the plugin gave.",
					targets:     []target{{expr: influxRate("panoptes_data_points__counter", plugin), legend: "points"}},
				},
				{
					kind: timeseries, title: "Dropped groups", unit: "cps", width: 12, stacked: true,
					description: "Groups, or metrics in them, that break a rule, by reason. Empty where none were.",
					targets:     []target{{expr: influxRate("panoptes_dropped_groups__counter", plugin, "reason"), legend: "$tag_reason"}},
				},
				{
					kind: timeseries, title: "Counters without a rate", unit: "cps", width: 12, stacked: true,
					description: "first and reset are normal; gap says that polls are missing.",
					targets:     []target{{expr: influxRate("panoptes_rates_skipped__counter", plugin, "reason"), legend: "$tag_reason"}},
				},
			}},
		},
	}
}

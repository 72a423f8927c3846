package dashboards

func prometheusPlugin() Dashboard {
	const plugin = `plugin="$plugin"`
	return Dashboard{
		Source: Prometheus, Name: "plugin", Title: "Panoptes / Plugin",
		Description: "One plugin on all resources: does it run, how long does it take, what does it give, and what is dropped of it.",
		variables:   []variable{collectorVariable, {name: "plugin", label: "Plugin", query: "label_values(otelcol_panoptes_runs, plugin)"}},
		rows: []row{
			{"Runs", []panel{
				{
					kind: stat, title: "Failing runs", unit: "percentunit", width: 6, warn: 0.05, bad: 0.2,
					description: "The share of this plugin's runs that gave nothing through a fault. The status page has the errors themselves.",
					targets:     []target{{expr: failingShare(plugin, "")}},
				},
				{
					kind: stat, title: "Runs a second", unit: "ops", width: 6,
					description: "Runs a second, on all resources.",
					targets:     []target{{expr: perSecond("panoptes_runs", plugin, "")}},
				},
				{
					kind: stat, title: "Data points a run", unit: "short", width: 6,
					description: "A fall says that devices or the plugin give less than before.",
					targets:     []target{{expr: "sum(rate(" + own("panoptes_data_points", plugin) + "[$__rate_interval])) / (sum(rate(" + own("panoptes_runs", plugin) + "[$__rate_interval])) > 0) or vector(0)"}},
				},
				{
					kind: stat, title: "Missed slots", unit: "ops", width: 6,
					description: "Runs that did not start, for the one before had not ended or no place was free.",
					targets:     []target{{expr: perSecond("panoptes_missed_slots", plugin, "")}},
				},
				{
					kind: timeseries, title: "Runs by outcome", unit: "ops", width: 12, stacked: true,
					description: "raised: the plugin's own exception. timeout: it took longer than its deadline. crashed: its process ended. rejected: it cannot be loaded.",
					targets:     []target{{expr: perSecond("panoptes_runs", plugin, "outcome"), legend: "{{outcome}}"}},
				},
				{
					kind: timeseries, title: "Runs that did not take place", unit: "ops", width: 12, stacked: true,
					description: "breaker: its resource does not answer. cached: the results of before are young enough. pipeline: the pipeline refuses data.",
					targets: []target{
						{expr: perSecond("panoptes_missed_slots", plugin, ""), legend: "missed"}, {expr: perSecond("panoptes_skipped_runs", plugin, "reason"), legend: "skipped {{reason}}"},
					},
				},
			}},
			{"Devices", []panel{
				{
					kind: table, title: "Failing devices", unit: "short", width: 24, states: true,
					description: "Devices on which this plugin failed the last time, at most 500. The name leads to the device. Empty where there are none, or where the receiver's polling_status is off.",
					hide:        []string{"Time"},
					targets:     []target{{expr: `topk(500, sum by (job, instance) (polling_status{` + plugin + `} > 0 != 4))`, once: true}},
					links:       []link{{"instance", "device", []string{"job=job", "instance=instance"}}},
				},
			}},
			{"Time and cost", []panel{
				{
					kind: timeseries, title: "Duration", unit: "s", width: 12,
					description: "How long runs take. Near the deadline they are about to fail.",
					targets:     quantiles("panoptes_run_duration", plugin),
				},
				{
					kind: timeseries, title: "Lateness", unit: "s", width: 12,
					description: "How long after their slot runs start.",
					targets:     quantiles("panoptes_run_lateness", plugin),
				},
				{
					kind: timeseries, title: "Processor time", unit: "s", width: 12,
					description: "Processor time a second that runs take, of Python plugins and of programs; 0 of others.",
					targets:     []target{{expr: perSecond("panoptes_run_cpu_time_sum", plugin, ""), legend: "cores"}},
				},
				{
					kind: timeseries, title: "Peak memory", unit: "bytes", width: 12,
					description: "The most that a Python worker had during a run, on average; 0 of other plugins.",
					targets:     []target{{expr: "sum(rate(" + own("panoptes_run_peak_memory_sum", plugin) + "[$__rate_interval])) / (sum(rate(" + own("panoptes_run_peak_memory_count", plugin) + "[$__rate_interval])) > 0) or vector(0)", legend: "mean"}},
				},
			}},
			{"Data", []panel{
				{
					kind: timeseries, title: "Metrics groups", unit: "cps", width: 12,
					description: "Groups that the plugin gave; empty ones carry no data and are not sent.",
					targets: []target{
						{expr: perSecond("panoptes_groups", plugin, ""), legend: "groups"}, {expr: perSecond("panoptes_empty_groups", plugin, ""), legend: "empty"},
					},
				},
				{
					kind: timeseries, title: "Dropped groups", unit: "cps", width: 12, stacked: true,
					description: "Groups, or metrics in them, that break a rule, by reason. The log says which rule.",
					targets:     []target{{expr: perSecond("panoptes_dropped_groups", plugin, "reason"), legend: "{{reason}}"}},
				},
				{
					kind: timeseries, title: "Counters without a rate", unit: "cps", width: 12, stacked: true,
					description: "first and reset are normal; gap says that polls are missing, collision and bad_transform that the plugin file wants mending.",
					targets:     []target{{expr: perSecond("panoptes_rates_skipped", plugin, "reason"), legend: "{{reason}}"}},
				},
				{
					kind: timeseries, title: "Points too far apart", unit: "cps", width: 12,
					description: "More than 0: the rate processor sees only some of the plugin's points, or the plugin runs less often than its interval says.",
					targets:     []target{{expr: perSecond("panoptes_rate_sparse_points", plugin, ""), legend: "points"}},
				},
			}},
		},
	}
}

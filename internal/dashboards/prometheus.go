package dashboards

// own is a metric of a Collector about itself, of the Collectors that are chosen; labels may be left out.
func own(metric, labels string) string {
	if labels != "" {
		labels += ", "
	}
	return "otelcol_" + metric + "{" + labels + `instance=~"$collector"}`
}

// perSecond is what a counter grows by; by are labels to keep. What never happened is 0, and no gap in the picture.
func perSecond(metric, labels, by string) string {
	sum := "sum"
	if by != "" {
		sum = "sum by (" + by + ")"
	}
	return sum + " (rate(" + own(metric, labels) + "[$__rate_interval])) or on () vector(0)"
}

// quantile is of a histogram's values.
func quantile(q, metric, labels, by string) string {
	return "histogram_quantile(" + q + ", sum by (le" + by + ") (rate(" + own(metric+"_bucket", labels) + "[$__rate_interval])))"
}

// failing are the outcomes of runs that gave nothing through a fault.
const failing = `outcome!~"ok|none|canceled"`

// failingShare is the share of runs that failed, and 0 where there are none.
func failingShare(labels, by string) string {
	bad, all := failing, ""
	if labels != "" {
		bad, all = labels+", "+failing, labels
	}
	sum := "sum by (" + by + ") "
	return "(" + sum + "(rate(" + own("panoptes_runs", bad) + "[$__rate_interval])) or " + sum + "(rate(" + own("panoptes_runs", all) +
		"[$__rate_interval])) * 0) / (" + sum + "(rate(" + own("panoptes_runs", all) + "[$__rate_interval])) > 0)"
}

var collectorVariable = variable{name: "collector", label: "Collector", query: "label_values(otelcol_panoptes_tasks, instance)", many: true}

const resourceSelector = `target_info{panoptes_resource_id!=""}`

func prometheusFleet() Dashboard {
	return Dashboard{
		Source: Prometheus, Name: "fleet", Title: "Panoptes / Fleet",
		Description: "All that is polled, and whether it goes well. Names of plugins and devices lead to their own dashboards.",
		variables:   []variable{collectorVariable},
		rows: []row{
			{"What there is", []panel{
				{
					kind: stat, title: "Resources", unit: "short", width: 4,
					description: "Resources that are known and pass the receiver's filter.",
					targets:     []target{{expr: "sum(" + own("panoptes_resources", "") + ")"}},
				},
				{
					kind: stat, title: "Plugins loaded", unit: "short", width: 4,
					description: "Plugins that are loaded; Collectors of one fleet should have the same.",
					targets:     []target{{expr: "max(" + own("panoptes_plugins", "") + ")"}},
				},
				{
					kind: stat, title: "Tasks", unit: "short", width: 4,
					description: "One for each plugin and matching resource.",
					targets:     []target{{expr: "sum(" + own("panoptes_tasks", "") + ")"}},
				},
				{
					kind: stat, title: "Failing runs", unit: "percentunit", width: 4, warn: 0.05, bad: 0.2,
					description: "The share of runs that gave nothing through a fault. The table of plugins says which.",
					targets:     []target{{expr: failingShare("", "")}},
				},
				{
					kind: stat, title: "Resources left alone", unit: "percentunit", width: 4, warn: 0.02, bad: 0.1,
					description: "The share of resources that do not answer and are left alone for a while.",
					targets:     []target{{expr: "sum(" + own("panoptes_resources_unreachable", "") + ") / sum(" + own("panoptes_resources", "") + " > 0) or vector(0)"}},
				},
				{
					kind: stat, title: "Fullest queue", unit: "percentunit", width: 4, warn: 0.5, bad: 0.8,
					description: "Of all exporters' queues, how full the fullest is. A full one refuses or drops data.",
					targets:     []target{{expr: "max(" + own("exporter_queue_size", "") + " / " + own("exporter_queue_capacity", "") + ") or vector(0)"}},
				},
			}},
			{"Runs", []panel{
				{
					kind: timeseries, title: "Runs by outcome", unit: "ops", width: 12, stacked: true,
					description: "Runs that ended, by how. What is neither ok nor none is a fault of a plugin, a device or the Collector.",
					targets:     []target{{expr: perSecond("panoptes_runs", "", "outcome"), legend: "{{outcome}}"}},
				},
				{
					kind: timeseries, title: "Lateness", unit: "s", width: 12,
					description: "How long after their slot runs start. It grows where max_concurrent_runs is too small.",
					targets: []target{
						{expr: quantile("0.5", "panoptes_run_lateness", "", ""), legend: "median"}, {expr: quantile("0.99", "panoptes_run_lateness", "", ""), legend: "99 %"},
					},
				},
				{
					kind: timeseries, title: "Runs that did not take place", unit: "ops", width: 12, stacked: true,
					description: "Missed: the run before had not ended, or no place was free. Skipped: by reason, see the receiver's documentation.",
					targets: []target{
						{expr: perSecond("panoptes_missed_slots", "", ""), legend: "missed"}, {expr: perSecond("panoptes_skipped_runs", "", "reason"), legend: "skipped {{reason}}"},
					},
				},
				{
					kind: timeseries, title: "Runs under way", unit: "short", width: 12,
					description: "At the top of max_concurrent_runs for long: raise it, or find the slow plugin.",
					targets:     []target{{expr: own("panoptes_running", ""), legend: "{{instance}}"}},
				},
			}},
			{"Data", []panel{
				{
					kind: timeseries, title: "Data points", unit: "cps", width: 12,
					description: "Data points that plugins gave, and rates that the rate processor added to them.",
					targets: []target{
						{expr: perSecond("panoptes_data_points", "", ""), legend: "from plugins"}, {expr: perSecond("panoptes_rates_produced", "", ""), legend: "rates"},
					},
				},
				{
					kind: timeseries, title: "Dropped", unit: "cps", width: 12, stacked: true,
					description: "What did not get through, by reason. Anything but 0 is worth a look.",
					targets: []target{
						{expr: perSecond("panoptes_dropped_groups", "", "reason"), legend: "groups: {{reason}}"},
						{expr: perSecond("panoptes_dropped_data_points", "", "reason"), legend: "points on the way: {{reason}}"},
						{expr: perSecond("panoptes_json_groups_dropped", "", "reason"), legend: "groups to Kafka: {{reason}}"},
						{expr: perSecond("panoptes_json_points_dropped", "", "reason"), legend: "points to Kafka: {{reason}}"},
						{expr: perSecond("panoptes_influx_groups_dropped", "", "reason"), legend: "groups to InfluxDB: {{reason}}"},
						{expr: perSecond("exporter_send_failed_metric_points", "", "exporter"), legend: "refused by the back end: {{exporter}}"},
					},
				},
				{
					kind: timeseries, title: "To Kafka", unit: "cps", width: 12,
					description: "Metrics groups that Kafka has, and messages that an attempt left undelivered and that are tried again.",
					targets: []target{
						{expr: perSecond("panoptes_json_groups_sent", "", ""), legend: "groups sent"}, {expr: perSecond("panoptes_json_records_unsent", "", ""), legend: "messages unsent"},
					},
				},
				{
					kind: timeseries, title: "Queues", unit: "percentunit", width: 12, warn: 0.5, bad: 0.8,
					description: "How full each exporter's queue is.",
					targets:     []target{{expr: own("exporter_queue_size", "") + " / " + own("exporter_queue_capacity", "") + " or on () vector(0)", legend: "{{exporter}} {{instance}}"}},
				},
				{
					kind: timeseries, title: "Counters without a rate", unit: "cps", width: 12, stacked: true,
					description: "By reason. first and reset are normal; gap says that polls are missing, evicted that max_series is too small.",
					targets:     []target{{expr: perSecond("panoptes_rates_skipped", "", "reason"), legend: "{{reason}}"}},
				},
				{
					kind: timeseries, title: "Series of the rate processor", unit: "short", width: 12,
					description: "Counters whose last value is held.",
					targets:     []target{{expr: own("panoptes_rate_series", ""), legend: "{{instance}}"}},
				},
			}},
			{"Collectors", []panel{
				{
					kind: timeseries, title: "Memory", unit: "bytes", width: 12,
					description: "Of the Collector's process, without its Python workers.",
					targets:     []target{{expr: own("process_memory_rss", ""), legend: "{{instance}}"}},
				},
				{
					kind: timeseries, title: "Processor", unit: "percentunit", width: 12,
					description: "Of the Collector's process, in cores, without its Python workers.",
					targets:     []target{{expr: "rate(" + own("process_cpu_seconds", "") + "[$__rate_interval])", legend: "{{instance}}"}},
				},
			}},
			{"Plugins and devices", []panel{
				{
					kind: table, title: "Plugins", unit: "percentunit", width: 10, warn: 0.05, bad: 0.2,
					description: "The share of each plugin's runs that failed. The name leads to the plugin.",
					hide:        []string{"Time"}, targets: []target{{expr: failingShare("", "plugin"), once: true}},
					links: []link{{"plugin", "plugin", []string{"plugin=plugin"}}},
				},
				{
					kind: table, title: "Devices", unit: "short", width: 14,
					description: "Resources that gave data of late, at most 500. The name leads to the device.",
					hide:        []string{"Time", "Value"}, targets: []target{{expr: "topk(500, group by (job, instance, panoptes_resource_site, panoptes_resource_class, panoptes_resource_endpoint) (" + resourceSelector + "))", once: true}},
					links: []link{{"instance", "device", []string{"job=job", "instance=instance"}}},
				},
				{
					kind: table, title: "Sites", unit: "short", width: 24,
					description: "How many resources of each site and kind gave data of late.",
					hide:        []string{"Time"}, targets: []target{{expr: "count by (panoptes_resource_site, panoptes_resource_class, panoptes_resource_subclass, panoptes_resource_type) (group by (job, instance, panoptes_resource_site, panoptes_resource_class, panoptes_resource_subclass, panoptes_resource_type) (" + resourceSelector + "))", once: true}},
				},
			}},
		},
	}
}

func prometheusDevice() Dashboard {
	const device = `job="$job", instance="$instance"`
	const everything = `{` + device + `, __name__!="target_info"}`
	return Dashboard{
		Source: Prometheus, Name: "device", Title: "Panoptes / Device",
		Description: "One resource: what is known of it, and what its plugins measure.",
		variables: []variable{
			{name: "job", label: "Kind", query: "label_values(" + resourceSelector + ", job)"},
			{name: "instance", label: "Device", query: `label_values(target_info{panoptes_resource_id!="", job="$job"}, instance)`},
			{name: "metric", label: "Metric", query: "label_values(" + everything + ", __name__)", many: true},
		},
		rows: []row{
			{"The device", []panel{
				{
					kind: stat, title: "Series", unit: "short", width: 6,
					description: "Time series of this device with a value in the last minutes. A fall says that a plugin gives less than before.",
					targets:     []target{{expr: "count(" + everything + ")"}},
				},
				{
					kind: stat, title: "Metrics", unit: "short", width: 6,
					description: "Different names among them.",
					targets:     []target{{expr: "count(count by (__name__) (" + everything + "))"}},
				},
				{
					kind: timeseries, title: "Series over time", unit: "short", width: 12,
					description: "Gaps are polls that failed. Plugins that run less often than every five minutes need a longer lookback, see the documentation.",
					targets:     []target{{expr: "count(" + everything + ")", legend: "series"}},
				},
				{
					kind: table, title: "What is known", unit: "short", width: 24,
					description: "The resource's own fields and its metadata.",
					hide:        []string{"Time", "Value", "__name__"}, targets: []target{{expr: `target_info{` + device + `}`, once: true}},
				},
			}},
			{"What is measured", []panel{
				{
					kind: timeseries, title: "Rates", unit: "cps", width: 24,
					description: "The 50 highest rates that the rate processor made of this device's counters.",
					targets:     []target{{expr: `topk(50, {` + device + `, __name__=~".+_rate_per_second"})`}},
				},
				{
					kind: timeseries, title: "Chosen metrics", unit: "short", width: 24,
					description: "The metrics that are chosen above, as they are; at most 100 series.",
					targets:     []target{{expr: `topk(100, {` + device + `, __name__=~"${metric:regex}", __name__!="target_info"})`}},
				},
				{
					kind: table, title: "Names", unit: "short", width: 24,
					description: "Each metric's name, and how many series of this device have it.",
					hide:        []string{"Time"}, targets: []target{{expr: "count by (__name__) (" + everything + ")", once: true}},
				},
			}},
		},
	}
}

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

func quantiles(metric, labels string) []target {
	var all []target
	for _, q := range []struct{ q, legend string }{{"0.5", "median"}, {"0.9", "90 %"}, {"0.99", "99 %"}} {
		all = append(all, target{expr: quantile(q.q, metric, labels, ""), legend: q.legend})
	}
	return all
}

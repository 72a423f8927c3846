package dashboards

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
			{"Faults", []panel{
				{
					kind: timeseries, title: "Failing tasks", unit: "short", width: 12,
					description: "Plugins on devices whose last run failed. 0 where the receiver's polling_status is off.",
					targets:     []target{{expr: "count(polling_status > 0 != 4) or vector(0)", legend: "tasks"}},
				},
				{
					kind: timeseries, title: "Processes that failed", unit: "ops", width: 12, stacked: true,
					description: "Python workers and process plugins that crashed, were ended past a deadline, or did not keep to the protocol.",
					targets:     []target{{expr: perSecond("panoptes_worker_restarts", "", "runtime, reason"), legend: "{{runtime}}: {{reason}}"}},
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
						{expr: perSecond("panoptes_dropped_log_records", "", "reason"), legend: "log lines: {{reason}}"},
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
					hide:        []string{"Time"},
					targets:     []target{{expr: failingShare("", "plugin"), once: true}},
					links:       []link{{"plugin", "plugin", []string{"plugin=plugin"}}},
				},
				{
					kind: table, title: "Devices", unit: "short", width: 14,
					description: "Resources that gave data of late, at most 500. The name leads to the device.",
					hide:        []string{"Time", "Value"},
					targets:     []target{{expr: "topk(500, group by (job, instance, panoptes_resource_site, panoptes_resource_class, panoptes_resource_endpoint) (" + resourceSelector + "))", once: true}},
					links:       []link{{"instance", "device", []string{"job=job", "instance=instance"}}},
				},
				{
					kind: table, title: "Sites", unit: "short", width: 24,
					description: "How many resources of each site and kind gave data of late.",
					hide:        []string{"Time"},
					targets:     []target{{expr: "count by (panoptes_resource_site, panoptes_resource_class, panoptes_resource_subclass, panoptes_resource_type) (group by (job, instance, panoptes_resource_site, panoptes_resource_class, panoptes_resource_subclass, panoptes_resource_type) (" + resourceSelector + "))", once: true}},
				},
			}},
		},
	}
}

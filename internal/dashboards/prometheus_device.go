package dashboards

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
					hide:        []string{"Time", "Value", "__name__"},
					targets:     []target{{expr: `target_info{` + device + `}`, once: true}},
				},
			}},
			{"How it is polled", []panel{
				{
					kind: table, title: "Plugins", unit: "short", width: 12, states: true,
					description: "How the last run of each plugin on this device ended. Empty where the receiver's polling_status is off.",
					hide:        []string{"Time"},
					targets:     []target{{expr: "sum by (plugin) (polling_status{" + device + "})", once: true}},
					links:       []link{{"plugin", "plugin", []string{"plugin=plugin"}}},
				},
				{
					kind: timeseries, title: "Failing plugins", unit: "short", width: 12,
					description: "How many plugins failed on this device the last time, those of which only a part was dropped aside.",
					targets:     []target{{expr: "count(polling_status{" + device + "} > 0 != 4) or vector(0)", legend: "plugins"}},
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
					hide:        []string{"Time"},
					targets:     []target{{expr: "count by (__name__) (" + everything + ")", once: true}},
				},
			}},
		},
	}
}

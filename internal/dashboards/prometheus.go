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

// quantiles are the three that a picture of times has.
func quantiles(metric, labels string) []target {
	var all []target
	for _, q := range []struct{ q, legend string }{{"0.5", "median"}, {"0.9", "90 %"}, {"0.99", "99 %"}} {
		all = append(all, target{expr: quantile(q.q, metric, labels, ""), legend: q.legend})
	}
	return all
}

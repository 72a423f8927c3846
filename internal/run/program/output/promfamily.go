package output

import (
	"strings"

	"github.com/prometheus/common/model"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// family is what "# TYPE", "# HELP" and "# UNIT" say of the samples after them.
type family struct {
	kind       string // as "# TYPE" has it
	help, unit string
}

type families map[string]*family

func (f families) of(name string) *family {
	if f[name] == nil {
		f[name] = &family{}
	}
	return f[name]
}

// promMetric is what the family of a sample makes of it.
type promMetric struct {
	kind       pluginsdk.MetricType
	help, unit string
	// bound is the name of the label that has a number: the bound of a bucket, or a quantile.
	bound string
	// count says that it counts something, and cannot be negative.
	count bool
}

// suffixes are what a family's samples may have after its name.
var suffixes = [...]string{"_total", "_created", "_bucket", "_count", "_sum", "_gcount", "_gsum", "_info"}

// metric finds the family of a sample: the one of its very name, or else one that has samples with its suffix.
func (f families) metric(name string) promMetric {
	exact := f[name]
	if exact != nil && exact.kind != "" {
		m, _ := exact.metric("")
		return m
	}
	for _, suffix := range suffixes {
		base, ok := strings.CutSuffix(name, suffix)
		if !ok || f[base] == nil {
			continue
		}
		if m, ok := f[base].metric(suffix); ok {
			if exact != nil && exact.help != "" {
				m.help = exact.help
			}
			return m
		}
	}
	if exact != nil {
		return promMetric{help: exact.help, unit: exact.unit}
	}
	return promMetric{}
}

// metric is what a sample with that suffix is, and whether the family has such.
func (f *family) metric(suffix string) (promMetric, bool) {
	m := promMetric{help: f.help, unit: f.unit}
	kind := model.MetricType(f.kind)
	distribution := kind == model.MetricTypeHistogram || kind == model.MetricTypeSummary
	switch {
	case suffix == "_created" && (distribution || kind == model.MetricTypeCounter):
		m.unit = "s"
		return m, true
	case suffix == "" && kind == model.MetricTypeSummary:
		m.bound = model.QuantileLabel
		return m, true
	case suffix == "" || suffix == "_total":
		if kind == model.MetricTypeCounter {
			m.kind = pluginsdk.Counter
		}
		return m, suffix == "" || kind == model.MetricTypeCounter
	case suffix == "_info":
		return m, kind == model.MetricTypeInfo
	case suffix == "_sum" && distribution:
		m.kind = pluginsdk.Counter
		return m, true
	case suffix == "_count" && distribution, suffix == "_bucket" && kind == model.MetricTypeHistogram:
		m.kind, m.unit, m.bound, m.count = pluginsdk.Counter, "", model.BucketLabel, true
		return m, true
	case suffix == "_gsum" && kind == model.MetricTypeGaugeHistogram:
		return m, true
	case (suffix == "_gcount" || suffix == "_bucket") && kind == model.MetricTypeGaugeHistogram:
		m.unit, m.bound, m.count = "", model.BucketLabel, true
		return m, true
	}
	return m, false
}

// maxHelp is the longest description of a metric, in bytes: it goes with each batch.
const maxHelp = 1024

func cutHelp(text string) string {
	if len(text) > maxHelp {
		text = strings.ToValidUTF8(text[:maxHelp], "")
	}
	return text
}

// ucum are the units of OpenMetrics as UCUM writes them.
var ucum = map[string]string{
	"seconds": "s", "milliseconds": "ms", "microseconds": "us", "nanoseconds": "ns", "minutes": "min", "hours": "h", "days": "d",
	"bytes": "By", "kibibytes": "KiBy", "mebibytes": "MiBy", "gibibytes": "GiBy", "tebibytes": "TiBy",
	"kilobytes": "kBy", "megabytes": "MBy", "gigabytes": "GBy", "terabytes": "TBy", "bits": "bit",
	"meters": "m", "grams": "g", "volts": "V", "amperes": "A", "joules": "J", "watts": "W", "celsius": "Cel", "kelvin": "K",
	"hertz": "Hz", "ratio": "1", "percent": "%",
}

// ucumOf is the unit as UCUM writes it. One that UCUM does not have is a note in braces, as UCUM writes those.
func ucumOf(unit string) string {
	if unit == "" || ucum[unit] != "" {
		return ucum[unit]
	}
	const longest = 64
	for _, r := range unit {
		if r <= ' ' || r > '~' || r == '{' || r == '}' || len(unit) > longest {
			return ""
		}
	}
	return "{" + unit + "}"
}

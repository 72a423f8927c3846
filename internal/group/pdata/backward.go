package pdata

import (
	"math"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/panoptes-otel/panoptes-otel/internal/group/attrs"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// DefaultInterval is the interval, in seconds, of groups whose scope tells none.
const DefaultInterval = 60

// unknownType is the type of a group that neither its metric's name nor its scope's name tells.
const unknownType = "metrics"

// Group is a metrics group that was read from pdata.
type Group struct {
	*pluginsdk.MetricsGroup
	// Plugin is the normalized name of the plugin that made it, or the scope's name where no Panoptes plugin did.
	Plugin string
	// Topics is the text of the plugin's [topics] processed, "" for none.
	Topics string
}

// FromOptions are the settings of Groups.
type FromOptions struct {
	// DoubleRates leaves rates as they are. Otherwise they become integers, truncated toward zero as Panoptes does.
	DoubleRates bool
	// DefaultInterval is the interval, in seconds, of groups whose scope does not tell it; 0 means 60.
	DefaultInterval int
	// Now tells the time of groups of which no data point has one; nil means time.Now.
	Now func() time.Time
	// Defaults are for resources that lack fields.
	Defaults ResourceDefaults
}

// Groups reads the metrics groups out of md, which it does not change, and calls visit for each, in the order of md.
// The group is the visitor's to keep; its Resource is shared with other groups. What had to be dropped or changed is
// counted in the Report, also beside an error. The only error is visit's, which ends the walk. Groups is safe for
// concurrent use.
func Groups(md pmetric.Metrics, o FromOptions, visit func(Group) error) (Report, error) {
	w := NewWalker(o)
	for _, rm := range md.ResourceMetrics().All() {
		w.Resource(rm.Resource())
		for _, sm := range rm.ScopeMetrics().All() {
			if err := w.Scope(sm, visit); err != nil {
				return w.Report(), err
			}
		}
	}
	return w.Report(), nil
}

// scopeInfo is what a scope says of its groups.
type scopeInfo struct {
	name      string
	plugin    string
	topics    string
	groupType string // "" where it is lost
	plain     bool   // names never had the type in front
	interval  int
	reasons   reasonSet
}

func readScope(scope pcommon.InstrumentationScope, defaultInterval int) scopeInfo {
	s := scopeInfo{name: scope.Name(), interval: defaultInterval}
	s.plugin = strings.TrimPrefix(s.name, attrs.ScopePrefix)
	if v, ok := scope.Attributes().Get(attrs.GroupType); ok {
		s.groupType = v.AsString()
	}
	if s.groupType == "" {
		s.reasons |= typeLost
	}
	if v, ok := scope.Attributes().Get(attrs.GroupPlainNames); ok {
		s.plain = v.AsString() == "true"
	}
	if v, ok := scope.Attributes().Get(attrs.PluginTopics); ok {
		s.topics = v.AsString()
	}
	if seconds, ok := Interval(scope.Attributes()); ok {
		s.interval = seconds
	} else {
		s.reasons |= intervalLost
	}
	return s
}

// Interval reads the interval, in seconds, from the attributes of a scope. Another processor may have turned it into a
// double or a text; it is not ok where there is none, or none above zero.
func Interval(scope pcommon.Map) (interval int, ok bool) {
	v, ok := scope.Get(attrs.GroupInterval)
	if !ok {
		return 0, false
	}
	var seconds int64
	switch v.Type() {
	case pcommon.ValueTypeInt:
		seconds = v.Int()
	case pcommon.ValueTypeDouble:
		if d := v.Double(); d > 0 && d <= math.MaxInt32 && d == math.Trunc(d) {
			seconds = int64(d)
		}
	case pcommon.ValueTypeStr:
		if i, err := strconv.ParseInt(strings.TrimSpace(v.Str()), 10, 32); err == nil {
			seconds = i
		}
	}
	return int(seconds), seconds > 0 && seconds <= math.MaxInt32
}

// metricInfo is what a Metric's name and kind say of its points.
type metricInfo struct {
	groupType string
	key       metricKey
	rate      bool
	reasons   reasonSet
}

// readName splits a metric's name into group type and metric name.
func (s *scopeInfo) readName(full string, gauge bool) metricInfo {
	m := metricInfo{groupType: s.groupType, reasons: s.reasons}
	name := full
	switch rest, ok := cutType(full, s.groupType); {
	case s.plain:
		// A name has no dots, so what ends with .rate is one, with the type that the rate processor puts in front or not.
		if base, isRate := strings.CutSuffix(full, attrs.RateSuffix); isRate && gauge && base != "" {
			name, _ = cutType(base, s.groupType)
			m.rate = true
		}
	case ok:
		name = rest
		if base, isRate := strings.CutSuffix(rest, attrs.RateSuffix); isRate && gauge && base != "" {
			name, m.rate = base, true
		}
	case s.groupType != "":
		m.reasons |= prefixLost
	default:
		if dot := strings.LastIndexByte(full, '.'); dot > 0 && dot < len(full)-1 {
			m.groupType, name = full[:dot], full[dot+1:]
		} else if m.groupType = s.name; s.name == "" {
			m.groupType = unknownType
		}
	}
	clean, changed := SafeName(name)
	if changed {
		m.reasons |= nameSanitised
	}
	m.key.name = clean
	return m
}

// cutType returns name without the prefix "<groupType>.".
func cutType(name, groupType string) (string, bool) {
	n := len(groupType)
	if n == 0 || len(name) < n+2 || name[n] != '.' || name[:n] != groupType {
		return name, false
	}
	return name[n+1:], true
}

// metric adds the points of one Metric to the groups of the scope.
func (w *walker) metric(m pmetric.Metric) {
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		info := w.scope.readName(m.Name(), true)
		w.points(m.Name(), &info, m.Gauge().DataPoints())
	case pmetric.MetricTypeSum:
		info := w.scope.readName(m.Name(), false)
		sum := m.Sum()
		info.key.kind = pluginsdk.Counter
		if sum.AggregationTemporality() != pmetric.AggregationTemporalityCumulative {
			info.key.kind = pluginsdk.Gauge
			info.reasons |= notCumulative
		}
		if !sum.IsMonotonic() {
			info.key.kind = pluginsdk.Gauge
			info.reasons |= notMonotonic
		}
		w.points(m.Name(), &info, sum.DataPoints())
	case pmetric.MetricTypeHistogram:
		w.tally.add(histogram, m.Histogram().DataPoints().Len())
	case pmetric.MetricTypeExponentialHistogram:
		w.tally.add(exponentialHistogram, m.ExponentialHistogram().DataPoints().Len())
	case pmetric.MetricTypeSummary:
		w.tally.add(summary, m.Summary().DataPoints().Len())
	}
}

// valueOf returns a point's value, or why it has none.
func (w *walker) valueOf(p pmetric.NumberDataPoint, rate bool) (pluginsdk.Number, reasonSet) {
	if p.Flags().NoRecordedValue() {
		return pluginsdk.Number{}, noValue
	}
	switch p.ValueType() {
	case pmetric.NumberDataPointValueTypeInt:
		return pluginsdk.Int(p.IntValue()), 0
	case pmetric.NumberDataPointValueTypeDouble:
		d := p.DoubleValue()
		if math.IsNaN(d) || math.IsInf(d, 0) {
			return pluginsdk.Number{}, notFinite
		}
		if rate && !w.opts.DoubleRates {
			return truncate(d), 0
		}
		return pluginsdk.Float(d), 0
	}
	return pluginsdk.Number{}, noValue
}

// truncate is Python's int(): toward zero, and of any size.
func truncate(d float64) pluginsdk.Number {
	if d > math.MinInt64 && d < math.MaxInt64 {
		return pluginsdk.Int(int64(d))
	}
	n, err := pluginsdk.ParseNumber(strconv.FormatFloat(math.Trunc(d), 'f', 0, 64))
	if err != nil {
		return pluginsdk.Float(d)
	}
	return n
}

package output

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// readPrometheus makes one group of all samples that have the same labels, which become dimensions. Of output that does
// not parse to its end, the lines before are kept.
func readPrometheus(data []byte, d Defaults) []Item {
	families, err := parsePrometheus(data)
	var bad expfmt.ParseError
	if errors.As(err, &bad) {
		// The parser leaves half a sample behind, of the value 0.
		var again error
		if families, again = parsePrometheus(firstLines(data, bad.Line-1)); again != nil {
			families = nil
		}
	}
	s := samples{defaults: d, groups: map[string]*pluginsdk.MetricsGroup{}}
	for _, name := range slices.Sorted(maps.Keys(families)) {
		s.family(families[name])
	}
	if err != nil {
		s.items = append(s.items, failed("", "%w", err))
	}
	return s.items
}

func parsePrometheus(data []byte) (map[string]*dto.MetricFamily, error) {
	parser := expfmt.NewTextParser(model.LegacyValidation)
	return parser.TextToMetricFamilies(bytes.NewReader(data))
}

func firstLines(data []byte, n int) []byte {
	end := 0
	for range n {
		next := bytes.IndexByte(data[end:], '\n')
		if next < 0 {
			return data
		}
		end += next + 1
	}
	return data[:end]
}

// samples gathers samples in groups.
type samples struct {
	defaults Defaults
	items    []Item
	groups   map[string]*pluginsdk.MetricsGroup // by labels
}

func (s *samples) family(f *dto.MetricFamily) {
	name := f.GetName()
	for _, m := range f.GetMetric() {
		switch f.GetType() {
		case dto.MetricType_COUNTER:
			s.add(m, name, pluginsdk.Counter, m.GetCounter().GetValue())
		case dto.MetricType_SUMMARY:
			for _, q := range m.GetSummary().GetQuantile() {
				s.add(m, name, pluginsdk.Gauge, q.GetValue(), "quantile", formatFloat(q.GetQuantile()))
			}
			s.add(m, name+"_sum", pluginsdk.Counter, m.GetSummary().GetSampleSum())
			s.add(m, name+"_count", pluginsdk.Counter, float64(m.GetSummary().GetSampleCount()))
		case dto.MetricType_HISTOGRAM:
			for _, b := range m.GetHistogram().GetBucket() {
				s.add(m, name+"_bucket", pluginsdk.Counter, float64(b.GetCumulativeCount()), "le", formatFloat(b.GetUpperBound()))
			}
			s.add(m, name+"_sum", pluginsdk.Counter, m.GetHistogram().GetSampleSum())
			s.add(m, name+"_count", pluginsdk.Counter, float64(m.GetHistogram().GetSampleCount()))
		case dto.MetricType_GAUGE:
			s.add(m, name, pluginsdk.Gauge, m.GetGauge().GetValue())
		default:
			s.add(m, name, pluginsdk.Gauge, m.GetUntyped().GetValue())
		}
	}
}

func formatFloat(f float64) string {
	if math.IsInf(f, 1) {
		return "+Inf"
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

// add adds a sample; more is the name and the value of one more label.
func (s *samples) add(m *dto.Metric, name string, kind pluginsdk.MetricType, value float64, more ...string) {
	g, err := s.group(m, more)
	if err == nil {
		at := s.defaults.Time
		if m.TimestampMs != nil {
			at = pluginsdk.Float(float64(m.GetTimestampMs()) / 1000)
		}
		err = g.AddMetric(pluginsdk.Metric{Name: strings.ReplaceAll(name, ":", "_"), Type: kind, Value: number(value), Timestamp: at})
	}
	if err != nil {
		s.items = append(s.items, failed(s.defaults.Type, "sample %q: %w", name, err))
	}
}

// group returns the group of the metric's labels. A label without a value is as good as none in Prometheus.
func (s *samples) group(m *dto.Metric, more []string) (*pluginsdk.MetricsGroup, error) {
	var key strings.Builder
	dimensions := make([]pluginsdk.Dimension, 0, len(m.GetLabel())+1)
	for _, l := range m.GetLabel() {
		dimensions = append(dimensions, pluginsdk.Dimension{Name: l.GetName(), Value: l.GetValue()})
	}
	if len(more) > 0 {
		dimensions = append(dimensions, pluginsdk.Dimension{Name: more[0], Value: more[1]})
	}
	dimensions = slices.DeleteFunc(dimensions, func(d pluginsdk.Dimension) bool { return d.Value == "" })
	slices.SortFunc(dimensions, func(a, b pluginsdk.Dimension) int { return strings.Compare(a.Name, b.Name) })
	for _, d := range dimensions {
		fmt.Fprintf(&key, "%d:%s%d:%s", len(d.Name), d.Name, len(d.Value), d.Value)
	}
	if g := s.groups[key.String()]; g != nil {
		return g, nil
	}
	g := s.defaults.group(s.defaults.Type)
	for _, d := range dimensions {
		if err := g.AddDimension(d.Name, d.Value); err != nil {
			return nil, err
		}
	}
	s.groups[key.String()] = g
	s.items = append(s.items, Item{Group: g, Type: g.Type})
	return g, nil
}

// number makes an integer of a value that is one: the format has no other numbers than doubles, and Panoptes' counters
// are integers.
func number(f float64) pluginsdk.Number {
	const exact = 1 << 53
	if f == math.Trunc(f) && math.Abs(f) <= exact {
		return pluginsdk.Int(int64(f))
	}
	return pluginsdk.Float(f)
}

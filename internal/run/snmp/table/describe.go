package table

import (
	"slices"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Describe lists the groups that a Program makes. A type of group can be there several times, with other dimensions. A
// metric whose kind the device says is there twice, as gauge and as counter.
func (p *Program) Describe() []pluginsdk.GroupContract {
	var out []pluginsdk.GroupContract
	for _, t := range p.tables {
		out = append(out, t.describe()...)
	}
	return out
}

func (t *Table) describe() []pluginsdk.GroupContract {
	main := pluginsdk.GroupContract{Type: t.Group, Description: t.Help}
	for _, d := range t.Dimensions {
		main.Dimensions = append(main.Dimensions, pluginsdk.DimensionContract{Name: d.Name, Description: d.Help})
	}
	var alone []pluginsdk.GroupContract
	for i := range t.Metrics {
		m := &t.Metrics[i]
		described := m.describe()
		switch m.Shape {
		case ShapeText, ShapeStates, ShapeBits:
			if m.Shape != ShapeText || !t.has(m.Label) {
				g := main
				g.Metrics = described
				g.Dimensions = append(slices.Clip(main.Dimensions), pluginsdk.DimensionContract{Name: m.Label})
				alone = append(alone, g)
				continue
			}
		}
		main.Metrics = append(main.Metrics, described...)
	}
	if len(main.Metrics) == 0 {
		return alone
	}
	return append([]pluginsdk.GroupContract{main}, alone...)
}

func (m *Metric) describe() []pluginsdk.MetricContract {
	one := pluginsdk.MetricContract{Name: m.Name, Type: "gauge", Unit: m.Unit, Description: m.Help}
	switch {
	case m.Shape == ShapeExtracts:
		var out []pluginsdk.MetricContract
		for _, e := range m.Extracts {
			one.Name = m.Name + e.Suffix
			out = append(out, one)
		}
		return out
	case m.Shape != ShapeNumber || m.Kind == KindGauge:
		return []pluginsdk.MetricContract{one}
	}
	counter := one
	counter.Type = "counter"
	if m.Kind == KindCounter {
		return []pluginsdk.MetricContract{counter}
	}
	return []pluginsdk.MetricContract{one, counter}
}

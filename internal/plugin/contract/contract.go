package contract

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Contract is a checked pluginsdk.Contract. It does not change, and is safe for concurrent use.
type Contract struct {
	declared pluginsdk.Contract
	groups   map[string]*group
	units    *pdata.Units
	loose    bool // Check lets everything pass
}

type group struct {
	metrics    map[metricKey]*pluginsdk.MetricContract
	dimensions map[string]bool
}

type metricKey struct {
	name string
	kind pluginsdk.MetricType
}

// New checks a contract by the rules of names and kinds.
func New(c pluginsdk.Contract) (*Contract, error) {
	out := &Contract{declared: c, groups: map[string]*group{}, units: &pdata.Units{}}
	var errs []error
	for i := range c.Groups {
		if err := out.add(&c.Groups[i]); err != nil {
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return out, nil
}

// Describing returns a contract that says what there is, and holds nobody to it. A type may be there several times, with
// other dimensions.
func Describing(c pluginsdk.Contract) *Contract {
	units := pdata.Units{}
	for _, g := range c.Groups {
		if units[g.Type] == nil {
			units[g.Type] = map[string]pdata.MetricInfo{}
		}
		for _, m := range g.Metrics {
			units[g.Type][m.Name] = pdata.MetricInfo{Unit: m.Unit, Description: m.Description}
		}
	}
	return &Contract{declared: c, units: &units, loose: true}
}

func (c *Contract) add(d *pluginsdk.GroupContract) error {
	if d.Type == "" {
		return errors.New("a group of the contract has no type")
	}
	if c.groups[d.Type] != nil {
		return fmt.Errorf("the contract has group %q twice", d.Type)
	}
	g := &group{metrics: map[metricKey]*pluginsdk.MetricContract{}, dimensions: map[string]bool{}}
	c.groups[d.Type] = g
	infos := map[string]pdata.MetricInfo{}
	(*c.units)[d.Type] = infos
	for i := range d.Metrics {
		m := &d.Metrics[i]
		kind, err := kindOf(m.Type)
		switch {
		case err != nil:
			return fmt.Errorf("contract of group %q: metric %q: %w", d.Type, m.Name, err)
		case !pluginsdk.ValidName(m.Name):
			return fmt.Errorf("contract of group %q: metric name %q is no valid name", d.Type, m.Name)
		case m.Min != nil && m.Max != nil && *m.Min > *m.Max:
			return fmt.Errorf("contract of group %q: metric %q: min %v is above max %v", d.Type, m.Name, *m.Min, *m.Max)
		case g.metrics[metricKey{m.Name, kind}] != nil:
			return fmt.Errorf("contract of group %q: %s %q is there twice", d.Type, m.Type, m.Name)
		}
		g.metrics[metricKey{m.Name, kind}] = m
		infos[m.Name] = pdata.MetricInfo{Unit: m.Unit, Description: m.Description}
	}
	for _, dim := range d.Dimensions {
		if !pluginsdk.ValidName(dim.Name) || g.dimensions[dim.Name] {
			return fmt.Errorf("contract of group %q: dimension name %q is no valid name, or is there twice", d.Type, dim.Name)
		}
		g.dimensions[dim.Name] = true
	}
	return nil
}

func kindOf(text string) (pluginsdk.MetricType, error) {
	switch text {
	case "gauge":
		return pluginsdk.Gauge, nil
	case "counter":
		return pluginsdk.Counter, nil
	}
	return 0, fmt.Errorf("type must be \"gauge\" or \"counter\", is %q", text)
}

// Units are what the contract says of metrics, for pdata; nil where there is no contract.
func (c *Contract) Units() *pdata.Units {
	if c == nil {
		return nil
	}
	return c.units
}

// Violation is what breaks the contract: a metric, or, where Metric is "", the whole group.
type Violation struct {
	Metric string
	Err    error
}

// Check returns the group without the metrics that break the contract, nil where the whole group does or none is left,
// and what breaks it. A group that keeps to it is returned as it is.
func (c *Contract) Check(g *pluginsdk.MetricsGroup) (*pluginsdk.MetricsGroup, []Violation) {
	if c.loose {
		return g, nil
	}
	d := c.groups[g.Type]
	if d == nil {
		return nil, []Violation{{Err: fmt.Errorf("group %q is not in the plugin's contract, which has %s", g.Type, c.types())}}
	}
	for _, dim := range g.Dimensions() {
		if !d.dimensions[dim.Name] {
			return nil, []Violation{{Err: fmt.Errorf("group %q: dimension %q is not in the plugin's contract", g.Type, dim.Name)}}
		}
	}
	if len(g.Dimensions()) < len(d.dimensions) {
		for name := range d.dimensions {
			if _, ok := g.Dimension(name); !ok {
				return nil, []Violation{{Err: fmt.Errorf("group %q: dimension %q, which is in the plugin's contract, is missing", g.Type, name)}}
			}
		}
	}
	var violations []Violation
	metrics := g.Metrics()
	for i := range metrics {
		if err := d.check(g.Type, &metrics[i]); err != nil {
			violations = append(violations, Violation{metrics[i].Name, err})
		}
	}
	switch {
	case len(violations) == 0:
		return g, nil
	case len(violations) == len(metrics):
		return nil, violations
	}
	out := &pluginsdk.MetricsGroup{
		Resource: g.Resource, Type: g.Type, Interval: g.Interval, Timestamp: g.Timestamp, CountersSince: g.CountersSince,
	}
	for i := range metrics {
		if d.check(g.Type, &metrics[i]) == nil {
			_ = out.AddMetric(metrics[i]) // it was in a group before
		}
	}
	for _, dim := range g.Dimensions() {
		_ = out.AddDimension(dim.Name, dim.Value)
	}
	return out, violations
}

func (g *group) check(groupType string, m *pluginsdk.Metric) error {
	d := g.metrics[metricKey{m.Name, m.Type}]
	switch value := m.Value.Float64(); {
	case d == nil:
		return fmt.Errorf("group %q: %s %q is not in the plugin's contract", groupType, m.Type, m.Name)
	case d.Min != nil && value < *d.Min:
		return fmt.Errorf("group %q: metric_value of %q is %s, the plugin's contract says at least %v", groupType, m.Name, m.Value, *d.Min)
	case d.Max != nil && value > *d.Max:
		return fmt.Errorf("group %q: metric_value of %q is %s, the plugin's contract says at most %v", groupType, m.Name, m.Value, *d.Max)
	}
	return nil
}

// HasCounter says whether groups of a type can have a counter. Letters may be upper or lower case in types, which plugin files do not
// tell apart. One that holds nobody to it has any.
func (c *Contract) HasCounter(groupType, name string) bool {
	return c.loose || slices.ContainsFunc(c.declared.Groups, func(g pluginsdk.GroupContract) bool {
		return strings.EqualFold(g.Type, groupType) && c.groups[g.Type].metrics[metricKey{name, pluginsdk.Counter}] != nil
	})
}

func (c *Contract) types() string {
	if len(c.declared.Groups) == 0 {
		return "none"
	}
	var names []string
	for _, g := range c.declared.Groups {
		names = append(names, g.Type)
	}
	return strings.Join(names, ", ")
}

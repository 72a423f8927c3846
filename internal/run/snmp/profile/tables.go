package profile

import (
	"cmp"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/table"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// sysUpTime is how long the agent has run, in hundredths of a second.
var sysUpTime = ber.MustOID("1.3.6.1.2.1.1.3.0")

// Tables reads our own YAML. file is what errors call it.
func Tables(file string, content []byte) (*table.Program, error) {
	d := &document{file: file}
	r := &tablesReader{document: d, builder: table.NewBuilder(), metrics: map[string]int{}}
	if root := d.open(content); root != nil {
		r.read(root)
	}
	if err := d.err(); err != nil {
		return nil, err
	}
	p, err := r.builder.Program()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return p, nil
}

type tablesReader struct {
	*document
	builder *table.Builder
	metrics map[string]int // lines of metrics, by group and name
}

func (r *tablesReader) read(root *yaml.Node) {
	top := r.mapping(root, "the file", "uptime", "groups")
	switch n := top.node("uptime"); {
	case n == nil:
		r.builder.Uptime(sysUpTime)
	case n.Value != "none":
		if oid, ok := r.oid(n, "uptime"); ok {
			r.builder.Uptime(oid)
		}
	}
	if n := top.need("groups"); n != nil {
		for _, g := range r.list(n, "groups", false) {
			r.group(g)
		}
	}
}

// groupReader reads one group.
type groupReader struct {
	*tablesReader
	t     *table.Table
	slots map[string]int // of parts of the index and dimensions, by name
	open  map[string]*dimension
}

func (r *tablesReader) group(n *yaml.Node) {
	f := r.mapping(n, "a group", "group", "help", "index", "metrics", "dimensions", "keep", "discontinuity")
	if n := f.need("group"); n == nil {
		return
	} else if f.text("group") == "" {
		r.fault(n, "group must not be empty")
	}
	g := &groupReader{
		tablesReader: r, slots: map[string]int{}, open: map[string]*dimension{},
		t: &table.Table{Group: f.text("group"), Help: f.text("help"), Discontinuity: table.None, Scalar: !f.has("index")},
	}
	if n := f.node("index"); n != nil {
		for _, part := range r.list(n, "index", true) {
			g.index(part)
		}
	}
	g.dimensions(f.node("dimensions"))
	if n := f.need("metrics"); n != nil {
		m := r.mapping(n, "metrics")
		for _, key := range m.keys {
			g.metric(key, m.values[key.Value])
		}
	}
	g.conditions(f.node("keep"))
	if n := f.node("discontinuity"); n != nil {
		if oid, ok := r.oid(n, "discontinuity"); ok {
			g.t.Discontinuity = g.column(oid, 0)
		}
	}
	if len(g.t.Metrics) > 0 {
		r.builder.Table(g.t)
	}
}

func (g *groupReader) index(n *yaml.Node) {
	if n = g.resolve(n); n == nil {
		return
	}
	part := table.IndexPart{}
	if n.Kind == yaml.ScalarNode {
		part.Name = n.Value
	} else {
		f := g.mapping(n, "a part of the index", "name", "type", "size", "implied")
		if f.need("name") == nil {
			return
		}
		part = table.IndexPart{Name: f.text("name"), Size: f.integer("size"), Implied: f.boolean("implied")}
		kind := f.choice("type", "integer", "text", "hex", "mac", "ipv4", "ipv6", "inet", "oid")
		switch kind {
		case "text":
			part.Type, part.Format = table.IndexOctets, table.FormatAuto
		case "hex":
			part.Type, part.Format = table.IndexOctets, table.FormatHex
		case "mac":
			part.Type, part.Format, part.Size = table.IndexOctets, table.FormatMAC, 6
		case "ipv4":
			part.Type, part.Format, part.Size = table.IndexOctets, table.FormatIP, 4
		case "ipv6":
			part.Type, part.Format, part.Size = table.IndexOctets, table.FormatIP, 16
		case "inet":
			part.Type, part.Format = table.IndexInetAddress, table.FormatIP
		case "oid":
			part.Type = table.IndexOID
		}
		sized := kind == "text" || kind == "hex" || kind == "oid"
		if !sized && (f.has("size") || f.has("implied")) || part.Size > ber.MaxArcs {
			g.fault(n, "a part of the index of type %s has a size of its own", kind)
		}
	}
	if _, there := g.slots[part.Name]; there || !pluginsdk.ValidName(part.Name) {
		g.fault(n, "%q is no name of a part of the index, or is there twice", part.Name)
	}
	g.slots[part.Name] = len(g.t.Index)
	g.t.Index = append(g.t.Index, part)
}

// column returns the column of an OID: a scalar where the group has no index.
func (g *groupReader) column(oid ber.OID, refresh time.Duration) int {
	if g.t.Scalar {
		return g.builder.Scalar(oid, refresh)
	}
	return g.builder.Walked(oid, refresh)
}

// columns reads the keys oid and else.
func (g *groupReader) columns(f *fields, refresh time.Duration) []int {
	var out []int
	if n := f.need("oid"); n != nil {
		if oid, ok := g.oid(n, f.what); ok {
			out = append(out, g.column(oid, refresh))
		}
	}
	if n := f.node("else"); n != nil {
		for _, item := range g.list(n, f.what+": else", true) {
			if oid, ok := g.oid(item, f.what); ok {
				out = append(out, g.column(oid, refresh))
			}
		}
	}
	return out
}

func (g *groupReader) metric(key, n *yaml.Node) {
	if n = g.resolve(n); n == nil {
		return
	}
	what := "metric " + strconv.Quote(key.Value)
	g.name(key, what)
	id := g.t.Group + "." + key.Value
	if line, there := g.metrics[id]; there {
		g.fault(key, "%s of group %q is there already, in line %d", what, g.t.Group, line)
	}
	g.metrics[id] = key.Line
	m := table.Metric{Name: key.Value, Label: key.Value}
	if n.Kind == yaml.ScalarNode {
		if oid, ok := g.oid(n, what); ok {
			m.Columns = []int{g.column(oid, 0)}
		}
		g.t.Metrics = append(g.t.Metrics, m)
		return
	}
	f := g.mapping(n, what, "oid", "else", "type", "format", "layout", "extract", "enum", "scale", "offset", "unit", "help")
	m.Columns, m.Unit, m.Help = g.columns(f, 0), f.text("unit"), f.text("help")
	m.Scale, m.Offset = f.number("scale"), f.number("offset")
	if whole := math.Round(1 / m.Scale); m.Scale > 0 && m.Scale < 1 && 1/whole == m.Scale {
		m.Scale, m.Divisor = 0, whole
	}
	switch f.choice("type", "auto", "gauge", "counter") {
	case "gauge":
		m.Kind = table.KindGauge
	case "counter":
		m.Kind = table.KindCounter
	}
	switch f.choice("format", "number", "date", "bits") {
	case "date":
		m.Kind, m.Convert = table.KindGauge, table.ConvertDateAndTime
	case "bits":
		m.Shape = table.ShapeBits
	}
	if m.Pattern = f.text("layout"); m.Pattern != "" {
		m.Kind, m.Convert = table.KindGauge, table.ConvertPattern
	}
	if p := g.pattern(f.node("extract"), what+": extract", false); p != nil {
		m.Shape = table.ShapeExtracts
		m.Text.Format = table.FormatText
		m.Extracts = []table.Extract{{Rules: []table.ExtractRule{{Pattern: p, Template: firstGroup(p)}}}}
	}
	g.enum(f, &m)
	g.t.Metrics = append(g.t.Metrics, m)
}

// firstGroup is the template of what the first group of a pattern finds, or all of it.
func firstGroup(p *regexp.Regexp) string {
	if p.NumSubexp() > 0 {
		return "$1"
	}
	return "$0"
}

// enum reads what integers stand for: numbers, or names of states.
func (g *groupReader) enum(f *fields, m *table.Metric) {
	n := f.node("enum")
	if n == nil {
		if m.Shape == table.ShapeBits {
			g.fault(f.at, "%s: format bits needs the key enum, with the names of the bits", f.what)
		}
		return
	}
	values := g.integers(n, f.what+": enum")
	numbers := map[int64]float64{}
	for _, v := range values {
		if number, err := strconv.ParseFloat(v.Name, 64); err == nil {
			numbers[v.Value] = number
		}
	}
	switch {
	case m.Shape == table.ShapeBits:
		m.Enum = values
	case len(numbers) == len(values):
		m.Numbers = numbers
	case len(numbers) > 0:
		g.fault(n, "%s: enum must be all numbers, or all names of states", f.what)
	default:
		m.Shape, m.Enum, m.Kind = table.ShapeStates, values, table.KindGauge
	}
}

// integers reads a mapping of integers, in their order.
func (d *document) integers(n *yaml.Node, what string) []table.EnumValue {
	f := d.mapping(n, what)
	out := make([]table.EnumValue, 0, len(f.keys))
	for _, key := range f.keys {
		i, err := strconv.ParseInt(key.Value, 0, 64)
		if err != nil {
			d.fault(key, "%s: %q must be a whole number", what, key.Value)
		}
		out = append(out, table.EnumValue{Value: i, Name: d.scalar(f.values[key.Value], what)})
	}
	slices.SortFunc(out, func(a, b table.EnumValue) int { return cmp.Compare(a.Value, b.Value) })
	return out
}

func (d *document) name(key *yaml.Node, what string) {
	if !pluginsdk.ValidName(key.Value) {
		d.fault(key, "%s is no name: it must be letters, digits and _, and not begin with a digit", what)
	}
}

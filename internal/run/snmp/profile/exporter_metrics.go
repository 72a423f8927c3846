package profile

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/table"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// textFormats are the types whose values are text, with how their octets are written.
var textFormats = map[string]table.Format{
	"OctetString": table.FormatHex, "DisplayString": table.FormatText, "PhysAddress48": table.FormatMAC48,
	"InetAddressIPv4": table.FormatIPv4, "InetAddressIPv6": table.FormatIPv6,
}

// combined are the types whose format an object beside them tells.
var combined = map[string]map[int64]table.Format{
	"InetAddress": table.InetFormats, "InetAddressMissingSize": table.InetFormats, "LldpPortId": table.LldpPortFormats,
}

var numberTypes = []string{
	"gauge", "counter", "Float", "Double", "DateAndTime", "ParseDateAndTime", "NTPTimeStamp", "EnumAsInfo", "EnumAsStateSet",
	"Bits",
}

func metricTypes() []string {
	return slices.Concat(numberTypes, slices.Sorted(maps.Keys(textFormats)), slices.Sorted(maps.Keys(combined)))
}

// metrics reads the metrics of a module. Where two have one OID the later counts; below the OID of another a metric gets
// nothing.
func (m *moduleReader) metrics(nodes []*yaml.Node) {
	type read struct {
		f   *fields
		oid ber.OID
	}
	var all []read
	last := map[ber.OID]int{}
	for _, n := range nodes {
		f := m.mapping(n, "a metric of module "+strconv.Quote(m.name), "name", "oid", "type", "help", "indexes", "lookups",
			"regex_extracts", "datetime_pattern", "enum_values", "offset", "scale")
		if f.need("name") == nil || f.need("type") == nil {
			continue
		}
		f.what = fmt.Sprintf("metric %q of module %q", f.text("name"), m.name)
		if oid, ok := m.oid(f.need("oid"), f.what); ok {
			last[oid] = len(all)
			all = append(all, read{f, oid})
		}
	}
	for i, x := range all {
		if last[x.oid] == i && !shadowed(x.oid, last) {
			m.metric(x.f, x.oid)
		}
	}
}

func shadowed(oid ber.OID, others map[ber.OID]int) bool {
	for n := oid.Len() - 1; n > 0; n-- {
		above, _, _ := oid.Split(n)
		if _, there := others[above]; there {
			return true
		}
	}
	return false
}

func (m *moduleReader) metric(f *fields, oid ber.OID) {
	kind := f.text("type")
	if !slices.Contains(metricTypes(), kind) {
		m.fault(f.values["type"], "%s: there is no type %q%s", f.what, kind, suggest(kind, metricTypes()))
		return
	}
	out := table.Metric{
		Name: sanitize(f.text("name")), Label: sanitize(f.text("name")), Help: f.text("help"), Kind: table.KindGauge,
		Columns: m.columns(oid), Convert: table.ConvertOrZero, Scale: f.number("scale"), Offset: f.number("offset"),
		Pattern: f.text("datetime_pattern"),
	}
	var enum []table.EnumValue
	if n := f.node("enum_values"); n != nil {
		enum = m.integers(n, f.what+": enum_values")
	}
	extracts := m.extracts(f)
	switch kind {
	case "gauge", "Float", "Double":
	case "counter":
		out.Kind = table.KindCounter
	case "DateAndTime":
		out.Convert = table.ConvertDateAndTime
	case "ParseDateAndTime":
		out.Convert = table.ConvertPattern
	case "NTPTimeStamp":
		out.Convert = table.ConvertNTP
	case "EnumAsInfo":
		out.Name += "_info"
		out.Shape, out.Scale, out.Offset = table.ShapeText, 0, 0
		out.Text.Enum = map[int64]string{}
		for _, v := range enum {
			out.Text.Enum[v.Value] = v.Name
		}
	case "EnumAsStateSet":
		out.Shape, out.Enum = table.ShapeStates, enum
	case "Bits":
		out.Shape, out.Enum = table.ShapeBits, enum
	default:
		out.Shape, out.Convert = table.ShapeText, table.ConvertNumber
		out.Text = m.text(kind, oid, nil)
		if len(extracts) > 0 {
			out.Shape, out.Extracts = table.ShapeExtracts, extracts
		}
	}
	if len(out.Columns) > 0 {
		m.place(f, out)
	}
}

// text says how a value of a type becomes text. A combined type is told by the object before it.
func (m *moduleReader) text(kind string, oid ber.OID, key []table.KeyPart) table.Text {
	formats, isCombined := combined[kind]
	if !isCombined {
		return table.Text{Format: textFormats[kind]}
	}
	out := table.Text{Format: table.FormatHex, Subtypes: formats, Subtype: table.None, SubtypeKey: key, Unknown: table.FormatHex}
	base, last, _ := oid.Split(oid.Len() - 1)
	if arc, _ := last.Cut(); arc > 0 {
		if columns := m.columns(base.Join(ber.MakeOID(arc - 1))); len(columns) > 0 {
			out.Subtype = columns[0]
		}
	}
	return out
}

func (m *moduleReader) extracts(f *fields) []table.Extract {
	n := f.node("regex_extracts")
	if n == nil {
		return nil
	}
	var out []table.Extract
	suffixes := m.mapping(n, f.what+": regex_extracts")
	for _, key := range suffixes.keys {
		e := table.Extract{Suffix: sanitize(key.Value)}
		for _, item := range m.list(suffixes.values[key.Value], suffixes.what, false) {
			rule := m.mapping(item, suffixes.what, "regex", "value")
			value := "$1"
			if rule.has("value") {
				value = rule.text("value")
			}
			if p := m.pattern(rule.need("regex"), suffixes.what, true); p != nil {
				e.Rules = append(e.Rules, table.ExtractRule{Pattern: p, Template: value})
			}
		}
		out = append(out, e)
	}
	return out
}

// place puts a metric into the table of its indexes and lookups. Metrics of one name have tables of their own.
func (m *moduleReader) place(f *fields, metric table.Metric) {
	t := &table.Table{
		Group: m.group, Help: "Module " + m.name + " of snmp.yml.", PadIndex: true, Discontinuity: table.None,
	}
	labels := &labelReader{moduleReader: m, t: t, slots: map[string][]int{}, shown: map[string]table.Dimension{}}
	labels.read(f)
	key := fmt.Sprintf("%v %v %v", t.Index, t.Lookups, t.Dimensions)
	names := []string{metric.Name}
	for _, e := range metric.Extracts {
		names = append(names, metric.Name+e.Suffix)
	}
	for _, have := range m.tables[key] {
		if !slices.ContainsFunc(names, func(name string) bool { return have.names[name] }) {
			have.add(metric, names)
			return
		}
	}
	have := &moduleTable{t: t, names: map[string]bool{}}
	have.add(metric, names)
	m.tables[key] = append(m.tables[key], have)
	m.builder.Table(t)
}

func (t *moduleTable) add(metric table.Metric, names []string) {
	t.t.Metrics = append(t.t.Metrics, metric)
	for _, name := range names {
		t.names[name] = true
	}
}

// labelReader reads the labels of a metric, which become dimensions.
type labelReader struct {
	*moduleReader
	t     *table.Table
	slots map[string][]int // where the key of a label comes from, the last first
	shown map[string]table.Dimension
	order []string
}

var indexTypes = map[string]table.IndexPart{
	"Integer32": {Type: table.IndexInteger}, "Integer": {Type: table.IndexInteger}, "gauge": {Type: table.IndexInteger},
	"counter": {Type: table.IndexInteger}, "EnumAsInfo": {Type: table.IndexInteger},
	"PhysAddress48":          {Type: table.IndexOctets, Size: 6, Format: table.FormatMAC48},
	"OctetString":            {Type: table.IndexOctets, Format: table.FormatHex},
	"DisplayString":          {Type: table.IndexOctets, Format: table.FormatText},
	"InetAddressIPv4":        {Type: table.IndexOctets, Size: 4, Format: table.FormatIPv4},
	"InetAddressIPv6":        {Type: table.IndexOctets, Size: 16, Format: table.FormatIPv6},
	"InetAddress":            {Type: table.IndexInetAddress},
	"InetAddressMissingSize": {Type: table.IndexInetAddressNoSize},
	"LldpPortId":             {Type: table.IndexLldpPortID},
}

func (l *labelReader) read(f *fields) {
	if n := f.node("indexes"); n != nil {
		for _, item := range l.list(n, f.what+": indexes", false) {
			l.index(f, item)
		}
	}
	if n := f.node("lookups"); n != nil {
		for _, item := range l.list(n, f.what+": lookups", false) {
			l.lookup(f, item)
		}
	}
	for _, name := range l.order {
		if d, there := l.shown[name]; there {
			l.t.Dimensions = append(l.t.Dimensions, d)
		}
	}
}

func (l *labelReader) index(f *fields, n *yaml.Node) {
	x := l.mapping(n, f.what+": an index", "labelname", "type", "fixed_size", "implied", "enum_values")
	kind := x.text("type")
	part, known := indexTypes[kind]
	if !known {
		l.fault(n, "%s: there is no type %q of indexes%s", f.what, kind, suggest(kind, slices.Sorted(maps.Keys(indexTypes))))
		return
	}
	part.Name = x.text("labelname")
	if kind == "OctetString" || kind == "DisplayString" {
		part.Size, part.Implied = x.integer("fixed_size"), x.boolean("implied")
	}
	text := table.Text{}
	if n := x.node("enum_values"); n != nil && kind == "EnumAsInfo" {
		text.Enum = map[int64]string{}
		for _, v := range l.integers(n, f.what+": enum_values") {
			text.Enum[v.Value] = v.Name
		}
	}
	slot := len(l.t.Index)
	l.t.Index = append(l.t.Index, part)
	l.slots[part.Name] = []int{slot}
	l.show(n, part.Name, table.Dimension{Slot: slot, Text: text})
}

func (l *labelReader) show(n *yaml.Node, label string, d table.Dimension) {
	d.Name = sanitize(label)
	if !pluginsdk.ValidName(d.Name) {
		l.fault(n, "%q is no name of a label", label)
	}
	if _, there := l.shown[label]; !there {
		l.order = append(l.order, label)
	}
	l.shown[label] = d
}

// lookup reads a lookup: a label by the values of others. Without labels it removes one.
func (l *labelReader) lookup(f *fields, n *yaml.Node) {
	x := l.mapping(n, f.what+": a lookup", "labels", "labelname", "oid", "type")
	name, labels := x.text("labelname"), x.texts("labels", false)
	if len(labels) == 0 {
		delete(l.shown, name)
		return
	}
	oid, ok := l.oid(x.need("oid"), f.what+": a lookup")
	if !ok {
		return
	}
	key := make([]table.KeyPart, 0, len(labels))
	for _, label := range labels {
		key = append(key, table.KeyPart{Slots: l.slots[label]})
		if l.slots[label] == nil { // then nothing is ever found
			delete(l.shown, name)
			return
		}
	}
	kind := x.text("type")
	_, isText := textFormats[kind]
	_, isCombined := combined[kind]
	if _, isIndex := indexTypes[kind]; kind != "" && kind != "Bits" && !isText && !isCombined && !isIndex {
		l.fault(n, "%s: there is no type %q of lookups%s", f.what, kind, suggest(kind, metricTypes()))
	}
	columns := l.columns(oid)
	if len(columns) == 0 {
		delete(l.shown, name)
		return
	}
	slot := len(l.t.Index) + len(l.t.Lookups)
	text := l.text(kind, oid, key)
	if part, isIndex := indexTypes[kind]; text.Format == table.FormatNone && isIndex && part.Type == table.IndexInteger {
		text.Format = table.FormatFirst
	} else if text.Format == table.FormatNone {
		text.Format = table.FormatHex
	}
	l.t.Lookups = append(l.t.Lookups, table.Lookup{Columns: columns, Key: key, Whole: l.whole(key), ZeroKey: true})
	l.slots[name] = append([]int{slot}, l.slots[name]...)
	l.show(n, name, table.Dimension{Slot: slot, Text: text})
}

// whole says whether a key is all parts of the index in order.
func (l *labelReader) whole(key []table.KeyPart) bool {
	if len(key) != len(l.t.Index) {
		return false
	}
	for i, part := range key {
		if !slices.Equal(part.Slots, []int{i}) {
			return false
		}
	}
	return true
}

package profile

import (
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/table"
)

var formats = map[string]table.Format{
	"auto": table.FormatAuto, "text": table.FormatText, "hex": table.FormatHex, "mac": table.FormatMAC, "ip": table.FormatIP,
	"date": table.FormatDate,
}

// dimension is one that is being read.
type dimension struct {
	key, value *yaml.Node
	state      readState
	made       table.Dimension
	hidden     bool
}

type readState uint8

const (
	unread readState = iota
	reading
	readWell
	readBadly
)

func (x *dimension) what() string { return "dimension " + strconv.Quote(x.key.Value) }

// dimensions reads the dimensions of a group, each after those that it is looked up by.
func (g *groupReader) dimensions(n *yaml.Node) {
	if n == nil {
		return
	}
	f := g.mapping(n, "dimensions")
	for _, key := range f.keys {
		if value := g.resolve(f.values[key.Value]); value != nil {
			g.open[key.Value] = &dimension{key: key, value: value}
		}
	}
	for _, key := range f.keys {
		if x := g.open[key.Value]; x != nil && g.finish(x, key) && !x.hidden {
			g.t.Dimensions = append(g.t.Dimensions, x.made)
		}
	}
}

// finish reads a dimension unless that is done. at is who asks.
func (g *groupReader) finish(x *dimension, at *yaml.Node) bool {
	switch x.state {
	case readWell, readBadly:
		return x.state == readWell
	case reading:
		g.fault(at, "%s is looked up by itself", x.what())
		return false
	}
	x.state = reading
	g.name(x.key, x.what())
	x.made = table.Dimension{Name: x.key.Value, Slot: table.None}
	ok := false
	if x.value.Kind == yaml.ScalarNode {
		ok = g.short(x)
	} else {
		ok = g.long(x)
	}
	if x.state = readBadly; ok {
		x.state = readWell
	}
	if !ok || x.made.Slot == table.None {
		return ok
	}
	if part, there := g.slots[x.key.Value]; there && part != x.made.Slot {
		g.fault(x.key, "%s has the name of a part of the index, but is another value", x.what())
	}
	g.slots[x.key.Value] = x.made.Slot
	return true
}

// short reads a dimension that is only the name of a part of the index, or an OID.
func (g *groupReader) short(x *dimension) bool {
	if slot, there := g.part(x.value.Value); there {
		x.made.Slot = slot
		return true
	}
	if !strings.Contains(x.value.Value, ".") {
		g.fault(x.value, "%s: %q is neither an OID nor a part of the index", x.what(), x.value.Value)
		return false
	}
	oid, ok := g.oid(x.value, x.what())
	if ok {
		x.made.Slot = g.lookup(table.Lookup{Columns: []int{g.column(oid, 0)}})
	}
	return ok
}

// part returns the slot of a part of the index.
func (g *groupReader) part(name string) (slot int, there bool) {
	for i := range g.t.Index {
		if g.t.Index[i].Name == name {
			return i, true
		}
	}
	return 0, false
}

func (g *groupReader) lookup(l table.Lookup) (slot int) {
	g.t.Lookups = append(g.t.Lookups, l)
	return len(g.t.Index) + len(g.t.Lookups) - 1
}

func (g *groupReader) long(x *dimension) bool {
	f := g.mapping(x.value, x.what(), "oid", "else", "scalar", "index", "value", "by", "format", "enum", "extract", "refresh",
		"hide", "help")
	x.hidden, x.made.Help = f.boolean("hide"), f.text("help")
	sources := 0
	for _, key := range []string{"oid", "scalar", "index", "value"} {
		if f.has(key) {
			sources++
		}
	}
	if sources != 1 {
		g.fault(x.value, "%s needs just one of the keys oid, scalar, index and value", x.what())
		return false
	}
	for _, key := range []string{"else", "by"} {
		if f.has(key) && !f.has("oid") {
			g.fault(f.values[key], "%s: %s goes with oid only", x.what(), key)
		}
	}
	refresh := f.duration("refresh")
	switch {
	case f.has("value"):
		x.made.Constant = f.text("value")
		if x.made.Constant == "" {
			g.fault(x.value, "%s: value must not be empty", x.what())
		}
		return true
	case f.has("index"):
		slot, there := g.part(f.text("index"))
		if !there {
			g.fault(f.values["index"], "%s: the index has no part %q", x.what(), f.text("index"))
			return false
		}
		x.made.Slot = slot
	case f.has("scalar"):
		oid, ok := g.oid(f.node("scalar"), x.what())
		if !ok {
			return false
		}
		x.made.Slot = g.lookup(table.Lookup{Columns: []int{g.builder.Scalar(oid, refresh)}})
	default:
		key, ok := g.by(f)
		l := table.Lookup{Columns: g.columns(f, refresh), Key: key}
		if !ok || len(l.Columns) == 0 {
			return false
		}
		x.made.Slot = g.lookup(l)
	}
	x.made.Text = g.text(f)
	return true
}

// by reads what a dimension is looked up by: parts of the index and other dimensions; nil is the row's own index.
func (g *groupReader) by(f *fields) (key []table.KeyPart, ok bool) {
	n := f.node("by")
	if n == nil {
		return nil, true
	}
	if g.t.Scalar {
		g.fault(n, "%s: without an index nothing can be looked up by", f.what)
		return nil, false
	}
	key = []table.KeyPart{}
	for _, item := range g.list(n, f.what+": by", true) {
		name := g.scalar(item, f.what+": by")
		if x := g.open[name]; x != nil && !g.finish(x, item) {
			return nil, false
		}
		slot, there := g.slots[name]
		if !there {
			g.fault(item, "%s: by names %q, which is neither a part of the index nor a dimension with a value from the device",
				f.what, name)
			return nil, false
		}
		key = append(key, table.KeyPart{Slots: []int{slot}})
	}
	if len(key) == 0 {
		g.fault(n, "%s: by must name something; a scalar has the key scalar instead of oid", f.what)
	}
	return key, len(key) > 0
}

// text reads how a value becomes text.
func (g *groupReader) text(f *fields) table.Text {
	out := table.Text{}
	if f.has("format") {
		word := f.choice("format", "auto", "text", "hex", "mac", "ip", "date")
		out.Format = formats[word]
	}
	if n := f.node("enum"); n != nil {
		out.Enum = map[int64]string{}
		for _, v := range g.integers(n, f.what+": enum") {
			out.Enum[v.Value] = v.Name
		}
	}
	if p := g.pattern(f.node("extract"), f.what+": extract", false); p != nil {
		out.Pattern, out.Template = p, firstGroup(p)
	}
	return out
}

// conditions reads which rows are kept.
func (g *groupReader) conditions(n *yaml.Node) {
	if n == nil {
		return
	}
	for _, item := range g.list(n, "keep", false) {
		f := g.mapping(item, "a condition of keep", "dimension", "oid", "is", "is_not", "matches", "matches_not")
		var c table.Condition
		switch {
		case f.has("dimension") == f.has("oid"):
			g.fault(item, "a condition of keep needs just one of the keys dimension and oid")
			continue
		case f.has("dimension"):
			x := g.open[f.text("dimension")]
			if x == nil || x.state != readWell || x.made.Slot == table.None {
				g.fault(item, "keep: there is no dimension %q with a value from the device", f.text("dimension"))
				continue
			}
			c.Slot, c.Text = x.made.Slot, x.made.Text
		default:
			oid, ok := g.oid(f.node("oid"), f.what)
			if !ok {
				continue
			}
			c.Slot = g.lookup(table.Lookup{Columns: []int{g.column(oid, 0)}})
		}
		g.condition(item, f, &c)
		g.t.Keep = append(g.t.Keep, c)
	}
}

func (g *groupReader) condition(n *yaml.Node, f *fields, c *table.Condition) {
	asked := 0
	for _, key := range []string{"is", "is_not", "matches", "matches_not"} {
		if f.has(key) {
			asked++
			c.Not = strings.HasSuffix(key, "_not")
		}
	}
	if asked != 1 {
		g.fault(n, "%s needs just one of the keys is, is_not, matches and matches_not", f.what)
		return
	}
	c.Is = append(f.texts("is", true), f.texts("is_not", true)...)
	c.Matches = g.pattern(f.node("matches"), f.what, false)
	if c.Not && c.Matches == nil {
		c.Matches = g.pattern(f.node("matches_not"), f.what, false)
	}
}

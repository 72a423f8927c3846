package table

import (
	"errors"
	"hash/maphash"
	"math"
	"strconv"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// dimension is one of the row that is made.
type dimension struct{ name, value string }

// table makes the groups of a table.
func (r *run) table(i int) {
	t := r.p.tables[i]
	r.rewind(t.aligned)
	clear(r.seen)
	if t.Scalar {
		r.row(i, ber.OID{})
	} else {
		r.each(t.drivers, func(index ber.OID) { r.row(i, index) })
	}
	if len(t.Keep) > 0 && r.all[i] > 0 && r.state.isWide(i) {
		r.state.kept(i, r.kept[i], r.all[i])
	}
}

// row makes the groups of a row.
func (r *run) row(table int, index ber.OID) {
	t := r.p.tables[table]
	if !r.fill(t, index) {
		r.drop(DropIndex)
		return
	}
	if len(t.Keep) > 0 {
		kept, failed := r.keeps(t)
		if failed {
			r.drop(DropDimension)
			return
		}
		r.all[table]++
		if !kept {
			return
		}
		r.kept[table]++
	}
	if !r.dimensions(t, index) {
		r.drop(DropDimension)
		return
	}
	r.start = r.startOf(t, index)
	var group building
	for i := range t.Metrics {
		m := &t.Metrics[i]
		v, ok := r.source(m, index)
		if !ok {
			continue
		}
		switch m.Shape {
		case ShapeStates:
			r.states(t, m, v)
			continue
		case ShapeBits:
			r.namedBits(t, m, v)
			continue
		case ShapeText:
			if !t.has(m.Label) && r.text(t, m, v, index) {
				continue
			}
		}
		if group.MetricsGroup == nil {
			if group = r.begin(t, "", "", len(t.Metrics)); group.MetricsGroup == nil {
				return
			}
		}
		r.number(group.MetricsGroup, t, i, v)
	}
	r.end(group)
}

// source returns the value of a metric in a row. A column that could not be fetched is not stood in for by the next one.
func (r *run) source(m *Metric, index ber.OID) (v ber.Value, ok bool) {
	for _, c := range m.Columns {
		if v, ok = r.at(c, index); ok || r.cells[c].err != nil {
			return v, ok
		}
	}
	return v, false
}

// dimensions works out the dimensions of a row, and says whether all of them are known.
func (r *run) dimensions(t *Table, index ber.OID) bool {
	r.dims = r.dims[:0]
	for i := range t.Dimensions {
		d := &t.Dimensions[i]
		if d.Slot == None {
			r.dims = append(r.dims, dimension{d.Name, d.Constant})
			continue
		}
		s := &r.slots[d.Slot]
		if s.failed {
			return false
		}
		if !s.exists {
			continue
		}
		format, known := r.format(&d.Text, s, index)
		if !known {
			return false
		}
		if text, ok := d.Text.apply(s.value, format); ok && text != "" {
			r.dims = append(r.dims, dimension{d.Name, text})
		}
	}
	return true
}

// format returns the format of a dimension. known is false where the column that says it could not be fetched.
func (r *run) format(x *Text, s *slot, index ber.OID) (f Format, known bool) {
	if x.Subtypes == nil {
		return s.formatOr(x.Format), true
	}
	if x.Subtype == None {
		return x.Unknown, true
	}
	v, found := r.subtype(x, index)
	if !found {
		return x.Unknown, r.cells[x.Subtype].err == nil
	}
	if f, ok := x.Subtypes[whole(v)]; ok {
		return f, true
	}
	return x.Unknown, true
}

func (r *run) subtype(x *Text, index ber.OID) (v ber.Value, found bool) {
	if x.SubtypeKey == nil {
		return r.at(x.Subtype, index)
	}
	key, _, ok := r.key(x.SubtypeKey, index)
	if !ok {
		return v, false
	}
	return r.find(x.Subtype, key)
}

// has says whether the table has a dimension.
func (t *Table) has(name string) bool {
	for i := range t.Dimensions {
		if t.Dimensions[i].Name == name {
			return true
		}
	}
	return false
}

// startOf returns when the counters of a row began; the zero time where that is not known.
func (r *run) startOf(t *Table, index ber.OID) time.Time {
	if r.bootTime.IsZero() || t.Discontinuity == None {
		return r.bootTime
	}
	v, found := r.at(t.Discontinuity, index)
	if !found && r.cells[t.Discontinuity].err != nil {
		return time.Time{}
	}
	if ticks, ok := v.Int(); ok && ticks > 0 && ticks <= math.MaxUint32 {
		return r.bootTime.Add(time.Duration(ticks) * 10 * time.Millisecond)
	}
	return r.bootTime
}

// number adds a number, or several that are within a text, to the row's group.
func (r *run) number(g *pluginsdk.MetricsGroup, t *Table, metric int, v ber.Value) {
	m := &t.Metrics[metric]
	switch m.Shape {
	case ShapeText:
		r.add(g, m, m.Name, m.scaled(pluginsdk.Int(1)))
		return
	case ShapeOne:
		r.add(g, m, m.Name, pluginsdk.Int(1))
		return
	case ShapeExtracts:
		r.extracts(g, m, v)
		return
	}
	n, err := m.number(v)
	if err != nil {
		r.drop(DropValue)
		return
	}
	one := pluginsdk.Metric{Name: m.Name, Value: n}
	if bits := v.Type().Width(); m.Kind == KindCounter || m.Kind == KindByType && bits != 0 {
		one.Type = pluginsdk.Counter
		if !r.start.IsZero() { // else a counter that began anew with its device looks like one that wrapped
			one.Width = m.width(bits)
		}
	}
	r.addMetric(g, m, one)
}

// width is how many bits a counter has that has some on the wire, 0 where it is not known.
func (m *Metric) width(bits int) uint8 {
	if bits == 0 || m.Offset != 0 || m.Divisor != 0 || m.Numbers != nil || m.Convert != ConvertNumber && m.Convert != ConvertOrZero {
		return 0
	}
	if m.Scale != 0 {
		fraction, exponent := math.Frexp(m.Scale)
		if bits += exponent - 1; fraction != 0.5 || exponent < 1 || bits > 64 {
			return 0
		}
	}
	return uint8(bits)
}

func (r *run) extracts(g *pluginsdk.MetricsGroup, m *Metric, v ber.Value) {
	text := textOf(v, m.Text.Format)
	for i := range m.Extracts {
		e := &m.Extracts[i]
		n, ok := e.number(text)
		if !ok {
			r.drop(DropValue)
			continue
		}
		r.add(g, m, m.Name+e.Suffix, n)
	}
}

// number returns what the first rule says that finds a number.
func (e *Extract) number(text string) (pluginsdk.Number, bool) {
	for i := range e.Rules {
		rule := &e.Rules[i]
		found := rule.Pattern.FindStringSubmatchIndex(text)
		if found == nil {
			continue
		}
		f, err := strconv.ParseFloat(string(rule.Pattern.ExpandString(nil, rule.Template, text, found)), 64)
		if err == nil {
			return shortest(f), true
		}
	}
	return pluginsdk.Number{}, false
}

// whole is a number without its fraction, 0 for what is none.
func whole(v ber.Value) int64 {
	if n, ok := v.Int(); ok {
		return n
	}
	f, _ := v.Float()
	return int64(f)
}

// text makes a group of its own for a text. It returns false where the text is empty: then the row's group has it.
func (r *run) text(t *Table, m *Metric, v ber.Value, index ber.OID) bool {
	format, known := r.format(&m.Text, &slot{}, index)
	if !known {
		return true
	}
	if m.Convert == ConvertOrZero {
		v = ber.IntegerValue(whole(v))
	}
	text, ok := m.Text.apply(v, format)
	if ok && text != "" {
		r.alone(t, m, text, m.scaled(pluginsdk.Int(1)))
	}
	return !ok || text != ""
}

// states makes a group for each state. A state without a name is its number.
func (r *run) states(t *Table, m *Metric, v ber.Value) {
	n := whole(v)
	if !v.Type().Number() && m.Convert != ConvertOrZero {
		r.drop(DropValue)
		return
	}
	named := false
	for i := range m.Enum {
		is := int64(0)
		if m.Enum[i].Value == n {
			named, is = true, 1
		}
		r.alone(t, m, m.Enum[i].Name, pluginsdk.Int(is))
	}
	if !named {
		r.alone(t, m, strconv.FormatInt(n, 10), pluginsdk.Int(1))
	}
}

func (r *run) namedBits(t *Table, m *Metric, v ber.Value) {
	if v.Type() != ber.OctetString {
		r.drop(DropValue)
		return
	}
	for i := range m.Enum {
		is := int64(0)
		if bit(v.Bytes(), m.Enum[i].Value) {
			is = 1
		}
		r.alone(t, m, m.Enum[i].Name, pluginsdk.Int(is))
	}
}

// alone makes a group with one metric, which has its label as a further dimension.
func (r *run) alone(t *Table, m *Metric, label string, n pluginsdk.Number) {
	g := r.begin(t, m.Label, label, 1)
	if g.MetricsGroup != nil {
		r.add(g.MetricsGroup, m, m.Name, n)
	}
	r.end(g)
}

// building is a group that is being made.
type building struct {
	*pluginsdk.MetricsGroup
	hash  uint64 // of its dimensions, where the table's dimensions may not tell all rows apart
	there bool   // it is in the result
}

var hashSeed = maphash.MakeSeed()

// pair hashes two texts so that neither their order nor sums of pairs with swapped values give the same.
func pair(name, value string) uint64 {
	h := maphash.String(hashSeed, name)*0x9e3779b97f4a7c15 ^ maphash.String(hashSeed, value)
	h ^= h >> 32
	return h * 0xd6e8feb86659fd93
}

// begin returns a group with the dimensions of the row, and a further one if it has a value. Where there is such a group
// already it is that one, so that no two groups of a table have the same dimensions.
func (r *run) begin(t *Table, label, value string, metrics int) building {
	var hash uint64
	if !t.unique {
		hash = pair(label, value)
		for _, d := range r.dims {
			hash += pair(d.name, d.value)
		}
		if g := r.seen[hash]; g != nil {
			return building{g, hash, true}
		}
	}
	g := &pluginsdk.MetricsGroup{
		Resource: r.target.Resource, Type: t.Group, Interval: int(r.target.Interval / time.Second), Timestamp: pluginsdk.NumberTimestamp(r.now),
	}
	g.Grow(metrics, len(r.dims)+1)
	var err error
	for _, d := range r.dims {
		err = errors.Join(err, g.AddDimension(d.name, d.value))
	}
	if value != "" {
		err = errors.Join(err, g.AddDimension(label, value))
	}
	if err != nil {
		r.drop(DropInvalid)
		return building{}
	}
	return building{g, hash, false}
}

// end puts a group into the result, if it has become one.
func (r *run) end(b building) {
	if b.there || b.MetricsGroup == nil || len(b.Metrics()) == 0 {
		return
	}
	if b.hash != 0 {
		r.seen[b.hash] = b.MetricsGroup
	}
	b.CountersSince = r.start
	r.result.Groups = append(r.result.Groups, b.MetricsGroup)
}

func (r *run) add(g *pluginsdk.MetricsGroup, m *Metric, name string, n pluginsdk.Number) {
	r.addMetric(g, m, pluginsdk.Metric{Name: name, Type: pluginsdk.Gauge, Value: n})
}

func (r *run) addMetric(g *pluginsdk.MetricsGroup, m *Metric, one pluginsdk.Metric) {
	one.Timestamp, one.Unit = r.now, m.Unit
	if err := g.AddMetric(one); err != nil { // the name is valid, so it is there already
		r.drop(DropDuplicate)
	}
}

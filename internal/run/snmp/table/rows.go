package table

import (
	"math"
	"slices"
	"sort"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
)

// each goes through the rows of columns in the order of indexes: visit is called once for each index that any of them has.
func (r *run) each(columns []int, visit func(index ber.OID)) {
	for {
		var least ber.OID
		found := false
		for _, c := range columns {
			if cells := &r.cells[c]; r.pos[c] < cells.len() {
				index := cells.index(r.pos[c])
				if !found || index != least && index.Compare(least) < 0 {
					least, found = index, true
				}
			}
		}
		if !found {
			return
		}
		visit(least)
		for _, c := range columns {
			if cells := &r.cells[c]; r.pos[c] < cells.len() && cells.index(r.pos[c]) == least {
				r.pos[c]++
			}
		}
	}
}

// rewind begins columns anew for each.
func (r *run) rewind(columns []int) {
	for _, c := range columns {
		r.pos[c] = 0
	}
}

// at returns the value of a column in the row that each visits.
func (r *run) at(c int, index ber.OID) (v ber.Value, found bool) {
	cells := &r.cells[c]
	if r.p.columns[c].Single {
		return single(cells)
	}
	pos, n := r.pos[c], cells.len()
	for pos < n {
		here := cells.index(pos)
		if found = here == index; found || here.Compare(index) > 0 {
			break
		}
		pos++
	}
	r.pos[c] = pos
	if !found {
		return v, false
	}
	return cells.value(pos), true
}

func single(c *cells) (v ber.Value, found bool) {
	if c.len() == 0 {
		return v, false
	}
	return c.value(0), true
}

// find returns the value of a column at any key.
func (r *run) find(c int, key ber.OID) (v ber.Value, found bool) {
	cells := &r.cells[c]
	if r.p.columns[c].Single {
		return single(cells)
	}
	i, found := sort.Find(cells.len(), func(i int) int { return key.Compare(cells.index(i)) })
	if !found {
		return v, false
	}
	return cells.value(i), true
}

// fill fills the slots of a row, and says whether its index is what the table says.
func (r *run) fill(t *Table, index ber.OID) bool {
	r.slots, r.exact = r.slots[:0], true
	if !t.Scalar {
		reader := indexReader{left: index, pad: t.PadIndex}
		for i := range t.Index {
			r.slots = append(r.slots, reader.read(&t.Index[i]))
		}
		if r.exact = !reader.short && reader.left.IsZero(); !r.exact && !t.PadIndex {
			return false
		}
	}
	for i := range t.Lookups {
		r.slots = append(r.slots, r.look(&t.Lookups[i], index))
	}
	return true
}

// look finds the value of a lookup. A column that could not be fetched is not stood in for by the next one: its values
// would be others, and the series with them.
func (r *run) look(l *Lookup, index ber.OID) (s slot) {
	own := l.Key == nil || l.Whole && r.exact
	key, ok := index, true
	if !own {
		key, s.failed, ok = r.key(l.Key, index)
	}
	if !ok {
		return s
	}
	for _, c := range l.Columns {
		if own {
			s.value, s.exists = r.at(c, index)
		} else {
			s.value, s.exists = r.find(c, key)
		}
		switch {
		case s.exists:
			s.arcs, s.isKey = keyOf(s.value, l.ZeroKey)
			return s
		case r.cells[c].err != nil:
			s.failed = true
			return s
		case r.p.columns[c].Refresh > 0:
			r.lacks(c, key)
		}
	}
	return s
}

// key puts a key together. ok is false where a part of it is not there; failed says that it could not be fetched.
func (r *run) key(parts []KeyPart, index ber.OID) (key ber.OID, failed, ok bool) {
	for i := range parts {
		arcs, failed, ok := r.keyPart(&parts[i], index)
		if !ok {
			return key, failed, false
		}
		key = key.Join(arcs)
	}
	return key, false, true
}

func (r *run) keyPart(p *KeyPart, index ber.OID) (arcs ber.OID, failed, ok bool) {
	if p.Slots == nil {
		_, rest, _ := index.Split(p.From)
		arcs, _, ok = rest.Split(p.To - p.From)
		return arcs, false, ok
	}
	for _, slot := range p.Slots {
		if s := &r.slots[slot]; s.exists {
			return s.arcs, false, s.isKey
		} else if s.failed {
			return arcs, true, false
		}
	}
	return arcs, false, false
}

// keyOf returns a value as part of a key: an integer as one arc, an address as four, of an OID its last arc. ok is false
// where it can be none.
func keyOf(v ber.Value, zero bool) (arcs ber.OID, ok bool) {
	switch n, isNumber := v.Uint(); {
	case isNumber && n <= math.MaxUint32:
		return ber.MakeOID(uint32(n)), true
	case v.Type().Number():
		return arcs, false
	case zero:
		return ber.MakeOID(0), true
	case v.Type() == ber.IPAddress && len(v.Bytes()) == 4:
		b := v.Bytes()
		return ber.MakeOID(uint32(b[0]), uint32(b[1]), uint32(b[2]), uint32(b[3])), true
	case v.Type() == ber.ObjectID && !v.OID().IsZero():
		_, last, _ := v.OID().Split(v.OID().Len() - 1)
		return last, true
	}
	return arcs, false
}

// keeps says whether a row meets the conditions of its table. failed says that this is not known.
func (r *run) keeps(t *Table) (kept, failed bool) {
	for i := range t.Keep {
		k := &t.Keep[i]
		s := &r.slots[k.Slot]
		if s.failed {
			return false, true
		}
		if r.meets(k, s) == k.Not {
			return false, false
		}
	}
	return true, false
}

func (r *run) meets(k *Condition, s *slot) bool {
	if !s.exists {
		return false
	}
	text, ok := k.Text.apply(s.value, s.formatOr(k.Text.Format))
	return ok && (k.Is == nil || slices.Contains(k.Is, text)) && (k.Matches == nil || k.Matches.MatchString(text))
}

// formatOr is the format of a slot whose index says it, else f.
func (s *slot) formatOr(f Format) Format {
	if f == FormatNone {
		return s.format
	}
	return f
}

// narrowed adds the columns of which only kept rows are fetched, with these rows; or all of them where most are kept.
func (r *run) narrowed(columns []int) []int {
	for i, t := range r.p.tables {
		var open []int
		for _, c := range t.aligned {
			if r.p.columns[c].narrow == i && !r.have[c] {
				open = append(open, c)
			}
		}
		if len(open) == 0 {
			continue
		}
		kept, all, known := r.keptRows(t)
		r.state.kept(i, len(kept), all)
		for _, c := range open {
			if known && len(kept)*2 <= all {
				r.only[c] = kept
			}
			columns = append(columns, c)
		}
	}
	return columns
}

// keptRows returns the indexes of the rows that meet the conditions of a table, and how many there are in all. It is not
// known where the conditions do not look into a column by the row's own index.
func (r *run) keptRows(t *Table) (kept []ber.OID, all int, known bool) {
	var columns []int
	for _, slot := range t.keepSlots() {
		if l := t.lookup(slot); l != nil && l.own() {
			columns = append(columns, l.Columns...)
		}
	}
	r.rewind(t.aligned)
	kept = []ber.OID{}
	r.each(columns, func(index ber.OID) {
		all++
		if r.fill(t, index) {
			if ok, _ := r.keeps(t); ok {
				kept = append(kept, index)
			}
		}
	})
	return kept, all, len(columns) > 0
}

// filtered adds the columns that a filter restricts, with the rows that it allows. A filter whose column failed restricts
// nothing.
func (r *run) filtered(columns []int) []int {
	for i := range r.p.columns {
		c := &r.p.columns[i]
		if c.filter == None || r.have[i] {
			continue
		}
		columns = append(columns, i)
		f := &r.p.filters[c.filter]
		from := &r.cells[f.Column]
		if from.err != nil {
			continue
		}
		r.only[i] = []ber.OID{}
		for k := range from.len() {
			if index := from.index(k); !index.IsZero() && f.allows(from.value(k)) {
				_, last, _ := index.Split(index.Len() - 1)
				r.only[i] = append(r.only[i], last)
			}
		}
	}
	return columns
}

func (f *Filter) allows(v ber.Value) bool {
	text := textOf(v, FormatText)
	for _, p := range f.Patterns {
		if p.MatchString(text) {
			return true
		}
	}
	return false
}

// stale returns the columns from the cache that have to be fetched after all: the device has started anew, or a row asks
// for a key that they did not have when they were fetched.
func (r *run) stale() []int {
	var cached []int
	for c := range r.p.columns {
		if r.cells[c].old && r.cells[c].err == nil {
			cached = append(cached, c)
		}
	}
	if len(cached) == 0 {
		return nil
	}
	if r.result.Restarted {
		return cached
	}
	r.probing = true
	for _, t := range r.p.tables {
		if !slices.ContainsFunc(t.Lookups, func(l Lookup) bool {
			return slices.ContainsFunc(l.Columns, func(c int) bool { return slices.Contains(cached, c) })
		}) {
			continue
		}
		fetched := slices.DeleteFunc(slices.Clone(t.aligned), func(c int) bool { return !r.have[c] || slices.Contains(cached, c) })
		r.rewind(t.aligned)
		r.each(fetched, func(index ber.OID) { r.fill(t, index) })
	}
	r.probing = false
	return r.wanted
}

// lacks notes that a cached column has not a key: to fetch it, or that there is no use in that.
func (r *run) lacks(c int, key ber.OID) {
	cached := r.state.cache[c]
	if cached == nil {
		return
	}
	_, known := cached.missing[key]
	switch {
	case known:
	case !r.probing:
		if cached.missing == nil {
			cached.missing = map[ber.OID]struct{}{}
		}
		cached.missing[key.Clone()] = struct{}{}
	case !slices.Contains(r.wanted, c):
		r.wanted = append(r.wanted, c)
	}
}

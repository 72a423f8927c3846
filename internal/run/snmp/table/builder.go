package table

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/engine"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Builder makes a Program. It is not safe for concurrent use.
type Builder struct {
	program Program
	columns map[string]int
	errs    []error
}

// NewBuilder returns a Builder of an empty Program.
func NewBuilder() *Builder {
	return &Builder{program: Program{uptime: None}, columns: map[string]int{}}
}

// Walked returns the column of that OID, which is walked. Of two refresh times the shorter counts.
func (b *Builder) Walked(oid ber.OID, refresh time.Duration) int {
	return b.Column(Column{OID: oid, Refresh: refresh})
}

// Scalar returns the column of one value, whose OID has the index at its end.
func (b *Builder) Scalar(oid ber.OID, refresh time.Duration) int {
	base, index, _ := oid.Split(oid.Len() - 1)
	return b.Column(Column{OID: base, Rows: []ber.OID{index}, Single: true, Refresh: refresh})
}

// Column returns the number of a column, which it adds where there is none like it.
func (b *Builder) Column(c Column) int {
	key := fmt.Sprint(c.OID, c.Rows, c.Under, c.Single)
	if i, ok := b.columns[key]; ok {
		have := &b.program.columns[i]
		have.Refresh = min(have.Refresh, c.Refresh)
		return i
	}
	c.narrow, c.filter = None, None
	b.program.columns = append(b.program.columns, c)
	b.columns[key] = len(b.program.columns) - 1
	return len(b.program.columns) - 1
}

// Uptime sets the variable that tells how long the device has run, in hundredths of a second where its type is TimeTicks,
// else in seconds.
func (b *Builder) Uptime(oid ber.OID) {
	b.program.uptime, b.program.uptimeOID = b.Scalar(oid, 0), oid
}

// Filter restricts columns, see Filter.
func (b *Builder) Filter(f Filter, restricts []int) {
	b.program.filters = append(b.program.filters, f)
	for _, c := range restricts {
		b.program.columns[c].filter = len(b.program.filters) - 1
	}
}

// Table adds a table, which is the Program's from then on.
func (b *Builder) Table(t *Table) {
	b.program.tables = append(b.program.tables, t)
	if err := t.check(); err != nil {
		b.errs = append(b.errs, fmt.Errorf("group %q: %w", t.Group, err))
	}
}

// Program returns what was built.
func (b *Builder) Program() (*Program, error) {
	p := &b.program
	if len(p.tables) == 0 {
		return nil, errors.New("there are no groups")
	}
	if err := errors.Join(b.errs...); err != nil {
		return nil, err
	}
	for _, t := range p.tables {
		t.link(p)
	}
	for i, t := range p.tables {
		if len(t.Keep) > 0 {
			p.narrow(i)
		}
	}
	p.all = &engine.Request{}
	for _, c := range p.columns {
		p.all.Columns = append(p.all.Columns, engine.Column{
			Base: c.OID.Join(c.Under), Rows: c.Rows, Repetitions: c.Repetitions, AnyOrder: c.AnyOrder,
		})
	}
	return p, nil
}

// check checks the names of what a table makes, and that all of them are different.
func (t *Table) check() error {
	var errs []error
	if len(t.Metrics) == 0 {
		errs = append(errs, errors.New("there are no metrics"))
	}
	seen := map[string]bool{}
	for i := range t.Metrics {
		m := &t.Metrics[i]
		names := []string{m.Name}
		if m.Shape == ShapeExtracts {
			names = names[:0]
			for _, e := range m.Extracts {
				names = append(names, m.Name+e.Suffix)
			}
		}
		for _, name := range names {
			switch {
			case !pluginsdk.ValidName(name):
				errs = append(errs, fmt.Errorf("%q is no name of a metric: it must be letters, digits and _", name))
			case seen[name]:
				errs = append(errs, fmt.Errorf("metric %q is there twice", name))
			}
			seen[name] = true
		}
	}
	clear(seen)
	for _, d := range t.Dimensions {
		switch {
		case !pluginsdk.ValidName(d.Name):
			errs = append(errs, fmt.Errorf("%q is no name of a dimension: it must be letters, digits and _", d.Name))
		case seen[d.Name]:
			errs = append(errs, fmt.Errorf("dimension %q is there twice", d.Name))
		}
		seen[d.Name] = true
	}
	return errors.Join(errs...)
}

// link finds the columns whose rows are the table's, those that are looked up by the row's own index, and what columns
// are for.
func (t *Table) link(p *Program) {
	use := func(list *[]int, name string, columns ...int) {
		for _, c := range columns {
			if !slices.Contains(*list, c) {
				*list = append(*list, c)
			}
			if name != "" && !slices.Contains(p.columns[c].names, name) {
				p.columns[c].names = append(p.columns[c].names, name)
			}
		}
	}
	for i := range t.Metrics {
		use(&t.drivers, t.Metrics[i].Name, t.Metrics[i].Columns...)
	}
	t.aligned = slices.Clone(t.drivers)
	text := func(x *Text, name string) {
		if x.Subtypes != nil && x.Subtype != None {
			other := &[]int{}
			if x.SubtypeKey == nil {
				other = &t.aligned
			}
			use(other, name, x.Subtype)
		}
	}
	for i := range t.Metrics {
		text(&t.Metrics[i].Text, "")
	}
	for _, d := range t.Dimensions {
		text(&d.Text, d.Name)
		if l := t.lookup(d.Slot); l != nil {
			use(&[]int{}, d.Name, l.Columns...)
		}
	}
	for i := range t.Lookups {
		if t.Lookups[i].own() {
			use(&t.aligned, "", t.Lookups[i].Columns...)
		}
	}
	if t.Discontinuity != None {
		use(&t.aligned, "", t.Discontinuity)
	}
	t.unique = !t.PadIndex && !slices.ContainsFunc(t.Index, func(p IndexPart) bool { return !t.tells(p.Name) })
}

// tells says whether a dimension has a part of the index as it is.
func (t *Table) tells(part string) bool {
	return slices.ContainsFunc(t.Dimensions, func(d Dimension) bool {
		return d.Slot != None && d.Slot < len(t.Index) && t.Index[d.Slot].Name == part && d.Text.Enum == nil &&
			d.Text.Names == nil && d.Text.Pattern == nil
	})
}

// own says whether it looks by the row's own index.
func (l *Lookup) own() bool { return l.Key == nil || l.Whole }

// lookup returns the lookup that fills a slot, or nil.
func (t *Table) lookup(slot int) *Lookup {
	if slot < len(t.Index) {
		return nil
	}
	return &t.Lookups[slot-len(t.Index)]
}

// narrow marks the columns of which only the rows that a table keeps have to be fetched: those that it alone uses, by its
// own index, and that its conditions do not ask for.
func (p *Program) narrow(table int) {
	t := p.tables[table]
	asked := map[int]bool{}
	for _, slot := range t.keepSlots() {
		if l := t.lookup(slot); l != nil {
			for _, c := range l.Columns {
				asked[c] = true
			}
		}
	}
	for _, c := range t.aligned {
		column := &p.columns[c]
		if asked[c] || column.Refresh > 0 || column.Rows != nil || !column.Under.IsZero() || c == p.uptime || p.usedElsewhere(c, table) {
			continue
		}
		column.narrow = table
	}
}

// keepSlots returns the slots that the conditions need, with those that these need.
func (t *Table) keepSlots() []int {
	var slots []int
	var add func(slot int)
	add = func(slot int) {
		if slot == None || slices.Contains(slots, slot) {
			return
		}
		slots = append(slots, slot)
		if l := t.lookup(slot); l != nil {
			for _, part := range l.Key {
				for _, slot := range part.Slots {
					add(slot)
				}
			}
		}
	}
	for _, k := range t.Keep {
		add(k.Slot)
	}
	return slots
}

// usedElsewhere says whether a column is used by another table, or in this one by another key than the row's index.
func (p *Program) usedElsewhere(c, table int) bool {
	for i, t := range p.tables {
		if i != table && (slices.Contains(t.aligned, c) || t.looksUp(c)) || i == table && t.looksUp(c) {
			return true
		}
	}
	return slices.ContainsFunc(p.filters, func(f Filter) bool { return f.Column == c })
}

// looksUp says whether the table looks into a column by a key of its own.
func (t *Table) looksUp(c int) bool {
	for i := range t.Lookups {
		if !t.Lookups[i].own() && slices.Contains(t.Lookups[i].Columns, c) {
			return true
		}
	}
	for _, d := range t.Dimensions {
		if d.Text.SubtypeKey != nil && d.Text.Subtype == c {
			return true
		}
	}
	return false
}

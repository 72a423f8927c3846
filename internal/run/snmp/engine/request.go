package engine

import (
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
)

// Request is what is asked of a device in one call: Get and Columns together, or Bulk alone.
type Request struct {
	// Get names variables to read, such as 1.3.6.1.2.1.1.3.0.
	Get []ber.OID
	// Columns are what to walk. The engine packs them into as few packets as it can; their order means nothing to it.
	Columns []Column
	// Bulk is one GETBULK, answered as the agent answers it.
	Bulk *Bulk
	// MaxRows is how many rows all columns together may have, 0 for DefaultMaxRows. More are an error of the columns that are
	// not at their end by then.
	MaxRows int
}

// DefaultMaxRows is how many rows all columns of a request together have at most.
const DefaultMaxRows = 1 << 20

// Column is a subtree that is walked, or some rows of it.
type Column struct {
	// Base is where the subtree begins: for a column of a table the OID without the index, for a table that of its entry.
	Base ber.OID
	// Rows are the indices of the rows to read. Nil stands for all: the column is walked. Otherwise just these are asked for,
	// and those that the device does not have are left out.
	Rows []ber.OID
	// Repetitions is how many rows to ask for at a time while nothing is known of the column's length, 0 for as many as fit.
	Repetitions int
	// AnyOrder lets a walk go on where the agent's answers do not ascend. One that comes twice is an error all the same: the
	// agent goes round in circles. The rows of the result ascend.
	AnyOrder bool
}

// Bulk is one GETBULK request (RFC 3416, section 4.2.3). Agents of version 1 are asked with GETNEXT.
type Bulk struct {
	NonRepeaters, MaxRepetitions int
	OIDs                         []ber.OID
}

// Result is what came of a request. It is the caller's and does not change.
type Result struct {
	// Variables are, for Get, one for each OID in its order; for Bulk what the agent answered, in its order, exceptions
	// included.
	Variables []Variable
	// Columns are in the order of the request.
	Columns []Rows
	Stats   Stats
	// Err is nil if all that was asked for came: that a variable or a row is not there is no error. Otherwise it is the first
	// error of any variable or column, and names the target.
	Err error
}

// Variable is a variable that was asked for.
type Variable struct {
	Name ber.OID
	// Value is what the agent gave, which may be an exception: ber.NoSuchObject, ber.NoSuchInstance, ber.EndOfMibView. An agent
	// of version 1, which cannot tell them apart, has ber.NoSuchInstance.
	Value ber.Value
	// Err is why there is no value.
	Err error
}

// Rows are the rows of a column in the order of their indices, which ascend. The methods may be called from several
// goroutines.
type Rows struct {
	// Base is that of the column.
	Base ber.OID
	// Err is what ended the column early. The rows that came before are there: the column is partial.
	Err error

	cells []cell
	text  string
}

// cell is a row without pointers, so that the garbage collector has nothing to look at.
type cell struct {
	num    uint64 // a whole number, or where other values begin in the text (upper half) and their length
	index  uint32 // where the index begins in the text
	length uint16 // the length of the index
	kind   ber.Type
}

// Len is the number of rows.
func (r *Rows) Len() int { return len(r.cells) }

// Partial says that rows are missing at the end, see Err.
func (r *Rows) Partial() bool { return r.Err != nil }

// Index is the index of a row: the arcs that follow the base. It costs no memory.
func (r *Rows) Index(row int) ber.OID {
	c := &r.cells[row]
	return ber.OIDOf(r.text[c.index : c.index+uint32(c.length)])
}

// Value is the value of a row. It costs no memory.
func (r *Rows) Value(row int) ber.Value {
	c := &r.cells[row]
	switch {
	case c.kind.Number():
		return ber.NumberValue(c.kind, c.num)
	case c.kind == ber.ObjectID:
		return ber.ObjectIDValue(ber.OIDOf(c.octets(r.text)))
	}
	return ber.OctetsValue(c.kind, c.octets(r.text))
}

func (c *cell) octets(text string) string {
	begin := uint32(c.num >> 32)
	return text[begin : begin+uint32(c.num)]
}

// Find returns the row of an index. It searches near the row that is given first, which makes it cheap to go through the
// rows of two columns side by side.
func (r *Rows) Find(index ber.OID, near int) (row int, found bool) {
	if near < len(r.cells) && r.Index(near) == index {
		return near, true
	}
	low, high := 0, len(r.cells)
	for low < high {
		middle := int(uint(low+high) >> 1)
		switch order := r.Index(middle).Compare(index); {
		case order == 0:
			return middle, true
		case order < 0:
			low = middle + 1
		default:
			high = middle
		}
	}
	return low, false
}

// Each calls visit with each variable that came.
func (r *Result) Each(visit func(ber.OID, ber.Value)) {
	for i := range r.Variables {
		if v := &r.Variables[i]; v.Err == nil {
			visit(v.Name, v.Value)
		}
	}
	for i := range r.Columns {
		c := &r.Columns[i]
		for row := range c.Len() {
			visit(c.Base.Join(c.Index(row)), c.Value(row))
		}
	}
}

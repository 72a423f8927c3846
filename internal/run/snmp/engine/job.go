package engine

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"unsafe"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/usm"
)

// job is a request that is being answered. It decides what to ask next (plan.go) and takes the answers (answer.go); how
// these come it does not know. It belongs to one goroutine at a time: to who holds the lock of its loop, or to the caller
// where an Agent answers.
type job struct {
	target  *Target
	request *Request
	memory  *memory

	reads   []read
	pending []int32 // the reads to ask for
	columns []column
	idle    []int32 // the columns to go on with
	bulk    bool    // request.Bulk is to be asked

	variables []Variable
	wires     []byte // of all columns
	text      []byte // indices and octets of all columns
	rows      int
	maxRows   int
	stats     Stats
	err       error // the first error
	under     int   // exchanges under way

	// What it needs on its way to a device.
	device   *device // nil before it is there, and after
	live     []*exchange
	user     *usm.User // nil but for version 3
	keys     *usm.Keys
	restarts int // since the device's engine was another
	stop     func() bool
	done     func(*Result)
	final    *Result

	overhead int // bytes of an answer besides its variables
	most     int // how many variables an answer may have, since more were too many
	good     int // good answers since most last changed
	refusals int // answers since the last that brought something
	plan     *planner
}

// read is a variable to get. It becomes a variable of the result, or a row of a column.
type read struct {
	name    ber.OID
	column  int32 // -1 for a variable of the result
	place   int32 // which variable, or which row
	alone   bool  // asked for alone, since it was the error of others
	settled bool  // it has its value or its error
}

// column is a column of a request while it is walked. What each variable needs comes first, so that it lies together.
type column struct {
	cells  []cell
	head   uint64 // of wire, the first eight bytes, see setUsual
	tail   uint64 // the last eight
	bytes  int    // of all variables that belong to it
	usual  uint8  // the length of wire, 0 if it is none that is usual
	done   bool
	silent bool // the device answered, but not for this column alone

	wire    []byte // the bytes of base in a message, nil where it has less than two arcs
	base    ber.OID
	learned learned
	hint    int
	most    int // if not 0, how many rows may be asked for at a time, and alone, since more were an error
	doubts  int // how often the device answered, but not for this column and others, since it last did
	err     error

	anyOrder bool
	seen     map[string]struct{} // the indices, where they did not ascend; nil where they do
}

// The bounds of what one request may bring or ask.
const (
	maxText  = 256 << 20
	maxNames = 1 << 16
)

// newJob makes a job, which is over at once if the request cannot be sent.
func newJob(t *Target, r *Request) *job {
	j := &job{target: t, request: r, overhead: t.overhead(), most: math.MaxInt}
	if j.maxRows = r.MaxRows; j.maxRows <= 0 {
		j.maxRows = DefaultMaxRows
	}
	if err := j.prepare(); err != nil {
		j.abort(err)
	}
	return j
}

func (j *job) prepare() error {
	r := j.request
	j.variables = make([]Variable, len(r.Get))
	j.columns = newColumns(len(r.Columns))
	j.idle = make([]int32, 0, len(r.Columns))
	j.wires = make([]byte, 0, usualMost*len(r.Columns))
	for i, name := range r.Get {
		j.variables[i].Name = name
		j.reads = append(j.reads, read{name: name, column: -1, place: int32(i)})
	}
	for i := range r.Columns {
		j.prepareColumn(int32(i), &r.Columns[i])
	}
	for i := range slices.Backward(j.reads) { // they are taken from the end
		j.pending = append(j.pending, int32(i))
	}
	if n := len(j.reads) + len(j.columns); n > maxNames {
		return fmt.Errorf("a request for %d variables and columns, limit is %d", n, maxNames)
	}
	for i := range j.reads {
		if err := checkName(j.reads[i].name); err != nil {
			return err
		}
	}
	for i := range j.columns {
		if err := checkName(j.columns[i].base); err != nil {
			return err
		}
	}
	if r.Bulk != nil {
		return j.prepareBulk()
	}
	return nil
}

// checkName says whether messages can have a name.
func checkName(name ber.OID) error {
	var room [256]byte
	_, err := name.AppendContent(room[:0])
	return err
}

func (j *job) prepareBulk() error {
	b := j.request.Bulk
	if len(j.reads)+len(j.columns) > 0 {
		return errors.New("a request for a GETBULK and for something else")
	}
	if len(b.OIDs) > maxNames || min(b.NonRepeaters, b.MaxRepetitions) < 0 || max(b.NonRepeaters, b.MaxRepetitions) > math.MaxInt32 {
		return fmt.Errorf("a GETBULK of %d variables, %d non-repeaters and %d repetitions", len(b.OIDs), b.NonRepeaters, b.MaxRepetitions)
	}
	for _, name := range b.OIDs {
		if err := checkName(name); err != nil {
			return err
		}
	}
	j.bulk = true
	return nil
}

func (j *job) prepareColumn(i int32, from *Column) {
	c := &j.columns[i]
	c.base, c.hint, c.anyOrder = from.Base, from.Repetitions, from.AnyOrder
	if from.Rows != nil {
		c.done = true
		rows := from.Rows
		if len(rows) > 1 {
			rows = slices.Compact(slices.SortedFunc(slices.Values(rows), ber.OID.Compare))
		}
		c.cells = make([]cell, len(rows))
		for row, index := range rows {
			c.cells[row].index, c.cells[row].length = j.keep(index)
			j.reads = append(j.reads, read{name: c.base.Join(index), column: i, place: int32(row)})
		}
		return
	}
	if c.base.Len() > 1 {
		if wires, err := c.base.AppendContent(j.wires); err == nil {
			c.wire, j.wires = wires[len(j.wires):len(wires):len(wires)], wires
		}
		if !c.anyOrder {
			c.setUsual()
		}
	}
	j.idle = append(j.idle, i)
}

// attach gives the job the memory of its device, and a planner, which it shares with others.
func (j *job) attach(m *memory, p *planner) {
	j.memory, j.plan = m, p
	context := contextKey(j.target.context())
	for _, i := range j.idle {
		c := &j.columns[i]
		c.learned = m.find(columnKey(context, c.base))
		if c.learned.silent() {
			c.most = 1
		}
	}
}

// makeRoom makes room for all rows that columns are thought to have, once the first of them come: a job that waits is small.
func (j *job) makeRoom(columns []int32) {
	rows := 0
	for _, i := range columns {
		if c := &j.columns[i]; c.cells == nil && !c.done {
			rows += int(c.learned.rows)
		}
	}
	if rows == 0 {
		return
	}
	all := make([]cell, min(rows, j.maxRows)) // for all of them at once; one that grew gets its own
	for _, i := range columns {
		if c := &j.columns[i]; c.cells == nil && !c.done {
			n := min(int(c.learned.rows), len(all))
			c.cells, all = all[:0:n], all[n:]
		}
	}
}

// ready says whether there is something to ask.
func (j *job) ready() bool { return j.bulk || len(j.idle) > 0 || len(j.pending) > 0 }

// over says whether nothing is left to do.
func (j *job) over() bool { return j.under == 0 && !j.ready() }

// fail ends a column with an error.
func (j *job) fail(c *column, err error) {
	c.done = true
	c.err = fmt.Errorf("%s: walk of %s: %w", j.target.label(), c.base, err)
	j.note(c.err)
}

func (j *job) note(err error) {
	if j.err == nil {
		j.err = err
	}
}

// failRead ends a read with an error.
func (j *job) failRead(r *read, err error) {
	r.settled = true
	err = fmt.Errorf("%s: %w", j.target.label(), err)
	j.note(err)
	if r.column < 0 {
		j.variables[r.place].Err = err
		return
	}
	if c := &j.columns[r.column]; c.err == nil {
		c.err = err
	}
}

// abort ends all that is not done with an error. Exchanges that are under way must not be answered any more.
func (j *job) abort(err error) {
	for i := range j.columns {
		if c := &j.columns[i]; !c.done {
			c.done = true
			c.err = fmt.Errorf("%s: walk of %s: %w", j.target.label(), c.base, err)
		}
	}
	for _, i := range j.pending {
		j.failRead(&j.reads[i], err)
	}
	j.note(fmt.Errorf("%s: %w", j.target.label(), err))
	j.bulk, j.idle, j.pending = false, nil, nil
}

// result makes the result of a job that is over, and lets the memory learn of it.
func (j *job) result() *Result {
	r := &Result{Variables: j.variables, Stats: j.stats, Err: j.err}
	if len(j.columns) == 0 {
		return r
	}
	// Nothing writes to the text any more.
	text := unsafe.String(unsafe.SliceData(j.text), len(j.text))
	r.Columns = make([]Rows, len(j.columns))
	for i := range j.columns {
		c := &j.columns[i]
		if j.request.Columns[i].Rows != nil {
			c.cells = slices.DeleteFunc(c.cells, func(c cell) bool { return c.kind == 0 })
		} else if c.err == nil {
			j.remember(c)
		} else if c.silent {
			j.memory.keep(learned{key: c.learned.key, rows: silentRows})
		}
		if c.seen != nil {
			slices.SortFunc(c.cells, func(a, b cell) int { return ber.CompareIndex(j.index(&a), j.index(&b)) })
		}
		r.Columns[i] = Rows{Base: c.base, Err: c.err, cells: c.cells, text: text}
	}
	spare := j.columns
	clear(spare)
	spareColumns.Put(&spare)
	j.columns = nil
	return r
}

// spareColumns has the columns of jobs that are over: they are most of what a job needs besides its rows.
var spareColumns sync.Pool

func newColumns(n int) []column {
	if n > 0 {
		if spare, ok := spareColumns.Get().(*[]column); ok && cap(*spare) >= n {
			return (*spare)[:n]
		}
	}
	return make([]column, n)
}

func (j *job) remember(c *column) {
	l := learned{key: c.learned.key, rows: uint16(min(len(c.cells), maxLearnedRows)), bytes: uint16(c.size())}
	if l != c.learned {
		j.memory.keep(l)
	}
}

// keep puts an index into the text.
func (j *job) keep(o ber.OID) (begin uint32, n uint16) {
	begin = uint32(len(j.text))
	j.text = o.AppendIndex(j.text)
	return begin, uint16(uint32(len(j.text)) - begin)
}

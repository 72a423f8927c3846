package table

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/engine"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Ask asks one device, as Engine.Do does.
type Ask func(ctx context.Context, r *engine.Request) *engine.Result

// cell is a row of a column that lies in memory of its own.
type cell struct {
	index ber.OID
	value ber.Value
}

// cells are the rows of a column in the order of their indexes: as the engine has them, or a list.
type cells struct {
	rows *engine.Rows
	list []cell
	old  bool // they come from the cache
	err  error
}

func (c *cells) len() int {
	if c.rows != nil {
		return c.rows.Len()
	}
	return len(c.list)
}

func (c *cells) index(i int) ber.OID {
	if c.rows != nil {
		return c.rows.Index(i)
	}
	return c.list[i].index
}

func (c *cells) value(i int) ber.Value {
	if c.rows != nil {
		return c.rows.Value(i)
	}
	return c.list[i].value
}

// run is one run of a Program. Runs are used again, for their memory.
type run struct {
	p      *Program
	ask    Ask
	state  *State
	target Target

	cells    []cells     // by column
	have     []bool      // by column: it was fetched, or comes from the cache
	pos      []int       // by column: how far rows were gone through
	wanted   []int       // cached columns that lack a row
	only     [][]ber.OID // by column: the rows that are read, where not all are
	kept     []int       // by table
	all      []int       // by table
	slots    []slot
	dims     []dimension
	seen     map[uint64]*pluginsdk.MetricsGroup // groups of a table by hash of their dimensions
	now      pluginsdk.Number                   // of target
	start    time.Time                          // of the row's counters
	bootTime time.Time
	exact    bool // the row's index has all the parts that its table says, and no more
	probing  bool // cached columns are only asked for what they lack
	result   Result
}

var runs = sync.Pool{New: func() any { return &run{seen: map[uint64]*pluginsdk.MetricsGroup{}} }}

// Run polls a device. Its error says that nothing came at all; otherwise Result.Failures says what is missing.
func (p *Program) Run(ctx context.Context, ask Ask, s *State, t Target) (Result, error) {
	r := runs.Get().(*run)
	defer func() {
		r.reset()
		runs.Put(r)
	}()
	r.p, r.ask, r.state, r.target, r.now = p, ask, s, t, pluginsdk.UnixTime(t.Now)
	r.cells = resize(r.cells, len(p.columns))
	r.have = resize(r.have, len(p.columns))
	r.pos = resize(r.pos, len(p.columns))
	r.only = resize(r.only, len(p.columns))
	r.kept, r.all = resize(r.kept, len(p.tables)), resize(r.all, len(p.tables))
	r.fetchAll(ctx)
	if err := r.failures(); err != nil {
		return Result{}, err
	}
	if t.Room != nil {
		t.Room(ctx)
	}
	for i := range p.tables {
		r.table(i)
	}
	return r.result, nil
}

// resize returns a slice of n zeros, in the memory of s if it is large enough.
func resize[T any](s []T, n int) []T {
	s = slices.Grow(s[:0], n)[:n]
	clear(s)
	return s
}

// reset forgets all that the run saw, so that the pool keeps none of it alive.
func (r *run) reset() {
	clear(r.cells)
	clear(r.only)
	clear(r.slots[:cap(r.slots)])
	clear(r.dims[:cap(r.dims)])
	clear(r.seen)
	r.p, r.ask, r.state, r.target, r.result = nil, nil, nil, Target{}, Result{}
	r.start, r.bootTime, r.wanted = time.Time{}, time.Time{}, r.wanted[:0]
}

// fetchAll fetches in up to two steps: what does not depend on rows; then the rows that are kept, and slow columns that
// turn out to lack a row.
func (r *run) fetchAll(ctx context.Context) {
	first := make([]int, 0, len(r.p.columns))
	for i := range r.p.columns {
		c := &r.p.columns[i]
		if old := r.state.cache[i]; old != nil && r.target.Now.Before(old.until) {
			r.cells[i], r.have[i] = cells{list: old.cells, old: true}, true
			continue
		}
		if c.filter == None && (c.narrow == None || r.state.isWide(c.narrow)) {
			first = append(first, i)
		}
	}
	r.fetch(ctx, first)
	if r.boot(); r.result.Restarted {
		r.state.cache = nil // indexes may mean something else now
	}
	second := r.filtered(r.narrowed(nil))
	r.fetch(ctx, append(second, r.stale()...))
}

// fetch fetches columns.
func (r *run) fetch(ctx context.Context, columns []int) {
	if len(columns) == 0 {
		return
	}
	request := r.p.all // which all runs share
	asked := columns
	if len(columns) < len(r.p.columns) || slices.ContainsFunc(r.only, func(rows []ber.OID) bool { return rows != nil }) {
		request, asked = r.part(columns)
	}
	if len(asked) == 0 {
		return
	}
	answer := r.ask(ctx, request)
	for k, i := range asked {
		r.store(i, &answer.Columns[k])
	}
}

// part is the request for some columns, without those of which no row is wanted.
func (r *run) part(columns []int) (request *engine.Request, asked []int) {
	request, asked = &engine.Request{}, columns[:0]
	for _, i := range columns {
		one := r.p.all.Columns[i]
		if r.only[i] != nil {
			one.Rows = r.only[i]
		}
		if one.Rows == nil || len(one.Rows) > 0 {
			asked, request.Columns = append(asked, i), append(request.Columns, one)
		}
	}
	return request, asked
}

// store keeps what came for a column. A slow column that could not be fetched keeps its old rows.
func (r *run) store(i int, rows *engine.Rows) {
	c := &r.p.columns[i]
	out := cells{rows: rows, err: rows.Err}
	if !c.Under.IsZero() {
		out.rows, out.list = nil, make([]cell, rows.Len())
		for k := range out.list {
			out.list[k] = cell{c.Under.Join(rows.Index(k)), rows.Value(k)}
		}
	}
	if c.Refresh > 0 {
		switch old := r.state.cache[i]; {
		case out.err == nil:
			out = cells{list: r.state.keep(i, &out, r.target.Now.Add(c.Refresh))}
		case old != nil:
			out = cells{list: old.cells, old: true, err: out.err}
		}
	}
	r.cells[i], r.have[i] = out, true
}

// boot works out when the device started.
func (r *run) boot() {
	if r.p.uptime == None {
		return
	}
	if c := &r.cells[r.p.uptime]; c.len() > 0 {
		v := c.value(0)
		unit := time.Second
		if v.Type() == ber.TimeTicks {
			unit = 10 * time.Millisecond
		}
		if n, ok := v.Uint(); ok && n < math.MaxInt64/uint64(time.Second) {
			start := r.target.Boot.seen(time.Duration(n)*unit, v.Type() == ber.TimeTicks, r.target.Now)
			r.result.Restarted = !r.state.start.IsZero() && !start.Equal(r.state.start)
			r.state.start = start
		}
	}
	r.bootTime = r.state.start
}

// failures lists the columns that did not come. Where not a single value came at all it is an error.
func (r *run) failures() error {
	values := 0
	for i := range r.p.columns {
		c := &r.cells[i]
		if !c.old {
			values += c.len()
		}
		if c.err != nil {
			r.result.Failures = append(r.result.Failures, Failure{
				OID: r.p.columns[i].OID, Uses: r.p.columns[i].names, Rows: c.len(), Err: c.err,
			})
		}
	}
	if values > 0 || len(r.result.Failures) == 0 {
		return nil
	}
	return r.result.Failures[0].Err
}

func (r *run) drop(reason Reason) {
	if r.result.Dropped == nil {
		r.result.Dropped = map[Reason]int{}
	}
	r.result.Dropped[reason]++
}

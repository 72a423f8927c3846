package engine

import (
	"cmp"
	"slices"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/message"
)

// guessedRows is how long a column is thought to be of which nothing is known.
const guessedRows = 10

// window is how many columns are looked at to make a plan.
const window = 128

// planner packs columns and rows into answers.
type planner struct {
	order []candidate
	sums  []int // the sizes of a row of the first 0, 1, 2 … columns
	most  int   // how many variables an answer may have

	oneRow   bool // GETNEXT
	parallel bool // two requests may be under way
}

type candidate struct {
	column int32
	left   int32 // rows to ask for, with one behind the last
	size   int32 // of a variable
}

// group is what one request asks for: the first columns of the order, and how many rows of each.
type group struct{ columns, rows, packets int }

// size is the size of a variable of the column in an answer.
func (c *column) size() int {
	switch {
	case len(c.cells) > 0:
		return (c.bytes + len(c.cells) - 1) / len(c.cells)
	case c.learned.bytes > 0:
		return int(c.learned.bytes)
	}
	return len(c.wire) + 16
}

// left is how many variables have to be asked for to see the column's end: one more than it has rows.
func (c *column) left() int {
	if c.learned.bytes > 0 && c.learned.rows < maxLearnedRows {
		if left := int(c.learned.rows) + 1 - len(c.cells); left > 0 {
			return left
		}
		return max(2, len(c.cells)/8) // it has grown
	}
	if len(c.cells) == 0 && c.hint > 0 {
		return c.hint
	}
	return max(guessedRows, len(c.cells))
}

// next makes the next exchange of the job, or returns false if there is nothing to ask before an answer comes.
func (j *job) next(x *exchange) bool {
	switch {
	case j.bulk:
		j.bulk = false
		x.kind = message.GetBulkRequest
		if j.target.Credentials.Version == V1 {
			x.kind = message.GetNextRequest
		}
		x.raw = true
	case len(j.idle) > 0:
		j.nextColumns(x)
	case len(j.pending) > 0:
		j.nextReads(x)
	default:
		return false
	}
	j.under++
	return true
}

// nextColumns takes columns that go well together, and variables that fit beside them.
func (j *job) nextColumns(x *exchange) {
	x.kind = message.GetBulkRequest
	oneRow := j.target.Credentials.Version == V1
	if oneRow {
		x.kind = message.GetNextRequest
	}
	j.plan.look(j, oneRow)
	if len(j.plan.order) == 0 { // what is asked for alone comes last, since it may have no answer
		c := &j.columns[j.idle[0]]
		x.columns = append(x.columns, j.idle[0])
		x.plan(group{columns: 1, rows: c.most}, c.most*c.size())
		j.idle = slices.Delete(j.idle, 0, 1)
		return
	}
	room := int(j.memory.answer) - j.overhead
	best := j.plan.choose(room)
	scalars, n := j.scalars()
	beside := group{}
	if n > 0 && scalars <= room/2 && n <= j.most/2 {
		j.plan.most -= n
		beside = j.plan.choose(room - scalars)
	}
	if beside.packets > 0 && beside.packets <= best.packets {
		best = beside
		j.takeScalars(x)
	} else {
		scalars = 0
	}
	for _, c := range j.plan.order[:best.columns] {
		x.columns = append(x.columns, c.column)
	}
	j.idle = slices.DeleteFunc(j.idle, func(c int32) bool { return slices.Contains(x.columns, c) })
	x.plan(best, scalars+best.rows*j.plan.sums[best.columns])
}

// scalarSize is what a scalar takes in an answer, as far as can be guessed.
func scalarSize(r *read) int { return r.name.Size() + 20 }

// beside says whether a variable can be asked for together with columns, by what comes before it.
func (r *read) beside() bool {
	_, scalar := r.name.CutZero()
	return scalar && !r.alone
}

// scalars is how much room the pending scalars take that can be asked for beside columns, and how many they are.
func (j *job) scalars() (size, n int) {
	for _, i := range j.pending {
		if r := &j.reads[i]; r.beside() {
			size += scalarSize(r)
			n++
		}
	}
	return size, n
}

func (j *job) takeScalars(x *exchange) {
	j.pending = slices.DeleteFunc(j.pending, func(i int32) bool {
		r := &j.reads[i]
		if !r.beside() {
			return false
		}
		x.reads = append(x.reads, i)
		return true
	})
}

// nextReads takes as many variables as fit.
func (j *job) nextReads(x *exchange) {
	x.kind = message.GetRequest
	room, size := int(j.memory.answer)-j.overhead, 0
	for len(j.pending) > 0 && len(x.reads) < j.most {
		i := j.pending[len(j.pending)-1]
		one := scalarSize(&j.reads[i])
		if j.reads[i].alone && len(x.reads) > 0 {
			break
		}
		if c := j.reads[i].column; c >= 0 && j.columns[c].learned.bytes > 0 {
			one = int(j.columns[c].learned.bytes)
		}
		if size+one > room && len(x.reads) > 0 {
			break
		}
		size += one
		x.reads = append(x.reads, i)
		j.pending = j.pending[:len(j.pending)-1]
		if j.reads[i].alone {
			break
		}
	}
	x.plan(group{}, size)
}

// look puts the idle columns in order, except those that are asked for alone. The longest come first: those of equal length go
// together.
func (p *planner) look(j *job, oneRow bool) {
	p.most, p.oneRow, p.parallel = j.most, oneRow, j.under == 0 && j.target.inFlight() > 1
	p.order = p.order[:0]
	for _, i := range j.idle {
		c := &j.columns[i]
		if c.most > 0 {
			continue
		}
		if len(p.order) == window {
			break
		}
		p.order = append(p.order, candidate{i, int32(c.left()), int32(c.size())})
	}
	longestFirst := func(a, b candidate) int { return cmp.Compare(b.left, a.left) }
	if !slices.IsSortedFunc(p.order, longestFirst) {
		slices.SortStableFunc(p.order, longestFirst)
	}
	p.sums = append(p.sums[:0], 0)
	for i, c := range p.order {
		p.sums = append(p.sums, p.sums[i]+int(c.size))
	}
}

// choose looks for the number of columns to ask for at a time that makes the fewest packets, if the rest follows in groups
// of as many. Of equal ones it takes the largest, since agents look rows up: but two groups where two can be under way.
func (p *planner) choose(room int) (best group) {
	n := len(p.order)
	least, most := p.least(room), min(n, p.most)
	if p.parallel && least > 1 {
		most = min((n+1)/2, p.most)
	}
	if first, fits := p.groups(most, room); fits && first.packets <= least {
		return first // the others are no better
	}
	for k := 1; k <= min(n, p.most); k++ {
		first, fits := p.groups(k, room)
		if !fits {
			break
		}
		better := first.packets < best.packets ||
			first.packets == best.packets && (!p.parallel || first.packets == 1 || 2*k <= n+1)
		if best.packets == 0 || better {
			best = first
		}
	}
	return best
}

// least is how few packets have room for all that is left, 0 where a packet has none.
func (p *planner) least(room int) int {
	if room < 1 {
		return 0
	}
	size := 0
	for _, c := range p.order {
		size += int(c.left) * int(c.size)
	}
	return max(1, (size+room-1)/room)
}

// groups splits the columns into groups of k. It returns the first, and how many packets all of them take.
func (p *planner) groups(k, room int) (first group, fits bool) {
	for begin := 0; begin < len(p.order); begin += k {
		end := min(begin+k, len(p.order))
		rows := min(room/(p.sums[end]-p.sums[begin]), p.most/k)
		if rows < 1 && k > 1 {
			return first, false
		}
		if rows = max(rows, 1); p.oneRow {
			rows = 1
		}
		longest := int(p.order[begin].left)
		packets := (longest + rows - 1) / rows
		if begin == 0 {
			first = group{columns: end, rows: (longest + packets - 1) / packets}
		}
		first.packets += packets
	}
	return first, true
}

package engine

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/message"
)

// What agents do wrong.
var (
	errNothing = errors.New("the agent answers without a variable")
	errOther   = errors.New("the agent answers for another variable")
)

// answer takes the response to a shape of an exchange, and makes what is left of it ready to be asked for.
func (j *job) answer(x *exchange, s shape, p *message.PDU) {
	j.under--
	switch {
	case s.probe:
		j.probed(x)
	case x.raw:
		j.takeRaw(p)
	case p.Status != message.NoError:
		j.refused(x, s, p)
	case j.take(x, s, p.Variables) == 0:
		j.tooBig(x, s, errNothing)
	default:
		j.memory.came(int(s.size))
		j.relax(x, s)
		j.refusals = 0
	}
	j.release(x)
	// What is refused is asked for in ever smaller parts, which has an end. This one is for what was not thought of.
	if j.refusals++; j.refusals > mostRefusals+16*len(j.columns)+16*len(j.reads) {
		j.abort(errNothing)
	}
}

// mostRefusals is how many refusals in a row a job takes, besides those of each column.
const mostRefusals = 100

// release makes what an exchange did not bring ready to be asked for.
func (j *job) release(x *exchange) {
	for _, i := range x.columns {
		if !j.columns[i].done {
			j.idle = append(j.idle, i)
		}
	}
	for _, i := range x.reads {
		if !j.reads[i].settled {
			j.pending = append(j.pending, i)
		}
	}
}

// take takes the variables of a response and returns how many they were.
func (j *job) take(x *exchange, s shape, list []byte) (taken int) {
	var v ber.VarBind
	var err error
	for i := int32(0); i < s.reads && len(list) > 0; i++ {
		if v, list, err = ber.ReadVarBind(list); err != nil {
			return j.unreadable(x, s, err)
		}
		j.takeRead(&j.reads[x.reads[i]], v, x.kind)
		taken++
	}
	j.makeRoom(x.columns[:s.columns])
	for row := int32(0); row < s.rows; row++ {
		for i := int32(0); i < s.columns; i++ {
			if len(list) == 0 {
				return taken
			}
			taken++
			c := &j.columns[x.columns[i]]
			if size := j.takeUsual(c, x.columns[i], list); size > 0 {
				list = list[size:]
				continue
			}
			before := len(list)
			if v, list, err = ber.ReadVarBind(list); err != nil {
				return j.unreadable(x, s, err)
			}
			if !c.done {
				j.takeRow(c, x.columns[i], v, before-len(list))
			}
		}
	}
	return taken
}

// unreadable ends all that a shape asked for and did not get.
func (j *job) unreadable(x *exchange, s shape, err error) int {
	err = fmt.Errorf("the agent's answer cannot be read: %w", err)
	for _, i := range x.columns[:s.columns] {
		if c := &j.columns[i]; !c.done {
			j.fail(c, err)
		}
	}
	for _, i := range x.reads[:s.reads] {
		if r := &j.reads[i]; !r.settled {
			j.failRead(r, err)
		}
	}
	return s.variables()
}

// takeRow takes a variable for a column: its next row, or its end.
func (j *job) takeRow(c *column, i int32, v ber.VarBind, size int) {
	t := ber.Type(v.Tag)
	if t.Exception() {
		c.done = true
		return
	}
	content, below := j.below(c, v.OID)
	if !below {
		c.done = true
		return
	}
	n := len(c.cells)
	var row cell
	if !j.sharesIndex(c, i, content, &row) {
		begin := len(j.text)
		var err error
		if j.text, err = ber.AppendIndex(j.text, content); err != nil {
			j.fail(c, fmt.Errorf("after %s: %w", j.position(c), err))
			return
		}
		row.index, row.length = uint32(begin), uint16(len(j.text)-begin)
	}
	if index := j.index(&row); len(index) == 0 || n > 0 && ber.CompareIndex(j.index(&c.cells[n-1]), index) >= 0 && !j.strays(c) || c.returns(index) {
		j.fail(c, fmt.Errorf("%w: %s after %s", ErrOrder, c.base.Join(ber.OIDOf(string(index))), j.position(c)))
		return
	}
	if err := j.takeValue(&row, v); err != nil {
		j.fail(c, fmt.Errorf("%s: %w", c.base.Join(ber.OIDOf(string(j.index(&row)))), err))
		return
	}
	if j.rows++; j.rows > j.maxRows || len(j.text) > maxText {
		j.fail(c, fmt.Errorf("%w: more than %d in one request", ErrTooLarge, j.maxRows))
		return
	}
	c.cells = append(c.cells, row)
	c.bytes += size
}

// strays says whether the column may go on although its answers do not ascend. From now on what came is remembered.
func (j *job) strays(c *column) bool {
	if c.anyOrder && c.seen == nil {
		c.seen = make(map[string]struct{}, 2*len(c.cells))
		for i := range c.cells {
			c.seen[string(j.index(&c.cells[i]))] = struct{}{}
		}
	}
	return c.anyOrder
}

// returns says whether an index came before, where that is remembered, and remembers it.
func (c *column) returns(index []byte) bool {
	if c.seen == nil {
		return false
	}
	if _, before := c.seen[string(index)]; before {
		return true
	}
	c.seen[string(index)] = struct{}{}
	return false
}

// below returns what follows the column's base in a name.
func (j *job) below(c *column, name []byte) (index []byte, below bool) {
	if c.wire != nil {
		return bytes.CutPrefix(name, c.wire)
	}
	o, err := ber.ParseContent(name)
	if err != nil {
		return name, true // which is an error there, too
	}
	rest, below := o.Index(c.base)
	return rest.AppendIndex(nil), below
}

// sharesIndex says whether the row of the column before has the same index, and takes it over: so the indices of a table
// are there only once.
func (j *job) sharesIndex(c *column, i int32, index []byte, row *cell) bool {
	n := len(c.cells)
	if i == 0 || n >= len(j.columns[i-1].cells) {
		return false
	}
	other := &j.columns[i-1].cells[n]
	if !bytes.Equal(j.index(other), index) {
		return false
	}
	row.index, row.length = other.index, other.length
	return true
}

// takeValue puts a value into a row.
func (j *job) takeValue(row *cell, v ber.VarBind) error {
	t := ber.Type(v.Tag)
	if t.Number() {
		n, err := ber.Number(t, v.Content)
		row.num, row.kind = n, t
		return err
	}
	begin := len(j.text)
	if t == ber.ObjectID {
		var err error
		if j.text, err = ber.AppendArcs(j.text, v.Content); err != nil {
			return err
		}
	} else {
		var err error
		if t, err = ber.OctetsType(v.Tag, v.Content); err != nil {
			return err
		}
		j.text = append(j.text, v.Content...)
	}
	row.num, row.kind = uint64(begin)<<32|uint64(len(j.text)-begin), t
	return nil
}

// takeRead takes the answer to a variable.
func (j *job) takeRead(r *read, v ber.VarBind, kind message.PDUType) {
	name, err := ber.ParseContent(v.OID)
	if err != nil {
		j.failRead(r, err)
		return
	}
	missing := false
	if name != r.name {
		if kind == message.GetRequest {
			j.failRead(r, fmt.Errorf("%w: %s instead of %s", errOther, name, r.name))
			return
		}
		missing = true // the next one is another
	}
	t := ber.Type(v.Tag)
	if kind != message.GetRequest && t.Exception() {
		missing = true
	}
	switch {
	case r.column >= 0 && (missing || t.Exception()):
		r.settled = true
	case r.column >= 0:
		row := &j.columns[r.column].cells[r.place]
		if err := j.takeValue(row, v); err != nil {
			row.kind = 0
			j.failRead(r, fmt.Errorf("%s: %w", r.name, err))
		}
		r.settled = true
	case missing:
		j.variables[r.place].Value = ber.ExceptionValue(ber.NoSuchInstance)
		r.settled = true
	default:
		value, err := v.Value()
		if err != nil {
			j.failRead(r, fmt.Errorf("%s: %w", r.name, err))
			return
		}
		j.variables[r.place].Value = value
		r.settled = true
	}
}

// takeRaw takes the response to request.Bulk.
func (j *job) takeRaw(p *message.PDU) {
	oids := j.request.Bulk.OIDs
	if p.Status != message.NoError {
		e := &StatusError{Status: p.Status}
		if i := int(p.Index) - 1; i >= 0 && i < len(oids) {
			e.OID = oids[i]
		}
		if p.Status == message.NoSuchName && j.target.Credentials.Version == V1 && len(oids) == 1 {
			j.variables = []Variable{{Name: oids[0], Value: ber.ExceptionValue(ber.EndOfMibView)}}
			return
		}
		j.note(fmt.Errorf("%s: %w", j.target.label(), e))
		return
	}
	for list := p.Variables; len(list) > 0; {
		raw, rest, err := ber.ReadVarBind(list)
		var v ber.Variable
		if err == nil {
			v, err = raw.Parse()
		}
		if err != nil {
			j.note(fmt.Errorf("%s: the agent's answer cannot be read: %w", j.target.label(), err))
			return
		}
		j.variables = append(j.variables, Variable{Name: v.Name, Value: v.Value})
		list = rest
	}
}

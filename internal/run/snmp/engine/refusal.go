package engine

import (
	"fmt"
	"math"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/message"
)

// refused takes a response with an error-status. What it is about is asked for alone, and less of it at a time, until it is
// one variable: that then has the error. All else of the exchange goes on.
func (j *job) refused(x *exchange, s shape, p *message.PDU) {
	if p.Status == message.TooBig {
		j.stats.TooBig++
		j.tooBig(x, s, nil)
		return
	}
	i := p.Index - 1
	if s.reads+s.columns == 1 {
		i = 0
	}
	switch {
	case i >= 0 && i < s.reads:
		j.refusedRead(x, s, i, p.Status)
	case i >= s.reads && i < s.reads+s.columns:
		j.refusedColumn(&j.columns[x.columns[i-s.reads]], s, p.Status)
	default:
		// The agent does not say which: each alone will tell.
		for _, i := range x.reads[:s.reads] {
			j.reads[i].alone = true
		}
		for _, i := range x.columns[:s.columns] {
			j.columns[i].most = max(1, int(s.rows)/2)
		}
	}
}

func (j *job) refusedRead(x *exchange, s shape, i int32, status message.Status) {
	r := &j.reads[x.reads[i]]
	switch {
	case status == message.NoSuchName:
		r.settled = true // version 1 has no other way to say it
		if r.column < 0 {
			j.variables[r.place].Value = ber.ExceptionValue(ber.NoSuchInstance)
		}
	case s.reads+s.columns > 1:
		r.alone = true
	default:
		j.failRead(r, &StatusError{Status: status, OID: r.name})
	}
}

func (j *job) refusedColumn(c *column, s shape, status message.Status) {
	switch {
	case status == message.NoSuchName && s.rows == 1:
		c.done = true // how version 1 says that nothing follows
	case s.variables() > 1:
		c.most = max(1, int(s.rows)/2)
	default:
		j.fail(c, &StatusError{Status: status, OID: j.position(c)})
	}
}

// tooBig halves what is asked for at a time. Where that is one variable already, it has the error; nil stands for the
// error-status.
func (j *job) tooBig(x *exchange, s shape, err error) {
	n := s.variables()
	if n > 1 {
		j.most = min(j.most, n/2)
		j.memory.shrink(int(s.size))
		return
	}
	for _, i := range x.columns[:s.columns] {
		c := &j.columns[i]
		if err == nil {
			err = &StatusError{Status: message.TooBig, OID: j.position(c)}
		}
		j.fail(c, err)
	}
	for _, i := range x.reads[:s.reads] {
		r := &j.reads[i]
		if err == nil {
			err = &StatusError{Status: message.TooBig, OID: r.name}
		}
		j.failRead(r, err)
	}
}

// relaxAfter is after how many good answers twice as much is asked for again.
const relaxAfter = 16

// relax lets a job that had to ask for less ask for more after good answers.
func (j *job) relax(x *exchange, s shape) {
	for _, i := range x.columns[:s.columns] {
		c := &j.columns[i]
		if c.doubts = 0; c.most > 0 {
			if c.most *= 2; c.most*c.size() > int(j.memory.answer) {
				c.most = 0
			}
		}
	}
	if j.most == math.MaxInt {
		return
	}
	if j.good++; j.good >= relaxAfter {
		j.good, j.most = 0, 2*j.most
	}
}

// mostDoubts is after how many probes that were answered in the place of an exchange its columns are asked for alone. The
// first time the exchange may have been lost on its way.
const mostDoubts = 2

// probed takes it that a device is there, but did not answer an exchange: it may not like one of what was asked for.
func (j *job) probed(x *exchange) {
	for _, i := range x.columns {
		c := &j.columns[i]
		if c.doubts++; c.doubts >= mostDoubts {
			c.most = 1
		}
	}
	for _, i := range x.reads {
		j.reads[i].alone = true
	}
}

// unanswered ends what an exchange asked for, since all tries are over.
func (j *job) unanswered(x *exchange, err error) {
	j.under--
	for _, i := range x.columns {
		if c := &j.columns[i]; !c.done {
			j.fail(c, err)
		}
	}
	for _, i := range x.reads {
		j.failRead(&j.reads[i], err)
	}
	if x.raw {
		j.note(fmt.Errorf("%s: %w", j.target.label(), err))
	}
}

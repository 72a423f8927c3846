package engine

import (
	"slices"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/message"
)

// exchange is one request to a device and its answer. It may be sent several times, each time for less.
type exchange struct {
	job     *job
	kind    message.PDUType
	raw     bool    // request.Bulk, as it is
	reads   []int32 // in a GETBULK or GETNEXT those that are asked for once
	columns []int32
	shape   shape // of what is sent next

	transit // where it goes to a device
}

// reset makes an exchange ready for use in the same job.
func (x *exchange) reset() { *x = exchange{job: x.job, reads: x.reads[:0], columns: x.columns[:0]} }

// shape is how much of an exchange is asked for: the first reads and columns, and how many rows.
type shape struct {
	reads, columns, rows int32
	size                 int32 // of the answer, as far as can be told
	probe                bool  // nothing of the exchange, but whether the device answers at all
}

func (x *exchange) plan(g group, size int) {
	x.shape = shape{reads: int32(len(x.reads)), columns: int32(len(x.columns)), rows: int32(g.rows), size: int32(size + x.job.overhead)}
}

// variables is how many variables the answer to a shape has.
func (s shape) variables() int {
	if s.probe {
		return 1
	}
	return int(s.reads) + int(s.columns)*int(s.rows)
}

// probed is what a probe asks for, which all agents have: sysUpTime.0.
var probed = ber.MustOID("1.3.6.1.2.1.1.3.0")

// retried is the shape of another try, of which last says that it is the last one. Where nothing came so far, half is asked
// for, since large answers may be lost. If the last try brings nothing either, that should be the device's fault and not that of
// one variable among many, so it is a probe.
func (x *exchange) retried(last bool) shape {
	if last && !x.raw && x.tries[0].shape.variables() > 1 {
		return shape{probe: true}
	}
	return x.shape.halved()
}

// halved is about half of a shape: fewer rows, then fewer columns, then fewer variables.
func (s shape) halved() shape {
	switch {
	case s.columns > 0 && s.rows > 1:
		s.rows /= 2
	case s.columns > 1:
		s.columns /= 2
	case s.columns > 0:
		s.reads = 0
	case s.reads > 1:
		s.reads /= 2
	default:
		return s
	}
	s.size /= 2
	return s
}

// writeVariables writes the list of variables of a request.
func (x *exchange) writeVariables(b *ber.Builder, s shape) {
	end := b.Len()
	if s.probe {
		writeName(b, probed)
	}
	if x.raw {
		oids := x.job.request.Bulk.OIDs
		for _, oid := range slices.Backward(oids) {
			writeName(b, oid)
		}
	}
	for i := s.columns - 1; i >= 0; i-- {
		x.job.writePosition(b, &x.job.columns[x.columns[i]])
	}
	for i := s.reads - 1; i >= 0; i-- {
		name := x.job.reads[x.reads[i]].name
		if x.kind != message.GetRequest {
			name, _ = name.CutZero()
		}
		writeName(b, name)
	}
	b.Head(ber.TagSequence, end)
}

// pdu is the request for a shape, without its variables.
func (x *exchange) pdu(s shape) message.PDU {
	p := message.PDU{Type: x.kind}
	switch {
	case s.probe:
		p.Type = message.GetRequest
	case x.kind != message.GetBulkRequest:
	case x.raw:
		p.Status, p.Index = message.Status(x.job.request.Bulk.NonRepeaters), int32(x.job.request.Bulk.MaxRepetitions)
	default:
		p.Status, p.Index = message.Status(s.reads), s.rows
	}
	return p
}

// writePosition writes the name after which a column goes on.
func (j *job) writePosition(b *ber.Builder, c *column) {
	if c.wire == nil {
		writeName(b, j.position(c))
		return
	}
	pair := b.Len()
	b.Raw(nullValue)
	name := b.Len()
	if n := len(c.cells); n > 0 {
		b.Raw(j.index(&c.cells[n-1]))
	}
	b.Raw(c.wire)
	b.Head(byte(ber.ObjectID), name)
	b.Head(ber.TagSequence, pair)
}

// position is the name after which a column goes on.
func (j *job) position(c *column) ber.OID {
	if n := len(c.cells); n > 0 {
		return c.base.Join(ber.OIDOf(string(j.index(&c.cells[n-1]))))
	}
	return c.base
}

func (j *job) index(c *cell) []byte { return j.text[c.index : c.index+uint32(c.length)] }

var nullValue = []byte{byte(ber.Null), 0}

func writeName(b *ber.Builder, name ber.OID) {
	var room [256]byte
	content, _ := name.AppendContent(room[:0]) // was checked when the job was made
	pair := b.Len()
	b.Raw(nullValue)
	b.Octets(byte(ber.ObjectID), content)
	b.Head(ber.TagSequence, pair)
}

package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
)

// floor does no more than it must, and knows all beforehand: how long the table is, that columns go seven at a time and rows
// too, that each index is one byte, that numbers are short, that all devices answer at once and no packet is lost. One
// thread has one socket, and nothing stands between them. What comes it checks and keeps.
type floor struct {
	socket  udp
	rows    int
	bases   [][]byte
	in, out packets
	open    []table
	polled  int64
}

// table is a device that is being polled.
type table struct {
	addr   netip.AddrPort
	busy   bool
	id     uint32
	group  int
	row    int // of group that came
	values [][]uint64
	index  []byte // of the last row that came
}

const (
	floorAtOnce  = 64
	floorColumns = 7
	floorRows    = 7
)

func newFloor(o *options) *floor {
	f := &floor{socket: listen(0, false), rows: o.rows, open: make([]table, floorAtOnce)}
	for _, c := range metrics {
		wire, err := ber.MustOID(c.oid).AppendContent(nil)
		must(err)
		f.bases = append(f.bases, wire)
	}
	for i := range f.open {
		f.open[i].values = make([][]uint64, len(metrics))
		for c := range f.open[i].values {
			f.open[i].values[c] = make([]uint64, o.rows)
		}
	}
	return f
}

// poll polls devices and returns the number of values.
func (f *floor) poll(devices []netip.AddrPort) int64 {
	f.polled = 0
	next, busy := 0, 0
	begin := func(i int) {
		t := &f.open[i]
		t.addr, t.busy, t.group, t.row, t.index = devices[next], true, 0, 0, t.index[:0]
		next++
		busy++
		f.ask(i)
	}
	for i := 0; i < len(f.open) && next < len(devices); i++ {
		begin(i)
	}
	f.socket.send(&f.out)
	for busy > 0 {
		f.socket.receive(&f.in)
		for i := range f.in.n {
			place := f.take(f.in.packet(i))
			t := &f.open[place]
			if t.row >= f.rows {
				t.group, t.row, t.index = t.group+1, 0, t.index[:0]
			}
			switch {
			case t.group < len(metrics)/floorColumns:
				f.ask(place)
			default:
				t.busy = false
				busy--
				if next < len(devices) {
					begin(place)
				}
			}
		}
		f.socket.send(&f.out)
	}
	return f.polled
}

// ask adds a request for the next rows.
func (f *floor) ask(place int) {
	t := &f.open[place]
	t.id = (t.id+1)&0x3fff<<16 | uint32(place)
	b := append(f.out.room()[:0], ber.TagSequence, 0x82, 0, 0, byte(ber.Integer), 1, 1, byte(ber.OctetString), byte(len(community)))
	b = append(b, community...)
	pdu := len(b)
	b = append(b, 0xa5, 0x82, 0, 0, byte(ber.Integer), 4)
	b = binary.BigEndian.AppendUint32(b, t.id)
	b = append(b, byte(ber.Integer), 1, 0, byte(ber.Integer), 1, byte(min(floorRows, f.rows+1-t.row)))
	list := len(b)
	b = append(b, ber.TagSequence, 0x82, 0, 0)
	for _, base := range f.bases[t.group*floorColumns : (t.group+1)*floorColumns] {
		n := byte(len(base) + len(t.index))
		b = append(b, ber.TagSequence, n+4, byte(ber.ObjectID), n)
		b = append(append(append(b, base...), t.index...), byte(ber.Null), 0)
	}
	for _, at := range []int{0, pdu, list} {
		binary.BigEndian.PutUint16(b[at+2:], uint16(len(b)-at-4))
	}
	f.out.add(len(b), sockaddr(t.addr), [4]byte{})
	if f.out.full() {
		f.socket.send(&f.out)
	}
}

// element cuts an element into its content and what follows.
func element(b []byte, tag byte) (content, rest []byte) {
	if b[0] != tag {
		panic(fmt.Sprintf("an element %x in the place of %x", b[0], tag))
	}
	n, head := int(b[1]), 2
	switch n {
	case 0x81:
		n, head = int(b[2]), 3
	case 0x82:
		n, head = int(b[2])<<8|int(b[3]), 4
	}
	return b[head : head+n], b[head+n:]
}

// take takes an answer and returns the place it belongs to.
func (f *floor) take(b []byte) (place int) {
	b, _ = element(b, ber.TagSequence)
	_, b = element(b, byte(ber.Integer))
	name, b := element(b, byte(ber.OctetString))
	if string(name) != community {
		panic("another community")
	}
	b, _ = element(b, 0xa2)
	number, b := element(b, byte(ber.Integer))
	id := uint32(whole(number))
	place = int(id & 0xffff)
	t := &f.open[place]
	if !t.busy || t.id != id {
		panic("an answer that nobody waits for")
	}
	status, b := element(b, byte(ber.Integer))
	if status[0] != 0 {
		panic("an error")
	}
	_, b = element(b, byte(ber.Integer))
	b, _ = element(b, ber.TagSequence)
	for ; len(b) > 0; t.row++ {
		for i := range floorColumns {
			var variable []byte
			variable, b = element(b, ber.TagSequence)
			name, value := element(variable, byte(ber.ObjectID))
			column := t.group*floorColumns + i
			index, below := bytes.CutPrefix(name, f.bases[column])
			if below != (t.row < f.rows) {
				panic("a table of another length")
			}
			if !below {
				continue
			}
			if i == 0 {
				t.index = append(t.index[:0], index...)
			} else if !bytes.Equal(index, t.index) {
				panic("another row")
			}
			t.values[column][t.row] = whole(value[2:])
			f.polled++
		}
	}
	return place
}

// whole is an integer of at most eight bytes that is not negative.
func whole(b []byte) (n uint64) {
	for _, c := range b {
		n = n<<8 | uint64(c)
	}
	return n
}

package table

import (
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
)

// IndexType says how arcs of an index are read.
type IndexType uint8

// Types of the parts of an index.
const (
	// IndexInteger is one arc.
	IndexInteger IndexType = iota
	// IndexOctets is an arc an octet: Size of them, or as many as a first arc says, or all that are left if Implied.
	IndexOctets
	// IndexOID is an object identifier: as many arcs as a first arc says, or all that are left if Implied.
	IndexOID
	// IndexInetAddress is an InetAddressType, a length, and the octets of an address.
	IndexInetAddress
	// IndexInetAddressNoSize is the same without the length.
	IndexInetAddressNoSize
	// IndexLldpPortID is an LldpPortIdSubtype, a length, and what the subtype says.
	IndexLldpPortID
)

// IndexPart is one part of an index.
type IndexPart struct {
	Name    string
	Type    IndexType
	Size    int
	Implied bool
	// Format is that of its text. FormatNone leaves it to the type of an address, as snmp_exporter does.
	Format Format
}

// slot is a value that belongs to a row.
type slot struct {
	exists bool
	// failed says that it is not known, as a column could not be fetched.
	failed bool
	isKey  bool // arcs can be part of a key
	format Format
	value  ber.Value
	arcs   ber.OID
}

// indexReader takes an index apart.
type indexReader struct {
	left  ber.OID
	pad   bool // missing arcs are zeros
	short bool // there were missing arcs
}

// take returns the next n arcs.
func (r *indexReader) take(n int) ber.OID {
	head, rest, ok := r.left.Split(n)
	r.short = r.short || !ok
	if !ok && (!r.pad || n > ber.MaxArcs) {
		return ber.OID{}
	}
	if !ok {
		var arcs [2 * ber.MaxArcs]uint32
		r.left.AppendArcs(arcs[:0])
		head, rest = ber.MakeOID(arcs[:n]...), ber.OID{}
	}
	r.left = rest
	return head
}

// peek returns the arc at a place, which take will return; 0 where there is none.
func (r *indexReader) peek(place int) int {
	_, rest, ok := r.left.Split(place)
	if !ok || rest.IsZero() {
		r.short = true
		return 0
	}
	arc, _ := rest.Cut()
	return int(min(arc, 2*ber.MaxArcs)) // more is too many anyway
}

// read reads one part.
func (r *indexReader) read(p *IndexPart) slot {
	s := slot{exists: true, isKey: true, format: p.Format}
	var head, length int // arcs in front of the content, and those of the content
	switch {
	case p.Type == IndexInteger:
		s.arcs = r.take(1)
		if !s.arcs.IsZero() {
			arc, _ := s.arcs.Cut()
			s.value = ber.IntegerValue(int64(arc))
		}
		return s
	case p.Type > IndexOID:
		if head, length = 2, r.peek(1); p.Format == FormatNone {
			head, length, s.format = r.address(p.Type)
		}
	case p.Implied:
		length = r.left.Len()
	case p.Size > 0:
		length = p.Size
	default:
		head, length = 1, r.peek(0)
	}
	s.arcs = r.take(head + length)
	_, content, _ := s.arcs.Split(head)
	if p.Type == IndexOID {
		s.value = ber.ObjectIDValue(content)
	} else {
		s.value = ber.OctetsValue(ber.OctetString, octets(content))
	}
	return s
}

// address tells where the content is of a part whose first arc says what it is. Of a type that is not known all of the
// part is content, with type and length.
func (r *indexReader) address(t IndexType) (head, length int, f Format) {
	kind := int64(r.peek(0))
	switch t {
	case IndexInetAddressNoSize:
		if f = InetFormats[kind]; f == FormatNone {
			return 0, r.left.Len(), FormatHex
		}
		return 1, f.size(), f
	case IndexLldpPortID:
		f = LldpPortFormats[kind]
	default:
		f = InetFormats[kind]
	}
	switch size := f.size(); {
	case f == FormatNone:
		return 0, r.peek(1) + 2, FormatHex
	case size == 0: // a text, which has its own length once more
		return 3, r.peek(2), f
	default:
		return 2, size, f
	}
}

// octets returns arcs as octets.
func octets(arcs ber.OID) string {
	var room [ber.MaxArcs]byte
	b := room[:0]
	for !arcs.IsZero() {
		var arc uint32
		arc, arcs = arcs.Cut()
		b = append(b, byte(arc))
	}
	return string(b)
}

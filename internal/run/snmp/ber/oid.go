package ber

import (
	"errors"
	"fmt"
	"hash/maphash"
	"strconv"
	"strings"
)

// MaxArcs is how many arcs an object identifier may have (RFC 2578, section 3.5).
const MaxArcs = 128

// OID is an object identifier, or a part of one such as the index of a row. It is comparable and may be the key of a map;
// the zero value has no arcs.
type OID struct {
	// arcs has each arc in base 128, the most significant digit first, with the high bit set in all but the last byte. That
	// is the encoding of X.690, 8.19, except that the first two arcs stand alone.
	arcs string
}

// ParseOID reads the dotted form, with or without a dot in front. Each arc is below 2^32.
func ParseOID(text string) (OID, error) {
	rest := strings.TrimPrefix(text, ".")
	if rest == "" {
		return OID{}, fmt.Errorf("object identifier %q has no arcs", text)
	}
	var room [64]byte
	arcs, count := room[:0], 0
	for more := true; more; count++ {
		var part string
		part, rest, more = strings.Cut(rest, ".")
		arc, err := strconv.ParseUint(part, 10, 32)
		if err != nil || part[0] == '+' {
			return OID{}, fmt.Errorf("object identifier %q: arc %q is no number from 0 to 4294967295", text, part)
		}
		if count == MaxArcs {
			return OID{}, fmt.Errorf("object identifier %q has more than %d arcs", text, MaxArcs)
		}
		arcs = appendArc(arcs, uint32(arc))
	}
	return OID{string(arcs)}, nil
}

// MustOID is ParseOID for identifiers that the program itself names. It panics where they are wrong.
func MustOID(text string) OID {
	o, err := ParseOID(text)
	if err != nil {
		panic(err)
	}
	return o
}

// MakeOID returns the identifier of some arcs.
func MakeOID(arcs ...uint32) OID {
	var room [64]byte
	b := room[:0]
	for _, arc := range arcs {
		b = appendArc(b, arc)
	}
	return OID{string(b)}
}

func appendArc(b []byte, arc uint32) []byte {
	switch {
	case arc < 1<<7:
		return append(b, byte(arc))
	case arc < 1<<14:
		return append(b, byte(arc>>7)|0x80, byte(arc)&0x7f)
	case arc < 1<<21:
		return append(b, byte(arc>>14)|0x80, byte(arc>>7)|0x80, byte(arc)&0x7f)
	case arc < 1<<28:
		return append(b, byte(arc>>21)|0x80, byte(arc>>14)|0x80, byte(arc>>7)|0x80, byte(arc)&0x7f)
	}
	return append(b, byte(arc>>28)|0x80, byte(arc>>21)|0x80, byte(arc>>14)|0x80, byte(arc>>7)|0x80, byte(arc)&0x7f)
}

// cutArc returns the first of the arcs, of which there is at least one, and the rest.
func cutArc(arcs string) (arc uint32, rest string) {
	for i := 0; i < len(arcs); i++ {
		arc = arc<<7 | uint32(arcs[i]&0x7f)
		if arcs[i] < 0x80 {
			return arc, arcs[i+1:]
		}
	}
	return arc, ""
}

// Len is the number of arcs.
func (o OID) Len() int {
	n := 0
	for i := 0; i < len(o.arcs); i++ {
		if o.arcs[i] < 0x80 {
			n++
		}
	}
	return n
}

// IsZero says whether there are no arcs.
func (o OID) IsZero() bool { return o.arcs == "" }

// Cut splits off the first arc. There must be one.
func (o OID) Cut() (arc uint32, rest OID) {
	arc, tail := cutArc(o.arcs)
	return arc, OID{tail}
}

// Split splits off the first n arcs. It returns false where there are not so many.
func (o OID) Split(n int) (head, rest OID, ok bool) {
	end := 0
	for ; n > 0; n-- {
		if end == len(o.arcs) {
			return OID{}, o, false
		}
		end = arcEnd(o.arcs, end) + 1
	}
	return OID{o.arcs[:end]}, OID{o.arcs[end:]}, true
}

// Hash is the same for the same identifiers.
func (o OID) Hash(seed maphash.Seed) uint64 { return maphash.String(seed, o.arcs) }

// Clone returns the same identifier in memory of its own.
func (o OID) Clone() OID { return OID{strings.Clone(o.arcs)} }

// AppendArcs appends the arcs to a slice.
func (o OID) AppendArcs(dst []uint32) []uint32 {
	for rest := o.arcs; rest != ""; {
		var arc uint32
		arc, rest = cutArc(rest)
		dst = append(dst, arc)
	}
	return dst
}

// Join returns the identifier with the arcs of another behind its own.
func (o OID) Join(index OID) OID {
	if o.arcs == "" {
		return index
	}
	return OID{o.arcs + index.arcs}
}

// Index returns what follows base, if o is base or lies below it.
func (o OID) Index(base OID) (index OID, below bool) {
	// No arc's encoding is the beginning of another's, so whole arcs are compared.
	rest, below := strings.CutPrefix(o.arcs, base.arcs)
	return OID{rest}, below
}

// Compare orders identifiers as SNMP does, arc by arc: -1 if o comes first, 0 if they are equal, 1 otherwise.
func (o OID) Compare(other OID) int { return compareArcs(o.arcs, other.arcs) }

// compareArcs compares two identifiers in base 128 without decoding them.
func compareArcs[A, B string | []byte](a A, b B) int {
	n := min(len(a), len(b))
	i := 0
	for i < n && a[i] == b[i] {
		i++
	}
	if i == n {
		return sign(len(a), len(b))
	}
	// The arcs that differ begin at the same place, since all before is equal. The longer one is the greater.
	start := i
	for start > 0 && a[start-1] >= 0x80 {
		start--
	}
	if order := sign(arcEnd(a, i), arcEnd(b, i)); order != 0 {
		return order
	}
	return sign(int(a[i]), int(b[i]))
}

// arcEnd returns where the arc ends that the byte at i belongs to.
func arcEnd[A string | []byte](a A, i int) int {
	for i < len(a) && a[i] >= 0x80 {
		i++
	}
	return i
}

func sign(a, b int) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// String returns the dotted form without a dot in front.
func (o OID) String() string { return string(o.AppendText(nil)) }

// AppendText appends the dotted form, without a dot in front.
func (o OID) AppendText(dst []byte) []byte {
	for rest := o.arcs; rest != ""; {
		var arc uint32
		arc, rest = cutArc(rest)
		dst = strconv.AppendUint(dst, uint64(arc), 10)
		if rest != "" {
			dst = append(dst, '.')
		}
	}
	return dst
}

// MarshalText returns the dotted form.
func (o OID) MarshalText() ([]byte, error) { return o.AppendText(nil), nil }

// UnmarshalText reads the dotted form.
func (o *OID) UnmarshalText(text []byte) (err error) {
	*o, err = ParseOID(string(text))
	return err
}

var errFirstArcs = errors.New("the first arc must be 0, 1 or 2, and the second below 40 after 0 or 1")

// AppendContent appends the bytes that stand for the identifier in a message, without tag and length. A single arc gets a
// zero behind it, as messages cannot have fewer than two.
func (o OID) AppendContent(dst []byte) ([]byte, error) {
	if o.arcs == "" {
		return append(dst, 0), nil
	}
	first, rest := cutArc(o.arcs)
	var second uint32
	if rest != "" {
		second, rest = cutArc(rest)
	}
	if first > 2 || first < 2 && second >= 40 || second > 1<<32-1-80 {
		return dst, fmt.Errorf("object identifier %s: %w", o, errFirstArcs)
	}
	return append(appendArc(dst, first*40+second), rest...), nil
}

var (
	errOIDEmpty = errors.New("an object identifier without bytes")
	errOIDLong  = fmt.Errorf("an object identifier with more than %d arcs", MaxArcs)
	errArc      = errors.New("an object identifier with an arc above 4294967295")
	errArcCut   = errors.New("an object identifier that ends within an arc")
)

// ParseContent reads an identifier from its bytes in a message, without tag and length.
func ParseContent(content []byte) (OID, error) {
	var room [128]byte
	arcs, err := AppendArcs(room[:0], content)
	return OID{string(arcs)}, err
}

// AppendArcs appends the arcs of an identifier in a message in the form that OIDOf takes. Arcs with more bytes than they
// need lose them.
func AppendArcs(dst, content []byte) ([]byte, error) {
	if len(content) == 0 {
		return dst, errOIDEmpty
	}
	arc, rest, err := readArc(content)
	if err != nil {
		return dst, err
	}
	first := min(arc/40, 2)
	dst = appendArc(append(dst, byte(first)), arc-first*40)
	return AppendIndex(dst, rest)
}

// AppendIndex is AppendArcs for what follows the beginning of an identifier.
func AppendIndex(dst, content []byte) ([]byte, error) {
	if err := checkArcs(content); err == nil {
		return append(dst, content...), nil
	} else if !errors.Is(err, errArcPadded) {
		return dst, err
	}
	for count := 0; len(content) > 0; count++ {
		if count == MaxArcs-2 {
			return dst, errOIDLong
		}
		arc, rest, err := readArc(content)
		if err != nil {
			return dst, err
		}
		dst, content = appendArc(dst, arc), rest
	}
	return dst, nil
}

// errArcPadded says that an arc has more bytes than it needs.
var errArcPadded = errors.New("an arc with leading zeros")

// checkArcs says whether arcs are as we write them.
func checkArcs(content []byte) error {
	count, start := 0, 0
	for i, c := range content {
		if c == 0x80 && i == start {
			return errArcPadded
		}
		if c >= 0x80 {
			continue
		}
		if i-start >= 4 && (i-start > 4 || content[start] > 0x8f) {
			return errArc
		}
		if count++; count > MaxArcs-2 {
			return errOIDLong
		}
		start = i + 1
	}
	if start < len(content) {
		return errArcCut
	}
	return nil
}

func readArc(content []byte) (arc uint32, rest []byte, err error) {
	var value uint64
	for i, c := range content {
		if value = value<<7 | uint64(c&0x7f); value > 1<<32-1 {
			return 0, nil, errArc
		}
		if c < 0x80 {
			return uint32(value), content[i+1:], nil
		}
	}
	return 0, nil, errArcCut
}

// OIDOf returns the identifier whose arcs AppendArcs or AppendIndex wrote. It shares the text.
func OIDOf(arcs string) OID { return OID{arcs} }

// CompareIndex compares two of the forms that AppendIndex writes, as OID.Compare does.
func CompareIndex(a, b []byte) int { return compareArcs(a, b) }

// AppendIndex appends the arcs in the form that OIDOf takes.
func (o OID) AppendIndex(dst []byte) []byte { return append(dst, o.arcs...) }

// Size is about how many bytes the identifier takes in a message.
func (o OID) Size() int { return len(o.arcs) }

// CutZero splits the arc 0 off the end, if it is there: scalars have it.
func (o OID) CutZero() (rest OID, found bool) {
	n := len(o.arcs) - 1
	if n < 0 || o.arcs[n] != 0 || n > 0 && o.arcs[n-1] >= 0x80 {
		return o, false
	}
	return OID{o.arcs[:n]}, true
}

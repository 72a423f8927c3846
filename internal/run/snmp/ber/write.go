package ber

import "encoding/binary"

// Builder writes elements from the last to the first, so that each length is known when it is written. The zero Builder is
// ready; Reset makes it so again and keeps its memory.
type Builder struct {
	room []byte
	at   int // what is written begins here
}

// Reset drops what is written.
func (b *Builder) Reset() { b.at = len(b.room) }

// Bytes is what is written. It is valid until the next call.
func (b *Builder) Bytes() []byte { return b.room[b.at:] }

// Len is how many bytes are written.
func (b *Builder) Len() int { return len(b.room) - b.at }

// Replace puts bytes, which may be those of Bytes and others behind them, in the place of all that is written.
func (b *Builder) Replace(content []byte) {
	if b.Len() == len(content) {
		copy(b.Bytes(), content)
		return
	}
	b.Reset()
	b.Raw(content)
}

// take makes room for n bytes in front and returns it.
func (b *Builder) take(n int) []byte {
	if b.at < n {
		written := b.Len()
		bigger := make([]byte, 2*(written+n)+1024)
		copy(bigger[len(bigger)-written:], b.Bytes())
		b.room, b.at = bigger, len(bigger)-written
	}
	b.at -= n
	return b.room[b.at : b.at+n]
}

// Raw writes bytes as they are.
func (b *Builder) Raw(content []byte) { copy(b.take(len(content)), content) }

// Byte writes a byte.
func (b *Builder) Byte(c byte) { b.take(1)[0] = c }

// Head writes the tag and the length of an element of which everything is written but these: that is all that was written
// since Len was end.
func (b *Builder) Head(tag byte, end int) {
	n := b.Len() - end
	switch {
	case n < 0x80:
		copy(b.take(2), []byte{tag, byte(n)})
	case n < 0x100:
		copy(b.take(3), []byte{tag, 0x81, byte(n)})
	case n < 0x10000:
		copy(b.take(4), []byte{tag, 0x82, byte(n >> 8), byte(n)})
	default:
		copy(b.take(5), []byte{tag, 0x83, byte(n >> 16), byte(n >> 8), byte(n)})
	}
}

// Octets writes an element of some bytes.
func (b *Builder) Octets(tag byte, content []byte) {
	end := b.Len()
	b.Raw(content)
	b.Head(tag, end)
}

// String writes an element of some bytes.
func (b *Builder) String(tag byte, content string) {
	end := b.Len()
	copy(b.take(len(content)), content)
	b.Head(tag, end)
}

// Int writes a whole number.
func (b *Builder) Int(tag byte, n int64) {
	var room [9]byte
	b.Octets(tag, appendInt(room[:0], n))
}

// AppendHead appends the tag and the length of an element with n bytes.
func AppendHead(dst []byte, tag byte, n int) []byte {
	switch {
	case n < 0x80:
		return append(dst, tag, byte(n))
	case n < 0x100:
		return append(dst, tag, 0x81, byte(n))
	case n < 0x10000:
		return append(dst, tag, 0x82, byte(n>>8), byte(n))
	}
	return append(dst, tag, 0x83, byte(n>>16), byte(n>>8), byte(n))
}

// appendInt appends the bytes of a number, as few as there can be.
func appendInt(dst []byte, n int64) []byte {
	shift := 56
	for shift > 0 && n>>(shift-1) == n>>63 {
		shift -= 8
	}
	for ; shift >= 0; shift -= 8 {
		dst = append(dst, byte(n>>shift))
	}
	return dst
}

// appendUint is appendInt for numbers without sign.
func appendUint(dst []byte, n uint64) []byte {
	if int64(n) < 0 {
		return binary.BigEndian.AppendUint64(append(dst, 0), n)
	}
	return appendInt(dst, int64(n))
}

// AppendContent appends the bytes of a value in a message, without tag and length.
func (v Value) AppendContent(dst []byte) ([]byte, error) {
	switch {
	case v.kind == Integer:
		return appendInt(dst, int64(v.num)), nil
	case v.kind.Number():
		return appendUint(dst, v.num), nil
	case v.kind == ObjectID:
		return OID{v.text}.AppendContent(dst)
	}
	return append(dst, v.text...), nil
}

// Tag is the tag of a value in a message.
func (v Value) Tag() byte {
	if v.kind == OpaqueFloat || v.kind == OpaqueDouble {
		return byte(Opaque)
	}
	return byte(v.kind)
}

// AppendVarBind appends a variable as it stands in the list of a message. It fails only for an object identifier that
// messages cannot have, and leaves dst as it was.
func AppendVarBind(dst []byte, v Variable) ([]byte, error) {
	var nameRoom, valueRoom [256]byte
	name, err := v.Name.AppendContent(nameRoom[:0])
	if err != nil {
		return dst, err
	}
	content, err := v.Value.AppendContent(valueRoom[:0])
	if err != nil {
		return dst, err
	}
	n := headLen(len(name)) + len(name) + headLen(len(content)) + len(content)
	dst = AppendHead(dst, TagSequence, n)
	dst = append(AppendHead(dst, byte(ObjectID), len(name)), name...)
	return append(AppendHead(dst, v.Value.Tag(), len(content)), content...), nil
}

func headLen(n int) int {
	switch {
	case n < 0x80:
		return 2
	case n < 0x100:
		return 3
	case n < 0x10000:
		return 4
	}
	return 5
}

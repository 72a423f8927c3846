package ratestate

import "math/bits"

// Key is a 128-bit hash. Its two halves are computed with different secrets and are independent of each other.
type Key struct{ A, B uint64 }

// Add sums two keys. The sum does not depend on the order of its parts, so a set of attributes needs no sorting.
func (k Key) Add(o Key) Key { return Key{k.A + o.A, k.B + o.B} }

// Sub takes a part off a sum again.
func (k Key) Sub(o Key) Key { return Key{k.A - o.A, k.B - o.B} }

// Hasher computes keys. The same seed gives the same keys, in every process and on every machine, so state that
// outlives its process must keep its seed. The seed is there because names come from polled devices: who knew the
// secrets could choose names that collide. A Hasher is a value without state: use it from any goroutine.
type Hasher struct{ s [4]uint64 }

// NewHasher returns the Hasher of a seed.
func NewHasher(seed Key) Hasher {
	var h Hasher
	for i := range h.s {
		// Splitmix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators") spreads a poor seed.
		z := seed.A + uint64(i+1)*0x9e3779b97f4a7c15
		z = (z ^ z>>30 ^ seed.B) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		h.s[i] = (z ^ z>>31) | 1
	}
	return h
}

// String hashes a text. Both halves are the construction of wyhash (final version 3), side by side.
func (h *Hasher) String(s string) Key {
	n := uint64(len(s))
	a, b := h.s[2], h.s[3]
	var x, y uint64
	switch {
	case len(s) > 16:
		for len(s) > 16 {
			x, y = word(s), word(s[8:])
			a, b = mix(x^h.s[0], y^a), mix(x^h.s[1], y^b)
			s = s[16:]
		}
		x, y = lastWords(s)
	case len(s) >= 4:
		mid := len(s) >> 3 << 2
		end := len(s) - 4
		x = half(s)<<32 | half(s[mid:])
		y = half(s[end:])<<32 | half(s[end-mid:])
	case len(s) > 0:
		x = uint64(s[0])<<16 | uint64(s[len(s)>>1])<<8 | uint64(s[len(s)-1])
	}
	return h.finish(x, y, a, b, n)
}

// lastWords packs the 1 to 16 bytes that remain of a long text.
func lastWords(s string) (x, y uint64) {
	switch {
	case len(s) >= 8:
		return word(s), word(s[len(s)-8:])
	case len(s) >= 4:
		return half(s), half(s[len(s)-4:])
	}
	return uint64(s[0])<<16 | uint64(s[len(s)>>1])<<8 | uint64(s[len(s)-1]), 0
}

// Word hashes a number of some kind; equal numbers of different kinds have different keys.
func (h *Hasher) Word(kind uint8, v uint64) Key {
	return h.finish(v, uint64(kind), h.s[3], h.s[2], 8)
}

// Pair hashes a name and its value, in a way fit to be summed by Add.
func (h *Hasher) Pair(name, value Key) Key {
	return Key{
		mix(name.A^h.s[0], value.A^h.s[1]) ^ value.B,
		mix(name.B^h.s[2], value.B^h.s[3]) ^ value.A,
	}
}

// Join hashes two keys, in this order.
func (h *Hasher) Join(a, b Key) Key {
	return Key{
		mix(a.A^h.s[1], b.A^h.s[2]) ^ bits.RotateLeft64(b.B, 23),
		mix(a.B^h.s[3], b.B^h.s[0]) ^ bits.RotateLeft64(b.A, 41),
	}
}

func (h *Hasher) finish(x, y, a, b, n uint64) Key {
	return Key{
		mix(h.s[0]^n, mix(x^h.s[0], y^a)),
		mix(h.s[1]^n, mix(x^h.s[1], y^b)),
	}
}

// mix is the multiplication of wyhash: both halves of the product, folded.
func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// word and half read little-endian numbers; the compiler makes one load of each.
func word(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

func half(s string) uint64 {
	_ = s[3]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24
}

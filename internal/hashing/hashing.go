// Package hashing holds the two hash functions whose values are part of Panoptes' behaviour: Murmur2 places messages on
// Kafka's partitions, Murmur3 places tasks in their interval. Both are pinned by vectors.
package hashing

import (
	"encoding/binary"
	"math/bits"
)

// Murmur2 is the 32-bit hash of Kafka's default partitioner (docs/panoptes/formats.md, section 5).
func Murmur2(b []byte) uint32 {
	const m = 0x5bd1e995
	h := 0x9747b28c ^ uint32(len(b))
	for ; len(b) >= 4; b = b[4:] {
		k := binary.LittleEndian.Uint32(b) * m
		h = h*m ^ (k^k>>24)*m
	}
	switch len(b) {
	case 3:
		h ^= uint32(b[2]) << 16
		fallthrough
	case 2:
		h ^= uint32(b[1]) << 8
		fallthrough
	case 1:
		h = (h ^ uint32(b[0])) * m
	}
	h = (h ^ h>>13) * m
	return h ^ h>>15
}

// Murmur3 is the x86 32-bit variant with seed 0, by which Panoptes spreads the first runs of its tasks
// (docs/panoptes/runtime.md, section 4).
func Murmur3(b []byte) uint32 {
	const c1, c2 = 0xcc9e2d51, 0x1b873593
	n := uint32(len(b))
	var h uint32
	for ; len(b) >= 4; b = b[4:] {
		k := binary.LittleEndian.Uint32(b)
		h = bits.RotateLeft32(h^bits.RotateLeft32(k*c1, 15)*c2, 13)*5 + 0xe6546b64
	}
	var k uint32
	switch len(b) {
	case 3:
		k = uint32(b[2]) << 16
		fallthrough
	case 2:
		k |= uint32(b[1]) << 8
		fallthrough
	case 1:
		h ^= bits.RotateLeft32((k|uint32(b[0]))*c1, 15) * c2
	}
	h ^= n
	h = (h ^ h>>16) * 0x85ebca6b
	h = (h ^ h>>13) * 0xc2b2ae35
	return h ^ h>>16
}

package engine

import (
	"hash/maphash"
	"math"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
)

// The sizes that answers are planned for, in bytes of the whole message.
const (
	// largestAnswer fits into one packet of Ethernet with some room for what the plan did not foresee.
	largestAnswer = 1400
	// smallestAnswer is where halving ends, since all agents can send it (RFC 3417, section 3.2).
	smallestAnswer = 484
	// leastPatience is after how many answers more is tried at first, and mostPatience after how many at last.
	leastPatience, mostPatience = 8, 4096
	// mostLearned is how many columns are remembered of a device.
	mostLearned = 64
)

// memory is what is remembered of a device, so that the next requests are planned better. It is part of the device, of which
// there may be thousands, and therefore small.
type memory struct {
	columns []learned
	oldest  uint8 // of columns, the next to make place

	answer   uint16 // how large answers may be
	streak   uint16 // large answers that came since it last changed
	patience uint16 // the streak after which it grows
	halved   uint16 // how often it was halved
}

// learned is what is known of a column. The zero value knows nothing.
type learned struct {
	key   uint32
	rows  uint16 // at most maxLearnedRows, which stands for more, too
	bytes uint16 // of a variable in an answer, on average
}

const maxLearnedRows = math.MaxUint16

// silentRows stands in the place of a column's length, with no bytes, if the device did not answer for it: then it is not to
// keep the answers to others.
const silentRows = 1

func (l *learned) silent() bool { return l.bytes == 0 && l.rows == silentRows }

func newMemory() memory { return memory{answer: largestAnswer, patience: leastPatience} }

var keySeed = maphash.MakeSeed()

// columnKey names a column in a memory. Contexts of a device have tables of their own. Two columns may have one key, which
// makes their plans worse, nothing more.
func columnKey(context uint64, base ber.OID) uint32 { return uint32(base.Hash(keySeed) + context) }

func contextKey(context string) uint64 { return 31 * maphash.String(keySeed, context) }

func (m *memory) find(key uint32) learned {
	for _, l := range m.columns {
		if l.key == key {
			return l
		}
	}
	return learned{key: key}
}

func (m *memory) keep(l learned) {
	for i := range m.columns {
		if m.columns[i].key == l.key {
			m.columns[i] = l
			return
		}
	}
	if len(m.columns) < mostLearned {
		m.columns = append(m.columns, l)
		return
	}
	m.columns[m.oldest] = l
	m.oldest = (m.oldest + 1) % mostLearned
}

// shrink notes that an answer of a size did not come, and a smaller one did or may.
func (m *memory) shrink(size int) {
	if half := max(size/2, smallestAnswer); half < int(m.answer) {
		m.answer = uint16(half)
	}
	m.streak, m.patience, m.halved = 0, min(2*m.patience, mostPatience), m.halved+1
}

// came notes an answer that was planned for a size. After some large ones the next may be larger; after each failure it
// takes twice as many, so that a device that cannot do more is rarely asked for more.
func (m *memory) came(size int) {
	if m.answer == largestAnswer || size < int(m.answer)/2 {
		return // what is split into several answers fills more than half of each
	}
	if m.streak++; m.streak < m.patience {
		return
	}
	m.streak, m.answer = 0, min(m.answer+m.answer/4, largestAnswer)
	if m.answer == largestAnswer {
		m.patience = leastPatience
	}
}

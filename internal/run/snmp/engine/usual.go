package engine

import (
	"encoding/binary"
	"math"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
)

// The shortest and the longest base that takeUsual knows.
const (
	usualLeast = 8
	usualMost  = 16
)

// setUsual prepares a column for takeUsual.
func (c *column) setUsual() {
	if n := len(c.wire); n >= usualLeast && n <= usualMost {
		c.head = binary.LittleEndian.Uint64(c.wire)
		c.tail = binary.LittleEndian.Uint64(c.wire[n-8:])
		c.usual = uint8(n)
	}
}

// takeUsual takes the first variable of a list for a column and returns its size, if the variable is as nearly all of a table
// are: short, a number of at most eight bytes, and with a usual index. Otherwise it does nothing and returns 0, and takeRow
// has to. It is here only because it takes a third of takeRow's time.
func (j *job) takeUsual(c *column, i int32, b []byte) (size int) {
	base := int(c.usual)
	if base == 0 || len(b) < 4+usualMost+4 || c.done || j.rows >= j.maxRows {
		return 0
	}
	end, value, index := 2+int(b[1]), 4+int(b[3]), 4+base
	if end > len(b) || index >= value || value+2 >= end || b[0] != ber.TagSequence || b[2] != byte(ber.ObjectID) || b[1] >= 0x80 {
		return 0
	}
	octets := end - value - 2
	if int(b[value+1]) != octets || octets > 8 || b[value+2] >= 0x80 || !ber.Type(b[value]).Number() {
		return 0
	}
	if binary.LittleEndian.Uint64(b[4:]) != c.head || binary.LittleEndian.Uint64(b[index-8:]) != c.tail {
		return 0
	}
	row, ok := j.usualIndex(c, i, b[index:value])
	if !ok {
		return 0
	}
	// The number ends at end, so it is the end of the eight bytes there.
	row.num = binary.BigEndian.Uint64(b[end-8:]) & (math.MaxUint64 >> (64 - 8*octets))
	row.kind = ber.Type(b[value])
	j.rows++
	c.cells = append(c.cells, row)
	c.bytes += end
	return end
}

// usualIndex makes the row of an index, if it is that of the column before in the same row, or a small number that ascends.
func (j *job) usualIndex(c *column, i int32, index []byte) (row cell, ok bool) {
	n := len(c.cells)
	if i > 0 && n < len(j.columns[i-1].cells) && !j.columns[i-1].anyOrder {
		before := j.columns[i-1].cells
		row = cell{index: before[n].index, length: before[n].length}
		// If the rows so far are those of the column before, which ascend, so does this one.
		if int(row.length) == len(index) && (n == 0 || c.cells[n-1].index == before[n-1].index) && string(j.index(&row)) == string(index) {
			return row, true
		}
	}
	if len(index) != 1 || index[0] >= 0x80 {
		return row, false
	}
	if n > 0 {
		if last := &c.cells[n-1]; last.length != 1 || j.text[last.index] >= index[0] {
			return row, false
		}
	}
	row = cell{index: uint32(len(j.text)), length: 1}
	j.text = append(j.text, index[0])
	return row, true
}

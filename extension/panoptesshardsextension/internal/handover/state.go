package handover

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// Section is what one part keeps of a shard.
type Section struct {
	Part string
	Data []byte
}

// stateVersion is the first byte of a state. A release writes only what the one before can read.
const stateVersion = 1

// Append adds a section to a state, which is empty at first:
//
//	version 1 | for each section: length of the name, name, length of the data, data
//
// The lengths are uvarints.
func Append(state []byte, part string, data []byte) []byte {
	if len(state) == 0 {
		state = append(make([]byte, 0, 1+len(part)+len(data)+2*binary.MaxVarintLen64), stateVersion)
	}
	state = append(binary.AppendUvarint(state, uint64(len(part))), part...)
	return append(binary.AppendUvarint(state, uint64(len(data))), data...)
}

// Decode reads what Append made. The sections point into b.
func Decode(b []byte) ([]Section, error) {
	if len(b) == 0 || b[0] != stateVersion {
		return nil, errors.New("the state has a version that is not known here")
	}
	b = b[1:]
	next := func() ([]byte, error) {
		n, used := binary.Uvarint(b)
		if used <= 0 || n > uint64(len(b)-used) {
			return nil, fmt.Errorf("the state is cut off %d bytes before its end", len(b))
		}
		field := b[used : used+int(n)]
		b = b[used+int(n):]
		return field, nil
	}
	var sections []Section
	for len(b) > 0 {
		name, err := next()
		if err != nil {
			return nil, err
		}
		data, err := next()
		if err != nil {
			return nil, err
		}
		sections = append(sections, Section{Part: string(name), Data: data})
	}
	return sections, nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

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
	// Items is how many things Data holds. It is not handed over.
	Items int
}

// stateVersion is the first byte of a state. A release writes only what the one before can read.
const stateVersion = 1

// Encode makes a state of sections:
//
//	version 1 | for each section: length of the name, name, length of the data, data
//
// The lengths are uvarints.
func Encode(sections []Section) []byte {
	n := 1
	for _, s := range sections {
		n += len(s.Part) + len(s.Data) + 2*binary.MaxVarintLen64
	}
	b := append(make([]byte, 0, n), stateVersion)
	for _, s := range sections {
		b = append(binary.AppendUvarint(b, uint64(len(s.Part))), s.Part...)
		b = append(binary.AppendUvarint(b, uint64(len(s.Data))), s.Data...)
	}
	return b
}

// Decode reads what Encode made. The sections point into b.
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

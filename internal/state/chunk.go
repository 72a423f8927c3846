package state

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
)

// A chunk is a byte of the version, the CRC-32C of the rest, and a JSON object of the values by their keys.
const chunkHead = 5

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func appendChunk(held map[string]json.RawMessage) []byte {
	text, err := json.Marshal(held)
	if err != nil { // a value that is no JSON, which is a fault of its source
		text = []byte("{}")
	}
	b := make([]byte, chunkHead, chunkHead+len(text))
	b[0] = formatVersion
	binary.BigEndian.PutUint32(b[1:], crc32.Checksum(text, castagnoli))
	return append(b, text...)
}

// parseChunk returns the values of a chunk by their keys; none where data is nil.
func parseChunk(data []byte) (map[string]json.RawMessage, error) {
	held := map[string]json.RawMessage{}
	if data == nil {
		return held, nil
	}
	switch {
	case len(data) < chunkHead:
		return nil, errors.New("it is cut off")
	case data[0] != formatVersion:
		return nil, fmt.Errorf("it has version %d, this program knows version %d", data[0], formatVersion)
	case binary.BigEndian.Uint32(data[1:]) != crc32.Checksum(data[chunkHead:], castagnoli):
		return nil, errors.New("its checksum is wrong")
	}
	if err := json.Unmarshal(data[chunkHead:], &held); err != nil {
		return nil, err
	}
	return held, nil
}

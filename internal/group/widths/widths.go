// Package widths reads and writes what a scope says of the widths of its counters: name=bits, one after the other, with a
// blank between them, such as "octets=64 errors=32". A counter of so many bits begins anew at 2 to the power of that.
package widths

import (
	"fmt"
	"strconv"
	"strings"
)

// Max is the widest counter.
const Max = 64

// Append adds a counter to a text.
func Append(text []byte, name string, bits uint8) []byte {
	if len(text) > 0 {
		text = append(text, ' ')
	}
	text = append(append(text, name...), '=')
	return strconv.AppendUint(text, uint64(bits), 10)
}

// Parse returns the widths by the names of counters. What is no width is left out; the error says what it was.
func Parse(text string) (map[string]uint8, error) {
	out := map[string]uint8{}
	var bad error
	for word := range strings.FieldsSeq(text) {
		name, number, _ := strings.Cut(word, "=")
		bits, err := strconv.ParseUint(number, 10, 8)
		if err != nil || bits < 2 || bits > Max || name == "" {
			bad = fmt.Errorf("%q is no width of a counter: it must be name=bits, from 2 to %d", word, Max)
			continue
		}
		out[name] = uint8(bits)
	}
	return out, bad
}

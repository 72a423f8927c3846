package pdata

import (
	"strings"
	"unicode"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// SafeName makes a valid Panoptes name of any text, and says whether it had to: each character that is no letter, digit
// or "_" becomes "_", and a name that begins with a digit, or is empty, gets a "_" in front.
func SafeName(name string) (string, bool) {
	if pluginsdk.ValidName(name) {
		return name, false
	}
	var b strings.Builder
	b.Grow(len(name) + 1)
	for i, r := range name {
		if i == 0 && unicode.Is(unicode.Nd, r) {
			b.WriteByte('_')
		}
		if r == '_' || unicode.IsLetter(r) || unicode.IsNumber(r) {
			b.WriteRune(r)
		} else {
			b.WriteByte('_')
		}
	}
	if b.Len() == 0 {
		return "_", true
	}
	return b.String(), true
}

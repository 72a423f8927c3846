package expr

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode"

	"github.com/panoptes-otel/panoptes-otel/internal/group/pyjson"
)

// ToText is str(v).
func ToText(v Value) string {
	if text, is := v.(string); is {
		return text
	}
	return Repr(v)
}

// Repr is repr(v).
func Repr(v Value) string {
	var b strings.Builder
	writeRepr(&b, v)
	return b.String()
}

func writeRepr(b *strings.Builder, v Value) {
	switch v := v.(type) {
	case nil:
		b.WriteString("None")
	case bool:
		b.WriteString(map[bool]string{false: "False", true: "True"}[v])
	case int64:
		b.WriteString(strconv.FormatInt(v, 10))
	case *big.Int:
		b.WriteString(v.String())
	case float64:
		b.WriteString(floatText(v))
	case string:
		quote(b, v)
	case *List:
		ends := [...][2]string{{"[", "]"}, {"(", ")"}, {"dict_view([", "])"}, {"iterator([", "])"}}[v.kind]
		b.WriteString(ends[0])
		writeAll(b, v.items)
		if v.kind == kindTuple && len(v.items) == 1 {
			b.WriteByte(',')
		}
		b.WriteString(ends[1])
	case *Dict:
		b.WriteByte('{')
		for i := range v.keys {
			if i > 0 {
				b.WriteString(", ")
			}
			writeRepr(b, v.keys[i])
			b.WriteString(": ")
			writeRepr(b, v.values[i])
		}
		b.WriteByte('}')
	case *Set:
		if v.Len() == 0 {
			b.WriteString("set()")
			return
		}
		b.WriteByte('{')
		writeAll(b, v.keys)
		b.WriteByte('}')
	case *Range:
		b.WriteString("range(" + strconv.FormatInt(v.start, 10) + ", " + strconv.FormatInt(v.start+v.step*v.length, 10) + ")")
	}
}

func writeAll(b *strings.Builder, items []Value) {
	for i, item := range items {
		if i > 0 {
			b.WriteString(", ")
		}
		writeRepr(b, item)
	}
}

func floatText(f float64) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	}
	return string(pyjson.AppendFloat(nil, f))
}

// quote writes a text as a literal of Python.
func quote(b *strings.Builder, text string) {
	mark := byte('\'')
	if strings.Contains(text, "'") && !strings.Contains(text, `"`) {
		mark = '"'
	}
	b.WriteByte(mark)
	for _, c := range text {
		switch {
		case c == rune(mark) || c == '\\':
			b.WriteByte('\\')
			b.WriteRune(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\t':
			b.WriteString(`\t`)
		case c < ' ' || c == 0x7f || c < 0x100 && !unicode.IsPrint(c):
			b.WriteString(`\x` + string("0123456789abcdef"[c>>4]) + string("0123456789abcdef"[c&15]))
		default:
			b.WriteRune(c)
		}
	}
	b.WriteByte(mark)
}

// isSpace says what str.split and int() take for a blank.
func isSpace(c rune) bool { return unicode.IsSpace(c) || c >= 0x1c && c <= 0x1f }

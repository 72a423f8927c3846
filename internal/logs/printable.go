package logs

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// OneLine makes of a text that others wrote one line that a terminal can be given: control characters, and characters
// that change the direction of text, are written as escapes.
func OneLine(text string) string { return escape(text, "") }

// Printable is OneLine that leaves ends of lines and tabs, for tracebacks.
func Printable(text string) string { return escape(text, "\n\t") }

func escape(text, except string) string {
	first := strings.IndexFunc(text, func(r rune) bool { return unsafeRune(r, except) })
	if first < 0 {
		return text
	}
	var b strings.Builder
	b.WriteString(text[:first])
	for i, r := range text[first:] {
		switch {
		case !unsafeRune(r, except):
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == utf8.RuneError:
			if _, size := utf8.DecodeRuneInString(text[first+i:]); size > 1 {
				b.WriteRune(r) // the character itself
			} else {
				fmt.Fprintf(&b, `\x%02x`, text[first+i])
			}
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// Unsafe says whether OneLine escapes a character.
func Unsafe(r rune) bool { return unsafeRune(r, "") }

func unsafeRune(r rune, except string) bool {
	switch {
	case r >= 0x20 && r < 0x7f:
		return false
	case r < 0x20:
		return !strings.ContainsRune(except, r)
	case r == utf8.RuneError, r < 0xa0, r == 0x2028, r == 0x2029:
		return true
	}
	return unicode.Is(unicode.Bidi_Control, r)
}

// Count is a number of things: "1 plugin", "2 plugins".
func Count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return strconv.Itoa(n) + " " + thing + "s"
}

// FirstLine is a text up to the end of its first line.
func FirstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

const mark = "..."

// KeepStart keeps the first bytes of a text, at most so many, and says with "..." that there is more. No character is cut
// apart; what is not UTF-8 in a text that is cut is left out.
func KeepStart(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + mark
}

// KeepEnd is KeepStart for the last bytes of a text.
func KeepEnd(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return mark + strings.ToValidUTF8(text[len(text)-most:], "")
}

package logs

import "strings"

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

// Package shorten bounds texts that others wrote and that are told on: to the log, to a page, in an error.
package shorten

import "strings"

const mark = "..."

// Start keeps the first bytes of a text, at most so many, and says with "..." that there is more. No character is cut
// apart; what is not UTF-8 in a text that is cut is left out.
func Start(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + mark
}

// End is Start for the last bytes of a text.
func End(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return mark + strings.ToValidUTF8(text[len(text)-most:], "")
}

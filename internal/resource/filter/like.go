package filter

import (
	"strings"
	"unicode/utf8"
)

// like is a compiled pattern of LIKE, as SQLite matches it: % is any run of characters, _ exactly one, ASCII letters
// compare without case, and nothing escapes.
type like struct {
	pattern string // in ASCII lower case, runs of % folded into one
	literal bool   // without % and _
}

func compileLike(pattern string) like {
	p := asciiLower(pattern)
	for strings.Contains(p, "%%") {
		p = strings.ReplaceAll(p, "%%", "%")
	}
	return like{pattern: p, literal: !strings.ContainsAny(p, "%_")}
}

// match walks both texts once and, where a literal run fails, goes back to the last % alone: earlier ones cannot help.
func (l *like) match(s string) bool {
	if l.literal {
		return equalFoldASCII(s, l.pattern)
	}
	p := l.pattern
	i, j := 0, 0          // in s and in p
	retry, after := 0, -1 // where to go on in s and in p when stuck; after < 0: no % yet
	for i < len(s) || j < len(p) {
		if j < len(p) {
			switch c := p[j]; {
			case c == '%':
				j++
				retry, after = i, j
				continue
			case i < len(s) && c == '_':
				i += charSize(s[i:])
				j++
				continue
			case i < len(s) && lower(s[i]) == c:
				i++
				j++
				continue
			}
		}
		if after < 0 || retry >= len(s) {
			return false
		}
		retry += charSize(s[retry:])
		i, j = retry, after
	}
	return true
}

func charSize(s string) int {
	_, size := utf8.DecodeRuneInString(s)
	return size
}

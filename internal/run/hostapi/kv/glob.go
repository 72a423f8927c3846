package kv

import "strings"

// globMatch says whether s matches a pattern as redis has them: * any bytes, ? one byte, [abc] [a-z] [^a] one byte of
// a class, and a backslash before a byte that is meant as such. It follows redis' stringmatchlen byte by byte, also
// where the pattern ends within a class or after a backslash. It takes at most len(pattern) x len(s) steps: on a
// mismatch only the last * needs to be tried again.
func globMatch(pattern, s string) bool {
	p, i := 0, 0
	starP, starI := -1, 0
	for i < len(s) {
		if p < len(pattern) && pattern[p] == '*' {
			starP, starI = p+1, i
			p++
			continue
		}
		if p < len(pattern) {
			if next, ok := matchOne(pattern, p, s[i]); ok {
				p = next
				i++
				continue
			}
		}
		if starP < 0 {
			return false
		}
		starI++
		p, i = starP, starI
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// Matcher returns what all texts begin with that match a pattern of redis, and what says whether one does.
func Matcher(pattern string) (prefix string, matches func(s string) bool) {
	return globPrefix(pattern), func(s string) bool { return globMatch(pattern, s) }
}

// globPrefix is what every text begins with that matches a pattern.
func globPrefix(pattern string) string {
	if i := strings.IndexAny(pattern, `*?[\`); i >= 0 {
		return pattern[:i]
	}
	return pattern
}

// matchOne matches one byte with the element of the pattern at p and returns where the next element begins.
func matchOne(pattern string, p int, c byte) (next int, ok bool) {
	switch pattern[p] {
	case '?':
		return p + 1, true
	case '[':
		return matchClass(pattern, p+1, c)
	case '\\':
		if p+1 < len(pattern) {
			p++
		}
	}
	return p + 1, pattern[p] == c
}

func matchClass(pattern string, p int, c byte) (next int, ok bool) {
	negate := p < len(pattern) && pattern[p] == '^'
	if negate {
		p++
	}
	found := false
	for ; p < len(pattern) && pattern[p] != ']'; p++ {
		switch {
		case pattern[p] == '\\' && p+1 < len(pattern):
			p++
			found = found || pattern[p] == c
		case p+2 < len(pattern) && pattern[p+1] == '-':
			low, high := pattern[p], pattern[p+2]
			if low > high {
				low, high = high, low
			}
			p += 2
			found = found || low <= c && c <= high
		default:
			found = found || pattern[p] == c
		}
	}
	if p < len(pattern) {
		p++
	}
	return p, found != negate
}

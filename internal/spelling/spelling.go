// Package spelling tells how near a word that somebody wrote is to one that there is.
package spelling

import "strings"

// Nearest is the known word that a word is likely meant to be, without regard to case: at most so far from it, and the first of
// several that are as near. "" is none.
func Nearest(word string, known []string, most int) (best string) {
	word = strings.ToLower(word)
	for _, k := range known {
		if d := Distance(word, strings.ToLower(k)); d <= most {
			best, most = k, d-1
		}
	}
	return best
}

// longest is how many bytes of a word are compared; no name that there is has more.
const longest = 64

// Distance is the number of bytes to insert, delete or replace between two words, where two neighbours that changed
// places count once. Words of more than 64 bytes are far from all others.
func Distance(a, b string) int {
	if len(a) > longest || len(b) > longest {
		return max(len(a), len(b))
	}
	before, prev, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(prev[j+1]+1, row[j]+1, prev[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, prev, row = prev, row, before
	}
	return prev[len(b)]
}

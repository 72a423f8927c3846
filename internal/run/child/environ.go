package child

import (
	"slices"
	"strings"
)

// Environ is the part of an environment that children are given: what a program needs to find files and to speak the
// user's language, and none of the secrets that may be in the rest.
// more are the names of further variables to hand on.
func Environ(full []string, more ...string) []string {
	var out []string
	for _, entry := range full {
		name, _, ok := strings.Cut(entry, "=")
		if ok && (allowed(name) || slices.Contains(more, name)) {
			out = append(out, entry)
		}
	}
	return out
}

func allowed(name string) bool {
	switch name {
	case "PATH", "HOME", "LANG", "TZ", "TMPDIR":
		return true
	}
	return strings.HasPrefix(name, "LC_") || allowedBySystem(name)
}

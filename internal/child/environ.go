package child

import "strings"

// Environ is the part of an environment that children are given: what a program needs to find files and to speak the
// user's language, and none of the secrets that may be in the rest.
func Environ(full []string) []string {
	var out []string
	for _, entry := range full {
		name, _, ok := strings.Cut(entry, "=")
		if ok && allowed(name) {
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

package safepath

import (
	"path/filepath"

	"golang.org/x/sys/unix"
)

// NoExec says whether files below path, which need not be there yet, cannot be run.
func NoExec(path string) bool {
	var s unix.Statfs_t
	for unix.Statfs(path, &s) != nil {
		up := filepath.Dir(path)
		if up == path {
			return false
		}
		path = up
	}
	return s.Flags&unix.ST_NOEXEC != 0
}

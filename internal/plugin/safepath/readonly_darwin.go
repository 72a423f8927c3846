package safepath

import "golang.org/x/sys/unix"

// ReadOnly says whether path lies on a file system that is mounted read-only: nobody can replace it then.
func ReadOnly(path string) bool {
	var s unix.Statfs_t
	return unix.Statfs(path, &s) == nil && s.Flags&unix.MNT_RDONLY != 0
}

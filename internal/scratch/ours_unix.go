//go:build unix

package scratch

import (
	"io/fs"
	"os"
	"syscall"
)

// ours says whether a folder is of our user: everybody can make one of that name among temporary files.
func ours(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}

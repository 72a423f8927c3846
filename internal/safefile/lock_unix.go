//go:build unix

package safefile

import (
	"os"

	"golang.org/x/sys/unix"
)

// Lock takes the lock of a file or folder (flock(2)), until it is closed. It is false where somebody else has it.
func Lock(f *os.File) bool {
	return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil
}

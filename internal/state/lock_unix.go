//go:build unix

package state

import (
	"os"

	"golang.org/x/sys/unix"
)

// lockFile takes the lock that bbolt takes, until the file is closed. It is false where somebody else has it.
func lockFile(f *os.File) bool {
	return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil
}

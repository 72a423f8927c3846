//go:build unix && !linux

package child

import "syscall"

// dieWithParent does nothing: only Linux has the control. The child sees the end of its stdin instead.
func dieWithParent(*syscall.SysProcAttr, bool) {}

// markAll does nothing: only Linux marks all descriptors at once.
func markAll() error { return syscall.ENOSYS }

package child

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// dieWithParent has the kernel end the child when the thread that starts it ends.
func dieWithParent(attr *syscall.SysProcAttr, ownsChildren bool) {
	attr.Pdeathsig = syscall.SIGKILL
	if ownsChildren {
		attr.Pdeathsig = syscall.SIGTERM
	}
}

// awaitExit returns true when the child has ended and waits to be reaped, or false at once where that cannot be seen.
func awaitExit(pid int) bool {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return err == nil
		}
	}
}

// markAll has all descriptors from firstInherited on close when a program is run, where the kernel can do it at once (5.11).
func markAll() error {
	return unix.CloseRange(firstInherited, ^uint(0), unix.CLOSE_RANGE_CLOEXEC)
}

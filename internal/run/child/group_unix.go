//go:build unix

package child

import (
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// group is a process group, led by the child.
type group struct{ pgid int }

func (g *group) prepare(cmd *exec.Cmd, ownsChildren bool) error {
	closeInherited()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	dieWithParent(cmd.SysProcAttr, ownsChildren)
	return nil
}

func (g *group) adopt(p *os.Process) error {
	g.pgid = p.Pid
	return nil
}

func (g group) terminate() error { return syscall.Kill(-g.pgid, syscall.SIGTERM) }

func (g group) kill() error { return syscall.Kill(-g.pgid, syscall.SIGKILL) }

func (g group) close() {}

func allowedBySystem(string) bool { return false }

// firstInherited is the first descriptor that a child must not have from us.
const firstInherited = 3

// closeInherited keeps the descriptors that we were started with from our children. Children do not get those that Go
// opens in any case.
func closeInherited() {
	if markAll() == nil {
		return
	}
	entries, err := os.ReadDir("/dev/fd")
	if err != nil {
		return // nothing says which there are
	}
	for _, e := range entries {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd >= firstInherited {
			unix.CloseOnExec(fd)
		}
	}
}

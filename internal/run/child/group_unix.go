//go:build unix

package child

import (
	"os"
	"os/exec"
	"syscall"
)

// group is a process group, led by the child.
type group struct{ pgid int }

func (g *group) prepare(cmd *exec.Cmd, ownsChildren bool) error {
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

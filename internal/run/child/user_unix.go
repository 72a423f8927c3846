//go:build unix

package child

import (
	"os/exec"
	"syscall"
)

const canSwitchUser = true

func (u *User) set(cmd *exec.Cmd) {
	if u != nil {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: u.UID, Gid: u.GID, Groups: u.Groups}
	}
}

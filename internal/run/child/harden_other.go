//go:build !linux

package child

import (
	"os/exec"
	"runtime"
)

const (
	system   = runtime.GOOS
	canLimit = false
)

// hide does nothing: only Linux has the control.
func hide() error { return nil }

func (h Hardening) harden(*exec.Cmd) error { return h.Supported() }

func firstThread() bool { return false }

func (h Hardening) limit(int) error { return nil }

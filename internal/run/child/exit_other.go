//go:build !linux

package child

import (
	"context"
	"os/exec"
)

// awaitExit cannot be had without reaping the child; it returns false.
func awaitExit(int) bool { return false }

// SweepOrphans does nothing: what a child left behind is found on Linux alone.
func SweepOrphans(ctx context.Context, _ func(pid int, command string)) { <-ctx.Done() }

// Sweep does nothing.
func Sweep(func(pid int, command string)) {}

func startKnown(cmd *exec.Cmd) error { return cmd.Start() }

func reaped(*exec.Cmd) {}

func mark() []string { return nil }

//go:build !linux

package safepath

// NoExec is not known on this system.
func NoExec(string) bool { return false }

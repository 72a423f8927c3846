//go:build !linux

package child

// awaitExit cannot be had without reaping the child; it returns false.
func awaitExit(int) bool { return false }

//go:build !linux && !darwin

package safepath

// ReadOnly is not known on this system.
func ReadOnly(string) bool { return false }

//go:build !linux && !darwin

package pluginrun

// readOnlyMount is not known on this system.
func readOnlyMount(string) bool { return false }

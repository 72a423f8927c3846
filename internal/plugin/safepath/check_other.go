//go:build !unix

package safepath

// Check checks nothing: who may replace a file is not a matter of owner and mode bits on this system, and the
// access lists of the plugins' folders are for the operator to set (docs/runtimes.md).
func Check(string) error { return nil }

// CheckProgram checks nothing, as Check.
func CheckProgram(string, string, string) error { return nil }

// CheckArgument checks nothing, as Check.
func CheckArgument(string, string, string) error { return nil }

// Named is nothing: there are no "#!" lines on this system.
func Named(string, string) []string { return nil }

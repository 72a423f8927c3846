//go:build !linux

package child

import "time"

// Busy is how long a process has run, or waited for a processor; false, as this system does not say.
func Busy(int) (time.Duration, bool) { return 0, false }

package child

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// Busy is how long a process has run, or waited for a processor, since it began, without what it started itself; false where
// the kernel does not say.
func Busy(pid int) (time.Duration, bool) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/schedstat", pid)) // both in nanoseconds, and a third number
	fields := bytes.Fields(text)
	if err != nil || len(fields) < 2 {
		return 0, false
	}
	ran, err := strconv.ParseInt(string(fields[0]), 10, 64)
	if err != nil {
		return 0, false
	}
	waited, err := strconv.ParseInt(string(fields[1]), 10, 64)
	return time.Duration(ran + waited), err == nil
}

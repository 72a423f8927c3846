//go:build unix

package program

import (
	"errors"
	"syscall"

	"github.com/panoptes-otel/panoptes-otel/internal/safefile"
)

func isTextBusy(err error) bool { return errors.Is(err, syscall.ETXTBSY) }

// isShortage says that the system, and not the program, is why a process cannot be started.
func isShortage(err error) bool {
	for _, shortage := range []error{syscall.EAGAIN, syscall.ENOMEM, syscall.EMFILE, syscall.ENFILE, safefile.ErrSilent} {
		if errors.Is(err, shortage) {
			return true
		}
	}
	return false
}

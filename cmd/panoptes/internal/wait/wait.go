// Package wait is what commands wait with.
package wait

import (
	"context"
	"time"
)

// endLimit is how long what a command has started may take to end.
const endLimit = 10 * time.Second

// End ends something, within a limit.
func End(end func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), endLimit)
	defer cancel()
	return end(ctx)
}

// For waits for a time and says whether it has passed before ctx ended.
func For(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

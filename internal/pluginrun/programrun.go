package pluginrun

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/run/program/output"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// defaults are what the groups of a run may leave out.
func (req Request) defaults(groupType string) output.Defaults {
	return output.Defaults{
		Resource: req.Resource, Type: groupType, Interval: int(groupInterval(req.Plugin) / time.Second), Time: req.now(),
	}
}

// checkItems is checkGroups for what was read of a program's output. A group that is there twice counts once: the
// groups of a run are a set.
func checkItems(req Request, items []output.Item, limits Limits) Result {
	groups := make([]*pluginsdk.MetricsGroup, 0, len(items))
	var drops Result
	var set pluginsdk.MetricsGroupSet
	for i, item := range items {
		switch {
		case item.Err != nil:
			drops.drop(req, Drop{Group: item.Type, Reason: DropInvalid, Err: fmt.Errorf("group %d: %w", i, item.Err)})
		case len(items) > 1 && !set.Add(item.Group):
			drops.drop(req, Drop{Group: item.Type, Reason: DropDuplicate, Err: fmt.Errorf("group %d: group %q is there already", i, item.Type)})
		default:
			groups = append(groups, item.Group)
		}
	}
	result := checkGroups(req, groups, limits)
	result.Dropped = append(drops.Dropped, result.Dropped...)
	return result
}

func isBlank(text []byte) bool { return len(bytes.TrimSpace(text)) == 0 }

func withoutNUL(s string) string { return strings.ReplaceAll(s, "\x00", "") }

// busyRuns are the runs that have not ended, among them those that were given up at their deadline. The zero value has
// none.
type busyRuns struct {
	mu     sync.Mutex
	closed bool
	runs   map[runKey]struct{}
}

var errStillEnding = errors.New("an earlier run has not ended yet: its process is being ended")

// begin notes a run, and counts it in wg; after close it refuses.
func (b *busyRuns) begin(key runKey, wg *sync.WaitGroup) (Outcome, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return OutcomeCanceled, errShutdown
	}
	if _, ok := b.runs[key]; ok {
		return OutcomeBusy, errStillEnding
	}
	if b.runs == nil {
		b.runs = map[runKey]struct{}{}
	}
	b.runs[key] = struct{}{}
	wg.Add(1)
	return "", nil
}

func (b *busyRuns) end(key runKey, wg *sync.WaitGroup) {
	b.mu.Lock()
	delete(b.runs, key)
	b.mu.Unlock()
	wg.Done()
}

func (b *busyRuns) has(key runKey) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, ok := b.runs[key]
	return ok
}

// close lets no further run begin, and returns what is closed when those under way have ended.
func (b *busyRuns) close(wg *sync.WaitGroup) <-chan struct{} {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	gone := make(chan struct{})
	go func() {
		wg.Wait()
		close(gone)
	}()
	return gone
}

// waitFor waits until what is going is gone, or ctx is done.
func waitFor(ctx context.Context, gone <-chan struct{}, what string) error {
	select {
	case <-gone:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", what, ctx.Err())
	}
}

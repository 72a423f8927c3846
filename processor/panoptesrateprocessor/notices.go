package panoptesrateprocessor

import (
	"sync"
	"time"

	"github.com/panoptes-otel/panoptes-otel/processor/panoptesrateprocessor/internal/ratestate"
)

const (
	// maxNotices bounds what is remembered as said; more would be the work of broken data.
	maxNotices = 4096
	// noticesPerMinute bounds the log lines that data can cause.
	noticesPerMinute = 60
)

// notices decides what is worth a log line: each thing once, and not too many in a minute. What is held back for the
// minute's sake is said when it comes up again. It is safe for concurrent use.
type notices struct {
	hasher ratestate.Hasher
	now    func() time.Time

	mu     sync.Mutex
	said   map[ratestate.Key]struct{}
	minute time.Time
	count  int
}

func newNotices(h ratestate.Hasher, now func() time.Time) *notices {
	return &notices{hasher: h, now: now, said: map[ratestate.Key]struct{}{}}
}

// first says whether to log about a text of a scope.
func (n *notices) first(scope, text string) bool {
	key := n.hasher.Join(n.hasher.String(scope), n.hasher.String(text))
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, ok := n.said[key]; ok {
		return false
	}
	if now := n.now(); now.Sub(n.minute) >= time.Minute {
		n.minute, n.count = now, 0
	}
	if n.count >= noticesPerMinute {
		return false
	}
	n.count++
	if len(n.said) >= maxNotices {
		clear(n.said)
	}
	n.said[key] = struct{}{}
	return true
}

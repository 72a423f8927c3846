package panoptesrateprocessor

import (
	"sync"
	"time"

	"github.com/panoptes-otel/panoptes-otel/processor/panoptesrateprocessor/internal/ratestate"
)

const (
	// maxNotices bounds what is remembered as said; more would be the work of broken data.
	maxNotices = 4096
	// linesPerMinute bounds the log lines that data can cause.
	linesPerMinute = 60
)

// lineLimit lets some log lines pass in each minute. It is safe for concurrent use.
type lineLimit struct {
	now func() time.Time

	mu     sync.Mutex
	minute time.Time
	count  int
	held   int
}

// take says whether to log a line, and how many it refused since the last one.
func (l *lineLimit) take() (ok bool, held int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := l.now(); now.Sub(l.minute) >= time.Minute {
		l.minute, l.count = now, 0
	}
	if l.count >= linesPerMinute {
		l.held++
		return false, 0
	}
	l.count++
	held, l.held = l.held, 0
	return true, held
}

// notices decides what is worth a log line: each thing once, and not too many in a minute. What is held back for the
// minute's sake is said when it comes up again. It is safe for concurrent use.
type notices struct {
	hasher ratestate.Hasher
	limit  lineLimit

	mu   sync.Mutex
	said map[ratestate.Key]struct{}
}

func newNotices(h ratestate.Hasher, now func() time.Time) *notices {
	return &notices{hasher: h, limit: lineLimit{now: now}, said: map[ratestate.Key]struct{}{}}
}

// first says whether to log about a text of a scope.
func (n *notices) first(scope, text string) bool {
	key := n.hasher.Join(n.hasher.String(scope), n.hasher.String(text))
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, ok := n.said[key]; ok {
		return false
	}
	if ok, _ := n.limit.take(); !ok {
		return false
	}
	if len(n.said) >= maxNotices {
		clear(n.said)
	}
	n.said[key] = struct{}{}
	return true
}

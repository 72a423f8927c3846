package runlog

import (
	"sync"
	"time"
)

const (
	// maxLinesPerSecond and maxBytesPerSecond limit what one plugin may write to the log, by all its runs; the rest is counted.
	maxLinesPerSecond = 5000
	maxBytesPerSecond = 1 << 20
	// maxPlugins limits the plugins that are told apart: more are names of plugins that are gone.
	maxPlugins = 10_000
)

// Budget is what plugins may write to the log, shared by all processes. It is safe for concurrent use.
type Budget struct {
	now func() time.Time

	mu      sync.Mutex
	plugins map[string]*spent
}

// spent is what a plugin wrote in a second, and how many lines were left out since that was reported.
type spent struct {
	second             int64
	lines, bytes, left int
}

// NewBudget returns a Budget of which nothing is spent.
func NewBudget() *Budget { return &Budget{now: time.Now, plugins: map[string]*spent{}} }

// take says whether a plugin may write a line of so many bytes, and how many lines were left out that are to be reported.
func (b *Budget) take(plugin string, bytes int) (ok bool, left int) {
	bytes = min(bytes, 2*maxTextBytes) // more is cut
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.plugins[plugin]
	if s == nil {
		if len(b.plugins) >= maxPlugins {
			clear(b.plugins)
		}
		s = &spent{}
		b.plugins[plugin] = s
	}
	if second := b.now().Unix(); second != s.second {
		left = s.left
		*s = spent{second: second}
	}
	if s.lines >= maxLinesPerSecond || s.bytes+bytes > maxBytesPerSecond {
		s.left++
		return false, left
	}
	s.lines++
	s.bytes += bytes
	return true, left
}

// leftOut is how many lines were left out of a plugin that have not been reported, which they are now.
func (b *Budget) leftOut(plugin string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.plugins[plugin]
	if s == nil {
		return 0
	}
	left := s.left
	s.left = 0
	return left
}

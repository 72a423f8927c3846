package seldom

import (
	"sync"
	"time"
)

const (
	// again is how long after something was told in the log it is told again.
	again = time.Hour
	// size bounds how many things are told within that time; the others are counted only.
	size = 1024
)

// Teller keeps the log from telling one thing, or too many, again and again. It is safe for concurrent use.
type Teller struct {
	now func() time.Time

	mu   sync.Mutex
	told map[string]time.Time
}

// New returns a Teller that has told nothing.
func New() *Teller { return &Teller{now: time.Now, told: map[string]time.Time{}} }

// First says whether id was not told within the last hour, and notes that it is now.
func (t *Teller) First(id string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	if at, ok := t.told[id]; ok && now.Sub(at) < again {
		return false
	}
	if len(t.told) >= size {
		for old, at := range t.told {
			if now.Sub(at) >= again {
				delete(t.told, old)
			}
		}
		if len(t.told) >= size {
			return false
		}
	}
	t.told[id] = now
	return true
}

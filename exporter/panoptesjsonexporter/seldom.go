package panoptesjsonexporter

import (
	"sync"
	"time"
)

const (
	// seldomAgain is how long after something was told in the log it is told again.
	seldomAgain = time.Hour
	// seldomSize bounds how many things are told within that time; the others are counted only.
	seldomSize = 1024
)

// seldom keeps the log from telling one thing, or too many, again and again. It is safe for concurrent use.
type seldom struct {
	now func() time.Time

	mu   sync.Mutex
	told map[string]time.Time
}

func newSeldom() *seldom { return &seldom{now: time.Now, told: map[string]time.Time{}} }

// first says whether id was not told within the last hour, and notes that it is now.
func (s *seldom) first(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if at, ok := s.told[id]; ok && now.Sub(at) < seldomAgain {
		return false
	}
	if len(s.told) >= seldomSize {
		for old, at := range s.told {
			if now.Sub(at) >= seldomAgain {
				delete(s.told, old)
			}
		}
		if len(s.told) >= seldomSize {
			return false
		}
	}
	s.told[id] = now
	return true
}

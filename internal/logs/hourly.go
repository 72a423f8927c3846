package logs

import (
	"hash/maphash"
	"maps"
	"sync"
	"time"
)

const (
	// again is how long after something was told in the log it is told again.
	again = time.Hour
	// size bounds how many things are told within that time; the others are counted only.
	size = 1024
	// perMinute bounds how many things are told within a minute. What is held back for its sake is told when it comes up again.
	perMinute = 60
)

// Hourly lets one line about one thing pass in an hour, and not too many things. It is safe for concurrent use.
type Hourly struct {
	limit PerMinute

	mu   sync.Mutex
	told map[uint64]time.Time // by hash
}

// NewHourly returns an Hourly that let nothing pass yet.
func NewHourly() *Hourly {
	return &Hourly{limit: PerMinute{now: time.Now}, told: map[uint64]time.Time{}}
}

var seed = maphash.MakeSeed()

// First says whether the thing that these texts name was not told within the last hour, and notes that it is now.
func (t *Hourly) First(id ...string) bool {
	var h maphash.Hash
	h.SetSeed(seed)
	for _, text := range id {
		_, _ = h.WriteString(text)
		_ = h.WriteByte(0)
	}
	key := h.Sum64()
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.limit.now()
	if at, ok := t.told[key]; ok && now.Sub(at) < again {
		return false
	}
	if len(t.told) >= size {
		maps.DeleteFunc(t.told, func(_ uint64, at time.Time) bool { return now.Sub(at) >= again })
		if len(t.told) >= size {
			return false
		}
	}
	if ok, _ := t.limit.Take(); !ok {
		return false
	}
	t.told[key] = now
	return true
}

// PerMinute lets some lines pass in each minute. It is safe for concurrent use.
type PerMinute struct {
	now func() time.Time

	mu     sync.Mutex
	minute time.Time
	count  int
	held   int
}

// NewPerMinute returns a PerMinute that has let nothing pass. now tells the time.
func NewPerMinute(now func() time.Time) *PerMinute { return &PerMinute{now: now} }

// Take says whether to log a line, and how many it refused since the last one.
func (l *PerMinute) Take() (ok bool, held int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := l.now(); now.Sub(l.minute) >= time.Minute {
		l.minute, l.count = now, 0
	}
	if l.count >= perMinute {
		l.held++
		return false, 0
	}
	l.count++
	held, l.held = l.held, 0
	return true, held
}

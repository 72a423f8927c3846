package table

import (
	"math"
	"sync"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
)

// State is what a Program keeps of a resource from run to run. The zero State is of a resource that was never polled. It
// belongs to one run at a time.
type State struct {
	start time.Time       // of the device, as the last run knew it
	cache map[int]*cached // by column, those with Refresh
	wide  []bool          // by table with Keep: most rows are kept, so that all are fetched at once
}

// Boot is when a device started, as far as its uptime tells. Programs that poll one device can share it, at once. It can
// be stored and given back, so that a counter's start stays the same over a restart of ours.
type Boot struct {
	mu    sync.Mutex
	state BootState
}

// BootState is what a Boot knows.
type BootState struct {
	// Start is the time of the start; zero where it is not known.
	Start time.Time
	// Uptime is what the device said when it was last asked, at Seen.
	Uptime time.Duration
	Seen   time.Time
}

// Restore makes it know what another knew.
func (b *Boot) Restore(s BootState) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.state = s
}

// State is what is known.
func (b *Boot) State() BootState {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state
}

// wrapUptime is where TimeTicks begin anew, after 497 days.
const wrapUptime = time.Duration(math.MaxUint32+1) * 10 * time.Millisecond

// slackFixed and a twentieth are allowed to devices whose clock is slow, and to answers that were long under way.
const slackFixed = 10 * time.Second

func slack(passed time.Duration) time.Duration { return slackFixed + passed/20 }

// seen takes in what a device says of its uptime, and returns when the device started.
//
// The start is worked out once and held: worked out anew each time it would waver, and every waver would begin new
// series. Another start is an uptime that fell, or that is less than the time since we asked before. TimeTicks that wrapped
// have not fallen. What another program saw later counts more.
func (b *Boot) seen(uptime time.Duration, wraps bool, at time.Time) time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s := &b.state; !s.Start.IsZero() {
		passed := at.Sub(s.Seen)
		if passed < 0 {
			return s.Start
		}
		fell := uptime < s.Uptime
		if wraps && fell && s.Uptime+passed+slack(passed) >= wrapUptime {
			fell, passed = false, 0
		}
		if !fell && uptime+slack(passed) >= passed {
			s.Uptime, s.Seen = uptime, at
			return s.Start
		}
	}
	b.state = BootState{Start: at.Add(-uptime).Truncate(time.Millisecond), Uptime: uptime, Seen: at}
	return b.state.Start
}

// cached is a column that is not fetched in each run.
type cached struct {
	cells []cell
	until time.Time
	// missing are keys that it was asked for and did not have when it was fetched.
	missing map[ber.OID]struct{}
}

// keep stores a column: copies, so that the answer it came in is not kept alive.
func (s *State) keep(column int, c *cells, until time.Time) []cell {
	if s.cache == nil {
		s.cache = map[int]*cached{}
	}
	stored := &cached{cells: make([]cell, c.len()), until: until}
	for i := range stored.cells {
		stored.cells[i] = cell{c.index(i).Clone(), c.value(i).Clone()}
	}
	s.cache[column] = stored
	return stored.cells
}

// isWide says whether the last run of a table kept most of its rows.
func (s *State) isWide(table int) bool { return table < len(s.wide) && s.wide[table] }

// kept tells how many rows of a table were kept.
func (s *State) kept(table, kept, all int) {
	wide := s.isWide(table)
	switch {
	case kept*2 > all:
		wide = true
	case kept*4 < all:
		wide = false
	}
	if wide != s.isWide(table) {
		for len(s.wide) <= table {
			s.wide = append(s.wide, false)
		}
		s.wide[table] = wide
	}
}

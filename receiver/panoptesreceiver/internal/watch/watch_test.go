package watch

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/internal/filetest"
)

func TestLinks(t *testing.T) {
	t.Parallel()
	root, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(filepath.Join(root, "releases", "5", "plugins"), 0o700))
	filetest.Link(t, filepath.Join("releases", "5"), filepath.Join(root, "current"))
	filetest.Link(t, filepath.Join(root, "current", "plugins"), filepath.Join(root, "plugins"))
	filetest.Link(t, "loop", filepath.Join(root, "loop"))
	assert.Equal(t, []string{"plugins", "plugins", "current"}, filetest.Relative(t, root, Links(filepath.Join(root, "plugins"))))
	assert.Len(t, Links(filepath.Join(root, "loop")), maxLinks+1, "ends")
}

func TestSettling(t *testing.T) {
	t.Parallel()
	var s Settling
	at := func(seconds int) time.Time { return time.Unix(1_600_000_000+int64(seconds), 0) }
	see := func(state string, second int) bool {
		take, next := s.See(state, at(second), 2*time.Second)
		assert.Equal(t, s.Pending(), !next.IsZero(), "somebody looks again while something is pending")
		return take
	}
	assert.False(t, see("a", 0))
	assert.False(t, see("a", 1))
	assert.True(t, see("a", 2))
	assert.False(t, see("a", 3))
	assert.False(t, see("b", 4))
	assert.False(t, see("c", 5), "a change starts the wait anew")
	assert.False(t, see("c", 6))
	assert.False(t, see("a", 7), "back to what was taken: nothing to do")
	assert.False(t, see("c", 8), "the wait starts anew")
	assert.True(t, see("c", 10))
	take, _ := s.See("d", at(11), 0)
	assert.True(t, take)
	assert.False(t, see("e", 12))
	assert.True(t, see("e", 14), "what is new each time does not flap")
	assert.False(t, see("d", 20))
	assert.True(t, see("d", 22), "back once, as after a roll-back")
	assert.False(t, see("e", 23))
	assert.False(t, see("e", 25))
	assert.True(t, see("e", 27), "back again: twice as long")
}

// TestFlapping: a file that comes and goes, looked at as Loop does without a word from the system, and all the time with it.
func TestFlapping(t *testing.T) {
	t.Parallel()
	const settle = 2 * time.Second
	for name, c := range map[string]struct {
		here, away time.Duration
		scan       time.Duration // while nothing is pending
		most       int           // that it is taken, in ten minutes
	}{
		"in step with the settling":      {here: settle / 2, away: settle / 2, scan: settle, most: 0},
		"in step with twice the scan":    {here: settle / 4, away: settle * 3 / 4, scan: settle, most: 0},
		"just longer than settling":      {here: 2100 * time.Millisecond, away: 2100 * time.Millisecond, scan: settle / 4, most: 3},
		"as long as the scan's interval": {here: time.Minute, away: time.Minute, scan: time.Minute, most: 7},
		"slowly":                         {here: 9 * time.Second, away: 21 * time.Second, scan: settle / 2, most: 8},
		"there for good":                 {here: time.Hour, scan: settle, most: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := time.Unix(1_600_000_000, 0)
			past := Past{}
			s, taken := past.Of("x"), 0
			for now := start; now.Before(start.Add(10 * time.Minute)); {
				state := Gone
				if now.Sub(start)%(c.here+c.away) < c.here {
					state = "there"
				}
				take, next := s.See(state, now, settle)
				if take {
					taken++
				}
				if s.Taken == Gone && !s.Pending() { // the file is forgotten
					past["x"] = s
					past.Forget(now, settle)
					s = past.Of("x")
				}
				if now = start.Add((now.Sub(start)/c.scan + 1) * c.scan); !next.IsZero() && next.Before(now) {
					now = next
				}
			}
			assert.LessOrEqual(t, taken, c.most)
			assert.Equal(t, c.away == 0, taken == 1)
			// Once it keeps still it is as any other, after a wait as long as it flapped.
			now := start.Add(time.Hour)
			s.See("there", now, settle)
			s.See("there", now.Add(memory*settle), settle)
			now = now.Add(2*memory*settle + 1)
			s.See("other", now, settle)
			take, _ := s.See("other", now.Add(settle), settle)
			assert.True(t, take)
		})
	}
}

func TestPace(t *testing.T) {
	t.Parallel()
	at := func(seconds float64) time.Time {
		return time.Unix(1_600_000_000, 0).Add(time.Duration(seconds * float64(time.Second)))
	}
	p := pace{interval: time.Minute, settle: 2 * time.Second}
	assert.True(t, p.begin(at(0)))
	assert.Equal(t, at(60), p.next)
	p.changed(at(10))
	assert.Equal(t, at(10.05), p.next, "the first sign of a change is looked at soon")
	assert.False(t, p.begin(at(10.05)))
	p.changed(at(10.06))
	assert.Equal(t, at(12.05), p.next, "while changes go on, only every settle")
	p.by(at(13))
	p.by(time.Time{})
	assert.Equal(t, at(12.05), p.next)
	assert.False(t, p.begin(at(12.05)))
	assert.Equal(t, at(60), p.next, "the scan of the interval stays")
	assert.True(t, p.begin(at(60)))
}

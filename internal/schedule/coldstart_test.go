package schedule

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// blackHole is a fleet of which three resources in ten swallow every packet, each under some plugins.
type blackHole struct {
	*recorder
	scheduler *Scheduler[string]
	resources int
	plugins   int
	dead      time.Duration // from when on the dead are dead
}

const hangs = 75 * time.Second

func newBlackHole(resources, plugins, places int, dead time.Duration) *blackHole {
	begin := time.Now()
	b := &blackHole{resources: resources, plugins: plugins, dead: dead}
	hung := func(value string) bool { return strings.HasPrefix(value, "dead") && time.Since(begin) >= dead }
	b.recorder = newRecorder(func(ctx context.Context, r Run[string]) {
		if hung(r.Value) {
			pause(hangs)(ctx, r)
			return
		}
		pause(100*time.Millisecond)(ctx, r)
	})
	b.verdict = func(value string) Verdict {
		if hung(value) {
			return VerdictDead
		}
		return VerdictAlive
	}
	b.scheduler = b.recorder.scheduler(places)
	var lanes []LaneID
	for range plugins {
		lanes = append(lanes, b.scheduler.OpenLane(0, 0))
	}
	for i := range resources {
		kind := "alive"
		if i%10 < 3 {
			kind = "dead"
		}
		group := b.scheduler.OpenGroup(8, 0)
		for p, lane := range lanes {
			name := fmt.Sprintf("%s %d/%d", kind, i, p)
			b.scheduler.Add(lane, Spec{Hash: Hash([]byte(name)), Interval: time.Minute, Group: group}, name)
		}
	}
	return b
}

// living is how many tasks of living resources ran since the last call, the greatest lateness of their runs, and how
// many slots they missed.
func (b *blackHole) living() (ran int, late time.Duration, missed int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for value, runs := range b.runs {
		if strings.HasPrefix(value, "alive") {
			ran++
			for _, r := range runs {
				late = max(late, r.Lateness)
			}
		}
	}
	for value, n := range b.missed {
		if strings.HasPrefix(value, "alive") {
			missed += n
		}
	}
	clear(b.runs)
	clear(b.missed)
	return ran, late, missed
}

func (b *blackHole) alive() int { return b.resources * 7 / 10 * b.plugins }

// At a start nothing is known of any resource. Each that is dead hangs one run, not one of each plugin, and what is known
// to be dead waits for what is not known: so every living resource is found before any dead one is tried again.
func TestStartWithManyDead(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ resources, plugins, places int }{{300, 1, 40}, {300, 5, 96}, {100, 10, 64}} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBlackHole(c.resources, c.plugins, c.places, 0)
				b.scheduler.Start()
				// Each dead resource holds one of three quarters of the places once.
				dead := c.resources * 3 / 10
				advance(time.Minute + time.Duration(dead/(c.places*3/4)+1)*hangs)
				ran, _, _ := b.living()
				assert.Equal(t, b.alive(), ran, "all are found")
				advance(2 * time.Minute)
				b.living()
				for range 10 {
					advance(time.Minute)
					ran, late, missed := b.living()
					assert.Equal(t, b.alive(), ran)
					assert.Less(t, late, time.Second)
					assert.Zero(t, missed)
				}
				b.scheduler.Stop(canceled(t))
				assert.Equal(t, dead, b.scheduler.Broken())
			})
		})
	}
}

// Many a task may wait for one run that shows whether its resource answers. Once it does, all run.
func TestTrialLetsOthersGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rec := newRecorder(pause(10 * time.Second))
		s := rec.scheduler(100)
		lane, group := s.OpenLane(0, 0), s.OpenGroup(4, 0)
		for i := range 6 {
			s.Add(lane, Spec{Hash: Hash([]byte("same")), Interval: 5 * time.Minute, Group: group}, fmt.Sprint(i))
		}
		s.Start()
		advance(firstDelay(Hash([]byte("same")), 5*time.Minute) + 5*time.Second)
		assert.Equal(t, 1, s.Running(), "a trial goes on")
		advance(10 * time.Second)
		assert.Equal(t, 4, s.Running(), "as many as the resource may have")
		advance(10 * time.Second)
		assert.Equal(t, 1, s.Running())
		advance(time.Minute)
		for i := range 6 {
			assert.Equal(t, 1, rec.count(fmt.Sprint(i)))
		}
		assert.Empty(t, s.parked)
		s.Stop(t.Context())
	})
}

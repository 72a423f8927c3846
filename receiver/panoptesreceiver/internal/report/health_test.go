package report

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"

	"github.com/panoptes-otel/panoptes-otel/internal/run"
)

// patient is a receiver's health in a test, with what it reported.
type patient struct {
	*Health
	host *statusHost
}

// statusHost is a host that keeps its own statuses.
type statusHost struct {
	component.Host

	mu     sync.Mutex
	events []componentstatus.Status
	err    error
}

func (h *statusHost) Report(e *componentstatus.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events, h.err = append(h.events, e.Status()), e.Err()
}

func (h *statusHost) reported() []componentstatus.Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.events)
}

// last is the error of what was reported last.
func (h *statusHost) last() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.err
}

// inWindows runs a test with a health whose window is ten minutes, in time that goes by as it is waited for.
func inWindows(t *testing.T, share float64, test func(t *testing.T, p *patient)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &patient{
			newHealth(share, 10*time.Minute), &statusHost{Host: componenttest.NewNopHost()},
		}
		p.Attach(p.host)
		go p.Run(t.Context())
		test(t, p)
	})
}

// minutes lets some minutes pass, with so many runs of each outcome in each.
func (p *patient) minutes(n int, outcomes map[run.Outcome]int) {
	for range n {
		for o, runs := range outcomes {
			for range runs {
				result := run.Result{Outcome: o}
				if o.Failed() {
					result.Err = errors.New("no answer")
				}
				p.note(&result)
			}
		}
		<-time.After(time.Minute)
		synctest.Wait()
	}
}

const (
	statusOK          = componentstatus.StatusOK
	statusRecoverable = componentstatus.StatusRecoverableError
	statusPermanent   = componentstatus.StatusPermanentError
)

func TestHealthFollowsTheShareOfFailingRuns(t *testing.T) {
	inWindows(t, 0.5, func(t *testing.T, p *patient) {
		p.minutes(20, map[run.Outcome]int{"ok": 6, "raised": 4})
		assert.Empty(t, p.host.reported(), "less than the share")
		p.minutes(30, map[run.Outcome]int{"ok": 4, "timeout": 6})
		assert.Equal(t, []componentstatus.Status{statusRecoverable}, p.host.reported(), "once")
		assert.ErrorContains(t, p.host.last(), "50 of 100 runs failed within 10m0s, status::failing_share is 0.5; the last one: no answer")
		p.minutes(3, map[run.Outcome]int{"ok": 10})
		assert.Equal(t, []componentstatus.Status{statusRecoverable, statusOK}, p.host.reported())
		p.minutes(30, map[run.Outcome]int{"ok": 10, "canceled": 1000, "none": 1})
		assert.Len(t, p.host.reported(), 2, "neither is a failure")
	})
}

// TestHealthOfFewRuns: one run that failed is no state of health, and neither is none at all.
func TestHealthOfFewRuns(t *testing.T) {
	inWindows(t, 1, func(t *testing.T, p *patient) {
		p.minutes(1, map[run.Outcome]int{"raised": healthRuns - 1})
		p.minutes(20, nil)
		assert.Empty(t, p.host.reported())
		p.minutes(1, map[run.Outcome]int{"raised": healthRuns})
		assert.Equal(t, []componentstatus.Status{statusRecoverable}, p.host.reported())
		p.minutes(20, nil)
		assert.Equal(t, []componentstatus.Status{statusRecoverable, statusOK}, p.host.reported(), "what is long past says nothing")
	})
}

func TestHealthCanBeTurnedOff(t *testing.T) {
	inWindows(t, 0, func(t *testing.T, p *patient) {
		p.minutes(20, map[run.Outcome]int{"raised": 10})
		assert.Empty(t, p.host.reported())
	})
}

// TestHealthIsGivenUp: where nothing could be run for a whole window, nothing will be.
func TestHealthIsGivenUp(t *testing.T) {
	inWindows(t, 0.5, func(t *testing.T, p *patient) {
		p.minutes(5, map[run.Outcome]int{"unavailable": 10})
		assert.Equal(t, []componentstatus.Status{statusRecoverable}, p.host.reported())
		p.minutes(30, map[run.Outcome]int{"unavailable": 10})
		assert.Equal(t, []componentstatus.Status{statusRecoverable, statusPermanent}, p.host.reported())
		assert.ErrorContains(t, p.host.last(), "no run could be carried out since the start")
		p.Set(ProblemStorage, errors.New("full"))
		p.minutes(30, map[run.Outcome]int{"ok": 10})
		assert.Len(t, p.host.reported(), 2, "the Collector takes nothing after a permanent error")
	})
}

func TestHealthOnceWellIsNeverGivenUp(t *testing.T) {
	inWindows(t, 0.5, func(t *testing.T, p *patient) {
		p.minutes(1, map[run.Outcome]int{"raised": 1})
		p.minutes(60, map[run.Outcome]int{"unavailable": 10})
		assert.Equal(t, []componentstatus.Status{statusRecoverable}, p.host.reported())
	})
}

// TestHealthJoinsProblems: all is well only when nothing is wrong.
func TestHealthJoinsProblems(t *testing.T) {
	inWindows(t, 0.5, func(t *testing.T, p *patient) {
		p.Set(ProblemPlugins, nil)
		assert.Empty(t, p.host.reported())
		p.Set(ProblemStorage, errors.New("disk is full"))
		p.Set(ProblemPlugins, errors.New("no such directory"))
		assert.EqualError(t, p.host.last(), "no such directory\ndisk is full")
		p.Set(ProblemStorage, nil)
		assert.EqualError(t, p.host.last(), "no such directory")
		p.Set(ProblemPlugins, nil)
		assert.Equal(t, []componentstatus.Status{statusRecoverable, statusRecoverable, statusRecoverable, statusOK}, p.host.reported())
		p.Attach(nil)
		p.Set(ProblemStorage, errors.New("disk is full"))
		assert.Len(t, p.host.reported(), 4, "nothing after the end")
	})
}

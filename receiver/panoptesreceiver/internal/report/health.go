package report

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"

	"github.com/panoptes-otel/panoptes-otel/internal/run"
)

const (
	// healthParts is in how many parts the window is cut: by one of them it moves on, and so often it is looked at.
	healthParts = 10
	// healthRuns is how many runs there must be within the window for them to say anything.
	healthRuns = 3
)

// Problem is a kind of what may be wrong, by urgency.
type Problem int

const (
	ProblemPlugins Problem = iota // directories cannot be read
	problemRuns                   // too many runs fail
	ProblemStorage                // the state cannot be written
	problemPlaces                 // most tasks wait for a place
	problems
)

// Health joins all that may be wrong with the receiver into its status, and reports it when that changes (docs/health.md).
// It is safe for concurrent use.
type Health struct {
	share  float64 // of runs that must have failed; 0: runs say nothing
	window time.Duration

	mu       sync.Mutex
	host     component.Host // nil before Start and after Shutdown: nothing is reported
	wrong    [problems]error
	failing  bool // is what was reported
	given    bool // up: a permanent error was reported, after which nothing can be
	parts    [healthParts]healthPart
	at       int // the part that is filled now
	since    time.Time
	anything bool // a run has been carried out since the start
}

// healthPart is what the runs of a part of the window came to.
type healthPart struct {
	runs, failed int
	last         error // of them
}

func newHealth(share float64, window time.Duration) *Health {
	return &Health{share: share, window: window}
}

// Attach names the host to report to; nil ends the reports.
func (h *Health) Attach(host component.Host) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.host, h.since = host, time.Now()
}

// Set notes what is wrong of a kind, nil for nothing.
func (h *Health) Set(p Problem, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.change(p, err)
}

// change is Set with the lock held. An error that takes the place of another is reported, unless its text has the number of
// failing runs or of waiting tasks, which changes all the time.
func (h *Health) change(p Problem, err error) {
	before := h.wrong[p]
	h.wrong[p] = err
	if h.host == nil || h.given || (before == nil) == (err == nil) && (p == problemRuns || p == problemPlaces || err == nil || before.Error() == err.Error()) {
		return
	}
	if all := errors.Join(h.wrong[:]...); all != nil {
		h.failing = true
		componentstatus.ReportStatus(h.host, componentstatus.NewRecoverableErrorEvent(all))
	} else if h.failing {
		h.failing = false
		componentstatus.ReportStatus(h.host, componentstatus.NewEvent(componentstatus.StatusOK))
	}
}

// note takes the end of a run.
func (h *Health) note(result *run.Result) {
	if h.share == 0 || result.Outcome == run.OutcomeCanceled {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	part := &h.parts[h.at]
	part.runs++
	if result.Outcome.Failed() {
		part.failed++
		part.last = result.Err
	}
	h.anything = h.anything || result.Outcome != run.OutcomeUnavailable
}

// Run looks at the window from time to time, until ctx ends.
func (h *Health) Run(ctx context.Context) {
	if h.share == 0 {
		return
	}
	ticker := time.NewTicker(h.window / healthParts)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			h.look()
		}
	}
}

// look judges the window, and moves it on by a part.
func (h *Health) look() {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all healthPart
	for i := range h.parts {
		part := h.parts[(h.at+1+i)%healthParts] // the oldest first
		all.runs += part.runs
		all.failed += part.failed
		if part.last != nil {
			all.last = part.last
		}
	}
	h.at = (h.at + 1) % healthParts
	h.parts[h.at] = healthPart{}
	var err error
	if all.runs >= healthRuns && float64(all.failed) >= h.share*float64(all.runs) {
		err = fmt.Errorf("%d of %d runs failed within %s, status::failing_share is %v; the last one: %w",
			all.failed, all.runs, h.window, h.share, all.last)
		if !h.anything && time.Since(h.since) >= h.window {
			h.giveUp(err)
			return
		}
	}
	h.change(problemRuns, err)
}

// giveUp reports that no run could be carried out since the start: there is no Python, or no program that starts. That takes
// another configuration or an installation. The lock is held.
func (h *Health) giveUp(err error) {
	if h.host == nil || h.given {
		return
	}
	h.given = true
	componentstatus.ReportStatus(h.host, componentstatus.NewPermanentErrorEvent(fmt.Errorf("no run could be carried out since the start: %w", err)))
}

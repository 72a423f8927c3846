package panoptesreceiver

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

// trouble is a kind of what may be wrong, by urgency.
type trouble int

const (
	troublePlugins trouble = iota // directories cannot be read
	troubleRuns                   // too many runs fail
	troubleStorage                // the state cannot be written
	troublePlaces                 // most tasks wait for a place
	troubles
)

// health joins all that may be wrong with the receiver into its status, and reports it when that changes (docs/health.md).
// It is safe for concurrent use.
type health struct {
	cfg StatusConfig

	mu       sync.Mutex
	host     component.Host // nil before Start and after Shutdown: nothing is reported
	wrong    [troubles]error
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

func newHealth(cfg StatusConfig) *health { return &health{cfg: cfg} }

// attach names the host to report to; nil ends the reports.
func (h *health) attach(host component.Host) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.host, h.since = host, time.Now()
}

// set notes what is wrong of a kind, nil for nothing.
func (h *health) set(t trouble, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.change(t, err)
}

// change is set with the lock. An error in the place of another is reported only where its text is to be had at no cost: the
// numbers of failing runs change all the time.
func (h *health) change(t trouble, err error) {
	before := h.wrong[t]
	h.wrong[t] = err
	if h.host == nil || h.given || (before == nil) == (err == nil) && (t == troubleRuns || t == troublePlaces || err == nil || before.Error() == err.Error()) {
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
func (h *health) note(result run.Result) {
	if h.cfg.FailingShare == 0 || result.Outcome == run.OutcomeCanceled {
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

// run looks at the window from time to time, until ctx ends.
func (h *health) run(ctx context.Context) {
	if h.cfg.FailingShare == 0 {
		return
	}
	ticker := time.NewTicker(h.cfg.Window / healthParts)
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
func (h *health) look() {
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
	if all.runs >= healthRuns && float64(all.failed) >= h.cfg.FailingShare*float64(all.runs) {
		err = fmt.Errorf("%d of %d runs failed within %s, status::failing_share is %v; the last one: %w",
			all.failed, all.runs, h.cfg.Window, h.cfg.FailingShare, all.last)
		if !h.anything && time.Since(h.since) >= h.cfg.Window {
			h.giveUp(err)
			return
		}
	}
	h.change(troubleRuns, err)
}

// giveUp reports that no run could be carried out since the start: there is no Python, or no program that starts. That takes
// another configuration or an installation. The lock is held.
func (h *health) giveUp(err error) {
	if h.host == nil || h.given {
		return
	}
	h.given = true
	componentstatus.ReportStatus(h.host, componentstatus.NewPermanentErrorEvent(fmt.Errorf("no run could be carried out since the start: %w", err)))
}

package store

import (
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

const (
	// shrinkLeast is from how many resources on a source's loss says anything.
	shrinkLeast = 20
	// shrinkShare is the share that a source may lose at once where Settings.MaxShrink says nothing.
	shrinkShare = 0.5
	// shrinkHeld is how long a source must list so few that it is believed.
	shrinkHeld = 30 * time.Minute
)

// ShrinkError says that a source lost more resources at once than it may. What it listed before stays for shrinkHeld.
type ShrinkError struct {
	Before, Now int
	MaxShrink   float64
}

// Error says what to do, too.
func (e *ShrinkError) Error() string {
	return fmt.Sprintf("it lists %s, and listed %d before; it may lose %g of them at once (resources::max_shrink), so what it listed stays "+
		"for %d minutes: correct the source, or, if it is right, restart the Collector to have it believed now", logs.Count(e.Now, "resource"), e.Before, e.MaxShrink,
		int(shrinkHeld.Minutes()))
}

// refusedList is a list that lacks more than its source may lose at once.
type refusedList struct {
	since time.Time // when the first such list came
	list  []*pluginsdk.Resource
	err   error
}

// refuses says whether the source may not list so few, which are claims of the list, and keeps the list until it is believed.
func (src *Source) refuses(list []*pluginsdk.Resource, claims int, at time.Time) bool {
	s := src.store
	s.mu.Lock()
	defer s.mu.Unlock()
	before := 0
	for i := range src.claims {
		if !at.After(src.refreshed.Add(src.claims[i].ttl)) { // the others are gone already
			before++
		}
	}
	most, lost := src.maxShrink(), float64(before-claims)/float64(max(before, 1))
	if before < shrinkLeast || lost <= min(most, shrinkShare) {
		src.refused = nil
		return false
	}
	fields := []zap.Field{
		zap.Stringer("source", src.place), zap.Int("before", before), zap.Int("now", claims), zap.Float64("max_shrink", most),
	}
	if lost <= most {
		src.refused = nil
		s.logger.Warn("A source lost most of its resources at once", append(fields, zap.String("next",
			"look at the source; a smaller resources::max_shrink keeps what it listed before in such a case"))...)
		return false
	}
	since := at
	if src.refused != nil {
		since = src.refused.since
	}
	if at.Sub(since) >= shrinkHeld {
		src.refused = nil
		s.logger.Warn("A source has listed few resources for long: it is believed now, and the others leave", fields...)
		return false
	}
	if src.refused == nil {
		s.logger.Error("A source lost more resources at once than it may; what it listed before stays", append(fields,
			zap.Duration("for", shrinkHeld),
			zap.String("next", "correct the source, or, if it is right, restart the Collector to have it believed now (resources::max_shrink)"))...)
		if s.settings.Refused != nil {
			s.settings.Refused()
		}
	}
	src.refused = &refusedList{since, list, &ShrinkError{before, claims, most}}
	src.failLocked(src.refused.err)
	return true
}

// believedLocked is a refused list whose source has listed so few for long, and has just said so again; nil for none.
func (src *Source) believedLocked(at time.Time) *refusedList {
	if src.refused == nil || at.Sub(src.refused.since) < shrinkHeld {
		return nil
	}
	return src.refused
}

// maxShrink is the share of its resources that the source may lose at once. What extensions discover comes and goes, and they know
// when they cannot tell.
func (src *Source) maxShrink() float64 {
	switch most := src.store.settings.MaxShrink; {
	case most > 0:
		return most
	case src.place.Kind == KindExtension:
		return 1
	}
	return shrinkShare
}

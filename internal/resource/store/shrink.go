package store

import (
	"fmt"
	"time"

	"go.uber.org/zap"
)

const (
	// shrinkLeast is from how many resources on a source's loss says anything.
	shrinkLeast = 10
	// shrinkWarn is the share that a source may lose at once without a word.
	shrinkWarn = 0.5
)

// ShrinkError says that a source lost more resources at once than it may. What it listed before stays for its times to live.
type ShrinkError struct {
	Before, Now int
	MaxShrink   float64
}

// Error says what to do, too.
func (e *ShrinkError) Error() string {
	return fmt.Sprintf("it lists %d resources, and listed %d before; resources::max_shrink lets it lose %g of them at once, so what it listed stays "+
		"for its times to live: correct the source, or raise max_shrink", e.Now, e.Before, e.MaxShrink)
}

// shrinks says whether the source may list no more than claims. It warns of a loss that is allowed.
func (src *Source) shrinks(claims []claim, at time.Time) error {
	s := src.store
	s.mu.Lock()
	before := 0
	for i := range src.claims {
		if !at.After(src.refreshed.Add(src.claims[i].ttl)) { // the others are gone already
			before++
		}
	}
	place := src.place
	known, _ := src.err.(*ShrinkError) //nolint:errorlint // as it was noted
	s.mu.Unlock()
	lost := before - len(claims)
	if before < shrinkLeast || float64(lost) <= min(shrinkWarn, s.maxShrink())*float64(before) {
		return nil
	}
	fields := []zap.Field{zap.Stringer("source", place), zap.Int("before", before), zap.Int("now", len(claims))}
	if float64(lost) <= s.maxShrink()*float64(before) {
		if float64(lost) > shrinkWarn*float64(before) {
			s.logger.Warn("A source lost most of its resources at once", append(fields,
				zap.String("next", "look at the source; resources::max_shrink keeps what it listed before in such a case"))...)
		}
		return nil
	}
	err := &ShrinkError{before, len(claims), s.maxShrink()}
	if known == nil {
		s.logger.Error("A source lost more resources at once than it may; what it listed before stays for its times to live", append(fields,
			zap.Float64("max_shrink", s.maxShrink()), zap.String("next", "correct the source, or raise resources::max_shrink if it is right"))...)
	}
	return err
}

// maxShrink is the share of its resources that a source may lose at once.
func (s *Store) maxShrink() float64 {
	if s.settings.MaxShrink == 0 {
		return 1
	}
	return s.settings.MaxShrink
}

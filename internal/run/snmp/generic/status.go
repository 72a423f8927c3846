package generic

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/engine"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// State is the state of a part of a poll, or of all of it: a value of DEVICE_METRICS_STATES (docs/panoptes/python-api.md,
// section 8).
type State int

// The states that a poll can have.
const (
	Success           State = 0
	NetworkFailure    State = 2
	Timeout           State = 3
	Partial           State = 4
	InternalFailure   State = 5
	MissingMetrics    State = 6
	PingFailure       State = 7
	EnrichmentFailure State = 8
)

// ErrEnrichment is what the error of a poll wraps, whose configuration is not there.
var ErrEnrichment = errors.New("PanoptesEnrichmentCacheError")

// errMissing is wrapped by the error of a walk that gave nothing, errEmpty by that of an empty dimension.
var (
	errMissing = errors.New("PanoptesMetricsNullException")
	errEmpty   = errors.New("PanoptesMetricDimensionNullException")
)

func stateOf(err error) State {
	switch {
	case errors.Is(err, engine.ErrTimeout):
		return Timeout
	case errors.Is(err, engine.ErrUnreachable):
		return NetworkFailure
	case errors.Is(err, errMissing):
		return MissingMetrics
	case errors.Is(err, ErrEnrichment):
		return EnrichmentFailure
	}
	return InternalFailure
}

// status collects how the parts of a poll went.
type status struct {
	log      *slog.Logger
	resource *pluginsdk.Resource
	parts    []string // in the order in which they were first told of
	states   map[string]State
}

func (s *status) set(part string, state State) {
	if s.states == nil {
		s.states = map[string]State{}
	}
	if _, known := s.states[part]; !known {
		s.parts = append(s.parts, part)
	}
	s.states[part] = state
}

// succeeded tells that a part went well; if it has failed before, it went well in part.
func (s *status) succeeded(part string) {
	if state, known := s.states[part]; known && state != Success {
		s.set(part, Partial)
		return
	}
	s.set(part, Success)
}

// failed tells that a part failed; if it has gone well before, it failed in part.
func (s *status) failed(ctx context.Context, part string, err error) {
	r := s.resource
	s.log.WarnContext(ctx, fmt.Sprintf("Error while trying to poll %q (%s:%s:%s) for %q: %v", r.Endpoint, r.Class, r.Subclass, r.Type, part, err))
	if state, known := s.states[part]; known && (state == Success || state == Partial) {
		s.set(part, Partial)
		return
	}
	s.set(part, stateOf(err))
}

// device is the state of the device: the parts have it in common, or the most of them; one that went well makes it partial.
func (s *status) device() State {
	counts := map[State]int{}
	for _, state := range s.states {
		counts[state]++
	}
	switch counts[Success] {
	case len(s.states):
		return Success
	case 0:
	default:
		return Partial
	}
	best := State(0)
	for _, part := range s.parts {
		if state := s.states[part]; counts[state] > counts[best] { // of equally many the first
			best = state
		}
	}
	return best
}

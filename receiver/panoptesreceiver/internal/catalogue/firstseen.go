package catalogue

import (
	"time"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// firstSeen keeps the creation timestamp that a resource had when it was seen first: a source that says "now" each time
// must not make a new OpenTelemetry resource each time. One that leaves is remembered for its time to live.
type firstSeen map[pluginsdk.Identity]sighting

type sighting struct {
	timestamp pluginsdk.Timestamp
	ttl       time.Duration
	left      time.Time // zero while it is there
}

func (s firstSeen) first(id pluginsdk.Identity, res *pluginsdk.Resource) pluginsdk.Timestamp {
	known, ok := s[id]
	if !ok {
		known.timestamp = res.CreationTimestamp
		s[id] = known
	}
	return known.timestamp
}

// held notes which resources are there, and forgets those that left long ago.
func (s firstSeen) held(current map[pluginsdk.Identity]*pluginsdk.Resource, now time.Time) {
	for id, known := range s {
		res, ok := current[id]
		switch {
		case ok:
			known.ttl, known.left = timeToLive(res), time.Time{}
		case known.left.IsZero():
			known.left = now
		case now.After(known.left.Add(known.ttl)):
			delete(s, id)
			continue
		default:
			continue
		}
		s[id] = known
	}
}

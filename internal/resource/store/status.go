package store

import (
	"cmp"
	"slices"
	"time"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// SourceStatus is the state of one source, for people. The JSON of the types here is part of the status API
// (package status).
type SourceStatus struct {
	Place
	// Resources is how many it lists that pass filter and sample.
	Resources int `json:"resources"`
	Filtered
	// Refreshed is when its list was last known to hold, Changed when it changed.
	Refreshed time.Time `json:"refreshed,omitzero"`
	Changed   time.Time `json:"changed,omitzero"`
	// Error is what is wrong with it, since Failed; "" where it is well.
	Error  string    `json:"error,omitempty"`
	Failed time.Time `json:"failed,omitzero"`
	// Dropped is how many things it found and left out; Left are the first of them.
	Dropped int       `json:"dropped,omitempty"`
	Left    []Dropped `json:"left,omitempty"`
}

// Filtered is what filter and sample leave out of a list.
type Filtered struct {
	// Count is how many resources.
	Count int `json:"filtered,omitempty"`
	// Example is the first of them, with the clause that left it out.
	Example string `json:"filtered_example,omitempty"`
}

// Sources returns the state of all sources, in their order.
func (s *Store) Sources() []SourceStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]SourceStatus, 0, len(s.sources))
	for _, src := range s.sources {
		s := SourceStatus{
			Place: src.place, Resources: len(src.claims), Refreshed: src.refreshed, Changed: src.changed, Failed: src.failed,
			Dropped: src.drops, Left: src.dropped, Filtered: src.filtered,
		}
		if src.err != nil {
			s.Error = src.err.Error()
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b SourceStatus) int { return comparePlaces(a.Place, b.Place) })
	return out
}

// Entry is one resource and who says so.
type Entry struct {
	// Since is when it came.
	Since    time.Time           `json:"since,omitzero"`
	Resource *pluginsdk.Resource `json:"resource"`
	// Claims are in the order of sources; the last one that has not expired counts.
	Claims []Claim `json:"claims"`
}

// Claim is that a source lists a resource.
type Claim struct {
	Place
	// Since is when it began to list it, without a break; Expires is when its list ceases to count unless it is refreshed.
	Since   time.Time `json:"since,omitzero"`
	Expires time.Time `json:"expires,omitzero"`
	// TTL is how long its list counts, in seconds.
	TTL float64 `json:"ttl"`
	// Resource is what the source says.
	Resource *pluginsdk.Resource `json:"-"`
}

// Entries returns all resources in the order of their identities, with who says so. It is for people who ask now and
// then: it looks through everything.
func (s *Store) Entries() []Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Entry, len(s.list))
	first := make([]Claim, 0, len(s.list)) // mostly, there is one of each
	for _, src := range s.sortedSources() {
		for i := range src.claims {
			c := &src.claims[i]
			r := c.record
			if r.resource == nil || r.at >= len(s.list) || s.list[r.at] != r.resource {
				continue // it is not listed now
			}
			e := &out[r.at]
			e.Since = r.since
			claim := Claim{Place: src.place, Resource: c.resource, Since: c.since, Expires: src.refreshed.Add(c.ttl), TTL: c.ttl.Seconds()}
			if len(e.Claims) > 0 {
				e.Claims = append(e.Claims, claim)
				continue
			}
			first = append(first, claim)
			e.Claims = first[len(first)-1 : len(first) : len(first)]
		}
	}
	for i, res := range s.list {
		out[i].Resource = res
		if len(out[i].Claims) > 0 {
			continue
		}
		if r := s.records[res.Identity()]; r != nil { // its source let go of it just now
			out[i].Since = r.since
		}
	}
	slices.SortFunc(out, func(a, b Entry) int { return compareIdentities(a.Resource, b.Resource) })
	return out
}

func compareIdentities(a, b *pluginsdk.Resource) int {
	if c := cmp.Compare(a.Site, b.Site); c != 0 {
		return c
	}
	if c := cmp.Or(cmp.Compare(a.Class, b.Class), cmp.Compare(a.Subclass, b.Subclass), cmp.Compare(a.Type, b.Type)); c != 0 {
		return c
	}
	return cmp.Compare(a.ID, b.ID)
}

package store

import (
	"context"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/hashing"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/filter"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// maxTTLSeconds is a hundred years: a time to live beyond it would not fit a duration.
const maxTTLSeconds = 100 * 365 * 24 * 3600

// minPause is the least time between two joins; one that takes long is followed by a pause four times as long, up to
// maxPause.
const (
	minPause = 50 * time.Millisecond
	maxPause = 2 * time.Second
)

// Reason says why a resource left. The list is closed: it is an attribute of metrics.
type Reason string

const (
	// ReasonDropped: no source lists it any more.
	ReasonDropped Reason = "dropped"
	// ReasonExpired: its time to live passed.
	ReasonExpired Reason = "expired"
)

// Settings are what New takes. The functions are called from the goroutine of Run alone.
type Settings struct {
	// Filter keeps the resources that match; nil keeps all.
	Filter *filter.Filter
	// Sample keeps a stable share of the resources, between 0 and 1; 0 and 1 keep all.
	Sample float64
	// MaxShrink is the share of its resources that a source may lose at once, between 0 and 1. 0 is half of them, and all of those that
	// an extension discovers. Refused is called each time that one lost more; it may be nil.
	MaxShrink float64
	Refused   func()
	// Logger gets a line each time that resources come or go.
	Logger *zap.Logger
	// Changed gets all resources whenever they change, in the order of Place and of the sources' lists. A resource that
	// did not change is the same pointer.
	Changed func([]*pluginsdk.Resource)
	// Left is told how many resources left and why; nil is told nothing.
	Left func(reason Reason, n int)
}

// Store joins sources. Run is its life; all other methods are safe for concurrent use.
type Store struct {
	settings Settings
	logger   *zap.Logger
	wake     chan struct{}

	mu      sync.Mutex
	sources map[Place]*Source
	sorted  []*Source // by place; nil: to be sorted anew
	records map[pluginsdk.Identity]*record
	unsaved map[pluginsdk.Identity]struct{} // records to be written; nil: nobody asks
	list    []*pluginsdk.Resource           // as Changed was told last
	told    bool
	dirty   bool
	holds   int
	round   uint64 // number of the join
	differ  int    // resources of which sources say different things, as logged
}

// record is what the store knows of an identity.
type record struct {
	first    pluginsdk.Timestamp
	resource *pluginsdk.Resource // as Changed was told; nil while it is away
	since    time.Time           // when it came
	left     time.Time
	ttl      time.Duration
	round    uint64 // join that found it
	ranOut   uint64 // join that found it with its time to live passed
	at       int    // its place in that join's list
}

// New returns a store without sources.
func New(s Settings) *Store {
	if s.Logger == nil {
		s.Logger = zap.NewNop()
	}
	if s.Left == nil {
		s.Left = func(Reason, int) {}
	}
	return &Store{
		settings: s, logger: s.Logger, wake: make(chan struct{}, 1), dirty: true,
		sources: map[Place]*Source{}, records: map[pluginsdk.Identity]*record{},
	}
}

// Open returns the source at a place, a new one where there is none.
func (s *Store) Open(p Place) *Source {
	s.mu.Lock()
	defer s.mu.Unlock()
	src := s.sources[p]
	if src == nil {
		src = &Source{store: s, place: p}
		s.sources[p], s.sorted = src, nil
	}
	return src
}

// Together lets what f tells the store take effect at once: a resource that moves from one source to another is never
// away in between. f must not wait for Changed.
func (s *Store) Together(f func()) {
	s.mu.Lock()
	s.holds++
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.holds--
		s.rouse()
	}()
	f()
}

// claims are the resources of a list that pass filter and sample, and what is to be said of those that do not.
func (s *Store) claims(list []*pluginsdk.Resource, at time.Time) ([]claim, Filtered) {
	claims := make([]claim, 0, len(list))
	var out Filtered
	for _, res := range list {
		if s.settings.Filter != nil && !s.settings.Filter.Match(res) || !s.sampled(res) {
			if out.Count++; out.Count == 1 {
				out.Example = s.whyFiltered(res)
			}
			continue
		}
		claims = append(claims, claim{resource: res, since: at, ttl: TimeToLive(res)})
	}
	return claims, out
}

// whyFiltered names a resource that does not pass, and the clause or setting that leaves it out.
func (s *Store) whyFiltered(res *pluginsdk.Resource) string {
	if s.settings.Filter == nil || s.settings.Filter.Match(res) {
		return res.ID + ": resources::sample"
	}
	clause, has := s.settings.Filter.Failing(res)
	return strings.TrimSuffix(res.ID+": "+clause+": "+has, ": ")
}

// recordAll finds what is known of the resources of a list, most of which is as it was before. The caller holds the lock.
func (s *Store) recordAll(claims, before []claim) {
	for i := range claims {
		id := claims[i].resource.Identity()
		if i < len(before) && before[i].resource.Identity() == id { // several times as fast as to look it up
			claims[i].record = before[i].record
			continue
		}
		r := s.records[id]
		if r == nil {
			r = &record{first: claims[i].resource.CreationTimestamp}
			s.records[id] = r
			s.unsavedRecord(id)
		}
		claims[i].record = r
	}
}

// sampled says whether a resource is in the sample. A larger sample has all of a smaller one.
func (s *Store) sampled(res *pluginsdk.Resource) bool {
	if s.settings.Sample <= 0 || s.settings.Sample >= 1 {
		return true
	}
	key := res.Site + "|" + res.Class + "|" + res.Subclass + "|" + res.Type + "|" + res.ID
	return float64(hashing.Murmur3([]byte(key))) < s.settings.Sample*(math.MaxUint32+1)
}

// change changes a source and asks for a join.
func (s *Store) change(src *Source, f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if src.closed {
		return
	}
	f()
	s.dirty = true
	s.rouse()
}

// rouse wakes Run where there is something to join. The caller holds the lock.
func (s *Store) rouse() {
	if !s.dirty || s.holds > 0 {
		return
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Run joins the sources whenever they change or a time to live passes, until ctx ends.
func (s *Store) Run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		case <-timer.C:
		}
		start := time.Now()
		next := s.join(start)
		timer.Reset(max(time.Until(next), minPause))
		select {
		case <-ctx.Done():
			return
		case <-time.After(min(max(minPause, 4*time.Since(start)), maxPause)):
		}
	}
}

// Join joins the sources at once and returns all resources. It is for those who do not Run the store.
func (s *Store) Join() []*pluginsdk.Resource {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list, _, _ = s.collect(time.Now())
	return s.list
}

// join works out which resources there are, tells of them where that changed, and says when the next one runs out.
func (s *Store) join(now time.Time) (next time.Time) {
	s.mu.Lock()
	if s.holds > 0 {
		s.mu.Unlock()
		return now.Add(time.Hour) // the holder rouses
	}
	s.dirty = false
	list, diff, next := s.collect(now)
	changed := !s.told || !slices.Equal(s.list, list)
	s.list, s.told = list, true
	s.mu.Unlock()
	if diff.differ != s.differ && diff.differ > 0 {
		s.logger.Warn("Resources are listed more than once, in different ways; the last one of each counts",
			zap.Int("resources", diff.differ), zap.String("such_as", diff.example.ID))
	}
	s.differ = diff.differ
	if !changed {
		return next
	}
	for reason, n := range map[Reason]int{ReasonDropped: diff.dropped, ReasonExpired: diff.expired} {
		if n > 0 {
			s.settings.Left(reason, n)
		}
	}
	if len(list) > 0 || diff.dropped+diff.expired > 0 {
		s.logChange(len(list), &diff)
	}
	s.settings.Changed(list)
	return next
}

func (s *Store) logChange(n int, diff *difference) {
	s.logger.Info("Resources changed", zap.Int("resources", n), zap.Int("came", diff.came),
		zap.Int("changed", diff.changed), zap.Int("dropped", diff.dropped), zap.Int("expired", diff.expired))
}

// sortedSources are all sources in their order. The caller holds the lock.
func (s *Store) sortedSources() []*Source {
	if s.sorted == nil {
		s.sorted = slices.SortedFunc(maps.Values(s.sources), func(a, b *Source) int { return comparePlaces(a.place, b.place) })
	}
	return s.sorted
}

// difference is what a join came to, for the log.
type difference struct {
	came, changed, dropped, expired, differ int
	example                                 pluginsdk.Identity // of differ
}

// collect joins the claims of all sources. The caller holds the lock.
func (s *Store) collect(now time.Time) (list []*pluginsdk.Resource, diff difference, next time.Time) {
	s.round++
	next = now.Add(time.Hour)
	list = make([]*pluginsdk.Resource, 0, len(s.list))
	owners := make([]*record, 0, len(s.list)) // of the list
	for _, src := range s.sortedSources() {
		for i := range src.claims {
			c := &src.claims[i]
			r := c.record
			r.ttl = c.ttl
			if end := src.refreshed.Add(c.ttl); now.After(end) {
				r.ranOut = s.round
				continue
			} else if end.Before(next) {
				next = end
			}
			if r.round == s.round {
				if !same(list[r.at], c.resource) {
					diff.differ, diff.example = diff.differ+1, c.resource.Identity()
				}
				list[r.at] = c.resource
			} else {
				r.round, r.at = s.round, len(list)
				list, owners = append(list, c.resource), append(owners, r)
			}
		}
	}
	for i, r := range owners { // in the order of the list, which is that of the memory
		s.keep(r, &list[i], now, &diff)
	}
	s.settle(now, &diff)
	return list, diff, next
}

// settle notes what left, and forgets what left long ago.
func (s *Store) settle(now time.Time, diff *difference) {
	for id, r := range s.records {
		switch {
		case r.round == s.round: // it is there
		case r.resource != nil:
			r.resource, r.left = nil, now
			s.unsavedRecord(id)
			if r.ranOut == s.round {
				diff.expired++
			} else {
				diff.dropped++
			}
		case r.left.IsZero(): // listed, with its time to live passed from the beginning
			r.left = now
		case now.After(r.left.Add(r.ttl)) && r.ranOut != s.round:
			delete(s.records, id)
			s.unsavedRecord(id)
		}
	}
}

// keep replaces a resource by the one that was told before where nothing about it changed, else gives it the creation
// timestamp that was seen first.
func (s *Store) keep(r *record, at **pluginsdk.Resource, now time.Time, diff *difference) {
	res, old := *at, r.resource
	switch {
	case old == nil:
		diff.came++
		r.since = now
		if !r.left.IsZero() {
			r.left = time.Time{}
			s.unsavedRecord(res.Identity())
		}
	case old == res || same(old, res):
		*at = old
		return
	default:
		diff.changed++
	}
	if res.CreationTimestamp != r.first {
		copied := *res
		copied.CreationTimestamp = r.first
		res = &copied
	}
	r.resource, *at = res, res
}

// same says whether two resources of one identity are alike except for their creation timestamps.
func same(a, b *pluginsdk.Resource) bool {
	return a.Endpoint == b.Endpoint && a.Plugin == b.Plugin && slices.Equal(a.Metadata, b.Metadata)
}

// TimeToLive is how long a resource stays without being refreshed: its _resource_ttl, or seven days where that is not a
// number of seconds greater than 0.
func TimeToLive(res *pluginsdk.Resource) time.Duration {
	text, _ := res.Metadata.Get(pluginsdk.ResourceTTLKey)
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil || seconds <= 0 || seconds > maxTTLSeconds {
		seconds, _ = strconv.ParseInt(pluginsdk.DefaultResourceTTL, 10, 64)
	}
	return time.Duration(seconds) * time.Second
}

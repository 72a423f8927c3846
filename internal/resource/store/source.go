package store

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Kind is a kind of sources. Later kinds win over earlier ones.
type Kind uint8

// The kinds of sources.
const (
	KindDiscovery Kind = iota
	KindKafka
	KindExtension // an extension that discovers, such as panoptes_discovery
	KindHTTPSD    // target groups of Prometheus from a server
	KindHTTP
	KindFileSD // target groups of Prometheus from a file
	KindFile
	KindInline
)

var kindNames = [...]string{"discovery", "kafka", "extension", "http_sd", "http", "file_sd", "file", "inline"}

// String is the kind's name for logs and metrics.
func (k Kind) String() string { return kindNames[k] }

// MarshalText writes that name.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (k *Kind) UnmarshalText(text []byte) error {
	i := slices.Index(kindNames[:], string(text))
	if i < 0 {
		return fmt.Errorf("unknown kind of sources %q", text)
	}
	*k = Kind(i)
	return nil
}

// Place identifies a source, and says where it stands among the others.
type Place struct {
	Kind Kind `json:"kind"`
	// Order is the source's number among those of its kind, as the configuration lists them.
	Order int `json:"-"`
	// Name tells sources with one number apart: a path, a URL, a topic, a plugin.
	Name string `json:"name"`
}

// String names the source for people.
func (p Place) String() string {
	if p.Name == "" {
		return p.Kind.String()
	}
	return p.Kind.String() + " " + strconv.Quote(p.Name)
}

func comparePlaces(a, b Place) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Order, b.Order), cmp.Compare(a.Name, b.Name))
}

// Source is one source of resources. All methods are safe for concurrent use, and do nothing after Close.
type Source struct {
	store *Store

	// What follows is under the store's lock.
	place     Place
	claims    []claim
	refreshed time.Time
	changed   time.Time // when the list changed last
	err       error
	failed    time.Time // since when
	closed    bool
	dropped   []Dropped // the first of those that are left out
	drops     int
	filtered  Filtered
	refused   *refusedList // nil where nothing is
}

// MaxDropped is how many of what a source leaves out are kept for people.
const MaxDropped = 200

// Dropped is something that a source found and left out.
type Dropped struct {
	// Target names it.
	Target string `json:"target"`
	// Reason is the rule that left it out.
	Reason string `json:"reason"`
}

// claim is that a source lists a resource.
type claim struct {
	resource *pluginsdk.Resource
	record   *record
	since    time.Time // when the source began to list it, without a break
	ttl      time.Duration
}

// Set takes all resources that the source lists as of at. Resources must not change afterwards. Of entries with one
// identity the last counts. A list that lacks more of what was there than Settings.MaxShrink lets go is an error of the source, as with
// Fail, until the source has listed so few for long. It returns whether the list counts.
func (src *Source) Set(list []*pluginsdk.Resource, at time.Time) bool {
	claims, filtered := src.store.claims(list, at)
	if src.refuses(list, len(claims), at) {
		return false
	}
	src.take(claims, filtered, at)
	return true
}

func (src *Source) take(claims []claim, filtered Filtered, at time.Time) {
	src.store.change(src, func() {
		src.store.recordAll(claims, src.claims)
		src.carryOver(claims)
		src.claims, src.filtered, src.refreshed, src.changed, src.refused = claims, filtered, at, at, nil
		src.recovered()
	})
}

// carryOver keeps since when the source lists what it listed before.
func (src *Source) carryOver(claims []claim) {
	if len(src.claims) == 0 {
		return
	}
	var since map[*record]time.Time
	for i := range claims {
		c := &claims[i]
		if i < len(src.claims) && src.claims[i].record == c.record { // in the same place, as most are
			c.since = src.claims[i].since
			continue
		}
		if since == nil {
			since = make(map[*record]time.Time, len(src.claims))
			for _, before := range src.claims {
				since[before.record] = before.since
			}
		}
		if t, ok := since[c.record]; ok {
			c.since = t
		}
	}
}

// Leave notes what the source found and left out: how many, and the first MaxDropped of them.
func (src *Source) Leave(first []Dropped, n int) {
	src.store.mu.Lock()
	defer src.store.mu.Unlock()
	src.dropped, src.drops = first[:min(len(first), MaxDropped)], n
}

// Refresh notes that the source's list holds as of at. It does not fix what Fail noted: a broken file still is there.
func (src *Source) Refresh(at time.Time) {
	s := src.store
	s.mu.Lock()
	believed := src.believedLocked(at)
	expired := at.After(src.refreshed) && src.expiring(at)
	if at.After(src.refreshed) {
		src.refreshed = at
	}
	s.mu.Unlock()
	if believed != nil {
		src.Set(believed.list, at)
		return
	}
	if expired {
		s.change(src, func() {}) // resources come back
	}
}

// expiring says whether a claim has run out.
func (src *Source) expiring(now time.Time) bool {
	for i := range src.claims {
		if now.After(src.refreshed.Add(src.claims[i].ttl)) {
			return true
		}
	}
	return false
}

// Fail notes that the source is broken. Its list stays for its times to live.
func (src *Source) Fail(err error) {
	src.store.mu.Lock()
	defer src.store.mu.Unlock()
	src.failLocked(err)
}

func (src *Source) failLocked(err error) {
	if src.err == nil {
		src.failed = time.Now()
	}
	src.err = err
}

// Recovered takes back what Fail noted: the source is well, and lists what it listed before. Where that was refused it stays an error.
func (src *Source) Recovered() {
	src.store.mu.Lock()
	defer src.store.mu.Unlock()
	if src.refused == nil {
		src.recovered()
	} else {
		src.err = src.refused.err
	}
}

func (src *Source) recovered() { src.err, src.failed = nil, time.Time{} }

// Move gives the source another number among those of its kind.
func (src *Source) Move(order int) {
	s := src.store
	s.mu.Lock()
	same := src.place.Order == order
	s.mu.Unlock()
	if same {
		return
	}
	s.change(src, func() {
		delete(s.sources, src.place)
		src.place.Order = order
		s.sources[src.place] = src
		s.sorted = nil
	})
}

// Close takes the source away, with all that it lists.
func (src *Source) Close() {
	s := src.store
	s.change(src, func() {
		src.closed = true
		delete(s.sources, src.place)
		s.sorted = nil
	})
}

// Len is the number of resources that the source lists and that pass filter and sample.
func (src *Source) Len() int {
	src.store.mu.Lock()
	defer src.store.mu.Unlock()
	return len(src.claims)
}

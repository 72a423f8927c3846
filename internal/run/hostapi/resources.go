package hostapi

import (
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi/kv"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// maxPage is how many bytes of keys and values one answer of Resources has at most, except for its last resource.
const maxPage = 1 << 20

// Resources is the service of the resources that the host knows, under the keys and in the form that Panoptes stores them in
// (docs/panoptes/formats.md, section 2). The zero value knows none. It is safe for concurrent use: one lock, which is held while the
// keys are made, which waits for the first call after a Set.
type Resources struct {
	mu    sync.Mutex
	list  []*pluginsdk.Resource
	keyed []keyedResource // of list, sorted; nil until somebody asks
}

type keyedResource struct {
	key string
	*pluginsdk.Resource
}

// Set takes all resources that there are. The list must not be changed afterwards.
func (s *Resources) Set(all []*pluginsdk.Resource) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list, s.keyed = all, nil
}

// Methods implements Service.
func (s *Resources) Methods() map[string]Method { return map[string]Method{"resources.find": s.find} }

func (s *Resources) sorted() []keyedResource {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keyed == nil {
		s.keyed = make([]keyedResource, len(s.list))
		for i, r := range s.list {
			s.keyed[i] = keyedResource{ResourceKey(r), r}
		}
		slices.SortFunc(s.keyed, func(a, b keyedResource) int { return strings.Compare(a.key, b.key) })
	}
	return s.keyed
}

// page is an answer: keys and values, and the key after which the next page begins, if there is one.
type page struct {
	Resources [][2]string `json:"resources"`
	Next      *string     `json:"next"`
}

// find answers with the resources whose keys match a pattern, a page after the other, in the order of the keys.
func (s *Resources) find(ctx context.Context, _ Caller, raw json.RawMessage) (any, error) {
	var p struct {
		Pattern *string `json:"pattern"`
		After   string  `json:"after"`
	}
	if err := json.Unmarshal(raw, &p); err != nil {
		return nil, invalidParams("parameters of resources.find: %v", err)
	}
	if p.Pattern == nil {
		return nil, invalidParams(`parameters of resources.find: "pattern" must be a string`)
	}
	if err := kv.CheckSize("pattern", *p.Pattern, kv.MaxPatternBytes); err != nil {
		return nil, err
	}
	prefix, matches := kv.Matcher(*p.Pattern)
	all, now := s.sorted(), time.Now()
	first, _ := slices.BinarySearchFunc(all, max(prefix, p.After), func(r keyedResource, key string) int { return strings.Compare(r.key, key) })
	found, size := page{Resources: [][2]string{}}, 0
	for i, r := range all[first:] {
		if i%256 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if !strings.HasPrefix(r.key, prefix) {
			break
		}
		if r.key == p.After || !matches(r.key) {
			continue
		}
		if size > maxPage {
			found.Next = &found.Resources[len(found.Resources)-1][0]
			break
		}
		value := ResourceValue(r.Resource, now)
		size += len(r.key) + len(value)
		found.Resources = append(found.Resources, [2]string{r.key, value})
	}
	return found, nil
}

// noPlugin stands for the plugin of resources that have none, for which Panoptes has no key.
const noPlugin = "panoptes_otelcol"

// ResourceKey is the key under which Panoptes stores a resource.
func ResourceKey(r *pluginsdk.Resource) string {
	if r.Plugin == "" {
		named := *r
		named.Plugin = noPlugin
		r = &named
	}
	return r.Key()
}

// ResourceValue is what Panoptes stores there.
func ResourceValue(r *pluginsdk.Resource, now time.Time) string {
	var b strings.Builder
	b.WriteString("timestamp|" + timestamp(r.CreationTimestamp, now) + "|")
	for _, m := range r.Metadata {
		b.WriteString("meta." + m.Key + "|" + m.Value + "|")
	}
	return b.String()
}

// readable is what Panoptes reads as a timestamp: with one of another form it cannot read the resource.
var readable = regexp.MustCompile(`^\d{10}\.\d+$`)

// timestamp is the text of a timestamp: as it was given where Panoptes can read that, else as a number with a point, and now
// for one that is no time of our days.
func timestamp(t pluginsdk.Timestamp, now time.Time) string {
	if text := t.String(); readable.MatchString(text) {
		return text
	}
	seconds, _ := t.Seconds()
	text := strconv.FormatFloat(seconds, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	if readable.MatchString(text) {
		return text
	}
	return strconv.FormatFloat(float64(now.UnixMilli())/1000, 'f', 3, 64)
}

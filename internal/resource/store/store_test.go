package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"pgregory.net/rapid"

	"github.com/panoptes-otel/panoptes-otel/internal/resource/filter"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shop is a store that runs in a test's bubble, and what it told last.
type shop struct {
	*Store
	list []*pluginsdk.Resource
	told int
	left map[Reason]int
	logs *observer.ObservedLogs
}

// inShop runs a test with a store under synctest.
func inShop(t *testing.T, s Settings, test func(t *testing.T, shop *shop)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sh := &shop{left: map[Reason]int{}}
		observed, logs := observer.New(zap.InfoLevel)
		sh.logs = logs
		s.Logger = zap.New(observed)
		s.Changed = func(list []*pluginsdk.Resource) { sh.list = list; sh.told++ }
		s.Left = func(r Reason, n int) { sh.left[r] += n }
		sh.Store = New(s)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); sh.Run(ctx) }()
		test(t, sh)
		cancel()
		<-done
	})
}

// names waits until the store is at rest, and says what it told last, as "id@endpoint id@endpoint".
func (s *shop) names() string {
	<-time.After(time.Second)
	synctest.Wait()
	var out []string
	for _, r := range s.list {
		out = append(out, r.ID+"@"+r.Endpoint)
	}
	return strings.Join(out, " ")
}

func res(id, endpoint, ttl string, created int64) *pluginsdk.Resource {
	return &pluginsdk.Resource{
		Site: "s", Class: "c", Subclass: "sc", Type: "t", ID: id, Endpoint: endpoint,
		CreationTimestamp: pluginsdk.NumberTimestamp(pluginsdk.Int(created)),
		Metadata:          pluginsdk.Metadata{{Key: pluginsdk.ResourceTTLKey, Value: ttl}},
	}
}

func list(rs ...*pluginsdk.Resource) []*pluginsdk.Resource { return rs }

func TestSourcesAreJoined(t *testing.T) {
	inShop(t, Settings{}, func(t *testing.T, s *shop) {
		assert.Empty(t, s.names())
		disc := s.Open(Place{Kind: KindDiscovery, Name: "d"})
		file := s.Open(Place{Kind: KindFile, Name: "f"})
		assert.Same(t, file, s.Open(Place{Kind: KindFile, Name: "f"}))
		file.Set(list(res("a", "file", "900", 1)), time.Now())
		disc.Set(list(res("b", "disc", "900", 2), res("a", "disc", "900", 3)), time.Now())
		assert.Equal(t, "b@disc a@file", s.names(), "what an operator wrote wins")
		first := s.list[1]
		assert.Equal(t, "1", first.CreationTimestamp.String(), "the first that was seen")

		begun := time.Now()
		file.Set(list(res("a", "file", "900", 7), res("c", "file", "900", 1)), time.Now())
		assert.Equal(t, "b@disc a@file c@file", s.names())
		assert.Same(t, first, s.list[1], "another timestamp is no change")
		file.Close()
		file.Set(list(res("z", "", "900", 1)), time.Now())
		assert.Equal(t, "b@disc a@disc", s.names())
		assert.Equal(t, map[Reason]int{ReasonDropped: 1}, s.left)

		entries := s.Entries()
		assert.Equal(t, "a", entries[0].Resource.ID)
		assert.Len(t, entries[0].Claims, 1)
		assert.Equal(t, `discovery "d"`, entries[0].Claims[0].Place.String())
		assert.True(t, entries[0].Claims[0].Since.Before(begun))
		assert.True(t, entries[0].Since.Before(begun))

		disc.Set(list(res("b", "disc", "900", 2)), time.Now())
		entries = s.Entries() // before the sources are joined anew
		assert.Equal(t, "a", entries[0].Resource.ID)
		assert.Empty(t, entries[0].Claims)
		assert.True(t, entries[0].Since.Before(begun))
		assert.Equal(t, "b@disc", s.names())
		assert.Len(t, s.Entries(), 1)
	})
}

// Since when a source lists a resource stays, wherever in its list that is, and a break begins it anew.
func TestOrderOfAList(t *testing.T) {
	inShop(t, Settings{}, func(t *testing.T, s *shop) {
		src := s.Open(Place{Kind: KindFile, Name: "f"})
		begun := time.Now()
		since := func() (out []string) {
			for _, e := range s.Entries() {
				out = append(out, fmt.Sprint(e.Resource.ID, "+", e.Claims[0].Since.Sub(begun).Round(time.Second)))
			}
			return out
		}
		a, b, c, d := res("a", "1", "900", 1), res("b", "1", "900", 1), res("c", "1", "900", 1), res("d", "1", "900", 1)
		src.Set(list(a, b, c), time.Now())
		assert.Equal(t, "a@1 b@1 c@1", s.names())
		src.Set(list(d, c, res("b", "2", "900", 1)), time.Now())
		assert.Equal(t, "d@1 c@1 b@2", s.names())
		assert.Equal(t, []string{"b+0s", "c+0s", "d+1s"}, since())
		src.Set(list(a, c, b), time.Now())
		assert.Equal(t, "a@1 c@1 b@1", s.names())
		assert.Equal(t, []string{"a+2s", "b+0s", "c+0s"}, since())
	})
}

func TestTimeToLive(t *testing.T) {
	inShop(t, Settings{}, func(t *testing.T, s *shop) {
		src := s.Open(Place{Kind: KindHTTP, Name: "u"})
		src.Set(list(res("a", "1", "60", 1), res("b", "1", "900", 1)), time.Now())
		assert.Equal(t, "a@1 b@1", s.names())
		<-time.After(50 * time.Second)
		src.Refresh(time.Now())
		broken := time.Now()
		src.Fail(errors.New("broken"))
		<-time.After(40 * time.Second)
		src.Fail(errors.New("broken again"))
		assert.Equal(t, "a@1 b@1", s.names(), "a source that breaks keeps its list")
		status := s.Sources()
		assert.Equal(t, "broken again", status[0].Error)
		assert.Equal(t, broken, status[0].Failed)
		<-time.After(20 * time.Second)
		assert.Equal(t, "b@1", s.names())
		assert.Equal(t, map[Reason]int{ReasonExpired: 1}, s.left)
		src.Refresh(time.Now())
		assert.Equal(t, "a@1 b@1", s.names(), "it comes back with its source")
		assert.Equal(t, "1", s.list[0].CreationTimestamp.String())
		src.Set(list(res("a", "1", "60", 1)), time.Now().Add(-2*time.Minute))
		assert.Empty(t, s.names(), "an old list")
		assert.Empty(t, s.Sources()[0].Error, "a list fixes")
	})
	for _, text := range []string{"", "0", "-1", "x", "99999999999999999"} {
		assert.Equal(t, 7*24*time.Hour, TimeToLive(res("a", "", text, 1)), text)
	}
}

// A resource that moves between sources is never away.
func TestTogether(t *testing.T) {
	inShop(t, Settings{}, func(t *testing.T, s *shop) {
		a, b := s.Open(Place{Kind: KindFile, Order: 1}), s.Open(Place{Kind: KindFile, Order: 2})
		a.Set(list(res("x", "1", "900", 1)), time.Now())
		assert.Equal(t, "x@1", s.names())
		before := s.list[0]
		s.Together(func() {
			a.Set(nil, time.Now())
			<-time.After(time.Minute)
			b.Set(list(res("x", "1", "900", 2)), time.Now())
		})
		assert.Equal(t, "x@1", s.names())
		assert.Same(t, before, s.list[0])
		assert.Empty(t, s.left)
		assert.Equal(t, 1, s.told)
		b.Set(list(res("x", "2", "900", 2)), time.Now())
		a.Set(list(res("x", "1", "900", 2)), time.Now())
		assert.Equal(t, "x@2", s.names())
		a.Move(3)
		assert.Equal(t, "x@1", s.names())
		assert.Equal(t, 1, s.logs.FilterMessageSnippet("more than once").Len())
	})
}

func TestFirstTimestampIsKept(t *testing.T) {
	inShop(t, Settings{}, func(t *testing.T, s *shop) {
		s.Restore([]Sighting{
			{Identity: res("a", "", "", 0).Identity(), First: res("", "", "", 77).CreationTimestamp, TTL: time.Hour},
			{Identity: res("gone", "", "", 0).Identity(), First: res("", "", "", 78).CreationTimestamp, TTL: time.Minute, Left: time.Now()},
		})
		all, _ := s.Sightings()
		assert.Len(t, all, 2, "the first call returns all")
		src := s.Open(Place{Kind: KindInline})
		src.Set(list(res("a", "1", "60", 1), res("b", "1", "60", 2)), time.Now())
		assert.Equal(t, "a@1 b@1", s.names())
		assert.Equal(t, "77", s.list[0].CreationTimestamp.String())
		changed, forgotten := s.Sightings()
		assert.Len(t, changed, 2)
		assert.Empty(t, forgotten)
		src.Set(list(res("b", "1", "60", 9)), time.Now())
		assert.Equal(t, "b@1", s.names())
		changed, _ = s.Sightings()
		assert.Len(t, changed, 1)
		src.Set(list(res("b", "1", "60", 9), res("a", "1", "60", 9)), time.Now())
		assert.Equal(t, "b@1 a@1", s.names())
		assert.Equal(t, "77", s.list[1].CreationTimestamp.String(), "also after it was away")
		src.Set(nil, time.Now())
		<-time.After(3 * time.Hour)
		assert.Empty(t, s.names())
		_, forgotten = s.Sightings()
		assert.Len(t, forgotten, 3)
		assert.Empty(t, s.records)
	})
}

func TestFilterAndSample(t *testing.T) {
	f, err := filter.Parse(`resource_id LIKE "a%"`)
	assert.NoError(t, err)
	inShop(t, Settings{Filter: f}, func(t *testing.T, s *shop) {
		s.Open(Place{}).Set(list(res("a1", "1", "60", 1), res("b", "1", "60", 2), res("a2", "1", "60", 1)), time.Now())
		assert.Equal(t, "a1@1 a2@1", s.names())
		assert.Equal(t, Filtered{Count: 1, Example: `b: resource_id LIKE "a%": resource_id is "b"`}, s.Sources()[0].Filtered)
	})
}

// A sample is a share, always the same one, and part of every larger one.
func TestSample(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		small := rapid.Float64Range(0.01, 1).Draw(t, "small")
		large := rapid.Float64Range(small, 1).Draw(t, "large")
		a, b := New(Settings{Sample: small}), New(Settings{Sample: large})
		n := 0
		for i := range 1000 {
			r := res(fmt.Sprint(i), "", "", 0)
			if a.sampled(r) {
				n++
				assert.True(t, b.sampled(r))
			}
		}
		assert.InDelta(t, small*1000, n, 80)
	})
}

func BenchmarkJoin(b *testing.B) {
	s := New(Settings{Changed: func([]*pluginsdk.Resource) {}})
	src := s.Open(Place{})
	lists := [2][]*pluginsdk.Resource{}
	for i := range 100_000 {
		for j := range lists {
			lists[j] = append(lists[j], res(fmt.Sprint(i), fmt.Sprint(j), "900", 1))
		}
	}
	for i := 0; b.Loop(); i++ {
		src.Set(lists[i%2], time.Now())
		s.join(time.Now())
	}
}

func BenchmarkEntriesOf50000(b *testing.B) {
	s := New(Settings{})
	var all []*pluginsdk.Resource
	for i := range 50_000 {
		all = append(all, res(fmt.Sprint(i), "e", "900", 1))
	}
	s.Open(Place{Kind: KindFile, Name: "f"}).Set(all, time.Now())
	s.Join()
	for b.Loop() {
		s.Entries()
	}
}

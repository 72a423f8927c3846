package store

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

func fleet(n int) []*pluginsdk.Resource {
	list := make([]*pluginsdk.Resource, n)
	for i := range list {
		list[i] = &pluginsdk.Resource{Site: "s", Class: "c", Subclass: "s", Type: "t", ID: fmt.Sprint(i), Endpoint: "e", Plugin: "p"}
	}
	return list
}

// A source that loses most of its resources at once is warned of; beyond max_shrink what it listed stays, until it lists more again,
// its times to live pass, or it has listed so few for long.
func TestMaxShrink(t *testing.T) {
	t.Parallel()
	at := time.Unix(1_600_000_000, 0)
	for name, c := range map[string]struct {
		max              float64
		kind             Kind
		before, now      int
		left             int
		warnings, errors int
	}{
		"no limit":                {1, KindFile, 100, 3, 3, 1, 0},
		"no limit, and all":       {1, KindFile, 100, 0, 0, 1, 0},
		"a loss that is small":    {0.3, KindFile, 100, 71, 71, 0, 0},
		"one that is too large":   {0.3, KindFile, 100, 69, 100, 0, 1},
		"all":                     {0.9, KindFile, 100, 0, 100, 0, 1},
		"most, which is allowed":  {0.9, KindFile, 100, 20, 20, 1, 0},
		"few resources":           {0.3, KindFile, 19, 0, 0, 0, 0},
		"a source that grows":     {0.3, KindFile, 20, 1000, 1000, 0, 0},
		"one that comes to begin": {0.3, KindFile, 0, 20, 20, 0, 0},
		"by default, half":        {0, KindHTTP, 20, 10, 10, 0, 0},
		"by default, more":        {0, KindHTTP, 20, 9, 20, 0, 1},
		"by default, discovered":  {0, KindExtension, 20, 0, 0, 1, 0},
		"as is said, discovered":  {0.5, KindExtension, 20, 0, 20, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			core, logs := observer.New(zap.WarnLevel)
			refused := 0
			s := New(Settings{MaxShrink: c.max, Logger: zap.New(core), Refused: func() { refused++ }})
			src := s.Open(Place{Kind: c.kind, Name: "f"})
			src.Set(fleet(c.before), at)
			for i := range 3 { // told once
				require.Equal(t, c.errors == 0, src.Set(fleet(c.now), at.Add(time.Duration(i+1)*time.Minute)))
				src.Refresh(at.Add(time.Duration(i+1) * time.Minute))
			}
			require.Equal(t, c.left, src.Len())
			require.Equal(t, c.warnings, logs.FilterLevelExact(zap.WarnLevel).Len())
			require.Equal(t, c.errors, logs.FilterLevelExact(zap.ErrorLevel).Len())
			require.Equal(t, c.errors, refused)
			broken := s.Sources()[0].Error
			require.Equal(t, c.errors > 0, broken != "", broken)
			if c.errors == 0 {
				return
			}
			require.Contains(t, broken, "correct the source")
			src.Fail(errors.New("another"))
			src.Recovered()
			require.Equal(t, broken, s.Sources()[0].Error, "it lists as few as before")
			src.Set(fleet(c.before), at.Add(4*time.Minute))
			require.Empty(t, s.Sources()[0].Error)
			src.Set(fleet(c.now), at.Add(30*24*time.Hour)) // what was listed before has run out
			require.Equal(t, c.now, src.Len())
		})
	}
}

// A source that has listed few resources for long is believed: when it lists them again, and when it says that nothing changed.
func TestMaxShrinkEnds(t *testing.T) {
	t.Parallel()
	at := time.Unix(1_600_000_000, 0)
	for name, again := range map[string]func(*Source, time.Time){
		"listed": func(src *Source, at time.Time) { src.Set(fleet(5), at) }, "not changed": (*Source).Refresh,
	} {
		core, logs := observer.New(zap.WarnLevel)
		s := New(Settings{Logger: zap.New(core)})
		src := s.Open(Place{Kind: KindFile, Name: name})
		src.Set(fleet(100), at)
		at := at.Add(time.Hour)
		src.Set(fleet(4), at)
		for _, after := range []time.Duration{time.Minute, shrinkHeld - time.Second} {
			again(src, at.Add(after))
			require.Equal(t, 100, src.Len(), name)
		}
		again(src, at.Add(shrinkHeld))
		require.Less(t, src.Len(), 6, name)
		require.Empty(t, s.Sources()[0].Error, name)
		require.Len(t, logs.FilterMessageSnippet("it is believed now").All(), 1, name)
		src.Set(fleet(3), at.Add(shrinkHeld+time.Minute))
		require.Equal(t, 3, src.Len(), "few are nothing to hold")
	}
}

package store

import (
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

// A source that loses most of its resources at once is warned of; beyond max_shrink what it listed stays, until it lists more again
// or its times to live pass.
func TestMaxShrink(t *testing.T) {
	t.Parallel()
	at := time.Unix(1_600_000_000, 0)
	for name, c := range map[string]struct {
		max              float64
		before, now      int
		left             int
		warnings, errors int
	}{
		"no limit":                {0, 100, 3, 3, 1, 0},
		"no limit, and all":       {0, 100, 0, 0, 1, 0},
		"a loss that is small":    {0.3, 100, 71, 71, 0, 0},
		"one that is too large":   {0.3, 100, 69, 100, 0, 1},
		"all":                     {0.9, 100, 0, 100, 0, 1},
		"most, which is allowed":  {0.9, 100, 20, 20, 1, 0},
		"few resources":           {0.3, 9, 0, 0, 0, 0},
		"a source that grows":     {0.3, 10, 1000, 1000, 0, 0},
		"one that comes to begin": {0.3, 0, 10, 10, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			core, logs := observer.New(zap.WarnLevel)
			s := New(Settings{MaxShrink: c.max, Logger: zap.New(core)})
			src := s.Open(Place{Kind: KindFile, Name: "f"})
			src.Set(fleet(c.before), at)
			for range 3 { // told once
				src.Set(fleet(c.now), at.Add(time.Minute))
			}
			require.Equal(t, c.left, src.Len())
			require.Equal(t, c.warnings, logs.FilterLevelExact(zap.WarnLevel).Len())
			require.Equal(t, c.errors, logs.FilterLevelExact(zap.ErrorLevel).Len())
			broken := s.Sources()[0].Error
			require.Equal(t, c.errors > 0, broken != "", broken)
			if c.errors == 0 {
				return
			}
			require.Contains(t, broken, "raise max_shrink")
			src.Set(fleet(c.before), at.Add(2*time.Minute))
			require.Empty(t, s.Sources()[0].Error)
			src.Set(fleet(c.now), at.Add(30*24*time.Hour)) // what was listed before has run out
			require.Equal(t, c.now, src.Len())
		})
	}
}

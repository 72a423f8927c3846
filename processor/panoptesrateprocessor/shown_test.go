package panoptesrateprocessor

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/panoptes-otel/panoptes-otel/internal/status/statustest"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// What matches nothing for long is logged once, with or without a board.
func TestUnmatchedTransformsAreLogged(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.WarnLevel)
	tel := componenttest.NewNopTelemetrySettings()
	tel.Logger = zap.New(core)
	p, _ := newTestProcessor(t, tel, nil)
	send := func(transforms string) {
		require.NoError(t, p.ConsumeMetrics(t.Context(), build(transforms, groupOf(t, "x", 0, nil, map[string]pluginsdk.Number{"a": pluginsdk.Int(1)}))))
	}
	send("x = rate:x:a,b")
	now := time.Now()
	const settled = unmatchedIntervals*time.Minute + time.Second // groups of a minute
	p.warnUnmatched(now.Add(settled - 10*time.Second))
	require.Zero(t, logs.Len(), "it may come")
	for range 2 {
		p.warnUnmatched(now.Add(settled))
		require.Equal(t, 1, logs.Len())
	}
	assert.Equal(t, []any{`no counter ["b"] came in a group of type "x"`}, logs.All()[0].ContextMap()["unmatched"])
	send("x = rate:x:a")
	p.warnUnmatched(now.Add(unmatchedAtMost))
	require.Equal(t, 1, logs.Len(), "all match")
}

// A board is told of each plugin how many rates there were, and which of its transforms never matched.
func TestBoardIsToldOfTransforms(t *testing.T) {
	t.Parallel()
	host := &statustest.Host{}
	p, _ := newProcessor(t)
	require.NoError(t, p.Start(t.Context(), host))
	told := func(plugin string) string {
		all := host.Told(plugin)
		require.Len(t, all, 2)
		return all[1]
	}
	assert.Equal(t, "unknown no data of the plugin came", told("test_plugin"))
	sends := func(transforms string, seconds float64, groupType string) {
		require.NoError(t, p.ConsumeMetrics(t.Context(), build(transforms, groupOf(t, groupType, seconds, nil, map[string]pluginsdk.Number{
			"a": pluginsdk.Int(10), "b": pluginsdk.Int(20), "g!": pluginsdk.Int(1),
		}))))
	}
	sends("", 0, "x")
	assert.Equal(t, "yes the plugin names none; rates: 0", told("test_plugin"))
	sends("x = rate:x:a,b", 60, "x")
	assert.Equal(t, "yes all matched; rates: 0, points without: 2 first", told("test_plugin"))
	sends("x = rate:x:a,b", 120, "x")
	assert.Equal(t, "yes all matched; rates: 2, points without: 2 first", told("test_plugin"))
	const correct = " > correct [transforms] of the plugin file: a counter must be in a group of the type that its line names"
	sends("x = rate:x:a,c,g\nz = rate:y:a\nbad", 180, "x")
	assert.Equal(t, `no no counter ["c" "g"] came in a group of type "x"; no group of type "y" came, but of ["x"]; `+
		`transform "bad" has no "=": expected K = rate:T:metric,metric; rates: 3, points without: 2 first, 1 bad_transform, 1 collision`+correct, told("test_plugin"))
	sends("z = rate:y:a", 240, "z")
	assert.Equal(t, "yes all matched; rates: 3, points without: 3 first, 1 bad_transform, 1 collision", told("test_plugin"), "an extra group")
	assert.Contains(t, host.Told("test_plugin")[0], "yes what stands behind it took all 5 batches with data of the plugin; ")
	next := p.next
	p.next = consumertest.NewErr(errors.New("no room"))
	require.Error(t, p.ConsumeMetrics(t.Context(), build("", groupOf(t, "x", 300, nil, map[string]pluginsdk.Number{"a": pluginsdk.Int(1)}))))
	assert.Equal(t, "no what stands behind it refused 1 of 6 batches with data of the plugin, the last one: no room > see the exporter's lines in the log", host.Told("test_plugin")[0])
	p.next = next
	sends("", 360, "x")
	assert.Equal(t, "yes what stands behind it refused 1 of 7 batches with data of the plugin", host.Told("test_plugin")[0])
	assert.Equal(t, "unknown no data of the plugin came", told("other"))
	require.NoError(t, p.Shutdown(t.Context()))
	assert.Empty(t, host.Told("test_plugin"))
}

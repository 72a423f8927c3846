package report

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"pgregory.net/rapid"

	"github.com/panoptes-otel/panoptes-otel/internal/run/runlog"
	"github.com/panoptes-otel/panoptes-otel/internal/schedule"
	"github.com/panoptes-otel/panoptes-otel/internal/status"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// However many tasks fail, and however much they say, what is kept is bounded, and is of those that failed last.
func TestFailureTextsAreBounded(t *testing.T) {
	t.Parallel()
	var f failureTexts
	for id := range schedule.ID(maxTexts + 50) {
		f.set(id, failureText{text: fmt.Sprint("error ", id)})
		f.set(id, failureText{text: fmt.Sprint("again ", id)})
	}
	assert.Len(t, f.tasks, maxTexts)
	assert.Equal(t, maxTexts, f.recent.Len())
	assert.Empty(t, f.of(49).text)
	assert.Equal(t, "again 50", f.of(50).text)

	long := failureText{text: strings.Repeat("x", maxErrorBytes), log: []status.LogLine{{Message: strings.Repeat("y", tailBytes)}}}
	for id := range schedule.ID(maxTexts) {
		f.set(id, long)
	}
	assert.LessOrEqual(t, f.bytes, maxTextBytes)
	assert.Greater(t, f.bytes, maxTextBytes-2*long.size())
	for id := range schedule.ID(maxTexts + 50) {
		f.forget(id)
	}
	assert.Zero(t, f.bytes)
	assert.Zero(t, f.recent.Len())
}

func TestTailKeepsTheLastLines(t *testing.T) {
	t.Parallel()
	say := func(tail *Tail, text string, fields ...zap.Field) {
		tail.take(runlog.Line{At: time.Now(), Level: zapcore.WarnLevel, Message: text, Fields: fields})
	}
	tail := &Tail{}
	for i := range 100 {
		say(tail, fmt.Sprint("line ", i))
	}
	lines := tail.end()
	require.Len(t, lines, tailLines)
	assert.Equal(t, "line 99", lines[tailLines-1].Message)
	assert.Equal(t, "line 80", lines[0].Message)
	say(tail, "too late")
	assert.Empty(t, tail.end())
	assert.Nil(t, (*Tail)(nil).end())

	tail = &Tail{}
	for range 10 {
		say(tail, strings.Repeat("z", 100_000))
	}
	assert.Len(t, tail.lines, 1)
	assert.LessOrEqual(t, tail.bytes, tailBytes+100)

	tail = &Tail{}
	say(tail, "oops", zap.String("logger", "panoptes"), zap.Int("port", 7), zap.Error(errors.New("gone")), zap.String("exception", "Traceback:\n  here"))
	assert.Equal(t, "oops port=7 error=gone\nTraceback:\n  here", tail.end()[0].Message)
}

// jsonBytes is the length of the JSON, where nothing in it needs an escape.
func TestJSONBytes(t *testing.T) {
	t.Parallel()
	word := rapid.StringMatching(`[a-z][a-z0-9_]{0,20}`)
	rapid.Check(t, func(t *rapid.T) {
		resource := &pluginsdk.Resource{
			Site: word.Draw(t, "site"), ID: word.Draw(t, "id"), Metadata: pluginsdk.Metadata{}.Set(word.Draw(t, "key"), "v"),
		}
		var groups []*pluginsdk.MetricsGroup
		want := 0
		for range rapid.IntRange(0, 4).Draw(t, "groups") {
			g, err := pluginsdk.NewMetricsGroup(resource, word.Draw(t, "type"), time.Duration(rapid.IntRange(1, 9999).Draw(t, "interval"))*time.Second)
			require.NoError(t, err)
			for range rapid.IntRange(0, 5).Draw(t, "metrics") {
				_ = g.AddGauge(word.Draw(t, "metric"), rapid.Float64Range(-1e9, 1e9).Draw(t, "value")) // a second of one name is refused
				_ = g.AddMetric(pluginsdk.Metric{
					Name: word.Draw(t, "metric"), Type: pluginsdk.Counter, Value: pluginsdk.Int(rapid.Int64().Draw(t, "count")),
					Timestamp: pluginsdk.Float(rapid.Float64Range(1, 2e9).Draw(t, "at")),
				})
			}
			for range rapid.IntRange(0, 3).Draw(t, "dimensions") {
				_ = g.AddDimension(word.Draw(t, "dimension"), word.Draw(t, "of"))
			}
			groups = append(groups, g)
			want += len(g.AppendJSON(nil))
		}
		assert.Equal(t, want, jsonBytes(groups))
	})
}

func BenchmarkJSONBytes(b *testing.B) {
	g, err := pluginsdk.NewMetricsGroup(&pluginsdk.Resource{Site: "dc1", ID: "sw1"}, "interface", time.Minute)
	require.NoError(b, err)
	for i := range 8 {
		require.NoError(b, g.AddGauge(fmt.Sprint("metric_", i), float64(i)*1.37))
	}
	groups := []*pluginsdk.MetricsGroup{g}
	b.Run("sum", func(b *testing.B) {
		for b.Loop() {
			jsonBytes(groups)
		}
	})
	b.Run("written", func(b *testing.B) {
		var out []byte
		for b.Loop() {
			out = g.AppendJSON(out[:0])
		}
	})
}

package runlog

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/internal/run/wire/rpc"
)

// TestFloodOfFaults: a process that writes rubbish is one line, and one more at the end of the minute.
func TestFloodOfFaults(t *testing.T) {
	t.Parallel()
	logger, written := logged()
	digest := logs.NewDigest()
	l := NewProcess(logger, Run{}, digest, NewBudget())
	l.Begin(Run{ID: 1, Fields: []zap.Field{zap.String("plugin", "rubbish")}})
	const lines = 10_000
	for i := range lines {
		l.Fault(&rpc.Fault{Kind: rpc.FaultTooLong, Text: fmt.Sprint("line ", i)})
	}
	require.Equal(t, 1, written.Len())
	assert.Equal(t, "rubbish", written.All()[0].ContextMap()["plugin"])
	assert.NotEmpty(t, written.All()[0].ContextMap()["next"])
	digest.Stop()
	require.Equal(t, 2, written.Len())
	assert.EqualValues(t, lines-2, written.All()[1].ContextMap()["others"])
}

// TestTimeOfALine: what a plugin says of it counts, unless its clock cannot be right.
func TestTimeOfALine(t *testing.T) {
	t.Parallel()
	now := float64(time.Now().Unix())
	assert.WithinDuration(t, time.Unix(int64(now)-10, 0), timeOf(now-10), time.Millisecond)
	for _, wrong := range []float64{0, -1, 1, now - 2*maxLineAge.Seconds(), now + 2*maxLineAge.Seconds(), 1e300} {
		assert.Zero(t, timeOf(wrong), "%v", wrong)
	}
	logger, written := logged()
	l := NewProcess(logger, Run{}, nil, NewBudget())
	l.Notify("log", []byte(fmt.Sprintf(`{"level":"info","message":"x","time":%f}`, now-30)))
	assert.WithinDuration(t, time.Unix(int64(now)-30, 0), written.All()[0].Time, time.Millisecond)
}

// TestLineThatTheResultSays: a run that fails is told of once, by whoever reports its result.
func TestLineThatTheResultSays(t *testing.T) {
	t.Parallel()
	logger, written := logged()
	l := NewProcess(logger, Run{}, nil, NewBudget())
	var taken []string
	l.Begin(Run{ID: 1, Take: func(line Line) {
		if line.Level >= zap.InfoLevel {
			taken = append(taken, line.Message)
		}
	}})
	l.Notify("log", []byte(`{"run_id":1,"level":"error","message":"Failed to execute plugin:","in_result":true}`))
	l.Notify("log", []byte(`{"run_id":1,"level":"error","message":"the plugin's own"}`))
	assert.Equal(t, []string{"the plugin's own"}, taken)
	for _, line := range written.FilterMessage("Failed to execute plugin:").All() {
		assert.Equal(t, zap.DebugLevel, line.Level)
	}
}

// TestFloodOfLogLinesIsLimited: in lines and in bytes, for all processes of a plugin together.
func TestFloodOfLogLinesIsLimited(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		line string
		most int
	}{
		"lines": {"line", maxLinesPerSecond},
		"bytes": {strings.Repeat("x", maxTextBytes), maxBytesPerSecond / maxTextBytes},
	} {
		logger, written := logged()
		budget := NewBudget()
		now := time.Unix(1_700_000_000, 0)
		budget.now = func() time.Time { return now }
		var processes []*Process
		for range 2 {
			l := NewProcess(logger, Run{}, nil, budget)
			l.Begin(Run{ID: 1, Fields: []zap.Field{zap.String("plugin", "floods")}})
			processes = append(processes, l)
		}
		for i := range c.most + 100 {
			processes[i%2].Stderr(c.line, false)
		}
		assert.Equal(t, c.most, written.Len(), name)
		other := NewProcess(logger, Run{}, nil, budget)
		other.Begin(Run{ID: 1, Fields: []zap.Field{zap.String("plugin", "quiet")}})
		other.Stderr("another plugin", false)
		assert.Equal(t, 1, written.FilterMessage("another plugin").Len(), name)
		now = now.Add(time.Second)
		processes[0].Stderr("next", false)
		left := written.FilterMessageSnippet("Left out").All()
		require.Len(t, left, 1, name)
		assert.EqualValues(t, 100, left[0].ContextMap()["lines"])
		assert.Equal(t, "floods", left[0].ContextMap()["plugin"])
		assert.Equal(t, 1, written.FilterMessage("next").Len())
	}
}

// TestTextsOfPluginsAreTidy: a line is one line without control characters, and of limited length.
func TestTextsOfPluginsAreTidy(t *testing.T) {
	t.Parallel()
	logger, written := logged()
	l := NewProcess(logger, Run{}, nil, NewBudget())
	l.Begin(Run{ID: 1})
	l.Notify("log", []byte(`{"message":"one\ntwo\u001b[2J","exception":"Traceback\n\u001b[31m"}`))
	l.Notify("log", []byte(`{"message":"`+strings.Repeat("x", 10*maxTextBytes)+`"}`))
	l.Stderr("\x1b]0;title\x07", false)
	all := written.All()
	require.Len(t, all, 3)
	assert.Equal(t, `one\ntwo\x1b[2J`, all[0].Message)
	assert.Equal(t, "Traceback\n\\x1b[31m", all[0].ContextMap()["exception"])
	assert.LessOrEqual(t, len(all[1].Message), maxTextBytes+3)
	assert.Equal(t, `\x1b]0;title\x07`, all[2].Message)
}

// TestWhoseLineItIs: a line belongs to the run that it names, also for a while after its end.
func TestWhoseLineItIs(t *testing.T) {
	t.Parallel()
	run := func(id int64) Run { return Run{ID: id, Fields: []zap.Field{zap.Int64("run_id", id)}} }
	owner := Run{Fields: []zap.Field{zap.String("plugin", "owner")}}
	l := NewProcess(zap.NewNop(), owner, nil, NewBudget())
	assert.Equal(t, owner, l.Of(0), "before the first run")
	l.Begin(run(1))
	assert.Equal(t, run(1), l.Of(0))
	l.End(1)
	assert.Equal(t, run(1), l.Of(0), "stderr of programs comes late")
	l.Begin(run(2))
	assert.Equal(t, run(2), l.Of(0))
	assert.Equal(t, run(1), l.Of(1))
	for id := int64(2); id < 2+2*keptRuns; id++ {
		l.Begin(run(id))
		l.End(id)
	}
	assert.NotEqual(t, run(1), l.Of(1), "it is forgotten")
	assert.LessOrEqual(t, len(l.runs), keptRuns+1)

	l = NewProcess(zap.NewNop(), owner, nil, NewBudget())
	l.SetConcurrent()
	l.Begin(run(1))
	l.Begin(run(2))
	assert.Equal(t, owner, l.Of(0), "which of them cannot be told")
	assert.Equal(t, run(1), l.Of(1))
}

func logged() (*zap.Logger, *observer.ObservedLogs) {
	core, written := observer.New(zap.DebugLevel)
	return zap.New(core), written
}

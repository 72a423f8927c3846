package panoptesreceiver

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"

	"github.com/panoptes-otel/panoptes-otel/internal/status"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// board is a status.Board among the extensions of a bench.
type board struct {
	component.StartFunc
	component.ShutdownFunc
	shown atomic.Pointer[status.Receiver]
}

func (b *board) Add(r status.Receiver) func() {
	b.shown.Store(&r)
	return func() { b.shown.Store(nil) }
}

func (b *board) ShowsOutput() bool { return true }

func (*board) AddStage(*status.Stage) (remove func()) { return func() {} }

// shownBench is a bench with a board.
type shownBench struct {
	*bench
	board *board
}

func newShownBench(t *testing.T) shownBench {
	t.Helper()
	b := shownBench{newBench(t), &board{}}
	b.extensions = map[component.ID]component.Component{component.MustNewID("board"): b.board}
	return b
}

// task waits until the task of a plugin against localhost is as wanted.
func (b shownBench) task(plugin string, wanted func(status.Task) bool) status.Task {
	b.t.Helper()
	var last status.Task
	require.Eventually(b.t, func() bool {
		found := false
		(*b.board.shown.Load()).Tasks(func(t *status.Task) bool {
			if t.Plugin == plugin {
				last, found = *t, true
			}
			return true
		})
		return found && wanted(last)
	}, patience, 10*time.Millisecond, "task of %s", plugin)
	return last
}

func TestShownOnABoard(t *testing.T) {
	t.Parallel()
	b := newShownBench(t)
	b.plugins["good"] = gauge(one)
	b.plugins["bad"] = pluginsdk.PollingPluginFunc(func(_ context.Context, pc *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
		pc.Logger.Warn("the floor is wet", "level", 3)
		panic("at the disco")
	})
	b.write("plugins/good.panoptes-plugin", conf("Good", "go:good"))
	b.write("plugins/bad.panoptes-plugin", conf("Bad", "go:bad"))
	b.write("plugins/broken.panoptes-plugin", "[Core]\n")
	b.start()
	shown := *b.board.shown.Load()

	good := b.task("Good", func(t status.Task) bool { return t.State == status.OK })
	assert.Equal(t, "ok", good.Outcome)
	assert.Equal(t, 1, good.Groups)
	assert.Equal(t, 1, good.Points)
	assert.Greater(t, good.Bytes, int64(300))
	assert.WithinDuration(t, time.Now(), good.LastStart, patience)
	assert.Equal(t, "localhost", good.Resource.ID)
	failing := b.task("Bad", func(t status.Task) bool { return t.Failures >= 1 })
	assert.Equal(t, "panicked", failing.Outcome)

	detail, err := shown.Detail(failing.TaskID())
	require.NoError(t, err)
	assert.Contains(t, detail.Error, "at the disco")
	assert.Contains(t, detail.Error, "goroutine")
	require.Len(t, detail.Log, 1)
	assert.Equal(t, "the floor is wet level=3", detail.Log[0].Message)
	assert.Equal(t, "warn", detail.Log[0].Level)
	assert.InDelta(t, 1, detail.Interval, 0)
	require.NotNil(t, detail.Entry)
	assert.Len(t, detail.Entry.Claims, 1)
	detail, err = shown.Detail(good.TaskID())
	require.NoError(t, err)
	require.Len(t, detail.Output, 1)
	assert.Contains(t, string(detail.Output[0]), `"metrics_group_type"`)
	assert.Empty(t, detail.Error)

	plugins := map[string]status.Plugin{}
	for _, p := range shown.Plugins() {
		plugins[p.Name] = p
	}
	require.Len(t, plugins, 3)
	assert.Equal(t, 1, plugins["Good"].Tasks)
	assert.Positive(t, plugins["Good"].Runs)
	assert.GreaterOrEqual(t, plugins["Good"].Bytes, good.Bytes)
	assert.Equal(t, int64(1), plugins["Good"].Series)
	assert.Nil(t, plugins["Good"].LastFailure)
	assert.Equal(t, plugins["Bad"].Runs, plugins["Bad"].FailedRuns)
	assert.Zero(t, plugins["Bad"].Series)
	require.NotNil(t, plugins["Bad"].LastFailure)
	assert.Contains(t, plugins["Bad"].LastFailure.Error, "at the disco")
	assert.Equal(t, status.FailedOn(failing.Resource.Identity()), plugins["Bad"].LastFailure.FailedOn)
	assert.Contains(t, plugins[""].Error, "Name")
	assert.False(t, plugins[""].ErrorSince.IsZero())
	count, resources := shown.Counts()
	assert.Equal(t, 2, count)
	assert.Equal(t, 1, resources)
	assert.Len(t, shown.Sources(), 1)
	assert.Len(t, shown.Resources(), 1)

	unknown := status.TaskID{Plugin: "None", Resource: good.Resource.Identity()}
	_, err = shown.Detail(unknown)
	require.ErrorIs(t, err, status.ErrNoTask)
	require.ErrorIs(t, shown.RunNow(t.Context(), unknown), status.ErrNoTask)

	require.NoError(t, b.receiver.Shutdown(context.Background()))
	assert.Nil(t, b.board.shown.Load(), "off the board")
}

func TestRunNow(t *testing.T) {
	t.Parallel()
	b := newShownBench(t)
	var runs atomic.Int64
	var held atomic.Bool
	hold := make(chan struct{})
	b.plugins["hourly"] = gauge(func() float64 {
		runs.Add(1)
		if held.Load() {
			<-hold
		}
		return 1
	})
	// Its first run comes within a minute: the test does not wait for it.
	b.write("plugins/hourly.panoptes-plugin",
		"[Core]\nName = Hourly\nModule = go:hourly\n[main]\nexecute_frequency = 3600\nresource_filter = resource_class = \"system\"\n")
	b.start()
	shown := *b.board.shown.Load()
	task := b.task("Hourly", func(status.Task) bool { return true })
	run := func() error {
		// The first run may come by itself at just this moment.
		var err error
		require.Eventually(t, func() bool {
			err = shown.RunNow(t.Context(), task.TaskID())
			return !errors.Is(err, status.ErrBusy)
		}, patience, 10*time.Millisecond)
		return err
	}
	require.NoError(t, run())
	require.NoError(t, run())
	n := runs.Load()
	assert.GreaterOrEqual(t, n, int64(2))

	held.Store(true)
	ended := make(chan error, 1)
	go func() { ended <- shown.RunNow(context.Background(), task.TaskID()) }()
	b.task("Hourly", func(t status.Task) bool { return t.State == status.Running })
	require.ErrorIs(t, shown.RunNow(t.Context(), task.TaskID()), status.ErrBusy)
	close(hold)
	require.NoError(t, <-ended)
}

package pluginrun

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/internal/run/wire/rpc"
)

// TestFloodOfFaults: a process that writes rubbish is one line, and one more at the end of the minute.
func TestFloodOfFaults(t *testing.T) {
	t.Parallel()
	logger, written := logged(t)
	l := newWorkerLog(logger)
	l.faults = logs.NewDigest()
	l.begin(runLog{id: 1, fields: []zap.Field{zap.String("plugin", "rubbish")}})
	const lines = 10_000
	for i := range lines {
		l.fault(&rpc.Fault{Kind: rpc.FaultTooLong, Text: fmt.Sprint("line ", i)})
	}
	require.Equal(t, 1, written.Len())
	assert.Equal(t, "rubbish", written.All()[0].ContextMap()["plugin"])
	assert.NotEmpty(t, written.All()[0].ContextMap()["next"])
	l.faults.Stop()
	require.Equal(t, 2, written.Len())
	assert.EqualValues(t, lines-2, written.All()[1].ContextMap()["others"])
}

// TestTimeOfALine: what a plugin says of it counts, unless its clock cannot be right.
func TestTimeOfALine(t *testing.T) {
	t.Parallel()
	now := float64(time.Now().Unix())
	assert.WithinDuration(t, time.Unix(int64(now)-10, 0), saidAt(now-10), time.Millisecond)
	for _, wrong := range []float64{0, -1, 1, now - 2*oldest.Seconds(), now + 2*oldest.Seconds(), 1e300} {
		assert.Zero(t, saidAt(wrong), "%v", wrong)
	}
	logger, logs := logged(t)
	l := newWorkerLog(logger)
	l.notify("log", []byte(fmt.Sprintf(`{"level":"info","message":"x","time":%f}`, now-30)))
	assert.WithinDuration(t, time.Unix(int64(now)-30, 0), logs.All()[0].Time, time.Millisecond)
}

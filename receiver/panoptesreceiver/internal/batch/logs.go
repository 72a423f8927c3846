package batch

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/run/runlog"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// LogReasons are all reasons for which lines are dropped.
var LogReasons = []string{ReasonQueueFull, ReasonRunLimit, ReasonPermanent, ReasonRetriesExhausted, ReasonShutdown}

const (
	// MaxPerRun is the most lines of one run.
	MaxPerRun = 1000
	// maxLines and maxBytes bound the queue.
	maxLines = 8192
	maxBytes = 16 << 20
	// maxBatch is the most lines that go out together.
	maxBatch = 2048
	// maxText bounds a line; the rest is cut.
	maxText = 64 << 10
	// retryLogsFor is for how long a batch is offered.
	retryLogsFor = 5 * time.Second
)

// LogsSettings are what NewLogs takes.
type LogsSettings struct {
	// Next is the pipeline.
	Next consumer.Logs
	// Obs counts what the pipeline took and refused, once a batch.
	Obs *receiverhelper.ObsReport
	// Mapping says how resources become attributes.
	Mapping pdata.Options
	// MaxDelay is the longest time that a line waits for others.
	MaxDelay time.Duration
	// Logger gets a line when the pipeline begins to refuse lines, and when it takes them again.
	Logger *zap.Logger
}

// Speaker is whose lines come: a plugin.
type Speaker struct {
	// Scope is the name of its scope, that of its metrics.
	Scope string
	// Dropped is told of its lines that do not reach the pipeline. It is called from any goroutine.
	Dropped func(reason string, lines int)
}

// Logs collects lines from many runs. Its methods are safe for concurrent use, and none of them except Stop waits.
type Logs struct {
	settings LogsSettings
	*batcher[[]entry]

	mu     sync.Mutex
	closed bool
	queue  []entry
	bytes  int
}

// entry is a line in the queue.
type entry struct {
	speaker  *Speaker
	resource *pluginsdk.Resource // nil for none
	line     runlog.Line
	observed time.Time
	failure  *Failure
	size     int
}

// Failure makes a line the end of a run that failed.
type Failure struct {
	Outcome run.Outcome
	// Err is why, which has no secrets.
	Err error
}

// NewLogs returns Logs that run until Stop.
func NewLogs(s LogsSettings) *Logs {
	l := &Logs{settings: s}
	l.batcher = newBatcher(pipeline[[]entry]{
		consume: func(ctx context.Context, batch []entry) error {
			return s.Next.ConsumeLogs(ctx, l.records(batch)) // made anew each time: what the pipeline was given belongs to it
		},
		dropped: l.drop, retryFor: retryLogsFor, logger: s.Logger,
		refuses: "The logs pipeline refuses what plugins say; it is offered again for a while, and then dropped and counted",
		takes:   "The logs pipeline takes what plugins say again",
	})
	l.start(s.MaxDelay, l.flush)
	return l
}

// Say adds a line of a plugin about a resource, nil for none.
func (l *Logs) Say(s *Speaker, r *pluginsdk.Resource, line runlog.Line) {
	l.add(entry{speaker: s, resource: r, line: line})
}

// Fail adds that a run failed.
func (l *Logs) Fail(s *Speaker, r *pluginsdk.Resource, runID int64, f Failure) {
	line := runlog.Line{At: time.Now(), Level: zap.ErrorLevel, Message: f.Err.Error(), RunID: runID}
	l.add(entry{speaker: s, resource: r, line: line, failure: &f})
}

func (l *Logs) add(n entry) {
	n.observed = time.Now()
	n.line.Message = logs.KeepStart(n.line.Message, maxText)
	n.size = len(n.line.Message) + 64
	for i := range n.line.Fields {
		n.line.Fields[i].String = logs.KeepStart(n.line.Fields[i].String, maxText)
		n.size += len(n.line.Fields[i].Key) + len(n.line.Fields[i].String) + 16
	}
	if reason := l.enqueue(n); reason != "" {
		n.speaker.Dropped(reason, 1)
	}
}

// enqueue returns why there is no room for a line, "" where there is.
func (l *Logs) enqueue(n entry) (reason string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return ReasonShutdown
	case len(l.queue) >= maxLines, l.bytes+n.size > maxBytes:
		return ReasonQueueFull
	}
	l.queue = append(l.queue, n)
	l.bytes += n.size
	switch len(l.queue) {
	case 1:
		signal(l.first)
	case maxBatch:
		signal(l.full)
	}
	return ""
}

// flush sends all that is queued.
func (l *Logs) flush() {
	for batch := l.take(); len(batch) > 0; batch = l.take() {
		ctx := l.settings.Obs.StartLogsOp(l.ctx)
		l.settings.Obs.EndLogsOp(ctx, "panoptes", len(batch), l.offer(ctx, batch))
	}
}

func (l *Logs) take() []entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := min(len(l.queue), maxBatch)
	batch := l.queue[:n:n]
	if l.queue = l.queue[n:]; len(l.queue) == 0 {
		l.queue = nil // the batch has its place in memory
	}
	for i := range batch {
		l.bytes -= batch[i].size
	}
	return batch
}

func (l *Logs) drop(batch []entry, reason string, err error) {
	l.refusal(err)
	lines := map[*Speaker]int{}
	for i := range batch {
		lines[batch[i].speaker]++
	}
	for speaker, n := range lines {
		speaker.Dropped(reason, n)
	}
}

// Stop sends what is left and returns when the pipeline has it, or when it is dropped some seconds later. What is said
// afterwards is dropped. Stop may be called twice.
func (l *Logs) Stop() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.stop()
}

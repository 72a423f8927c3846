package logemit

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/run/runlog"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver/internal/pace"
)

// Reasons for which lines are dropped. They are the values of a metric's attribute.
const (
	// ReasonQueueFull: the pipeline is slower than plugins talk.
	ReasonQueueFull = "queue_full"
	// ReasonRunLimit: the run has said more than MaxPerRun lines.
	ReasonRunLimit = "run_limit"
	// ReasonPermanent: the pipeline refused them for good.
	ReasonPermanent = "permanent"
	// ReasonRetriesExhausted: the pipeline refused them for retryFor.
	ReasonRetriesExhausted = "retries_exhausted"
	// ReasonShutdown: the pipeline did not take them, and the Collector stops.
	ReasonShutdown = "shutdown"
)

// Reasons are all reasons.
var Reasons = []string{ReasonQueueFull, ReasonRunLimit, ReasonPermanent, ReasonRetriesExhausted, ReasonShutdown}

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
	// A batch that the pipeline refuses for now is offered again for retryFor, after pauses that double.
	retryFor   = 5 * time.Second
	firstPause = 100 * time.Millisecond
	// stopFor is what the pipeline gets for what is queued once the Collector stops.
	stopFor = 3 * time.Second
)

// Settings are what New takes.
type Settings struct {
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

// Emitter collects lines from many runs. Its methods are safe for concurrent use, and none of them but Stop waits.
type Emitter struct {
	settings Settings
	pace     *pace.Pace
	wg       sync.WaitGroup

	ctx      context.Context // of all calls to the pipeline
	abandon  context.CancelFunc
	refusing bool // the pipeline does not take what it gets

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

// New returns an Emitter that runs until Stop.
func New(s Settings) *Emitter {
	e := &Emitter{
		settings: s, pace: pace.New(),
	}
	e.ctx, e.abandon = context.WithCancel(context.Background())
	e.wg.Go(func() { e.pace.Run(s.MaxDelay, e.flush) })
	return e
}

// Say adds a line of a plugin about a resource, nil for none.
func (e *Emitter) Say(s *Speaker, r *pluginsdk.Resource, line runlog.Line) {
	e.add(entry{speaker: s, resource: r, line: line})
}

// Fail adds that a run failed.
func (e *Emitter) Fail(s *Speaker, r *pluginsdk.Resource, runID int64, f Failure) {
	line := runlog.Line{At: time.Now(), Level: zap.ErrorLevel, Message: f.Err.Error(), RunID: runID}
	e.add(entry{speaker: s, resource: r, line: line, failure: &f})
}

func (e *Emitter) add(n entry) {
	n.observed = time.Now()
	n.line.Message = logs.KeepStart(n.line.Message, maxText)
	n.size = len(n.line.Message) + 64
	for i := range n.line.Fields {
		n.line.Fields[i].String = logs.KeepStart(n.line.Fields[i].String, maxText)
		n.size += len(n.line.Fields[i].Key) + len(n.line.Fields[i].String) + 16
	}
	if reason := e.enqueue(n); reason != "" {
		n.speaker.Dropped(reason, 1)
	}
}

// enqueue returns why there is no room for a line, "" where there is.
func (e *Emitter) enqueue(n entry) (reason string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.closed:
		return ReasonShutdown
	case len(e.queue) >= maxLines, e.bytes+n.size > maxBytes:
		return ReasonQueueFull
	}
	e.queue = append(e.queue, n)
	e.bytes += n.size
	switch len(e.queue) {
	case 1:
		e.pace.First()
	case maxBatch:
		e.pace.Full()
	}
	return ""
}

// flush sends all that is queued.
func (e *Emitter) flush() {
	for {
		batch := e.take()
		if len(batch) == 0 {
			return
		}
		e.send(batch)
	}
}

func (e *Emitter) take() []entry {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := min(len(e.queue), maxBatch)
	batch := e.queue[:n:n]
	if e.queue = e.queue[n:]; len(e.queue) == 0 {
		e.queue = nil // the batch has its place in memory
	}
	for i := range batch {
		e.bytes -= batch[i].size
	}
	return batch
}

// send offers a batch until the pipeline has taken it, or it is dropped.
func (e *Emitter) send(batch []entry) {
	ctx := e.settings.Obs.StartLogsOp(e.ctx)
	reason, err := e.offer(ctx, batch)
	e.settings.Obs.EndLogsOp(ctx, "panoptes", len(batch), err)
	if reason == "" {
		return
	}
	lines := map[*Speaker]int{}
	for i := range batch {
		lines[batch[i].speaker]++
	}
	for speaker, n := range lines {
		speaker.Dropped(reason, n)
	}
}

func (e *Emitter) offer(ctx context.Context, batch []entry) (reason string, err error) {
	pause, tried := firstPause, time.Now()
	for {
		// Made anew each time: what the pipeline was given belongs to it.
		err = e.settings.Next.ConsumeLogs(ctx, e.logs(batch))
		if err == nil {
			e.taken()
			return "", nil
		}
		e.refusal(err)
		switch {
		case consumererror.IsPermanent(err):
			return ReasonPermanent, err
		case ctx.Err() != nil:
			return ReasonShutdown, err
		case time.Since(tried) >= retryFor:
			return ReasonRetriesExhausted, err
		}
		select {
		case <-time.After(min(pause, retryFor-time.Since(tried))):
		case <-ctx.Done():
			return ReasonShutdown, err
		}
		pause *= 2
	}
}

// refusal logs that the pipeline begins to refuse, not each time that it does.
func (e *Emitter) refusal(err error) {
	if !e.refusing {
		e.settings.Logger.Warn("The logs pipeline refuses what plugins say; it is offered again for a while, and then dropped and counted",
			zap.Duration("for", retryFor), zap.String("next", "look at what the pipeline's exporters say"), zap.Error(err))
	}
	e.refusing = true
}

func (e *Emitter) taken() {
	if e.refusing {
		e.settings.Logger.Info("The logs pipeline takes what plugins say again")
	}
	e.refusing = false
}

// Stop sends what is left and returns when the pipeline has it, or when it is dropped some seconds later. What is said
// afterwards is dropped. Stop may be called twice.
func (e *Emitter) Stop() {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	e.pace.Stop()
	defer time.AfterFunc(stopFor, e.abandon).Stop()
	e.wg.Wait()
	e.abandon()
}

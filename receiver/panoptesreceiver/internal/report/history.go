package report

import (
	"encoding/json"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/schedule"
	"github.com/panoptes-otel/panoptes-otel/internal/status"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

const (
	historyPageBits = 12
	historyPageSize = 1 << historyPageBits
	// maxOutputs bounds the tasks of which the last output is kept, maxOutputBytes one of these.
	maxOutputs     = 1000
	maxOutputBytes = 256 << 10
)

// lastRun is what is kept of a task's last run, for the status page: 72 bytes.
type lastRun struct {
	plugin   *Plugin // tells the tasks apart that had one ID after the other
	resource *pluginsdk.Resource
	start    int64  // milliseconds since the epoch
	due      int64  // the slot, likewise
	duration uint32 // microseconds
	lateness uint32 // milliseconds
	groups   uint32
	points   uint32
	bytes    uint32
	missed   uint32
	runs     uint64
	failures uint16 // in a row
	outcome  uint8  // index into run.Outcomes
	check    uint8  // the state of a check
	series   uint32 // data points of the last run that did not fail
}

// History keeps the last run of each task. A nil History keeps nothing. It is safe for concurrent use.
type History struct {
	mu      sync.Mutex
	pages   []*[historyPageSize]lastRun
	texts   failureTexts
	reasons failureTexts                      // of checks that are not OK
	outputs map[schedule.ID][]json.RawMessage // nil: they are not kept
	clean   func(json []byte) []byte          // takes secrets out of them
}

// NewHistory returns an empty History. outputs says whether the groups of last runs are kept, as clean returns them.
func NewHistory(outputs bool, clean func([]byte) []byte) *History {
	h := &History{clean: clean}
	if outputs {
		h.outputs = map[schedule.ID][]json.RawMessage{}
	}
	return h
}

// of returns the place of a task, which it makes. The caller holds the lock.
func (h *History) of(id schedule.ID) *lastRun {
	for int(id>>historyPageBits) >= len(h.pages) {
		h.pages = append(h.pages, new([historyPageSize]lastRun))
	}
	return &h.pages[id>>historyPageBits][id%historyPageSize]
}

// note takes the end of a run.
func (h *History) note(r *Run) {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.of(r.Task)
	if l.plugin != r.Plugin || l.resource.Identity() != r.Resource.Identity() {
		*l = lastRun{plugin: r.Plugin, runs: l.runs}
		h.texts.forget(r.Task)
		h.reasons.forget(r.Task)
		delete(h.outputs, r.Task)
	}
	l.resource = r.Resource
	due := r.Due.UnixMilli()
	if l.due != 0 && r.Interval >= time.Millisecond {
		l.missed = clamp(int64(l.missed) + max((due-l.due)/r.Interval.Milliseconds()-1, 0)) // a hurried run comes before its slot
	}
	l.runs++
	l.due, l.start = due, r.Started.UnixMilli()
	l.duration = clamp(r.Result.Duration.Microseconds())
	l.lateness = clamp(r.Lateness.Milliseconds())
	l.groups, l.points, l.bytes = clamp(int64(len(r.Result.Groups))), clamp(int64(r.Points)), clamp(int64(r.bytes))
	l.outcome = outcomeIndex[r.Result.Outcome]
	if !r.Result.Outcome.Failed() {
		l.failures, l.series = 0, l.points
	} else if l.failures < math.MaxUint16 {
		l.failures++
	}
	h.noteCheck(l, r.Task, r.Result.Check)
	if r.Result.Err != nil {
		h.texts.set(r.Task, newFailureText(r.Result.Err, r.Tail.end()))
	}
	if _, ok := h.outputs[r.Task]; ok || h.outputs != nil && len(h.outputs) < maxOutputs {
		h.outputs[r.Task] = outputOf(r.Result.Groups, h.clean)
	}
}

// noteCheck takes what a check said. A run without a state, as one that timed out, leaves the last one.
func (h *History) noteCheck(l *lastRun, id schedule.ID, c *run.Check) {
	switch {
	case c == nil:
	case c.State == 0:
		l.check = 0
		h.reasons.forget(id)
	default:
		l.check = uint8(c.State)
		h.reasons.set(id, failureText{text: c.Text})
	}
}

// outputOf is the groups of a run as JSON, as far as there is room.
func outputOf(groups []*pluginsdk.MetricsGroup, clean func([]byte) []byte) []json.RawMessage {
	var output []json.RawMessage
	size := 0
	for _, g := range groups {
		text := g.AppendJSON(nil)
		if size += len(text); size > maxOutputBytes {
			break
		}
		output = append(output, clean(text))
	}
	return output
}

// Fill adds to a task what is known of its last run.
func (h *History) Fill(id schedule.ID, p *Plugin, res *pluginsdk.Resource, t *status.Task) {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.of(id)
	if l.plugin != p || l.resource == nil || l.resource.Identity() != res.Identity() {
		return
	}
	t.LastStart = time.UnixMilli(l.start)
	t.Duration = (time.Duration(l.duration) * time.Microsecond).Seconds()
	t.Lateness = (time.Duration(l.lateness) * time.Millisecond).Seconds()
	t.Outcome = string(run.Outcomes[l.outcome])
	t.Groups, t.Points, t.Bytes = int(l.groups), int(l.points), int64(l.bytes)
	t.Failures, t.Missed = int(l.failures), int64(l.missed)
	if t.Failures > 0 {
		t.Error = h.texts.of(id).firstLine()
	}
	if l.check > 0 {
		t.Check = &status.Check{State: int(l.check), Reason: h.reasons.of(id).firstLine()}
	}
}

// Ended is a number that changes with each run of a task that ends.
func (h *History) Ended(id schedule.ID) uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.of(id).runs
}

// Detail adds to a task its last error, what a check said that is not OK, and its last output.
func (h *History) Detail(id schedule.ID, d *status.Detail) {
	h.mu.Lock()
	defer h.mu.Unlock()
	failed := h.texts.of(id)
	d.Error, d.ErrorAt, d.Log, d.Output = failed.text, failed.at, failed.log, h.outputs[id]
	if d.Check != nil {
		d.Check.Reason = h.reasons.of(id).text
	}
}

// seriesAtOnce is for how many tasks the lock is held at a time.
const seriesAtOnce = 4096

// series is how many series a plugin has: the data points of the last good run of each of its tasks.
func (h *History) series(p *Plugin, tasks []schedule.ID) (n int64) {
	for part := range slices.Chunk(tasks, seriesAtOnce) {
		h.mu.Lock()
		for _, id := range part {
			if id != 0 && int(id>>historyPageBits) < len(h.pages) {
				if last := h.of(id); last.plugin == p {
					n += int64(last.series)
				}
			}
		}
		h.mu.Unlock()
	}
	return n
}

func clamp(n int64) uint32 { return uint32(min(max(n, 0), math.MaxUint32)) }

var outcomeIndex = func() map[run.Outcome]uint8 {
	m := map[run.Outcome]uint8{}
	for i, o := range run.Outcomes {
		m[o] = uint8(i)
	}
	return m
}()

// counts are what a plugin's runs came to since the start of the Collector.
type counts struct {
	runs, failed, points, bytes atomic.Int64
	busy, cpu                   atomic.Int64 // nanoseconds
	last                        atomic.Pointer[status.Failure]
}

func (c *counts) note(r *Run) {
	c.runs.Add(1)
	c.points.Add(int64(r.Points))
	c.bytes.Add(int64(r.bytes))
	c.busy.Add(int64(r.Result.Duration))
	c.cpu.Add(int64(r.Result.CPU))
	if !r.Result.Outcome.Failed() {
		return
	}
	c.failed.Add(1)
	if r.Result.Err != nil {
		c.last.Store(&status.Failure{
			At: time.Now(), FailedOn: status.FailedOn(r.Resource.Identity()), Outcome: string(r.Result.Outcome),
			Error: logs.KeepStart(r.Result.Err.Error(), maxErrorBytes),
		})
	}
}

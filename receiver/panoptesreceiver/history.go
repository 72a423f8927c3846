package panoptesreceiver

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/pluginrun"
	"github.com/panoptes-otel/panoptes-otel/internal/schedule"
	"github.com/panoptes-otel/panoptes-otel/internal/status"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

const (
	historyPageBits = 12
	historyPageSize = 1 << historyPageBits
	// maxErrorBytes bounds the text of an error that is kept for a task, maxErrors how many are: a fleet of which all
	// fails needs no text for each.
	maxErrorBytes = 4 << 10
	maxErrors     = 10_000
	// maxOutputs bounds the tasks of which the last output is kept, maxOutputBytes one of these.
	maxOutputs     = 1000
	maxOutputBytes = 256 << 10
)

// lastRun is what is kept of a task's last run, for the status page: 72 bytes.
type lastRun struct {
	plugin   *loaded // tells the tasks apart that had one ID after the other
	resource *pluginsdk.Resource
	start    int64  // milliseconds since the epoch
	due      int64  // the slot, likewise
	duration uint32 // microseconds
	lateness uint32 // milliseconds
	groups   uint32
	points   uint32
	missed   uint32
	runs     uint64
	failures uint16 // in a row
	outcome  uint8  // index into pluginrun.Outcomes
}

// history keeps the last run of each task. A nil history keeps nothing. It is safe for concurrent use.
type history struct {
	mu      sync.Mutex
	pages   []*[historyPageSize]lastRun
	errors  map[schedule.ID]taskError
	outputs map[schedule.ID][]string // nil: they are not kept
}

type taskError struct {
	text string
	at   time.Time
}

// newHistory returns an empty history. outputs says whether the groups of last runs are kept.
func newHistory(outputs bool) *history {
	h := &history{errors: map[schedule.ID]taskError{}}
	if outputs {
		h.outputs = map[schedule.ID][]string{}
	}
	return h
}

// of returns the place of a task, which it makes. The caller holds the lock.
func (h *history) of(id schedule.ID) *lastRun {
	for int(id>>historyPageBits) >= len(h.pages) {
		h.pages = append(h.pages, new([historyPageSize]lastRun))
	}
	return &h.pages[id>>historyPageBits][id%historyPageSize]
}

// note takes the end of a run, with the number of data points it made. interval is the task's.
func (h *history) note(run schedule.Run[target], interval time.Duration, started time.Time, result pluginrun.Result, points int) {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.of(run.Task)
	if l.plugin != run.Value.plugin || l.resource.Identity() != run.Value.resource.Identity() {
		*l = lastRun{plugin: run.Value.plugin, runs: l.runs}
		delete(h.errors, run.Task)
		delete(h.outputs, run.Task)
	}
	l.resource = run.Value.resource
	due := run.Due.UnixMilli()
	if l.due != 0 && interval >= time.Millisecond {
		l.missed = clamp(int64(l.missed) + (due-l.due)/interval.Milliseconds() - 1)
	}
	l.runs++
	l.due, l.start = due, started.UnixMilli()
	l.duration = clamp(result.Duration.Microseconds())
	l.lateness = clamp(run.Lateness.Milliseconds())
	l.groups, l.points = clamp(int64(len(result.Groups))), clamp(int64(points))
	l.outcome = outcomeIndex[result.Outcome]
	if !result.Outcome.Failed() {
		l.failures = 0
	} else if l.failures < math.MaxUint16 {
		l.failures++
	}
	h.keepError(run.Task, result)
	if _, ok := h.outputs[run.Task]; ok || h.outputs != nil && len(h.outputs) < maxOutputs {
		h.outputs[run.Task] = outputOf(result)
	}
}

// outputOf is the groups of a run as JSON, as far as there is room.
func outputOf(result pluginrun.Result) []string {
	var output []string
	size := 0
	for _, g := range result.Groups {
		text := string(g.AppendJSON(nil))
		if size += len(text); size > maxOutputBytes {
			break
		}
		output = append(output, text)
	}
	return output
}

func (h *history) keepError(id schedule.ID, result pluginrun.Result) {
	if result.Err == nil {
		return
	}
	if _, ok := h.errors[id]; !ok && len(h.errors) >= maxErrors {
		return
	}
	text := result.Err.Error()
	for _, f := range traceback(result.Err) {
		text += "\n" + f.String
	}
	if len(text) > maxErrorBytes {
		text = text[:maxErrorBytes] + " ..."
	}
	h.errors[id] = taskError{text, time.Now()}
}

// fill adds to a task what is known of its last run.
func (h *history) fill(g *schedule.Glance[target], t *status.Task) {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.of(g.Task)
	if l.plugin != g.Value.plugin || l.resource == nil || l.resource.Identity() != g.Value.resource.Identity() {
		return
	}
	t.LastStart = time.UnixMilli(l.start)
	t.Duration = time.Duration(l.duration) * time.Microsecond
	t.Lateness = time.Duration(l.lateness) * time.Millisecond
	t.Outcome = string(pluginrun.Outcomes[l.outcome])
	t.Groups, t.Points, t.Failures, t.Missed = int(l.groups), int(l.points), int(l.failures), int64(l.missed)
}

// ended is a number that changes with each run of a task that ends.
func (h *history) ended(id schedule.ID) uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.of(id).runs
}

// detail returns the last error of a task, and its last output.
func (h *history) detail(id schedule.ID) (taskError, []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.errors[id], h.outputs[id]
}

func clamp(n int64) uint32 { return uint32(min(max(n, 0), math.MaxUint32)) }

var outcomeIndex = func() map[pluginrun.Outcome]uint8 {
	m := map[pluginrun.Outcome]uint8{}
	for i, o := range pluginrun.Outcomes {
		m[o] = uint8(i)
	}
	return m
}()

// pluginCounts are what a plugin's runs came to since the start of the Collector.
type pluginCounts struct {
	runs, failed, points, busy, cpu atomic.Int64 // the last two in nanoseconds
}

func (c *pluginCounts) note(result pluginrun.Result, points int) {
	c.runs.Add(1)
	if result.Outcome.Failed() {
		c.failed.Add(1)
	}
	c.points.Add(int64(points))
	c.busy.Add(int64(result.Duration))
	c.cpu.Add(int64(result.CPU))
}

package panoptesreceiver

import (
	"context"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"

	"github.com/panoptes-otel/panoptes-otel/internal/resource/store"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/schedule"
	"github.com/panoptes-otel/panoptes-otel/internal/status"
)

// show shows the receiver on the boards of the host, and keeps what they ask for. It is called before anything runs.
func (r *panoptesReceiver) show(host component.Host) {
	boards := status.Boards(host.GetExtensions())
	if len(boards) == 0 {
		return
	}
	r.history = newHistory(slices.ContainsFunc(boards, status.Board.ShowsOutput), r.runners.CleanJSON)
	for _, b := range boards {
		r.hide = append(r.hide, b.Add(statusReceiver{r}))
	}
}

// statusReceiver answers the questions of boards.
type statusReceiver struct{ r *panoptesReceiver }

var _ status.Receiver = statusReceiver{}

func (s statusReceiver) ID() component.ID { return s.r.set.ID }

func (s statusReceiver) Counts() (plugins, resources int) { return s.r.tasks.counts() }

func (s statusReceiver) Places() []status.Places { return s.r.places() }

func (s statusReceiver) Sources() []store.SourceStatus { return s.r.store.Sources() }

func (s statusReceiver) Resources() []store.Entry { return s.r.store.Entries() }

// Plugins joins what is known of the files with what their runs came to.
func (s statusReceiver) Plugins() []status.Plugin {
	t := s.r.tasks
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []status.Plugin
	for _, f := range s.r.plugins.States() {
		p := status.Plugin{File: f.Path, Loaded: f.Loaded, ErrorSince: f.Failed}
		if f.Err != nil {
			p.Error = f.Err.Error()
		} else {
			p.ErrorSince = time.Time{}
		}
		if f.Plugin != nil {
			p.Name, p.Runtime, p.Version = f.Plugin.Name(), string(f.Plugin.Kind), f.Plugin.Version
			p.Type, p.Interval, p.Deadline = string(f.Plugin.Type), f.Plugin.Interval.Seconds(), f.Plugin.Deadline.Seconds()
			if f.Plugin.Filter != nil {
				p.Filter = f.Plugin.Filter.String()
			}
		}
		if l := t.plugins[p.Name]; l != nil {
			p.Tasks = l.held
			p.Runs, p.FailedRuns, p.Points = l.counts.runs.Load(), l.counts.failed.Load(), l.counts.points.Load()
			p.Bytes, p.LastFailure = l.counts.bytes.Load(), l.counts.last.Load()
			p.Busy, p.CPU = time.Duration(l.counts.busy.Load()).Seconds(), time.Duration(l.counts.cpu.Load()).Seconds()
			if l.alone != 0 {
				p.Tasks = 1
			}
			p.Series = s.r.history.series(l, l.tasks)
		}
		all = append(all, p)
	}
	slices.SortStableFunc(all, func(a, b status.Plugin) int { return strings.Compare(a.Name, b.Name) })
	return all
}

func (s statusReceiver) Tasks(visit func(*status.Task) bool) {
	now := time.Now()
	var t status.Task
	s.r.scheduler.Glances(func(g schedule.Glance[target]) bool {
		s.task(&g, now, &t)
		return visit(&t)
	})
}

// lateShare is the part of its interval from which on a start is late.
const lateShare = 10

// task fills in a task.
func (s statusReceiver) task(g *schedule.Glance[target], now time.Time, t *status.Task) {
	*t = status.Task{Plugin: g.Value.plugin.name, Resource: g.Value.resource, Next: g.Due}
	s.r.history.fill(g, t)
	switch {
	case g.BackingOff:
		t.State = status.BackingOff
	case t.Failures > 0:
		t.State = status.Failing
	case g.Running:
		t.State = status.Running
	case now.Sub(g.Due) > g.Interval/lateShare, t.Lateness > g.Interval.Seconds()/lateShare:
		t.State = status.Late
	case t.LastStart.IsZero():
		t.State = status.Waiting
	default:
		t.State = status.OK
	}
}

// find returns the scheduler's ID of a task.
func (s statusReceiver) find(id status.TaskID) (schedule.ID, bool) {
	t := s.r.tasks
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.plugins[id.Plugin]
	if l != nil && l.alone != 0 && id.Resource == noResource.Identity() {
		return l.alone, true
	}
	slot, ok := t.slots[id.Resource]
	if l == nil || !ok || slot >= len(l.tasks) || l.tasks[slot] == 0 {
		return 0, false
	}
	return l.tasks[slot], true
}

func (s statusReceiver) Detail(id status.TaskID) (*status.Detail, error) {
	task, ok := s.find(id)
	if !ok {
		return nil, status.ErrNoTask
	}
	g, ok := s.r.scheduler.GlanceAt(task)
	if !ok {
		return nil, status.ErrNoTask
	}
	d := &status.Detail{Interval: g.Interval.Seconds()}
	s.task(&g, time.Now(), &d.Task)
	failed, reason, output := s.r.history.detail(task)
	if d.Check != nil {
		d.Check.Reason = reason
	}
	d.Error, d.ErrorAt, d.Log, d.Output = failed.text, failed.at, failed.log, output
	d.Entry = s.entry(id)
	return d, nil
}

func (s statusReceiver) entry(id status.TaskID) *status.Resource {
	entries := s.r.store.Entries()
	i := slices.IndexFunc(entries, func(e store.Entry) bool { return e.Resource.Identity() == id.Resource })
	if i < 0 {
		return nil
	}
	r := status.ResourceOf("", entries[i])
	return &r
}

// runPoll is how often RunNow looks whether the run has ended.
const runPoll = 20 * time.Millisecond

// RunNow makes the task due and waits for the end of that run. It keeps to all limits: the run may have to wait.
func (s statusReceiver) RunNow(ctx context.Context, id status.TaskID) error {
	task, ok := s.find(id)
	if !ok {
		return status.ErrNoTask
	}
	before := s.r.history.ended(task)
	if !s.r.scheduler.Hurry(task) {
		return status.ErrBusy
	}
	tick := time.NewTicker(runPoll)
	defer tick.Stop()
	for s.r.history.ended(task) == before {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

// noteRun keeps what a run came to, for boards.
func (r *panoptesReceiver) noteRun(one endedRun) {
	one.Value.plugin.counts.note(&one)
	r.history.note(one)
}

// tailOf keeps the log lines of a run that is asked for, where a board could show them.
func (r *panoptesReceiver) tailOf(request *run.Request) *runTail {
	if r.history == nil {
		return nil
	}
	t := &runTail{}
	request.Log = t.take
	return t
}

package panoptesreceiver

import (
	"context"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"

	"github.com/panoptes-otel/panoptes-otel/internal/resource/store"
	"github.com/panoptes-otel/panoptes-otel/internal/schedule"
	"github.com/panoptes-otel/panoptes-otel/internal/status"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver/internal/report"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver/internal/tasks"
)

// show shows the receiver on the boards of the host, and keeps what they ask for. It is called before anything runs.
func (r *panoptesReceiver) show(host component.Host) {
	boards := status.Boards(host.GetExtensions())
	if len(boards) == 0 {
		return
	}
	r.report.History = report.NewHistory(slices.ContainsFunc(boards, status.Board.ShowsOutput), r.runners.CleanJSON)
	for _, b := range boards {
		r.hide = append(r.hide, b.Add(statusReceiver{r}))
	}
}

// statusReceiver answers the questions of boards.
type statusReceiver struct{ r *panoptesReceiver }

var _ status.Receiver = statusReceiver{}

func (s statusReceiver) ID() component.ID { return s.r.set.ID }

func (s statusReceiver) Counts() (plugins, resources int) { return s.r.tasks.Counts() }

func (s statusReceiver) Places() []status.Places { return s.r.places() }

func (s statusReceiver) Warnings() []status.Warning { return s.r.warnings() }

func (s statusReceiver) Sources() []store.SourceStatus { return s.r.store.Sources() }

func (s statusReceiver) Resources() []store.Entry { return s.r.store.Entries() }

// Plugins joins what is known of the files with what their runs came to.
func (s statusReceiver) Plugins() []status.Plugin {
	var all []status.Plugin
	for _, f := range s.r.plugins.States() {
		p := status.Plugin{Name: f.Name, File: f.Path, Loaded: f.Loaded, ErrorSince: f.Failed}
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
			s.r.tasks.Describe(&p) // another file may have the name of one that does not run
		}
		all = append(all, p)
	}
	slices.SortStableFunc(all, func(a, b status.Plugin) int { return strings.Compare(a.Name, b.Name) })
	return all
}

func (s statusReceiver) Tasks(visit func(*status.Task) bool) {
	now := time.Now()
	var t status.Task
	s.r.scheduler.Glances(func(g schedule.Glance[tasks.Target]) bool {
		s.task(&g, now, &t)
		return visit(&t)
	})
}

// lateShare is the part of its interval from which on a start is late.
const lateShare = 10

// task fills in a task.
func (s statusReceiver) task(g *schedule.Glance[tasks.Target], now time.Time, t *status.Task) {
	*t = status.Task{Plugin: g.Value.Plugin.Name(), Resource: g.Value.Resource, Next: g.Due}
	s.r.report.History.Fill(g.Task, g.Value.Plugin.Report, g.Value.Resource, t)
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

func (s statusReceiver) Detail(id status.TaskID) (*status.Detail, error) {
	task, ok := s.r.tasks.Find(id)
	if !ok {
		return nil, status.ErrNoTask
	}
	g, ok := s.r.scheduler.GlanceAt(task)
	if !ok {
		return nil, status.ErrNoTask
	}
	d := &status.Detail{Interval: g.Interval.Seconds()}
	s.task(&g, time.Now(), &d.Task)
	s.r.report.History.Detail(task, d)
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
	task, ok := s.r.tasks.Find(id)
	if !ok {
		return status.ErrNoTask
	}
	before := s.r.report.History.Ended(task)
	if !s.r.scheduler.Hurry(task) {
		return status.ErrBusy
	}
	tick := time.NewTicker(runPoll)
	defer tick.Stop()
	for s.r.report.History.Ended(task) == before {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

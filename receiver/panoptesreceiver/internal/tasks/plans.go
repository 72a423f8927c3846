package tasks

import (
	"runtime"
	"slices"
	"sync"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin/pluginfile"
	"github.com/panoptes-otel/panoptes-otel/internal/schedule"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

const (
	// plansAtOnce is how many tasks are planned together, before the scheduler is told.
	plansAtOnce = 1024
	// plansApart is from how many on it is worth to share them between processors.
	plansApart = 256
)

// change is a resource that came, or that may not be what it was.
type change struct {
	slot int
	old  *pluginsdk.Resource // nil where it came
	now  *pluginsdk.Resource
	// key and oldKey are the resources' keys once a plugin's task asked for them: the names of all plugins' tasks have them.
	key, oldKey []byte
}

// plan is what the task of a plugin and a resource is to be. Names of tasks are expensive, a million of them are most of
// a reload: so a plan has only those that are needed, and plans are made on all processors.
type plan struct {
	plugin  *plugin.Plugin // as it runs against the resource; nil where it does not
	named   bool           // it has a name that the scheduler does not know
	name    taskName
	renamed bool // runs are remembered under what it was called before
	was     taskName
}

// planAll makes the plans of changes.
func (t *Tasks) planAll(l *Plugin, changes []*change) []plan {
	t.plans = slices.Grow(t.plans[:0], len(changes))[:len(changes)]
	planner := planner{version: l.Current(), tasks: l.tasks, runs: t.runs.keeps()}
	parts := 1
	if len(changes) >= plansApart {
		parts = runtime.GOMAXPROCS(0)
	}
	var wg sync.WaitGroup
	for part := 1; part < parts; part++ {
		from, to := part*len(changes)/parts, (part+1)*len(changes)/parts
		wg.Go(func() { planner.plan(changes[from:to], t.plans[from:to]) })
	}
	to := len(changes) / parts
	planner.plan(changes[:to], t.plans[:to])
	wg.Wait()
	return t.plans
}

// planner makes plans of the tasks of one plugin. It changes nothing.
type planner struct {
	version *Version
	tasks   []schedule.ID // of the plugin, by slot
	runs    bool          // runs are remembered by the names of their tasks
}

func (p planner) plan(changes []*change, plans []plan) {
	var buffer []byte
	name := func(r *pluginsdk.Resource, key *[]byte) taskName {
		if *key == nil {
			*key = r.AppendKey(make([]byte, 0, 128))
		}
		buffer = pluginfile.AppendTaskNameByKey(buffer[:0], p.version.Plugin.File, r, *key)
		if p.runs {
			return nameOf(buffer)
		}
		return taskName{hash: schedule.Hash(buffer)}
	}
	for i, c := range changes {
		plans[i] = plan{}
		found, runs := p.version.layered.Selected(c.now)
		if !runs || p.version.Plugin.Type == plugin.TypeDiscovery {
			continue
		}
		plans[i].plugin = found
		isNew := p.tasks[c.slot] == 0
		// The name is made of what identifies a resource, its endpoint and its plugin.
		renamed := !isNew && (c.old.Endpoint != c.now.Endpoint || c.old.Plugin != c.now.Plugin)
		if isNew || renamed {
			plans[i].named, plans[i].name = true, name(c.now, &c.key)
		}
		if renamed && p.runs {
			plans[i].renamed, plans[i].was = true, name(c.old, &c.oldKey)
		}
	}
}

// setTasks adds, changes or removes the tasks of a plugin against resources.
func (t *Tasks) setTasks(l *Plugin, changes []*change) {
	if n := len(t.resources) - len(l.tasks); n > 0 {
		t.apply() // edits under way point into what is about to move
		l.tasks = append(l.tasks, make([]schedule.ID, n)...)
	}
	for some := range slices.Chunk(changes, plansAtOnce) {
		for i, p := range t.planAll(l, some) {
			t.setTask(l, some[i], p)
		}
	}
}

func (t *Tasks) setTask(l *Plugin, c *change, p plan) {
	id := &l.tasks[c.slot]
	if p.plugin == nil {
		if *id != 0 {
			t.removeTask(l, c.slot, c.old)
		}
		return
	}
	spec := schedule.Spec{Hash: p.name.hash, SameName: !p.named, Interval: p.plugin.Interval, Group: t.groups[c.slot]}
	switch {
	case *id == 0:
		t.runs.claim(p.name, t.shardOf(c.now), &spec)
		l.held++
	case p.renamed:
		t.renamed = append(t.renamed, renamed{len(t.edits), p})
	}
	t.edit(schedule.Edit[Target]{ID: id, Lane: l.lane, Spec: spec, Value: Target{l, c.now}})
}

func (t *Tasks) removeTask(l *Plugin, slot int, res *pluginsdk.Resource) {
	t.edit(schedule.Edit[Target]{ID: &l.tasks[slot], Remove: true})
	t.forgetRuns(l, res)
	t.settings.Report.Forget(l.Report, res.Identity())
	l.held--
}

// forgetRuns drops what is remembered of the runs of a task.
func (t *Tasks) forgetRuns(l *Plugin, res *pluginsdk.Resource) {
	if t.runs.keeps() {
		t.name = pluginfile.AppendTaskName(t.name[:0], l.Current().Plugin.File, res)
		t.runs.forget(nameOf(t.name))
	}
}

// maxEdits bounds what is gathered for the scheduler.
const maxEdits = 16384

// renamed is a task that goes on under another name.
type renamed struct {
	edit int
	plan plan
}

// edit gathers a change of the scheduler's tasks. No task is changed twice between two calls of apply.
func (t *Tasks) edit(e schedule.Edit[Target]) {
	if t.edits = append(t.edits, e); len(t.edits) >= maxEdits {
		t.apply()
	}
}

// apply makes the changes that were gathered.
func (t *Tasks) apply() {
	t.scheduler.Apply(t.edits)
	for _, r := range t.renamed {
		t.runs.rename(r.plan.was, r.plan.name, t.edits[r.edit].Last)
	}
	clear(t.edits)
	t.edits, t.renamed = t.edits[:0], t.renamed[:0]
}

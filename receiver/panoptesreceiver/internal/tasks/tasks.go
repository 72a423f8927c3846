// Package tasks keeps a scheduler's tasks in step with plugins and resources: one for each plugin and each resource that the
// plugin's filter matches. It remembers when tasks ran, over a restart and when a shard moves to another Collector.
//
// Tasks are under one lock. The lock of what is remembered of runs is taken while it is held, and never the other way round.
package tasks

import (
	"maps"
	"slices"
	"sync"

	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin/override"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin/pluginfile"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/filter"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/store"
	"github.com/panoptes-otel/panoptes-otel/internal/schedule"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver/internal/report"
)

// Runner runs plugins.
type Runner interface {
	// Concurrency is how many runs of a plugin it takes at once, 0 for any number; own says that the plugin itself sets that.
	Concurrency(*plugin.Plugin) (most int, own bool)
	// Retire tells that no further run of a version is to come.
	Retire(*plugin.Plugin)
}

// Settings are what New takes.
type Settings struct {
	Scheduler *schedule.Scheduler[Target]
	Report    *report.Report
	Runner    Runner
	// Store takes what plugins discover.
	Store *store.Store
	Rules override.Rules
	// PerResource, PerEndpoint and PerPlugin are the most runs at once; 0 is no bound.
	PerResource, PerEndpoint, PerPlugin int
	Logger                              *zap.Logger
}

// Tasks keeps the scheduler's tasks in step. It is safe for concurrent use.
type Tasks struct {
	settings  Settings
	scheduler *schedule.Scheduler[Target]
	runs      *lastRuns

	mu        sync.Mutex
	plugins   map[string]*Plugin // by name
	slots     map[pluginsdk.Identity]int
	resources []*pluginsdk.Resource // by slot; nil where it is free
	groups    []schedule.GroupID    // of resources, by slot
	order     []int32               // slots of the resources as they were listed last
	free      []int
	endpoints map[string]*endpoint // by resource_endpoint; only where they have a limit
	index     *filter.Index        // of resources; nil: to be made anew
	name      []byte               // of a task, used again
	plans     []plan               // used again
	edits     []schedule.Edit[Target]
	renamed   []renamed          // of edits
	opened    []schedule.GroupID // in advance
	closing   []schedule.GroupID // once their tasks are removed
	shares
}

// endpoint is what several resources share.
type endpoint struct {
	group     schedule.GroupID
	resources int
}

// New returns Tasks without plugins and resources.
func New(s Settings) *Tasks {
	return &Tasks{
		settings: s, scheduler: s.Scheduler, runs: newLastRuns(),
		plugins: map[string]*Plugin{}, slots: map[pluginsdk.Identity]int{}, endpoints: map[string]*endpoint{},
	}
}

// Counts returns the number of plugins and of resources.
func (t *Tasks) Counts() (plugins, resources int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.plugins), len(t.listed)
}

// SetPlugins takes all plugins that there are.
func (t *Tasks) SetPlugins(all []*plugin.Plugin) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.touch != nil {
		t.touch()
	}
	named := make(map[string]*plugin.Plugin, len(all))
	for _, p := range all {
		named[p.Name()] = p
	}
	for name, l := range t.plugins {
		if named[name] == nil {
			t.removePlugin(l)
		}
	}
	for _, p := range all {
		l := t.plugins[p.Name()]
		if l == nil {
			l = &Plugin{Report: t.settings.Report.Plugin(p)}
			t.plugins[p.Name()] = l
		}
		if v := l.Current(); v == nil || v.Plugin != p {
			t.setVersion(l, newVersion(p, t.settings.Rules))
			if v != nil {
				t.scheduler.ResetBreakers() // what failed may be fixed
			}
		}
	}
}

func (t *Tasks) removePlugin(l *Plugin) {
	for slot, id := range l.tasks {
		if id != 0 {
			t.edit(schedule.Edit[Target]{ID: &l.tasks[slot], Remove: true})
			t.forgetRuns(l, t.resources[slot])
		}
	}
	t.apply()
	t.endDiscovery(l)
	t.scheduler.CloseLane(l.lane)
	t.settings.Report.ForgetPlugin(l.Report)
	delete(t.plugins, l.Name())
	t.retire(l.Current())
}

// retire tells that no further run of a version is to come.
func (t *Tasks) retire(v *Version) {
	if v != nil {
		t.settings.Runner.Retire(v.Plugin)
	}
}

// setVersion gives a plugin a new version, and tasks where its filter wants them now.
func (t *Tasks) setVersion(l *Plugin, v *Version) {
	old := l.Current()
	l.current.Store(v)
	lane := l.lane
	class := classes[v.Plugin.Kind]
	limit, setting := t.perPlugin(v.Plugin)
	if old == nil || class != l.class || limit != l.limit {
		l.lane, l.class, l.limit = t.scheduler.OpenLane(class, limit), class, limit
	}
	l.setting = setting
	if t.index == nil {
		t.index = filter.NewIndex(t.resources)
	}
	wanted := t.index.Select(v.layered.Filters()...)
	for slot, id := range l.tasks {
		if _, ok := slices.BinarySearch(wanted, slot); id != 0 && !ok {
			t.removeTask(l, slot, t.resources[slot])
		}
	}
	changes := make([]*change, len(wanted))
	for i, slot := range wanted {
		changes[i] = &change{slot: slot, old: t.resources[slot], now: t.resources[slot]}
	}
	t.setTasks(l, changes)
	t.apply()
	t.setDiscovery(l)
	if old != nil && lane != l.lane {
		t.scheduler.CloseLane(lane)
	}
	t.retire(old)
}

// setDiscovery gives a plugin that discovers resources its one task, which runs at once and then on schedule, and its
// place among the sources of resources.
func (t *Tasks) setDiscovery(l *Plugin) {
	v := l.Current()
	p, _ := v.layered.Against(noResource)
	if p.Type != plugin.TypeDiscovery || p.Interval <= 0 || !t.discovers(l.Name()) {
		t.endDiscovery(l)
		return
	}
	t.name = append(t.name[:0], pluginfile.TaskName(v.Plugin.File, nil)...)
	spec := schedule.Spec{Hash: schedule.Hash(t.name), Interval: p.Interval, AtOnce: true}
	if l.alone != 0 {
		t.scheduler.Update(l.alone, l.lane, spec, Target{l, noResource})
		return
	}
	l.source.Store(t.settings.Store.Open(store.Place{Kind: store.KindDiscovery, Name: l.Name()}))
	if t.once {
		t.runs.claim(nameOf(t.name), t.shardOfName(l.Name()), &spec)
	}
	l.alone = t.scheduler.Add(l.lane, spec, Target{l, noResource})
}

// endDiscovery ends what setDiscovery began.
func (t *Tasks) endDiscovery(l *Plugin) {
	if l.alone == 0 {
		return
	}
	t.scheduler.Remove(l.alone)
	l.alone = 0
	l.source.Swap(nil).Close()
}

// Unused returns the plugins that run on a schedule and have no task, as no resource matches their filters, by name. Where the fleet
// is shared another Collector may have the tasks.
func (t *Tasks) Unused() (unused []*plugin.Plugin) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.owned) > 0 {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(t.plugins)) {
		l := t.plugins[name]
		if v := l.Current(); l.held == 0 && l.alone == 0 && (v.Plugin.Interval > 0 || v.layered.Overridden()) {
			unused = append(unused, v.Plugin)
		}
	}
	return unused
}

package panoptesreceiver

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/attrs"
	"github.com/panoptes-otel/panoptes-otel/internal/mapping"
	"github.com/panoptes-otel/panoptes-otel/internal/override"
	"github.com/panoptes-otel/panoptes-otel/internal/pluginfile"
	"github.com/panoptes-otel/panoptes-otel/internal/pluginrun"
	"github.com/panoptes-otel/panoptes-otel/internal/resourcefilter"
	"github.com/panoptes-otel/panoptes-otel/internal/resourcestore"
	"github.com/panoptes-otel/panoptes-otel/internal/schedule"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver/internal/logemit"
)

// Classes of the scheduler: Python plugins share the places of their workers, exec plugins those of their children.
const (
	classGo = iota
	classPython
	classProcess
	classExec
)

var classes = map[pluginrun.Kind]int{
	pluginrun.KindGo: classGo, pluginrun.KindPython: classPython, pluginrun.KindProcess: classProcess, pluginrun.KindExec: classExec,
}

// target is what a task is about.
type target struct {
	plugin   *loaded
	resource *pluginsdk.Resource
}

// loaded is a plugin as long as one of its name is there; its versions come and go.
type loaded struct {
	name    string
	attrs   pluginAttrs
	current atomic.Pointer[version]
	counts  pluginCounts
	speaker *logemit.Speaker

	// What follows belongs to tasks, under its lock.
	lane  schedule.LaneID
	class int
	limit int           // of the lane
	tasks []schedule.ID // by the resource's slot; 0 where there is none
	held  int
	alone schedule.ID // the task of a discovery plugin; 0 where there is none

	// source takes what a discovery plugin finds; nil for others.
	source atomic.Pointer[resourcestore.Source]
}

// noResource stands in for the resource in the task of a discovery plugin.
var noResource = &pluginsdk.Resource{}

// version is one version of a plugin.
type version struct {
	plugin  *pluginrun.Plugin
	layered *override.Plugin // with the overrides
	scope   mapping.Scope
	drops   dropLog
}

func newVersion(p *pluginrun.Plugin, rules override.Rules) *version {
	return &version{plugin: p, layered: rules.For(p), scope: mapping.Scope{
		Plugin:     p.File.NormalizedName,
		Transforms: p.File.Transforms(),
		Topics:     p.File.Topics(),
		Units:      p.Contract().Units(),
	}}
}

// tasks keeps the scheduler's tasks in step with plugins and resources: one for each plugin and each resource that its
// filter matches.
type tasks struct {
	scheduler *schedule.Scheduler[target]
	failures  *failures
	limits    LimitsConfig
	rules     override.Rules
	runs      *lastRuns
	logger    *zap.Logger
	runners   *pluginrun.Runners // nil where nothing is run
	unheard   func(l *loaded, reason string, lines int)
	store     *resourcestore.Store

	mu        sync.Mutex
	plugins   map[string]*loaded // by name
	slots     map[pluginsdk.Identity]int
	resources []*pluginsdk.Resource // by slot; nil where it is free
	groups    []schedule.GroupID    // of resources, by slot
	free      []int
	endpoints map[string]*endpoint  // by resource_endpoint; only where they have a limit
	index     *resourcefilter.Index // of resources; nil: to be made anew
	name      []byte                // of a task, used again
	edits     []schedule.Edit[target]
	opened    []schedule.GroupID // in advance
	closing   []schedule.GroupID // once their tasks are removed
}

// endpoint is what several resources share.
type endpoint struct {
	group     schedule.GroupID
	resources int
}

func newTasks(s *schedule.Scheduler[target], f *failures, limits LimitsConfig, logger *zap.Logger) *tasks {
	return &tasks{
		scheduler: s, failures: f, limits: limits, logger: logger, runs: newLastRuns(),
		plugins: map[string]*loaded{}, slots: map[pluginsdk.Identity]int{}, endpoints: map[string]*endpoint{},
	}
}

// counts returns the number of plugins and of resources.
func (t *tasks) counts() (plugins, resources int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.plugins), len(t.slots)
}

// setPlugins takes all plugins that there are.
func (t *tasks) setPlugins(all []*pluginrun.Plugin) {
	t.mu.Lock()
	defer t.mu.Unlock()
	named := make(map[string]*pluginrun.Plugin, len(all))
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
			l = &loaded{name: p.Name(), attrs: newPluginAttrs(p.Name())}
			l.speaker = &logemit.Speaker{
				Scope:   attrs.ScopePrefix + p.File.NormalizedName,
				Dropped: func(reason string, lines int) { t.unheard(l, reason, lines) },
			}
			t.plugins[p.Name()] = l
		}
		if v := l.current.Load(); v == nil || v.plugin != p {
			t.setVersion(l, newVersion(p, t.rules))
			if v != nil {
				t.scheduler.ResetBreakers() // what failed may be mended
			}
			t.logUnused(l)
		}
	}
}

func (t *tasks) removePlugin(l *loaded) {
	for slot, id := range l.tasks {
		if id != 0 {
			t.edit(schedule.Edit[target]{ID: &l.tasks[slot], Remove: true})
			t.runs.forget(pluginfile.AppendTaskName(t.name[:0], l.current.Load().plugin.File, t.resources[slot]))
		}
	}
	t.apply()
	t.endDiscovery(l)
	t.scheduler.CloseLane(l.lane)
	t.failures.forgetPlugin(l)
	delete(t.plugins, l.name)
	t.retire(l.current.Load())
}

// retire tells that no further run of a version is to come.
func (t *tasks) retire(v *version) {
	if v != nil && t.runners != nil {
		t.runners.Retire(v.plugin)
	}
}

// perPlugin is the most runs at once of a plugin, 0 for no limit: runs that nothing could take would only hold places.
func (t *tasks) perPlugin(p *pluginrun.Plugin) int {
	limit := t.limits.PerPlugin
	if t.runners == nil {
		return limit
	}
	if n := t.runners.Concurrency(p); n > 0 && (limit == 0 || n < limit) {
		return n
	}
	return limit
}

// setVersion gives a plugin a new version, and tasks where its filter wants them now.
func (t *tasks) setVersion(l *loaded, v *version) {
	old := l.current.Load()
	l.current.Store(v)
	lane := l.lane
	class, limit := classes[v.plugin.Kind], t.perPlugin(v.plugin)
	if old == nil || class != l.class || limit != l.limit {
		l.lane, l.class, l.limit = t.scheduler.OpenLane(class, limit), class, limit
	}
	if t.index == nil {
		t.index = resourcefilter.NewIndex(t.resources)
	}
	wanted := t.index.Select(v.layered.Filters()...)
	for slot, id := range l.tasks {
		if _, ok := slices.BinarySearch(wanted, slot); id != 0 && !ok {
			t.removeTask(l, slot, t.resources[slot])
		}
	}
	for _, slot := range wanted {
		t.setTask(l, slot, t.resources[slot])
	}
	t.apply()
	t.setDiscovery(l)
	if old != nil && lane != l.lane {
		t.scheduler.CloseLane(lane)
	}
	t.retire(old)
}

// setDiscovery gives a plugin that discovers resources its one task, which runs at once and then on schedule, and its
// place among the sources of resources.
func (t *tasks) setDiscovery(l *loaded) {
	v := l.current.Load()
	plugin, _ := v.layered.Against(noResource)
	if plugin.Type != pluginrun.TypeDiscovery || plugin.Interval <= 0 {
		t.endDiscovery(l)
		return
	}
	t.name = append(t.name[:0], pluginfile.TaskName(v.plugin.File, nil)...)
	spec := schedule.Spec{Hash: schedule.Hash(t.name), Interval: plugin.Interval, AtOnce: true}
	if l.alone != 0 {
		t.scheduler.Update(l.alone, l.lane, spec, target{l, noResource})
		return
	}
	l.source.Store(t.store.Open(resourcestore.Place{Kind: resourcestore.KindDiscovery, Name: l.name}))
	l.alone = t.scheduler.Add(l.lane, spec, target{l, noResource})
}

// endDiscovery ends what setDiscovery began.
func (t *tasks) endDiscovery(l *loaded) {
	if l.alone == 0 {
		return
	}
	t.scheduler.Remove(l.alone)
	l.alone = 0
	l.source.Swap(nil).Close()
}

// setTask adds, changes or removes the task of a plugin and a resource. old is what the resource was before.
func (t *tasks) setTask(l *loaded, slot int, old *pluginsdk.Resource) {
	v, res := l.current.Load(), t.resources[slot]
	if len(l.tasks) <= slot {
		t.apply() // edits under way point into what is about to move
		l.tasks = append(l.tasks, make([]schedule.ID, len(t.resources)-len(l.tasks))...)
	}
	id := l.tasks[slot]
	plugin, runs := v.layered.Against(res)
	if !runs || v.plugin.Type == pluginrun.TypeDiscovery {
		if id != 0 {
			t.removeTask(l, slot, old)
		}
		return
	}
	spec := schedule.Spec{Interval: plugin.Interval, Group: t.groups[slot]}
	// The name is of what identifies a resource, its endpoint and its plugin; to make it a million times is dear.
	renamed := id != 0 && (old.Endpoint != res.Endpoint || old.Plugin != res.Plugin)
	if id == 0 || renamed {
		t.name = pluginfile.AppendTaskName(t.name[:0], v.plugin.File, res)
		spec.Hash = schedule.Hash(t.name)
	}
	switch {
	case id == 0:
		spec.Last = t.runs.last(t.name, plugin.Interval)
	case !renamed:
		spec.SameName = true
	default:
		t.runs.began(t.name, time.Now())
		t.runs.forget(pluginfile.AppendTaskName(nil, v.plugin.File, old))
	}
	t.edit(schedule.Edit[target]{ID: &l.tasks[slot], Lane: l.lane, Spec: spec, Value: target{l, res}})
	if id == 0 {
		l.held++
	}
}

func (t *tasks) removeTask(l *loaded, slot int, res *pluginsdk.Resource) {
	t.edit(schedule.Edit[target]{ID: &l.tasks[slot], Remove: true})
	t.runs.forget(pluginfile.AppendTaskName(t.name[:0], l.current.Load().plugin.File, res))
	t.failures.forget(failureKey{l, res.Identity()})
	l.held--
}

// maxEdits bounds what is gathered for the scheduler.
const maxEdits = 16384

// edit gathers a change of the scheduler's tasks. No task is changed twice between two calls of apply.
func (t *tasks) edit(e schedule.Edit[target]) {
	if t.edits = append(t.edits, e); len(t.edits) >= maxEdits {
		t.apply()
	}
}

// apply makes the changes that were gathered.
func (t *tasks) apply() {
	t.scheduler.Apply(t.edits)
	clear(t.edits)
	t.edits = t.edits[:0]
}

// logUnused says that a plugin runs against nothing, which mostly is a filter that does not say what was meant.
func (t *tasks) logUnused(l *loaded) {
	v := l.current.Load()
	if l.held > 0 || l.alone != 0 || len(t.slots) == 0 || v.plugin.Interval <= 0 && !v.layered.Overridden() {
		return
	}
	t.logger.Info("No resource matches the plugin's filter, so it does not run",
		zap.String("plugin", l.name), zap.Stringer("resource_filter", v.plugin.Filter))
}

// setResources takes all resources that there are.
func (t *tasks) setResources(all []*pluginsdk.Resource) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.index = nil
	there := make(map[pluginsdk.Identity]struct{}, len(all))
	for _, res := range all {
		there[res.Identity()] = struct{}{}
	}
	for id, slot := range t.slots {
		if _, ok := there[id]; !ok {
			t.removeResource(id, slot)
		}
	}
	t.apply()
	t.scheduler.CloseGroups(t.closing...)
	t.closing = t.closing[:0]
	t.setTasks(t.place(all))
	for _, l := range t.plugins {
		t.logUnused(l)
	}
	t.logger.Debug("Tasks follow the resources", zap.Int("resources", len(t.slots)), zap.Int("tasks", t.scheduler.Len()))
}

// change is a resource that came, or that is not what it was.
type change struct {
	slot int
	old  *pluginsdk.Resource // nil where it came
}

// place gives resources their slots, and returns what changed.
func (t *tasks) place(all []*pluginsdk.Resource) (changes []change, changed []*pluginsdk.Resource) {
	for _, res := range all {
		id := res.Identity()
		slot, ok := t.slots[id]
		switch {
		case ok && t.resources[slot] == res:
			continue
		case ok:
		case len(t.free) > 0:
			slot = t.free[len(t.free)-1]
			t.free = t.free[:len(t.free)-1]
		default:
			slot = len(t.resources)
			t.resources, t.groups = append(t.resources, nil), append(t.groups, 0)
		}
		old := t.resources[slot]
		t.setGroup(slot, old, res)
		t.slots[id], t.resources[slot] = slot, res
		changes, changed = append(changes, change{slot, old}), append(changed, res)
	}
	return changes, changed
}

// setTasks brings the tasks of resources that changed in step with all plugins.
func (t *tasks) setTasks(changes []change, changed []*pluginsdk.Resource) {
	index := resourcefilter.NewIndex(changed)
	for _, l := range t.plugins {
		wanted := index.Select(l.current.Load().layered.Filters()...)
		for _, i := range wanted {
			t.setTask(l, changes[i].slot, changes[i].old)
		}
		if l.held == 0 {
			continue
		}
		for i, c := range changes {
			if c.old == nil || c.slot >= len(l.tasks) || l.tasks[c.slot] == 0 {
				continue
			}
			if _, ok := slices.BinarySearch(wanted, i); !ok {
				t.removeTask(l, c.slot, c.old)
			}
		}
	}
	t.apply()
}

func (t *tasks) removeResource(id pluginsdk.Identity, slot int) {
	for _, l := range t.plugins {
		if slot < len(l.tasks) && l.tasks[slot] != 0 {
			t.removeTask(l, slot, t.resources[slot])
		}
	}
	if t.limits.PerEndpoint > 0 {
		t.scheduler.MoveGroup(t.groups[slot], 0)
		t.leaveEndpoint(t.resources[slot].Endpoint)
	}
	t.closing = append(t.closing, t.groups[slot])
	t.resources[slot] = nil
	t.free = append(t.free, slot)
	delete(t.slots, id)
}

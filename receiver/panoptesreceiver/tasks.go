package panoptesreceiver

import (
	"slices"
	"sync"

	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/group/attrs"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin/override"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin/pluginfile"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/filter"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/store"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/schedule"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver/internal/batch"
)

// tasks keeps the scheduler's tasks in step with plugins and resources: one for each plugin and each resource that its
// filter matches.
type tasks struct {
	scheduler   *schedule.Scheduler[target]
	failures    *failures
	limits      LimitsConfig
	rules       override.Rules
	runs        *lastRuns
	logger      *zap.Logger
	runners     *run.Runner // nil where nothing is run
	droppedLogs func(l *loaded, reason string, lines int)
	store       *store.Store

	mu        sync.Mutex
	plugins   map[string]*loaded // by name
	slots     map[pluginsdk.Identity]int
	resources []*pluginsdk.Resource // by slot; nil where it is free
	groups    []schedule.GroupID    // of resources, by slot
	order     []int32               // slots of the resources as they were listed last
	free      []int
	endpoints map[string]*endpoint // by resource_endpoint; only where they have a limit
	index     *filter.Index        // of resources; nil: to be made anew
	name      []byte               // of a task, used again
	plans     []plan               // used again
	edits     []schedule.Edit[target]
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
	return len(t.plugins), len(t.listed)
}

// setPlugins takes all plugins that there are.
func (t *tasks) setPlugins(all []*plugin.Plugin) {
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
			l = &loaded{name: p.Name(), attrs: newPluginAttrs(p.Name())}
			l.speaker = &batch.Speaker{
				Scope:   attrs.ScopePrefix + p.File.NormalizedName,
				Dropped: func(reason string, lines int) { t.droppedLogs(l, reason, lines) },
			}
			t.plugins[p.Name()] = l
		}
		if v := l.current.Load(); v == nil || v.plugin != p {
			t.setVersion(l, newVersion(p, t.rules))
			if v != nil {
				t.scheduler.ResetBreakers() // what failed may be fixed
			}
			t.logUnused(l)
		}
	}
}

func (t *tasks) removePlugin(l *loaded) {
	for slot, id := range l.tasks {
		if id != 0 {
			t.edit(schedule.Edit[target]{ID: &l.tasks[slot], Remove: true})
			t.forgetRuns(l, t.resources[slot])
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
func (t *tasks) perPlugin(p *plugin.Plugin) int {
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
func (t *tasks) setDiscovery(l *loaded) {
	v := l.current.Load()
	p, _ := v.layered.Against(noResource)
	if p.Type != plugin.TypeDiscovery || p.Interval <= 0 || !t.discovers(l.name) {
		t.endDiscovery(l)
		return
	}
	t.name = append(t.name[:0], pluginfile.TaskName(v.plugin.File, nil)...)
	spec := schedule.Spec{Hash: schedule.Hash(t.name), Interval: p.Interval, AtOnce: true}
	if l.alone != 0 {
		t.scheduler.Update(l.alone, l.lane, spec, target{l, noResource})
		return
	}
	l.source.Store(t.store.Open(store.Place{Kind: store.KindDiscovery, Name: l.name}))
	if t.once {
		t.runs.claim(nameOf(t.name), t.shardOfName(l.name), &spec)
	}
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

// logUnused says that a plugin runs against nothing, which mostly is a filter that does not say what was meant.
func (t *tasks) logUnused(l *loaded) {
	v := l.current.Load()
	if l.held > 0 || l.alone != 0 || len(t.slots) == 0 || len(t.owned) > 0 || v.plugin.Interval <= 0 && !v.layered.Overridden() {
		return
	}
	t.logger.Info("No resource matches the plugin's filter, so it does not run",
		zap.String("plugin", l.name), zap.Stringer("resource_filter", v.plugin.Filter))
}

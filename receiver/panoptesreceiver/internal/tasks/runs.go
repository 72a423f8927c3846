package tasks

import (
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin/pluginfile"
	"github.com/panoptes-otel/panoptes-otel/internal/schedule"
	"github.com/panoptes-otel/panoptes-otel/internal/state"
	"github.com/panoptes-otel/panoptes-otel/internal/status"
)

// Begun is a run that begins.
type Begun struct {
	name    taskName
	version *plugin.Plugin
	at      time.Time
}

// Begin notes that a run begins. It returns false where it need not, since the plugin's last results are younger than its
// results_cache_age.
func (t *Tasks) Begin(r schedule.Run[Target], v *Version) (b Begun, ok bool) {
	b = Begun{version: v.Plugin}
	switch {
	case !r.First && v.Plugin.File.ResultsCacheAge <= 0: // the name is not needed
	case v.Plugin.Type == plugin.TypeDiscovery:
		b.name = nameOf([]byte(pluginfile.TaskName(v.Plugin.File, nil)))
	default:
		b.name = nameOf(pluginfile.AppendTaskName(nil, v.Plugin.File, r.Value.Resource))
	}
	if r.First {
		t.runs.began(b.name, r.Due)
	}
	if t.runs.cached(v.Plugin, b.name) {
		return b, false
	}
	b.at = time.Now()
	return b, true
}

// HadResults notes that a run had results.
func (t *Tasks) HadResults(b Begun) { t.runs.had(b.version, b.name, b.at) }

// Shard is that of a task; ok is false where each Collector of a fleet runs it.
func (t *Tasks) Shard(one Target, v *Version) (n int, ok bool) {
	if v.Plugin.Type == plugin.TypeDiscovery {
		return t.shardOfName(one.Plugin.Name()), t.once
	}
	return t.shardOf(one.Resource), true
}

// Sections are what is kept of the runs of tasks in a storage. Stop notes that no run begins any more, so that what is kept
// from then on is the whole truth.
func (t *Tasks) Sections() map[string]state.Source { return t.runs.sources() }

// Stop notes that no run begins any more, see Sections.
func (t *Tasks) Stop() { t.runs.stop() }

// Find returns the scheduler's ID of a task.
func (t *Tasks) Find(id status.TaskID) (schedule.ID, bool) {
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

// Describe adds to the state of a plugin file what the tasks of its plugin come to.
func (t *Tasks) Describe(p *status.Plugin) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.plugins[p.Name]
	if l == nil {
		return
	}
	if p.Tasks = l.held; l.alone != 0 {
		p.Tasks = 1
	}
	t.settings.Report.Describe(l.Report, l.tasks, p)
}

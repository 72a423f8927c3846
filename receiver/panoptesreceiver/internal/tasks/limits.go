package tasks

import (
	"maps"
	"slices"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/schedule"
)

// What limits the runs of one plugin, as users know it.
const (
	settingPerPlugin = "limits::per_plugin"
	settingProcesses = "processes::per_plugin"
	settingOwn       = "the plugin's concurrency"
)

// perPlugin is the most runs at once of a plugin, 0 for no limit, and what sets it: runs that nothing could take would only hold places.
func (t *Tasks) perPlugin(p *plugin.Plugin) (limit int, setting string) {
	limit = t.settings.PerPlugin
	n, own := t.settings.Runner.Concurrency(p)
	switch {
	case n == 0 || limit > 0 && limit <= n:
		return limit, settingPerPlugin
	case own:
		return n, settingOwn
	}
	return n, settingProcesses
}

// Shortage is that runs of a plugin wait for others of it to end, as no more of them may go on at once.
type Shortage struct {
	Plugin string
	Class  int
	// Setting is what sets how many may.
	Setting string
	schedule.Usage
}

// Shortages are those of all plugins, by name.
func (t *Tasks) Shortages() (short []Shortage) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []Shortage
	var lanes []schedule.LaneID
	for _, name := range slices.Sorted(maps.Keys(t.plugins)) {
		if l := t.plugins[name]; l.limit > 0 {
			all, lanes = append(all, Shortage{Plugin: name, Class: l.class, Setting: l.setting}), append(lanes, l.lane)
		}
	}
	for i, usage := range t.scheduler.LaneUsage(lanes) {
		if all[i].Usage = usage; usage.Short {
			short = append(short, all[i])
		}
	}
	return short
}

package panoptesreceiver

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin/override"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/store"
	"github.com/panoptes-otel/panoptes-otel/internal/status"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver/internal/plugindir"
)

// warningsEvery is how often the receiver looks for warnings. It logs one that it sees twice: while resources and plugins are
// still being listed, much looks wrong for a moment.
const warningsEvery = 2 * time.Second

// watchWarnings logs each warning once as long as it stays, until ctx ends. Those of plugin files are logged as the files are read.
func (r *panoptesReceiver) watchWarnings(ctx context.Context) {
	ticker := time.NewTicker(warningsEvery)
	defer ticker.Stop()
	seen := map[status.Warning]int{} // how often in a row
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := map[status.Warning]int{}
		for _, w := range r.idle(r.plugins.States()) {
			if now[w] = seen[w] + 1; now[w] == 2 {
				r.logger.Warn("Configuration has a flaw: "+w.Said, zap.String("next", w.Next))
			}
		}
		seen = now
	}
}

// warnings are what works, but hardly as it was meant.
func (r *panoptesReceiver) warnings() (all []status.Warning) {
	files := r.plugins.States()
	for i := range files {
		f := &files[i]
		for _, flaw := range f.Warnings {
			all = append(all, status.Warning{Plugin: f.Name, Said: fmt.Sprintf("plugin %q: %s", f.Name, flaw), Next: "correct " + f.Path})
		}
	}
	return append(all, r.idle(files)...)
}

// idle is what of the configuration and of plugins comes to nothing. Until all plugin files were looked at that is not known.
func (r *panoptesReceiver) idle(files []plugindir.FileState) (all []status.Warning) {
	if files == nil {
		return nil
	}
	names, nameless := make([]string, 0, len(files)), ""
	for i := range files {
		f := &files[i]
		if f.Name == "" {
			nameless = f.Path
			continue
		}
		names = append(names, f.Name)
		if p := f.Plugin; p != nil && r.neverRuns(p) {
			all = append(all, status.Warning{
				Plugin: p.Name(), Said: fmt.Sprintf("plugin %q is never scheduled: it has no execute_frequency", p.Name()),
				Next: "write execute_frequency = SECONDS under [main] of " + f.Path,
			})
		}
	}
	if len(files) == 0 {
		all = append(all, status.Warning{
			Said: "plugins::directories: there is no plugin file in them, so nothing runs", Next: "put a plugin there (panoptes plugin new), or correct the paths",
		})
	}
	return append(append(all, r.unused()...), r.cfg.Plugins.Unmatched(names, nameless)...)
}

// neverRuns says whether neither a plugin nor an override of it says how often it runs.
func (r *panoptesReceiver) neverRuns(p *plugin.Plugin) bool {
	return p.Interval <= 0 && !slices.ContainsFunc(r.cfg.Plugins.Overrides, func(o OverrideConfig) bool {
		return o.ExecuteFrequency > 0 && (o.Plugin == override.Any || o.Plugin == p.Name())
	})
}

// NoResource warns that there is nothing to run against, for a plugin such as one.
func NoResource(plugin string) status.Warning {
	return status.Warning{
		Said: "there is no resource, so no plugin runs",
		Next: fmt.Sprintf("see resources of the receiver; panoptes explain %q says what its sources and its filter leave", plugin),
	}
}

// unused are the plugins that no resource matches, once all sources have listed theirs.
func (r *panoptesReceiver) unused() (all []status.Warning) {
	if slices.ContainsFunc(r.store.Sources(), func(s store.SourceStatus) bool { return s.Refreshed.IsZero() && s.Error == "" }) {
		return nil
	}
	unused := r.tasks.Unused()
	if _, resources := r.tasks.Counts(); resources == 0 && len(unused) > 0 {
		return []status.Warning{NoResource(unused[0].Name())}
	}
	for _, p := range unused {
		w := status.Warning{
			Plugin: p.Name(), Said: fmt.Sprintf("plugin %q does not run: no resource matches its filter", p.Name()),
			Next: fmt.Sprintf("change its resource_filter or the resources; panoptes explain %q names the clause that leaves them out", p.Name()),
		}
		if p.Filter != nil {
			w.Said += ", which is: " + p.Filter.String()
		}
		all = append(all, w)
	}
	return all
}

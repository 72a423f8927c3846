package plugindir

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
)

// publish tells of the plugins that are in use, where that changed.
func (p *Plugins) publish() {
	used := map[string]struct{}{}
	for _, found := range p.current {
		used[found.File.NormalizedName] = struct{}{}
	}
	var plugins []*plugin.Plugin
	owners := map[string]string{} // path of the plugin file, by normalized name
	for _, path := range slices.Sorted(maps.Keys(p.files)) {
		f := p.files[path]
		found := f.good
		if found == nil && f.checking != nil {
			if _, ok := used[f.checking.File.NormalizedName]; !ok {
				found = f.checking // it gets the name if the check goes well; a later file waits for that
			}
		}
		if found == nil {
			continue
		}
		if owner, ok := owners[found.File.NormalizedName]; ok {
			p.refuse(f, owner)
			continue
		}
		owners[found.File.NormalizedName] = path
		f.refused = ""
		if f.good != nil {
			plugins = append(plugins, found)
		}
	}
	if p.told && slices.Equal(p.current, plugins) {
		return
	}
	p.current, p.told = plugins, true
	p.settings.Changed(plugins)
}

// refuse leaves a plugin out since another one has its name.
func (p *Plugins) refuse(f *pluginFile, owner string) {
	if f.good == nil || p.files[owner].good == nil {
		return // until both are known
	}
	refused := fmt.Sprintf("plugin file %q has the Name %q, and so has %q, which is used: give one of them another Name",
		f.path, f.good.Name(), owner)
	if other := p.files[owner].good.Name(); other != f.good.Name() {
		refused = fmt.Sprintf("plugin file %q has the Name %q, which is %q to Panoptes as %q of %q, which is used: give one of them another Name",
			f.path, f.good.Name(), f.good.File.NormalizedName, other, owner)
	}
	if f.refused == refused {
		return
	}
	f.refused = refused
	p.settings.Failed()
	p.logger.Error("Cannot use plugin", zap.String("plugin", f.good.Name()), zap.String("path", f.path), zap.Error(errors.New(refused)))
}

package validatecmd

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/input"
	"github.com/panoptes-otel/panoptes-otel/internal/group/transforms"
	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin/pluginfile"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/parse"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver"
)

// receiver checks the files that a receiver would read: plugin files with their modules and filters, and resources. It loads
// plugins as a receiver does, and runs none.
func (v *validation) receiver(ctx context.Context, id component.ID, cfg *panoptesreceiver.Config) {
	where, before := "receivers::"+id.String(), v.errors
	found, all := v.resources(ctx, where, cfg)
	unread := v.errors > before
	var dirs []string
	for _, d := range cfg.Plugins.Directories {
		dirs = append(dirs, d.Path)
	}
	files, err := input.PluginFiles(dirs)
	if err != nil {
		v.wrong(where+"::plugins::directories", err)
	}
	if len(files) == 0 && err == nil {
		v.doubtful(where+"::plugins::directories", "there is no plugin file in %q", dirs)
	}
	defer v.unload(where)
	owner, names := map[string]string{}, []string{}
	nameless, idle := "", "" // a file that does not tell its name; a plugin that wants resources
	for _, file := range files {
		p, warnings, err := plugin.Open(file, cfg.Plugins.OpenOptions(file))
		for _, w := range warnings {
			v.doubtful(where, "plugin file %q: %s", file, w)
		}
		switch {
		case errors.Is(err, plugin.ErrNotScheduled) && p != nil:
			v.doubtful(where, "%v", err)
		case err != nil:
			v.wrong(where, err)
			if parsed, err := pluginfile.Load(file); err == nil {
				names = append(names, parsed.Name)
			} else {
				nameless = file
			}
			continue
		}
		v.plugins++
		names = append(names, p.Name())
		name := p.File.NormalizedName
		if first, taken := owner[name]; taken {
			v.wrong(where, fmt.Errorf("plugin %q (%s) has the same name as %s: give it another one", p.Name(), file, first))
			continue
		}
		owner[name] = file
		if p = v.load(ctx, where, cfg, p); p == nil {
			continue
		}
		all = all && p.Type != plugin.TypeDiscovery
		v.noteKV(id, p)
		v.unmatched(where, p)
		if p.Filter != nil && p.Interval > 0 {
			idle = p.Name()
		}
		if slowest := v.transforming[id]; p.File.Transforms() != "" && (slowest == nil || p.Interval > slowest.Interval) {
			v.transforming[id] = p
		}
		if all && len(found) > 0 && p.Filter != nil && !slices.ContainsFunc(found, p.Filter.Match) {
			v.doubtful(where, "plugin %q (%s): none of %s matches its filter, which is: %s; panoptes explain names the clause that leaves them out",
				p.Name(), file, logs.Count(len(found), "resource"), p.Filter)
		}
	}
	for _, w := range cfg.Plugins.Unmatched(names, nameless) {
		v.doubtful(where, "%s: %s", w.Said, w.Next)
	}
	switch {
	case all && len(found) > 0:
		v.overrides(where, cfg, found)
	case all && idle != "" && !unread:
		w := panoptesreceiver.NoResource(idle)
		v.doubtful(where+"::resources", "%s: %s", w.Said, w.Next)
	}
}

// unmatched warns of transforms that name counters which the plugin's contract does not have.
func (v *validation) unmatched(where string, p *plugin.Plugin) {
	c := p.Contract()
	if c == nil {
		return
	}
	rules, _ := transforms.Parse(p.File.Transforms())
	for _, rule := range rules {
		missing := slices.DeleteFunc(slices.Clone(rule.Metrics), func(name string) bool {
			return c.HasCounter(rule.GroupType, name) || c.HasCounter(rule.Label, name)
		})
		if len(missing) > 0 {
			v.doubtful(where, "plugin %q (%s): [transforms] %s: the plugin's contract has no counter %q in a group %q, so there are no rates of it: correct one of them",
				p.Name(), p.File.Path, rule.Label, missing, rule.GroupType)
		}
	}
}

// overrides warns of those that hold for no resource.
func (v *validation) overrides(where string, cfg *panoptesreceiver.Config, found []*pluginsdk.Resource) {
	rules, err := cfg.Plugins.Rules()
	if err != nil {
		return // told when it was decoded
	}
	for i, r := range rules {
		if r.Resources != nil && !slices.ContainsFunc(found, r.Resources.Match) {
			v.doubtful(where, "plugins::overrides::%d: it changes nothing, as none of %s matches its resources, which is: %s",
				i, logs.Count(len(found), "resource"), r.Resources)
		}
	}
}

// resources finds the resources by the receiver's own code, without asking servers, and says whether these are all there will be.
// What is wrong with the files it tells by itself.
func (v *validation) resources(ctx context.Context, where string, cfg *panoptesreceiver.Config) (found []*pluginsdk.Resource, all bool) {
	where += "::resources"
	listed, warnings, errs := parse.LoadFiles(cfg.Resources.Files, cfg.Resources.Defaults.Resource())
	for _, err := range errs {
		v.wrong(where+"::files", err)
	}
	v.doubts(where+"::files", warnings)
	listed = append(listed, v.targets(ctx, where, cfg)...)
	others := *cfg
	others.Resources.Files, others.Resources.FileSD = nil, nil // they are read already
	found, _, err := others.FindResources(ctx, panoptesreceiver.Finding{
		Telemetry: component.TelemetrySettings{Logger: zap.NewNop()}, More: listed,
	})
	if err != nil {
		v.wrong(where, err)
	}
	v.found += len(found)
	r := cfg.Resources
	return found, len(r.HTTP)+len(r.HTTPSD)+len(r.Discovery) == 0 && r.Kafka == nil && r.Sample == 1
}

// targets reads the files of targets, of each entry of file_sd.
func (v *validation) targets(ctx context.Context, where string, cfg *panoptesreceiver.Config) (listed []*pluginsdk.Resource) {
	for i, entry := range cfg.Resources.FileSD {
		where := fmt.Sprintf("%s::file_sd::%d", where, i)
		paths, warnings := parse.Files(entry.Files)
		for _, path := range paths {
			data, err := parse.ReadFile(ctx, path)
			if err == nil {
				var found []*pluginsdk.Resource
				var bad []error
				found, bad, err = cfg.Resources.FileReader(i).ReadFile(path, data)
				listed, warnings = append(listed, found...), append(warnings, bad...)
			}
			if err != nil {
				v.wrong(where, err)
			}
		}
		v.doubts(where, warnings)
	}
	return listed
}

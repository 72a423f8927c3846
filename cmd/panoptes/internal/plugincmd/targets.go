package plugincmd

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/input"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/term"
	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin/override"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/filter"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/parse"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// noResource stands in for the resource of a discovery plugin.
var noResource = &pluginsdk.Resource{}

// choose returns the resources to run against.
func (o *runOptions) choose(ctx context.Context, layered *override.Plugin, all []*pluginsdk.Resource, stderr io.Writer) ([]*pluginsdk.Resource, error) {
	p := layered.Base
	if p.Type == plugin.TypeDiscovery {
		return []*pluginsdk.Resource{noResource}, nil
	}
	if len(o.endpoints) > 0 {
		for _, r := range all {
			if f := filterOf(layered, r); !f.Match(r) {
				fmt.Fprintf(stderr, "panoptes: the filter of plugin %q would not take the made-up resource %q: %s\n", p.Name(), r.ID, term.Message(f.String()))
			}
		}
		return all, nil
	}
	if len(o.resources) == 0 && o.collector.cfg == nil {
		return nil, exit.Misusef("say what to run it against: --endpoint HOST, or --resources FILE")
	}
	named := all
	if o.resourceID != "" {
		named = slices.DeleteFunc(slices.Clone(all), func(r *pluginsdk.Resource) bool { return !o.names(r) })
		if len(named) == 0 {
			return nil, o.missing(ctx)
		}
	}
	chosen := slices.DeleteFunc(slices.Clone(named), func(r *pluginsdk.Resource) bool { return !filterOf(layered, r).Match(r) })
	switch {
	case len(chosen) > 0:
		return chosen, nil
	case o.resourceID != "":
		return nil, fmt.Errorf("resource %q does not match the filter of plugin %q: %s", o.resourceID, p.Name(), failing(filterOf(layered, named[0]), named[0]))
	case len(all) == 0:
		return nil, fmt.Errorf("the %s has no resource", o.origin())
	}
	return nil, fmt.Errorf("none of %s matches the filter of plugin %q, which is: %s", logs.Count(len(all), "resource"), p.Name(), p.Filter)
}

// names says whether a resource is the one that is asked for.
func (o *runOptions) names(r *pluginsdk.Resource) bool {
	return r.ID == o.resourceID && (o.site == "" || r.Site == o.site)
}

// missing says why none is the resource that is asked for. The receiver's filter is gone after it.
func (o *runOptions) missing(ctx context.Context) error {
	at := ""
	if o.site != "" {
		at = fmt.Sprintf(" in the site %q", o.site)
	}
	none := fmt.Errorf("no resource of the %s has the id %q%s", o.origin(), o.resourceID, at)
	if len(o.resources) > 0 || o.collector.cfg == nil {
		return none
	}
	settings := &o.collector.cfg.Resources
	f, err := filter.Parse(settings.Filter)
	if err != nil {
		return none
	}
	settings.Filter = "" // to see what it leaves out
	all, _, err := o.collector.resources(ctx, io.Discard)
	i := slices.IndexFunc(all, o.names)
	if err != nil || i < 0 {
		return none
	}
	return fmt.Errorf("resources::filter of the receiver leaves out the resource %q: %s", o.resourceID, failing(f, all[i]))
}

// failing is the clause of a filter that leaves out a resource, and what that has instead.
func failing(f *filter.Filter, r *pluginsdk.Resource) string {
	clause, has := f.Failing(r)
	if has != "" {
		clause += "; " + has
	}
	return clause
}

// targets reads the resources: those of the flags, else all that the receiver of the configuration has, else those of the
// file beside the plugin file.
func (o *runOptions) targets(ctx context.Context, p *plugin.Plugin, stderr io.Writer) (all []*pluginsdk.Resource, bad int, err error) {
	switch {
	case len(o.endpoints) > 0:
		all, err = madeUp(o.endpoints, p.Filter)
		return all, 0, err
	case len(o.resources) == 0 && o.collector.cfg == nil:
		if file := input.ResourcesIn(filepath.Dir(p.File.Path)); file != "" {
			fmt.Fprintf(stderr, "panoptes: the resources are those of %s\n", file)
			o.resources = []string{file}
		}
	}
	return o.collector.targets(ctx, o.resources, stderr)
}

// madeUp makes resources of endpoints, with what the plugin's filter asks for.
func madeUp(endpoints []string, f *filter.Filter) ([]*pluginsdk.Resource, error) {
	var all []*pluginsdk.Resource
	for _, endpoint := range endpoints {
		text, err := json.Marshal(map[string]string{"resource_id": endpoint, "resource_endpoint": endpoint})
		if err != nil {
			return nil, err
		}
		made, bad := parse.ParseJSON(text, parse.Minimal)
		if len(bad) > 0 {
			return nil, exit.Misusef("--endpoint %q: %w", endpoint, bad[0])
		}
		for _, r := range made {
			if f != nil {
				f.Fit(r)
			}
		}
		all = append(all, made...)
	}
	return all, nil
}

// origin names where resources come from.
func (o *runOptions) origin() string {
	if len(o.resources) == 0 {
		return "receiver"
	}
	return "files"
}

// filterOf is the filter that decides on a resource: the plugin file's, or an override's.
func filterOf(layered *override.Plugin, r *pluginsdk.Resource) *filter.Filter {
	p, _ := layered.Against(r)
	return p.Filter
}

func sites(all []*pluginsdk.Resource) []string {
	var names []string
	for _, r := range all {
		names = append(names, r.Site)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

package panoptesreceiver

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin/override"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/filter"
	"github.com/panoptes-otel/panoptes-otel/internal/status"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// OverrideConfig changes a plugin for some resources without an edit of its file.
type OverrideConfig struct {
	// Plugin is the Name of the plugin; "*" is all plugins.
	Plugin string `mapstructure:"plugin"`
	// Resources says for which resources it holds, in the language of resource_filter; "" is all.
	Resources string `mapstructure:"resources"`
	// ExecuteFrequency is the time between two runs, in whole seconds; 0 leaves it.
	ExecuteFrequency time.Duration `mapstructure:"execute_frequency"`
	// Timeout is how long a run may take; 0 leaves it.
	Timeout time.Duration `mapstructure:"timeout"`
	// ResourceFilter replaces the plugin's filter; "" leaves it.
	ResourceFilter string `mapstructure:"resource_filter"`
	// Config are options by their sections, laid over the plugin's own.
	Config map[string]map[string]any `mapstructure:"config"`
}

// Rules turns the block overrides into rules. Its error names the entry.
func (c *PluginsConfig) Rules() (override.Rules, error) {
	var rules override.Rules
	var errs []error
	for i := range c.Overrides {
		r, err := c.Overrides[i].rule()
		if err == nil {
			err = r.Validate()
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("overrides::%d: %w", i, err))
		}
		rules = append(rules, r)
	}
	return rules, errors.Join(append(errs, rules.Validate())...)
}

// Unmatched says which overrides and pins concern none of the plugins of these names. nameless is a plugin file that does not
// tell its name; "" where each does.
func (c *PluginsConfig) Unmatched(names []string, nameless string) (all []status.Warning) {
	look := func(key, name, so string) {
		if name == override.Any || slices.Contains(names, name) {
			return
		}
		next := "write the Name of [Core] in its plugin file"
		if near := nearest(name, names); near != "" {
			next = fmt.Sprintf("did you mean %q?", near)
		}
		if nameless != "" {
			next += fmt.Sprintf("; the name of %q cannot be read, and may be that one", nameless)
		}
		all = append(all, status.Warning{Said: fmt.Sprintf("plugins::%s: there is no plugin %q, so %s", key, name, so), Next: next})
	}
	for i := range c.Overrides {
		look(fmt.Sprintf("overrides::%d", i), c.Overrides[i].Plugin, "it changes nothing")
	}
	for _, name := range slices.Sorted(maps.Keys(c.Pins)) {
		look("pins", name, "nothing is pinned by it")
	}
	return all
}

func (c *OverrideConfig) rule() (override.Rule, error) {
	r := override.Rule{Plugin: c.Plugin, Interval: c.ExecuteFrequency, Timeout: c.Timeout}
	var errs []error
	parse := func(key, text string) *filter.Filter {
		if text == "" {
			return nil
		}
		f, err := filter.Parse(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s %q: %w", key, text, err))
		}
		return f
	}
	r.Resources, r.Filter = parse("resources", c.Resources), parse("resource_filter", c.ResourceFilter)
	for section, options := range c.Config {
		for name, value := range options {
			text, err := optionText(value)
			if err != nil {
				errs = append(errs, fmt.Errorf("config::%s::%s: %w", section, name, err))
				continue
			}
			if r.Config == nil {
				r.Config = pluginsdk.Config{}
			}
			if r.Config[section] == nil {
				r.Config[section] = map[string]string{}
			}
			r.Config[section][name] = text
		}
	}
	return r, errors.Join(errs...)
}

// optionText is a value as a plugin file would hold it.
func optionText(value any) (string, error) {
	switch v := value.(type) {
	case string:
		return v, nil
	case int, int64, uint64, float64, bool:
		return fmt.Sprint(v), nil
	}
	return "", errors.New("it must be a string, a number, true or false")
}

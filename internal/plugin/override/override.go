// Package override lays what an operator's configuration says over plugin files: another interval, timeout, filter or
// configuration of a plugin, for all resources or for those that a filter matches.
package override

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin/pluginfile"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/filter"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// maxRules bounds the rules that may concern one plugin.
const maxRules = 64

// Any, as the name of a plugin, stands for all plugins.
const Any = "*"

// Rule is one override.
type Rule struct {
	// Plugin is the Name of a plugin, or Any.
	Plugin string
	// Resources says for which resources the rule holds; nil is all.
	Resources *filter.Filter
	// Interval replaces execute_frequency, in whole seconds; 0 leaves it.
	Interval time.Duration
	// Timeout replaces the deadline of runs; 0 leaves it, or 1.25 x the interval where the rules change that.
	Timeout time.Duration
	// Filter replaces resource_filter; nil leaves it.
	Filter *filter.Filter
	// Config is laid over the plugin's configuration, option by option.
	Config pluginsdk.Config
}

// notForConfig are sections that say what a plugin is, or that travel with its groups, which overrides cannot change.
var notForConfig = []string{"Core", "core", "transforms", "topics"}

// Rules are all overrides, in order: of two that set one thing the later one counts.
type Rules []Rule

// Validate checks what can be checked without plugins.
func (r *Rule) Validate() error {
	var errs []error
	if r.Plugin == "" {
		errs = append(errs, errors.New(`plugin must be the Name of a plugin, or "*" for all`))
	}
	if r.Interval < 0 || r.Interval%time.Second != 0 {
		errs = append(errs, fmt.Errorf("execute_frequency must be a whole number of seconds greater than zero, with its unit, as in 5s; is %s", r.Interval))
	}
	if r.Timeout < 0 {
		errs = append(errs, fmt.Errorf("timeout must be greater than zero, is %s", r.Timeout))
	}
	for _, section := range slices.Sorted(maps.Keys(r.Config)) {
		if slices.Contains(notForConfig, section) {
			errs = append(errs, fmt.Errorf("config cannot change the section %q: edit the plugin file", section))
		}
	}
	if r.Interval == 0 && r.Timeout == 0 && r.Filter == nil && len(r.Config) == 0 {
		errs = append(errs, errors.New("it changes nothing: give execute_frequency, timeout, resource_filter or config"))
	}
	return errors.Join(errs...)
}

// Validate checks the rules together. Each rule is checked by its own Validate.
func (rs Rules) Validate() error {
	count := map[string]int{}
	for _, r := range rs {
		count[r.Plugin]++
	}
	for _, name := range slices.Sorted(maps.Keys(count)) {
		n := count[name]
		if name != Any {
			n += count[Any]
		}
		if n > maxRules {
			return fmt.Errorf("plugin %q has %d overrides, the limit is %d", name, n, maxRules)
		}
	}
	return nil
}

// Plugin is a plugin with the rules that concern it. All methods are safe for concurrent use.
type Plugin struct {
	// Base is the plugin as its file says.
	Base *plugin.Plugin

	rules   []numbered
	mu      sync.RWMutex
	layered map[uint64]*plugin.Plugin // by the rules that hold
}

type numbered struct {
	Rule
	number int // among all rules
}

// For returns the plugin with the rules that concern it.
func (rs Rules) For(p *plugin.Plugin) *Plugin {
	out := &Plugin{Base: p, layered: map[uint64]*plugin.Plugin{0: p}}
	for i, r := range rs {
		if r.Plugin == p.Name() || r.Plugin == Any {
			out.rules = append(out.rules, numbered{r, i})
		}
	}
	return out
}

// Against returns the plugin as it runs against a resource, and whether it does: whether its filter matches and it has an
// interval. Equal answers are the same pointer; without an override it is Base.
func (p *Plugin) Against(r *pluginsdk.Resource) (*plugin.Plugin, bool) {
	if len(p.rules) == 0 {
		return p.Base, runs(p.Base, r)
	}
	v := p.version(p.holding(r))
	return v, runs(v, r)
}

// Selected is Against for a resource that passed one of Filters.
func (p *Plugin) Selected(r *pluginsdk.Resource) (*plugin.Plugin, bool) {
	if len(p.rules) == 0 {
		return p.Base, p.Base.Interval > 0
	}
	return p.Against(r)
}

// runs says whether a plugin runs against a resource. A discovery plugin may have no filter.
func runs(v *plugin.Plugin, r *pluginsdk.Resource) bool {
	return v.Interval > 0 && (v.Filter == nil || v.Filter.Match(r))
}

// Overridden says whether there are rules at all.
func (p *Plugin) Overridden() bool { return len(p.rules) > 0 }

// Filters returns filters of which a resource must match one for the plugin to run against it; none for a discovery
// plugin.
func (p *Plugin) Filters() []*filter.Filter {
	if p.Base.Type == plugin.TypeDiscovery || p.Base.Filter == nil {
		return nil
	}
	filters := []*filter.Filter{p.Base.Filter}
	for _, r := range p.rules {
		if r.Filter != nil {
			filters = append(filters, r.Filter)
		}
	}
	return filters
}

// holding is the set of rules that hold for a resource.
func (p *Plugin) holding(r *pluginsdk.Resource) (set uint64) {
	for i := range p.rules {
		if f := p.rules[i].Resources; f == nil || f.Match(r) {
			set |= 1 << i
		}
	}
	return set
}

func (p *Plugin) version(set uint64) *plugin.Plugin {
	p.mu.RLock()
	v := p.layered[set]
	p.mu.RUnlock()
	if v != nil {
		return v
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if v = p.layered[set]; v == nil {
		v = p.layer(set)
		p.layered[set] = v
	}
	return v
}

// layer lays the rules of a set over the plugin.
func (p *Plugin) layer(set uint64) *plugin.Plugin {
	return p.Base.Variant(func(v *plugin.Plugin) {
		timeout := time.Duration(0)
		for i, r := range p.rules {
			if set&(1<<i) == 0 {
				continue
			}
			if r.Interval > 0 {
				v.Interval, v.Deadline = r.Interval, pluginfile.TimeLimit(r.Interval)
				v.File.ExecuteFrequency = int(r.Interval / time.Second)
				// Plugins make the interval of their groups of it.
				v.File.Config = lay(v.File.Config, pluginsdk.Config{"main": {"execute_frequency": strconv.Itoa(v.File.ExecuteFrequency)}})
			}
			if r.Timeout > 0 {
				timeout = r.Timeout
			}
			if r.Filter != nil {
				v.Filter = r.Filter
			}
			v.File.Config = lay(v.File.Config, r.Config)
		}
		if timeout > 0 {
			v.Deadline = timeout
		}
	})
}

// lay lays options over a configuration, which stays as it is.
func lay(config, over pluginsdk.Config) pluginsdk.Config {
	if len(over) == 0 {
		return config
	}
	config = maps.Clone(config)
	for section, options := range over {
		merged := maps.Clone(config[section])
		if merged == nil {
			merged = map[string]string{}
		}
		for name, value := range options {
			merged[strings.ToLower(name)] = value // as the reader of plugin files has them
		}
		config[section] = merged
	}
	return config
}

// Explain says, one line each, what the rules change for a resource.
func (p *Plugin) Explain(r *pluginsdk.Resource) []string {
	var lines []string
	set := p.holding(r)
	for i, rule := range p.rules {
		if set&(1<<i) == 0 {
			continue
		}
		say := func(format string, args ...any) {
			lines = append(lines, fmt.Sprintf("overrides[%d]: ", rule.number)+fmt.Sprintf(format, args...))
		}
		if rule.Interval > 0 {
			say("execute_frequency = %s", rule.Interval)
		}
		if rule.Timeout > 0 {
			say("timeout = %s", rule.Timeout)
		}
		if rule.Filter != nil {
			say("resource_filter = %s", rule.Filter.Canonical())
		}
		for _, section := range slices.Sorted(maps.Keys(rule.Config)) {
			for _, name := range slices.Sorted(maps.Keys(rule.Config[section])) {
				value := rule.Config[section][name]
				if pluginfile.IsSecretOption(name) {
					value = logs.Placeholder
				}
				say("[%s] %s = %s", section, name, value)
			}
		}
	}
	return lines
}

// TaskName is the name of the task of the plugin and a resource, which overrides do not change.
func (p *Plugin) TaskName(r *pluginsdk.Resource) string { return pluginfile.TaskName(p.Base.File, r) }

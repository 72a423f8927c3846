package targets

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Names of labels that mean something.
const (
	addressLabel  = "__address__"
	instanceLabel = "instance"
	tmpPrefix     = "__tmp" // Prometheus keeps it for what relabelling notes on its way
)

// maxValue is the most bytes of a label that becomes metadata: each group of metrics carries all of them.
const maxValue = 4096

// Labels are the names of labels that give the fields of a resource, before those that do so anyway: each field's own name, such as
// resource_site; for the id also instance and then __address__, and for the endpoint __address__.
type Labels struct {
	// Site is the label that gives the site ("" for none besides resource_site); the others are alike.
	Site     string `mapstructure:"resource_site" yaml:"resource_site"`
	Class    string `mapstructure:"resource_class" yaml:"resource_class"`
	Subclass string `mapstructure:"resource_subclass" yaml:"resource_subclass"`
	Type     string `mapstructure:"resource_type" yaml:"resource_type"`
	ID       string `mapstructure:"resource_id" yaml:"resource_id"`
	Endpoint string `mapstructure:"resource_endpoint" yaml:"resource_endpoint"`
	Plugin   string `mapstructure:"resource_plugin" yaml:"resource_plugin"`
}

// field is where a field's value comes from, and where it goes.
type field struct {
	name   string
	labels []string // the first that the target has counts
	value  *string
}

func (l *Labels) fields(r *pluginsdk.Resource) []field {
	return []field{
		{"resource_site", []string{l.Site, "resource_site"}, &r.Site},
		{"resource_class", []string{l.Class, "resource_class"}, &r.Class},
		{"resource_subclass", []string{l.Subclass, "resource_subclass"}, &r.Subclass},
		{"resource_type", []string{l.Type, "resource_type"}, &r.Type},
		{"resource_id", []string{l.ID, "resource_id", instanceLabel, addressLabel}, &r.ID},
		{"resource_endpoint", []string{l.Endpoint, "resource_endpoint", addressLabel}, &r.Endpoint},
		{"resource_plugin", []string{l.Plugin, "resource_plugin"}, &r.Plugin},
	}
}

// Validate says which names can be no label.
func (l *Labels) Validate() error {
	var errs []error
	for _, f := range l.fields(new(pluginsdk.Resource)) {
		if name := f.labels[0]; name != "" && !pluginsdk.ValidName(name) {
			errs = append(errs, fmt.Errorf("%s must be the name of a label, is %q", f.name, name))
		}
	}
	return errors.Join(errs...)
}

// Resource makes a resource of a target's labels and of what it need not say. Labels that can be no metadata (their name is
// none, the value has a "|" or more than 4096 bytes) are left out, and are named. Labels without a value and those that begin
// with __tmp are none.
func (l *Labels) Resource(labels map[string]string, defaults *pluginsdk.Resource) (r *pluginsdk.Resource, leftOut []string, err error) {
	r = &pluginsdk.Resource{
		Site: defaults.Site, Class: defaults.Class, Subclass: defaults.Subclass, Type: defaults.Type, Plugin: defaults.Plugin,
		CreationTimestamp: pluginsdk.NumberTimestamp(pluginsdk.Now()), Metadata: slices.Clone(defaults.Metadata),
	}
	used := map[string]struct{}{}
	for _, f := range l.fields(r) {
		used[f.name] = struct{}{}
		for _, name := range f.labels {
			if v := labels[name]; v != "" {
				*f.value, used[name] = v, struct{}{}
				break
			}
		}
	}
	if r.Endpoint == "" {
		return nil, nil, fmt.Errorf("no label gives an endpoint: it has no %s", addressLabel)
	}
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		value := labels[name]
		if _, ok := used[name]; ok || value == "" || strings.HasPrefix(name, tmpPrefix) {
			continue
		}
		if len(value) > maxValue {
			leftOut = append(leftOut, fmt.Sprintf("label %s has %d bytes, more than %d", shortened(name), len(value), maxValue))
		} else if r.AddMetadata(name, value) != nil {
			leftOut = append(leftOut, fmt.Sprintf("label %s is no metadata: its name must be of letters, digits and _, its value without |", shortened(name)))
		}
	}
	return r, leftOut, r.Validate()
}

// shortened is a text of somebody else's for a message.
func shortened(s string) string {
	const limit = 100
	return strconv.Quote(logs.KeepStart(s, limit))
}

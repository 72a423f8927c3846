package discover

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/discovery/targetgroup"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/relabel"

	"github.com/panoptes-otel/panoptes-otel/internal/resource/store"
)

// maxTargets is how many targets one entry of a *_sd_configs may give.
const maxTargets = 200_000

// State is what a Source knows. It does not change.
type State struct {
	// Listed says whether the service discovery has answered.
	Listed bool
	// Targets are the labels of the targets that relabelling keeps.
	Targets []map[string]string
	// Dropped are the first that it drops, and Drops how many there are.
	Dropped []store.Dropped
	Drops   int
	// Excess is how many are beyond maxTargets.
	Excess int
	// Err is why the service discovery fails; Targets are its last good list then.
	Err error

	// List is the number of the list: where it is the same, so are the targets.
	List int
}

// gone gives what was there since the last State and is not now, by its address.
func (s *Source) gone() (gone []*targetgroup.Group) {
	if len(s.replaced) == 0 {
		return nil
	}
	there := map[model.LabelValue]struct{}{}
	for _, group := range s.groups {
		for _, target := range group.Targets {
			there[target[model.AddressLabel]] = struct{}{}
		}
	}
	for _, group := range slices.Backward(s.replaced) { // the last that was said of it
		left := &targetgroup.Group{Source: group.Source, Labels: group.Labels}
		for _, target := range group.Targets {
			address := target[model.AddressLabel]
			if _, known := there[address]; !known {
				there[address] = struct{}{}
				left.Targets = append(left.Targets, target)
			}
		}
		if len(left.Targets) > 0 {
			gone = append(gone, left)
		}
	}
	s.replaced = nil
	return gone
}

// relabelled makes a State of what is found, in the order of the groups, and of what is gone.
func (s *Source) relabelled(gone []*targetgroup.Group) *State {
	state := &State{Listed: true, List: s.State().List + 1}
	builder := labels.NewBuilder(labels.EmptyLabels())
	groups := make([]*targetgroup.Group, 0, len(s.groups)+len(gone))
	for _, source := range slices.Sorted(maps.Keys(s.groups)) {
		groups = append(groups, s.groups[source])
	}
	seen := 0
	for _, group := range append(groups, gone...) {
		for _, target := range group.Targets {
			if seen++; seen > maxTargets {
				state.Excess++
				continue
			}
			s.relabel(state, builder, group, target)
		}
	}
	return state
}

// relabel adds a target to a State, where it is kept or dropped.
func (s *Source) relabel(state *State, builder *labels.Builder, group *targetgroup.Group, target model.LabelSet) {
	builder.Reset(labels.EmptyLabels())
	s.fill(builder, group, target)
	if rule := dropping(builder, s.job.rules); rule >= 0 {
		if state.Drops++; state.Drops <= store.MaxDropped {
			state.Dropped = append(state.Dropped, store.Dropped{
				Target: s.job.secrets.Clean(string(target[model.AddressLabel])), Reason: s.job.describe(rule),
			})
		}
		return
	}
	found := map[string]string{}
	builder.Range(func(l labels.Label) { found[l.Name] = l.Value })
	state.Targets = append(state.Targets, found)
}

// fill gives the builder the labels of a target: of two with one name the target's own counts, as in Prometheus.
func (s *Source) fill(builder *labels.Builder, group *targetgroup.Group, target model.LabelSet) {
	builder.Set(model.JobLabel, s.job.Name)
	for _, set := range []model.LabelSet{group.Labels, target} {
		for name, value := range set {
			if name == "__meta_url" { // http_sd's, with all that is in its configuration
				value = model.LabelValue(s.job.secrets.Clean(string(value)))
			}
			builder.Set(string(name), string(value))
		}
	}
}

// dropping relabels, and returns the number of the rule that drops the target, or -1.
func dropping(builder *labels.Builder, rules []*relabel.Config) int {
	for i := range rules {
		if !relabel.ProcessBuilder(builder, rules[i:i+1]...) {
			return i
		}
	}
	return -1
}

// describe says a rule that drops in one line.
func (j *Job) describe(i int) string {
	rule := j.rules[i]
	text := fmt.Sprintf("%s::%d: action %s", relabelConfigs, i, rule.Action)
	if len(rule.SourceLabels) > 0 {
		var names []string
		for _, name := range rule.SourceLabels {
			names = append(names, string(name))
		}
		text += " of " + strings.Join(names, ", ")
	}
	switch rule.Action {
	case relabel.Keep, relabel.Drop:
		text += fmt.Sprintf(", regex %q", rule.Regex.String())
	case relabel.KeepEqual, relabel.DropEqual:
		text += ", target_label " + rule.TargetLabel
	}
	return text
}

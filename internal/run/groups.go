package run

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/panoptes-otel/panoptes-otel/internal/group/bounds"
	"github.com/panoptes-otel/panoptes-otel/internal/group/panoptesjson"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Groups is the result of a run that returned these groups: the valid ones, and what was dropped and why.
func (c *Call) Groups(groups []*pluginsdk.MetricsGroup) Result {
	limits := c.limits
	result := Result{Outcome: OutcomeOK, Groups: make([]*pluginsdk.MetricsGroup, 0, min(len(groups), limits.Groups))}
	for i, g := range groups {
		if len(result.Groups) == limits.Groups {
			c.Drop(&result, limitDrop(len(groups), limits))
			break
		}
		if i%lookEvery == 0 && c.Context().Err() != nil {
			return c.GivenUp(nil)
		}
		if err := c.checkGroup(g); err != nil {
			c.Drop(&result, Drop{Group: groupType(g), Reason: DropInvalid, Err: fmt.Errorf("group %d: %w", i, err)})
			continue
		}
		c.keep(&result, i, g)
	}
	return result
}

// lookEvery is after how many groups it is looked whether the run is to end: what is done with them is part of the run.
const lookEvery = 64

// keep adds to the result what is good of a group.
func (c *Call) keep(result *Result, i int, g *pluginsdk.MetricsGroup) {
	if err := c.limits.Bounds.Check(g); err != nil {
		c.Drop(result, Drop{Group: g.Type, Reason: DropLimit, Err: fmt.Errorf("group %d: %w", i, err)})
		return
	}
	if g = c.goodMetrics(result, g); g != nil {
		result.Groups = append(result.Groups, g)
	}
}

// limitDrop is for the groups of a run that made n of them, which are too many.
func limitDrop(n int, limits Limits) Drop {
	return Drop{
		Reason: DropLimit, More: n - limits.Groups - 1,
		Err: fmt.Errorf("run made %d groups, limit is %d: the rest is dropped", n, limits.Groups),
	}
}

// maxDrops is how many drops of a result are told one by one. Of each reason there is at least one.
const maxDrops = 200

// Drop notes that something is taken out of a result; the error gets the names of plugin and resource.
func (c *Call) Drop(result *Result, d Drop) {
	if len(result.Dropped) >= maxDrops {
		for i := range result.Dropped {
			if result.Dropped[i].Reason == d.Reason {
				result.Dropped[i].More += 1 + d.More
				return
			}
		}
	}
	d.Err = c.wrap(d.Err)
	result.Dropped = append(result.Dropped, d)
}

func groupType(g *pluginsdk.MetricsGroup) string {
	if g == nil {
		return ""
	}
	return g.Type
}

// checkGroup checks what a Go plugin can set without the constructors, and fills in what is missing.
func (c *Call) checkGroup(g *pluginsdk.MetricsGroup) error {
	if g == nil {
		return errors.New("the group is nil")
	}
	if g.Resource == nil {
		g.Resource = c.Resource
	}
	if g.Timestamp.IsZero() {
		g.Timestamp = pluginsdk.NumberTimestamp(c.Now())
	}
	switch {
	case g.Type == "":
		return errors.New("group_type must be a non-empty string")
	case g.Interval <= 0:
		return fmt.Errorf("interval of group %q must be at least one second, is %d", g.Type, g.Interval)
	}
	if g.Resource != c.Resource {
		if err := g.Resource.Validate(); err != nil {
			return fmt.Errorf("group %q: resource: %w", g.Type, err)
		}
	}
	return nil
}

// goodMetrics returns g without the metrics that are NaN or infinite, which have no place in JSON, and those with names
// that are too long. A group that loses all its metrics by this is gone.
func (c *Call) goodMetrics(result *Result, g *pluginsdk.MetricsGroup) *pluginsdk.MetricsGroup {
	bad := 0
	metrics := g.Metrics()
	for i := range metrics {
		m := &metrics[i]
		if good(m) {
			continue
		}
		bad++
		if err := bounds.Metric(m.Name); err != nil {
			c.Drop(result, Drop{
				Group: g.Type, Metric: m.Name, Reason: DropLimit, Err: fmt.Errorf("group %q: %w", g.Type, err),
			})
			continue
		}
		c.Drop(result, Drop{
			Group: g.Type, Metric: m.Name, Reason: DropNotFinite,
			Err: fmt.Errorf("group %q: metric_value of %q is %s: it must be finite", g.Type, m.Name, m.Value),
		})
	}
	if bad == 0 {
		return g
	}
	if bad == len(g.Metrics()) {
		return nil
	}
	out := &pluginsdk.MetricsGroup{
		Resource: g.Resource, Type: g.Type, Interval: g.Interval, Timestamp: g.Timestamp, CountersSince: g.CountersSince,
	}
	for i := range metrics {
		if good(&metrics[i]) {
			_ = out.AddMetric(metrics[i]) // it was in a group before
		}
	}
	for _, d := range g.Dimensions() {
		_ = out.AddDimension(d.Name, d.Value)
	}
	return out
}

func good(m *pluginsdk.Metric) bool { return m.Value.IsFinite() && len(m.Name) <= bounds.NameBytes }

// GroupsJSON is Groups for groups in Panoptes' JSON. A group without a resource is about the run's.
func (c *Call) GroupsJSON(raw []json.RawMessage) Result {
	limits := c.limits
	result := Result{Outcome: OutcomeOK, Groups: make([]*pluginsdk.MetricsGroup, 0, min(len(raw), limits.Groups))}
	d := panoptesjson.NewDecoder(panoptesjson.DecoderOptions{Resource: c.Resource})
	for i, text := range raw {
		if len(result.Groups) == limits.Groups {
			c.Drop(&result, limitDrop(len(raw), limits))
			break
		}
		if i%lookEvery == 0 && c.Context().Err() != nil {
			return c.GivenUp(nil)
		}
		g := &pluginsdk.MetricsGroup{}
		if err := d.Decode(text, g); err != nil {
			name := panoptesjson.GroupType(text)
			c.Drop(&result, Drop{Group: name, Reason: DropInvalid, Err: fmt.Errorf("group %d: %w", i, about(name, err))})
			continue
		}
		c.keep(&result, i, g)
	}
	return result
}

// about names the group, the field and the rule of an error, without the place in a text that no author sees.
func about(group string, err error) error {
	if at, ok := errors.AsType[*panoptesjson.Error](err); ok {
		err = at.Err
		if at.Field != "" {
			err = fmt.Errorf("%.200s: %w", at.Field, err)
		}
	}
	if group != "" {
		err = fmt.Errorf("group %q: %w", group, err)
	}
	return err
}

// Enforce takes out of a result what breaks the plugin's contract. A Runner does it with every result.
func (c *Call) Enforce(result *Result) {
	contract := c.Plugin.Contract()
	if contract == nil || len(result.Groups) == 0 {
		return
	}
	kept := result.Groups[:0]
	for _, g := range result.Groups {
		good, violations := contract.Check(g)
		for _, v := range violations {
			c.Drop(result, Drop{Group: g.Type, Metric: v.Metric, Reason: DropContract, Err: v.Err})
		}
		if good != nil {
			kept = append(kept, good)
		}
	}
	result.Groups = kept
}

package pluginrun

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/panoptes-otel/panoptes-otel/internal/group/panoptesjson"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// errShutdown is why a run after Shutdown does not start.
var errShutdown = errors.New("the host is shutting down")

// failed is the result of a run that did not succeed; the error gets the names of plugin and resource.
func (req Request) failed(o Outcome, err error) Result {
	return Result{Outcome: o, Err: req.wrap(err)}
}

func (req Request) wrap(err error) error {
	if req.Plugin.Type == TypeDiscovery {
		return fmt.Errorf("plugin %q: %w", req.Plugin.Name(), err)
	}
	return fmt.Errorf("plugin %q: resource %q: %w", req.Plugin.Name(), req.Resource.ID, err)
}

// deadlineError is the text of a timeout; cause may be nil.
func deadlineError(p *Plugin, cause error) error {
	err := fmt.Errorf("run took longer than its deadline of %s", p.Deadline)
	if p.Interval > 0 && p.Deadline == p.Interval*5/4 {
		err = fmt.Errorf("run took longer than its deadline of %s (1.25 x execute_frequency)", p.Deadline)
	}
	if cause != nil {
		err = fmt.Errorf("%w: %w", err, cause)
	}
	return err
}

// givenUp is the result of a run that had not ended when ctx, its deadline or base, which ends at Shutdown, came.
func (req Request) givenUp(ctx, base context.Context) Result {
	switch {
	case ctx.Err() != nil:
		return req.failed(OutcomeCanceled, ctx.Err())
	case base.Err() != nil:
		return req.failed(OutcomeCanceled, errShutdown)
	}
	return req.failed(OutcomeTimeout, deadlineError(req.Plugin, nil))
}

// checkGroups is the result of a run that returned these groups: the valid ones, and what was dropped and why.
func checkGroups(req Request, groups []*pluginsdk.MetricsGroup, limits Limits) Result {
	result := Result{Outcome: OutcomeOK, Groups: make([]*pluginsdk.MetricsGroup, 0, min(len(groups), limits.Groups))}
	for i, g := range groups {
		if len(result.Groups) == limits.Groups {
			result.drop(req, Drop{Reason: DropLimit, Err: limitError(len(groups), limits)})
			break
		}
		if err := checkGroup(req, g); err != nil {
			result.drop(req, Drop{Group: groupType(g), Reason: DropInvalid, Err: fmt.Errorf("group %d: %w", i, err)})
			continue
		}
		if g = result.finite(req, g); g != nil {
			result.Groups = append(result.Groups, g)
		}
	}
	return result
}

func limitError(n int, limits Limits) error {
	return fmt.Errorf("run made %d groups, limit is %d: the rest is dropped", n, limits.Groups)
}

func (r *Result) drop(req Request, d Drop) {
	d.Err = req.wrap(d.Err)
	r.Dropped = append(r.Dropped, d)
}

func groupType(g *pluginsdk.MetricsGroup) string {
	if g == nil {
		return ""
	}
	return g.Type
}

// checkGroup checks what a Go plugin can set without the constructors, and fills in what is missing.
func checkGroup(req Request, g *pluginsdk.MetricsGroup) error {
	if g == nil {
		return errors.New("the group is nil")
	}
	if g.Resource == nil {
		g.Resource = req.Resource
	}
	if g.Timestamp.IsZero() {
		g.Timestamp = pluginsdk.NumberTimestamp(req.now())
	}
	switch {
	case g.Type == "":
		return errors.New("group_type must be a non-empty string")
	case g.Interval <= 0:
		return fmt.Errorf("interval of group %q must be at least one second, is %d", g.Type, g.Interval)
	}
	if g.Resource != req.Resource {
		if err := g.Resource.Validate(); err != nil {
			return fmt.Errorf("group %q: resource: %w", g.Type, err)
		}
	}
	return nil
}

// finite returns g without the metrics that are NaN or infinite, which have no place in JSON. A group that loses all
// its metrics by this is gone.
func (r *Result) finite(req Request, g *pluginsdk.MetricsGroup) *pluginsdk.MetricsGroup {
	bad := 0
	for _, m := range g.Metrics() {
		if !m.Value.IsFinite() {
			bad++
			r.drop(req, Drop{
				Group: g.Type, Metric: m.Name, Reason: DropNotFinite,
				Err: fmt.Errorf("group %q: metric_value of %q is %s: it must be finite", g.Type, m.Name, m.Value),
			})
		}
	}
	if bad == 0 {
		return g
	}
	if bad == len(g.Metrics()) {
		return nil
	}
	out := &pluginsdk.MetricsGroup{Resource: g.Resource, Type: g.Type, Interval: g.Interval, Timestamp: g.Timestamp}
	for _, m := range g.Metrics() {
		if m.Value.IsFinite() {
			_ = out.AddMetric(m) // it was in a group before
		}
	}
	for _, d := range g.Dimensions() {
		_ = out.AddDimension(d.Name, d.Value)
	}
	return out
}

// decodeGroups is checkGroups for groups in Panoptes' JSON. A group without a resource is about the run's.
func decodeGroups(req Request, raw []json.RawMessage, limits Limits) Result {
	result := Result{Outcome: OutcomeOK, Groups: make([]*pluginsdk.MetricsGroup, 0, min(len(raw), limits.Groups))}
	d := panoptesjson.NewDecoder(panoptesjson.DecoderOptions{Resource: req.Resource})
	for i, text := range raw {
		if len(result.Groups) == limits.Groups {
			result.drop(req, Drop{Reason: DropLimit, Err: limitError(len(raw), limits)})
			break
		}
		g := &pluginsdk.MetricsGroup{}
		if err := d.Decode(text, g); err != nil {
			name := panoptesjson.GroupType(text)
			result.drop(req, Drop{Group: name, Reason: DropInvalid, Err: fmt.Errorf("group %d: %w", i, about(name, err))})
			continue
		}
		if g = result.finite(req, g); g != nil {
			result.Groups = append(result.Groups, g)
		}
	}
	return result
}

// about names the group, the field and the rule of an error, without the place in a text that no author sees.
func about(group string, err error) error {
	var at *panoptesjson.Error
	if errors.As(err, &at) {
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

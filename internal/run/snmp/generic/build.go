package generic

import (
	"context"
	"fmt"
	"math/big"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/engine"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/expr"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// found is the value of a target.
type found struct {
	target *target
	value  expr.Value
}

// rows are the values of indexed targets, in the order in which their indexes came.
type rows struct {
	indexes []string
	at      map[string]int // where an index is in indexes and of
	of      [][]found
	room    []found
}

// row returns the values of an index, which may have none.
func (r *rows) row(index string) []found {
	if at, there := r.at[index]; there {
		return r.of[at]
	}
	return nil
}

// add adds the value of an index, which mostly is the i-th. more says how many may be still to come, and of how many targets.
func (r *rows) add(i int, index string, f found, more, targets int) {
	at, there := i, i < len(r.indexes) && r.indexes[i] == index
	if !there {
		at, there = r.at[index]
	}
	if !there {
		if len(r.room) < targets {
			r.room = make([]found, more*targets)
		}
		at = len(r.of)
		r.at[index], r.indexes = at, append(r.indexes, index)
		r.of, r.room = append(r.of, r.room[:0:targets]), r.room[targets:]
	}
	r.of[at] = append(r.of[at], f)
}

// build makes the groups of a group of the configuration. The error ends the poll.
func (p *Poll) build(ctx context.Context, g *group) error {
	metricRows, dimensionRows := p.rows(ctx, g.metrics), p.rows(ctx, g.dimensions)
	metrics, dimensions := p.single(ctx, g.metrics), p.single(ctx, g.dimensions)
	version := p.configuration.version
	for i, index := range metricRows.indexes {
		of := metricRows.of[i]
		if version == version02 {
			of = append(of, metrics...)
		}
		if err := p.emit(ctx, g, of, append(dimensionRows.row(index), dimensions...)); err != nil {
			return err
		}
	}
	switch {
	case len(metricRows.indexes) == 0 && len(metrics) > 0, len(metrics) > 0 && version == version01:
		return p.emit(ctx, g, metrics, dimensions)
	case len(metricRows.indexes) == 0 && version != version01:
		return p.emit(ctx, g, nil, nil)
	}
	return nil
}

// known says whether a target needs nothing that is missing: where a table did not come, a count of its rows is not 0.
func (p *Poll) known(t *target) bool {
	for name := range p.missing {
		if t.needs(name) {
			return false
		}
	}
	return true
}

// rows are the values of the indexed targets.
func (p *Poll) rows(ctx context.Context, targets []target) rows {
	out := rows{at: map[string]int{}}
	for i := range targets {
		t := &targets[i]
		if !t.indexed || !p.known(t) {
			continue
		}
		rows, indexes, err := p.indexes(t)
		if err != nil {
			p.lost(ctx, t, err)
			continue
		}
		for i, index := range indexes {
			var v expr.Value
			var err error
			if rows != nil {
				v, err = t.taken(rows.Value(i))
			} else if v, err = p.evaluate(t, index); err == nil {
				v, err = t.converted(v)
			}
			if err != nil {
				p.Log.WarnContext(ctx, fmt.Sprintf("%s while processing index %q for expression %q: %v", p.about(), index, t.text, err))
				continue
			}
			out.add(i, index, found{t, v}, len(indexes)-i, len(targets))
		}
	}
	return out
}

// indexes are those that a target is evaluated for; where its values are cells of rows, these come along.
func (p *Poll) indexes(t *target) (rows *engine.Rows, indexes []string, err error) {
	if t.listed {
		return nil, t.indices, nil
	}
	name := t.from
	if name == "" && t.expression != nil {
		name = t.expression.Table()
	}
	if name == "" {
		return nil, nil, nil
	}
	if c, there := p.columns[name]; there {
		if t.cell {
			rows = c.rows
		}
		return rows, c.indexes, nil
	}
	table, is := p.names[name].(*expr.Dict)
	if !is {
		return nil, nil, fmt.Errorf("there is no table %q", name)
	}
	indexes = make([]string, table.Len())
	for i := range indexes {
		key, _ := table.At(i)
		indexes[i] = key.(string)
	}
	return nil, indexes, nil
}

func (p *Poll) evaluate(t *target, index expr.Value) (expr.Value, error) {
	if t.expression == nil {
		return t.constant, nil
	}
	p.spoken.Tables, p.spoken.Index = p.names, index
	return t.expression.Evaluate(&p.spoken)
}

// taken is a value of the device as the target's type has it, and then its transform.
func (t *target) taken(v ber.Value) (expr.Value, error) {
	if n, whole := v.Int(); whole && t.integer && t.transform == nil {
		return n, nil
	}
	return t.converted(v.Text())
}

// converted is a value as the target's type has it, and then its transform.
func (t *target) converted(v expr.Value) (expr.Value, error) {
	v, err := t.convert(v)
	if err != nil || t.transform == nil {
		return v, err
	}
	return t.transform.Apply(v)
}

// single are the values of the targets that are not indexed.
func (p *Poll) single(ctx context.Context, targets []target) []found {
	var out []found
	for i := range targets {
		t := &targets[i]
		if t.indexed || !p.known(t) {
			continue
		}
		v, err := p.evaluate(t, nil)
		switch {
		case err != nil:
			p.Log.WarnContext(ctx, fmt.Sprintf("%s while processing expression %q: %v", p.about(), t.text, err))
			continue
		case v == nil || v == "":
			p.Log.WarnContext(ctx, fmt.Sprintf("%s while processing expression %q value: %s was None", p.about(), t.text, expr.ToText(v)))
			continue
		}
		if v, err = t.converted(v); err != nil {
			p.lost(ctx, t, err)
			continue
		}
		out = append(out, found{t, v})
	}
	return out
}

// lost tells that a target has no value for a reason that lies in the configuration: the state tells of it.
func (p *Poll) lost(ctx context.Context, t *target, err error) {
	p.Log.WarnContext(ctx, fmt.Sprintf("%s while processing expression %q: %v", p.about(), t.text, err))
	p.status.failed(ctx, "metrics", err)
}

// emit makes a group. The error names what can stand in none.
func (p *Poll) emit(ctx context.Context, g *group, metrics, dimensions []found) error {
	out := p.group(g.name)
	if g.name == "" {
		return fmt.Errorf("group_type must be a non-empty string")
	}
	out.Grow(len(metrics), len(dimensions))
	for _, m := range metrics {
		n, is := number(m.value)
		if !is {
			return fmt.Errorf("metric %q of group %q: metric_value must be number, is %s", m.target.name, g.name, expr.Repr(m.value))
		}
		if err := out.AddMetric(p.metric(m.target.name, m.target.kind(), n)); err != nil {
			return fmt.Errorf("group %q: %w", g.name, err)
		}
	}
	complete := true
	for _, d := range dimensions {
		text := expr.ToText(d.value)
		if text != "" {
			if err := out.AddDimension(d.target.name, text); err != nil {
				return fmt.Errorf("group %q: %w", g.name, err)
			}
		} else if !g.ignoreEmpty {
			complete = false
			p.status.failed(ctx, g.name, fmt.Errorf("%w: dimension %q of group %q is empty", errEmpty, d.target.name, g.name))
		}
	}
	if complete {
		p.made.add(out)
	}
	return nil
}

// number is a value as a metric has it.
func number(v expr.Value) (pluginsdk.Number, bool) {
	switch v := v.(type) {
	case int64:
		return pluginsdk.Int(v), true
	case float64:
		return pluginsdk.Float(v), true
	case *big.Int:
		n, err := pluginsdk.ParseNumber(v.String())
		return n, err == nil
	}
	return pluginsdk.Number{}, false
}

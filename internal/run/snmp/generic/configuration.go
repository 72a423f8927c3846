package generic

import (
	"fmt"
	"slices"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/expr"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// The versions of the schema; each other one is like 0.2 but for what is said of it.
const (
	version01 = "0.1"
	version02 = "0.2"
)

// Configuration is what to ask, and what to make of it.
type Configuration struct {
	version string
	objects []object
	groups  []group
	// notices are what is left out, and why.
	notices []notice
	// err is what is wrong, which is said when the objects and groups before it were used.
	err            error
	maxRepetitions expr.Value // nil where the configuration does not say it
}

// notice is a target that is not well-formed.
type notice struct {
	group, target string
	err           error
}

// object is something that has a name in expressions.
type object struct {
	name   string
	method string // static, get or bulk_walk
	oid    string
	values expr.Value
	// renamed are other names of indexes.
	renamed *expr.Dict
	// whole says that expressions need it as a table; otherwise all that is wanted are its cells.
	whole bool
}

type group struct {
	name                string
	ignoreEmpty         bool
	metrics, dimensions []target
}

// target is a metric or a dimension: how its value is found.
type target struct {
	name       string
	text       string
	constant   expr.Value // where there is no expression
	expression *expr.Expression
	transform  *expr.Expression
	convert    func(expr.Value) (expr.Value, error)
	counter    bool
	integer    bool
	indexed    bool
	cell       bool     // the expression is the cell of the index in a table
	indices    []string // those that are listed
	listed     bool
	from       string // the table whose indexes count, "" for none
}

// ParseConfiguration reads a configuration in JSON. The error says that it is none at all; what is wrong in it is told by
// the poll.
func ParseConfiguration(text []byte, version string) (*Configuration, error) {
	value, err := readJSON(text)
	if err != nil {
		return nil, err
	}
	top, is := value.(*expr.Dict)
	if !is {
		return nil, fmt.Errorf("the configuration must be an object, is %s", expr.Repr(value))
	}
	c := &Configuration{version: version}
	if options, is := dictOf(top, "snmp"); is {
		c.maxRepetitions, _ = options.Text("max_repetitions")
	}
	if c.err = c.readGroups(top); c.err == nil {
		c.err = c.readObjects(top)
	}
	return c, nil
}

// dictOf returns an entry that is an object.
func dictOf(d *expr.Dict, key string) (*expr.Dict, bool) {
	v, _ := d.Text(key)
	out, is := v.(*expr.Dict)
	return out, is
}

func textOf(d *expr.Dict, key string) (string, bool) {
	v, _ := d.Text(key)
	out, is := v.(string)
	return out, is
}

func (c *Configuration) readGroups(top *expr.Dict) error {
	v, _ := top.Text("metrics_groups")
	list, is := v.(*expr.List)
	if !is {
		return fmt.Errorf("metrics_groups must be a list, is %s", expr.Repr(v))
	}
	for i, item := range list.Items() {
		spec, is := item.(*expr.Dict)
		if !is {
			return fmt.Errorf("metrics_groups[%d] must be an object, is %s", i, expr.Repr(item))
		}
		name, is := textOf(spec, "group_name")
		if !is {
			return fmt.Errorf("metrics_groups[%d] needs a group_name", i)
		}
		metrics, is := dictOf(spec, "metrics")
		if !is {
			return fmt.Errorf("metrics_groups[%d] (%s) needs metrics", i, name)
		}
		g := group{name: name, ignoreEmpty: c.version == version01}
		if v, _ := spec.Text("ignore_empty_dimensions"); v != nil && v != false && v != int64(0) && v != "" {
			g.ignoreEmpty = true
		}
		g.metrics = c.targets(name, metrics, "integer")
		if dimensions, is := dictOf(spec, "dimensions"); is {
			g.dimensions = c.targets(name, dimensions, "string")
		}
		c.groups = append(c.groups, g)
	}
	return nil
}

func (c *Configuration) readObjects(top *expr.Dict) error {
	all, is := dictOf(top, "oids")
	if !is {
		return fmt.Errorf("oids must be an object")
	}
	for i := range all.Len() {
		key, v := all.At(i)
		o := object{name: key.(string)}
		spec, is := v.(*expr.Dict)
		if !is {
			return fmt.Errorf("oids: %s must be an object, is %s", o.name, expr.Repr(v))
		}
		o.method, _ = textOf(spec, "method")
		switch o.method {
		case "static":
			if o.values, is = spec.Text("values"); !is {
				return fmt.Errorf("oids: %s needs values", o.name)
			}
		case "get", "bulk_walk":
			if o.oid, is = textOf(spec, "oid"); !is {
				return fmt.Errorf("oids: %s needs an oid", o.name)
			}
			o.renamed, _ = dictOf(spec, "index_transform")
		default:
			method, _ := spec.Text("method")
			return fmt.Errorf(`self._config["oids"][oid_name]["method"] for oid_name: %s is not "static", "bulk_walk", or "get". It is %s`,
				o.name, expr.ToText(method))
		}
		o.whole = o.renamed != nil || slices.ContainsFunc(c.groups, func(g group) bool { return g.needsWhole(o.name) })
		c.objects = append(c.objects, o)
	}
	return nil
}

// targets reads the targets that are well-formed.
func (c *Configuration) targets(group string, specs *expr.Dict, kind string) []target {
	out := make([]target, 0, specs.Len())
	for i := range specs.Len() {
		key, spec := specs.At(i)
		t := target{name: key.(string)}
		if err := t.read(spec, kind, c.version); err != nil {
			c.notices = append(c.notices, notice{group, t.name, err})
			continue
		}
		out = append(out, t)
	}
	return out
}

// bareTexts are texts of schema 0.1 although they are not quoted.
var bareTexts = []string{"data", "ctrl", "dram"}

func (t *target) read(v expr.Value, kind, version string) error {
	spec, is := v.(*expr.Dict)
	if !is {
		spec = expr.NewDict(1)
		spec.SetText("value", v)
		switch v.(type) {
		case string, nil, *expr.List:
		case float64:
			kind = "float"
		default:
			kind = "integer"
		}
	}
	value, there := spec.Text("value")
	if !there {
		return fmt.Errorf("value is missing")
	}
	t.text = expr.ToText(value)
	var err error
	if text, is := value.(string); !is {
		t.constant = value
	} else {
		if version == version01 && slices.Contains(bareTexts, strings.TrimSpace(text)) {
			text = "'" + strings.TrimSpace(text) + "'"
		}
		if t.expression, err = expr.Parse(text); err != nil {
			return err
		}
	}
	if text, is := textOf(spec, "transform"); is && text != "" {
		if t.transform, err = expr.ParseTransform(text); err != nil {
			return err
		}
	}
	if asked, there := spec.Text("type"); there {
		kind = expr.ToText(asked)
	}
	if t.convert = conversions[kind]; t.convert == nil {
		return fmt.Errorf("unknown type %q", kind)
	}
	t.integer = slices.Contains(integerTypes, kind)
	metricType := "gauge"
	if asked, there := spec.Text("metric_type"); there {
		metricType = expr.ToText(asked)
	}
	if metricType != "gauge" && metricType != "counter" {
		return fmt.Errorf(`metric_type must be "gauge" or "counter", is %q`, metricType)
	}
	t.counter = metricType == "counter"
	return t.index(spec, version)
}

// index reads which indexes the target is evaluated for.
func (t *target) index(spec *expr.Dict, version string) error {
	if v, _ := spec.Text("indices"); v != nil {
		list, is := v.(*expr.List)
		if !is {
			return fmt.Errorf("indices must be a list, is %s", expr.Repr(v))
		}
		t.listed = true
		for _, item := range list.Items() {
			t.indices = append(t.indices, expr.ToText(item))
		}
	}
	if v, _ := spec.Text("indices_from"); v != nil {
		t.from = expr.ToText(v)
	}
	listed := t.listed || t.from != ""
	if version == version01 {
		if _, forced := spec.Text("top_level"); forced {
			return nil
		}
		_, forced := spec.Text("evaluate")
		listed = t.listed && !forced || t.from != ""
	}
	t.indexed = listed || t.expression != nil && t.expression.Indexed()
	t.cell = t.indexed && !t.listed && t.from == "" && t.expression.IsCell()
	return nil
}

// needs says whether the value depends on an object.
func (t *target) needs(name string) bool {
	return t.expression != nil && t.expression.Uses(name) || name == t.from
}

func (g *group) needs(name string) bool {
	needs := func(t target) bool { return t.needs(name) }
	return slices.ContainsFunc(g.metrics, needs) || slices.ContainsFunc(g.dimensions, needs)
}

// needsWhole says whether more of an object is needed than its cells.
func (g *group) needsWhole(name string) bool {
	whole := func(t target) bool { return !t.cell && t.needs(name) }
	return slices.ContainsFunc(g.metrics, whole) || slices.ContainsFunc(g.dimensions, whole)
}

// kind is the type of the metric.
func (t *target) kind() pluginsdk.MetricType {
	if t.counter {
		return pluginsdk.Counter
	}
	return pluginsdk.Gauge
}

var integerTypes = []string{"Integer", "Integer32", "UInteger32", "Counter32", "Counter64", "Gauge32", "TimeTicks", "integer", "int", "long"}

var conversions = typeConversions()

func typeConversions() map[string]func(expr.Value) (expr.Value, error) {
	out := map[string]func(expr.Value) (expr.Value, error){"float": expr.ToFloat, "double": expr.ToFloat}
	for _, kind := range integerTypes {
		out[kind] = expr.ToInt
	}
	text := func(v expr.Value) (expr.Value, error) { return expr.ToText(v), nil }
	for _, kind := range []string{"Octet String", "Object Identifier", "Bit String", "IpAddress", "Opaque", "NsapAddress", "str", "string"} {
		out[kind] = text
	}
	return out
}

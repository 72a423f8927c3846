package generic

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/engine"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/expr"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Poll is one poll of a device.
type Poll struct {
	Resource *pluginsdk.Resource
	// Interval is that of the groups in seconds, Now their time.
	Interval int
	Now      pluginsdk.Number
	// Namespace is that of the configuration, StatusMetric the name of the gauge with the state.
	Namespace, StatusMetric string
	// Connect opens the way to the device, Configuration finds what to ask, Ask asks.
	Connect       func(context.Context) error
	Configuration func(context.Context) (*Configuration, error)
	Ask           func(context.Context, *engine.Request) *engine.Result
	// Repetitions are those that the plugin file asks for, "" for the default.
	Repetitions string
	// Ping says whether the device answers a ping; a device that SNMP does not reach is pinged.
	Ping func(context.Context) error
	Log  *slog.Logger

	configuration *Configuration
	status        status
	made          *set
	names         map[string]expr.Value
	spoken        expr.Names        // of the evaluation that is under way
	columns       map[string]column // by the name of the object, of which no index has another name
	last          column
	// missing are the objects that the device did not give: nothing is known of what they are needed for.
	missing map[string]bool
}

// defaultRepetitions is the max_repetitions of Panoptes' generic plugin.
const defaultRepetitions = 25

// Run polls. Whatever goes wrong, there is a group with the state; what is wrong is logged.
func (p *Poll) Run(ctx context.Context) []*pluginsdk.MetricsGroup {
	p.made = newSet(&Configuration{})
	p.status = status{log: p.Log, resource: p.Resource}
	p.names, p.columns, p.missing = map[string]expr.Value{}, map[string]column{}, map[string]bool{}
	if part, err := p.poll(ctx); err != nil {
		p.status.failed(ctx, part, err)
	}
	state := p.status.device()
	if state == Timeout || state == NetworkFailure {
		if err := p.Ping(ctx); err != nil {
			p.Log.WarnContext(ctx, fmt.Sprintf("Error while trying to ping %q (%s:%s:%s): %v",
				p.Resource.Endpoint, p.Resource.Class, p.Resource.Subclass, p.Resource.Type, err))
			state = PingFailure
		}
	}
	g := p.group("status")
	if err := g.AddMetric(p.metric(p.StatusMetric, pluginsdk.Gauge, pluginsdk.Int(int64(state)))); err == nil {
		p.made.add(g)
	}
	return p.made.groups
}

func (p *Poll) group(name string) *pluginsdk.MetricsGroup {
	return &pluginsdk.MetricsGroup{
		Resource: p.Resource, Type: name, Interval: p.Interval, Timestamp: pluginsdk.NumberTimestamp(p.Now),
	}
}

func (p *Poll) metric(name string, kind pluginsdk.MetricType, v pluginsdk.Number) pluginsdk.Metric {
	return pluginsdk.Metric{Name: name, Type: kind, Value: v, Timestamp: p.Now}
}

// poll makes the groups. The error is that of a part.
func (p *Poll) poll(ctx context.Context) (part string, err error) {
	if err := p.Connect(ctx); err != nil {
		return "device", err
	}
	if p.configuration, err = p.Configuration(ctx); err != nil {
		return "enrichment", err
	}
	c := p.configuration
	p.made = newSet(c)
	for _, n := range c.notices {
		p.Log.WarnContext(ctx, fmt.Sprintf("%s: %q of group %q is left out: %v", p.about(), n.target, n.group, n.err))
	}
	if err := p.collect(ctx); err != nil {
		return "metrics", err
	}
	for i := range c.groups {
		if err := p.build(ctx, &c.groups[i]); err != nil {
			return "metrics", err
		}
	}
	return "", nil
}

// about says of what the log speaks.
func (p *Poll) about() string {
	model, has := p.Resource.Metadata.Get("model")
	if !has {
		model = p.Resource.Type
	}
	return fmt.Sprintf("Error on %q (%s) in namespace %q", p.Resource.Endpoint, model, p.Namespace)
}

// asked is where the answer to an object is.
type asked struct {
	err     error
	at      int
	waiting bool
}

// collect asks for all objects together, and then gives them their names in the order of the configuration, which decides
// on the state.
func (p *Poll) collect(ctx context.Context) error {
	c := p.configuration
	repetitions, err := p.repetitions()
	if err != nil {
		return err
	}
	var request engine.Request
	answers := make([]asked, len(c.objects))
	for i := range c.objects {
		o, a := &c.objects[i], &answers[i]
		if o.method == "static" {
			p.names[o.name] = o.values
			continue
		}
		var oid ber.OID
		if oid, a.err = parseOID(o.oid); a.err != nil {
			continue
		}
		if a.waiting = true; o.method == "get" {
			a.at = len(request.Get)
			request.Get = append(request.Get, oid)
			continue
		}
		a.at = len(request.Columns)
		request.Columns = append(request.Columns, engine.Column{Base: oid, Repetitions: repetitions})
	}
	var result *engine.Result
	if len(request.Get)+len(request.Columns) > 0 {
		result = p.Ask(ctx, &request)
	}
	for i := range c.objects {
		switch o := &c.objects[i]; o.method {
		case "get":
			p.got(ctx, o, &answers[i], result)
		case "bulk_walk":
			p.walked(ctx, o, &answers[i], result)
		}
	}
	return c.err
}

// repetitions are the max_repetitions that count: the configuration's, the plugin file's, the default.
func (p *Poll) repetitions() (int, error) {
	v := p.configuration.maxRepetitions
	if v == nil && p.Repetitions != "" {
		v = p.Repetitions
	}
	if v == nil {
		return defaultRepetitions, nil
	}
	n, err := expr.ToInt(v)
	if err != nil {
		return 0, fmt.Errorf("[snmp] max_repetitions: %w", err)
	}
	i, fits := n.(int64)
	if !fits || i < 1 {
		return 0, fmt.Errorf("[snmp] max_repetitions must be greater than zero, is %s", expr.Repr(n))
	}
	return int(min(i, math.MaxUint16)), nil
}

func parseOID(text string) (ber.OID, error) {
	if !strings.HasPrefix(text, ".") {
		return ber.OID{}, fmt.Errorf("oid must be numeric string with a leading period, is %q", text)
	}
	return ber.ParseOID(text)
}

func (p *Poll) got(ctx context.Context, o *object, a *asked, result *engine.Result) {
	if a.waiting {
		v := &result.Variables[a.at]
		if a.err = v.Err; a.err == nil {
			p.names[o.name] = v.Value.Text()
			p.succeeded(o.name)
			return
		}
	}
	p.names[o.name] = nil
	p.failed(ctx, o.name, a.err, true)
}

func (p *Poll) walked(ctx context.Context, o *object, a *asked, result *engine.Result) {
	if a.waiting {
		a.err = result.Columns[a.at].Err
	}
	if a.err != nil {
		p.names[o.name] = expr.NewDict(0)
		p.failed(ctx, o.name, a.err, true)
		return
	}
	rows := &result.Columns[a.at]
	indexes := p.indexTexts(rows)
	if o.whole {
		p.names[o.name] = table(o, rows, indexes)
	}
	if o.renamed == nil {
		p.columns[o.name] = column{rows, indexes}
	}
	if rows.Len() == 0 {
		p.failed(ctx, o.name, fmt.Errorf("%w: walk of %s (%s) gave nothing", errMissing, o.name, o.oid), false)
		return
	}
	p.succeeded(o.name)
}

// column is what came for an object that is walked, with the texts of its indexes.
type column struct {
	rows    *engine.Rows
	indexes []string
}

// indexTexts are the texts of the indexes of rows, which columns of one table mostly share.
func (p *Poll) indexTexts(rows *engine.Rows) []string {
	if p.last.rows == nil || !sameIndexes(p.last.rows, rows) {
		p.last = column{rows, make([]string, rows.Len())}
		for i := range p.last.indexes {
			p.last.indexes[i] = rows.Index(i).String()
		}
	}
	return p.last.indexes
}

// table makes a table of rows, for expressions.
func table(o *object, rows *engine.Rows, indexes []string) *expr.Dict {
	table := expr.NewDict(len(indexes))
	for i, index := range indexes {
		if o.renamed != nil {
			if other, there := o.renamed.Text(index); there {
				index = expr.ToText(other)
			}
		}
		table.SetText(index, rows.Value(i).Text())
	}
	return table
}

func sameIndexes(a, b *engine.Rows) bool {
	if a.Len() != b.Len() {
		return false
	}
	for i := range a.Len() {
		if a.Index(i) != b.Index(i) {
			return false
		}
	}
	return true
}

func (p *Poll) succeeded(name string) {
	for i := range p.configuration.groups {
		if g := &p.configuration.groups[i]; g.needs(name) {
			p.status.succeeded(g.name)
		}
	}
}

// failed tells that an object did not come, which is the device's fault or is not.
func (p *Poll) failed(ctx context.Context, name string, err error, ofDevice bool) {
	if ofDevice {
		p.missing[name] = true
		p.status.failed(ctx, "device", err)
	}
	for i := range p.configuration.groups {
		if g := &p.configuration.groups[i]; g.needs(name) {
			p.status.failed(ctx, g.name, err)
		}
	}
}

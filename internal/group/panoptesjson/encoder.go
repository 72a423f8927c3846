package panoptesjson

import (
	"bytes"
	"math"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/panoptes-otel/panoptes-otel/internal/group/attrs"
	"github.com/panoptes-otel/panoptes-otel/internal/group/influx"
	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/internal/group/pyjson"
	"github.com/panoptes-otel/panoptes-otel/internal/group/route"
	"github.com/panoptes-otel/panoptes-otel/internal/hashing"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Encoder writes metrics as Panoptes' messages. It keeps its buffers and the names it met from call to call: use one a
// goroutine, and keep it. It is not safe for concurrent use.
type Encoder struct {
	routes       route.Options
	destinations map[place]*destination
	destination  *destination // the last one
	keys         map[string][]byte
	lastKey      []byte

	walker   *pdata.Walker
	resource resource
	scope    scope

	lines   bool // rather than JSON
	order   []uint32
	out     []byte
	joined  bool   // messages stay in out, one behind the other
	time    []byte // the text of timeOf
	timeOf  uint64
	scratch []pluginsdk.Dimension
	message Message
}

// place is what topics depend on.
type place struct{ site, plugin string }

type destination struct {
	place
	topics    []string
	sanitised bool
}

// Message is one group, written. It belongs to the encoder and is valid until the visit it was handed to returns.
type Message struct {
	// JSON is the message, which is valid as long as the Message; what Append writes stays.
	JSON []byte
	// Line is, of an encoder of lines, the group's line instead, without an end of line; nil where Err is not.
	Line []byte
	// Err says why a group has no line: influx.ErrBackslash.
	Err error
	// Key is the message key (route.MessageKey). It may be kept, but not changed.
	Key []byte
	// Site is the resource's site, as it is.
	Site string
	// Topics are the topics to send it to, none where routing is off (route.Topics). They may be kept, but not changed.
	Topics []string
	// Sanitised says that a topic's name had to be changed to be legal.
	Sanitised bool
	// Plugin is the normalized name of the plugin that made it, or the scope's name where no Panoptes plugin did.
	Plugin string
	// ResourceID and GroupType tell people which group it is.
	ResourceID, GroupType string

	group      *pluginsdk.MetricsGroup // of a scope that went through package mapping
	points     *group                  // of any other scope
	dimensions []pair
	encoder    *Encoder
	sortKey    []byte
	hasKey     bool
}

// NewEncoder returns an encoder that reads pdata with the settings of from, and finds topics with those of routes.
func NewEncoder(from pdata.FromOptions, routes route.Options) *Encoder {
	e := &Encoder{
		routes:       routes,
		destinations: map[place]*destination{},
		keys:         map[string][]byte{},
		walker:       pdata.NewWalker(from),
	}
	e.resource.attributes = map[string]*attribute{}
	e.scope.shapes = map[string]*shape{}
	e.scope.doubleRates = from.DoubleRates
	e.message.encoder = e
	return e
}

// NewLineEncoder returns an encoder that writes lines of InfluxDB's line protocol (package influx): those of the JSON
// that another one would write.
func NewLineEncoder(from pdata.FromOptions) *Encoder {
	e := NewEncoder(from, route.Options{})
	e.lines, e.resource.lines = true, true
	return e
}

// Encode calls visit for each group of md, in the order of mapping.Groups, with the message it becomes. The only error
// is visit's, which ends the walk. The report is that of mapping.Groups, also beside an error.
func (e *Encoder) Encode(md pmetric.Metrics, visit func(*Message) error) (pdata.Report, error) {
	e.joined = false
	return e.encode(md, visit)
}

// Append is Encode, with all messages appended to b one behind the other. It returns the longer b; what each Message
// has as JSON is part of it, or of what it was before it had to grow, and stays valid.
func (e *Encoder) Append(b []byte, md pmetric.Metrics, visit func(*Message) error) ([]byte, pdata.Report, error) {
	own := e.out
	e.out, e.joined = b, true
	report, err := e.encode(md, visit)
	b, e.out = e.out, own
	return b, report, err
}

func (e *Encoder) encode(md pmetric.Metrics, visit func(*Message) error) (pdata.Report, error) {
	err := e.walk(md, visit)
	// Nothing of md must stay alive with the encoder.
	clear(e.scope.pairs[:cap(e.scope.pairs)])
	clear(e.scratch[:cap(e.scratch)])
	clear(e.resource.fields[:])
	e.scope.name, e.scope.topics = "", ""
	e.message = Message{encoder: e, sortKey: e.message.sortKey}
	return e.walker.Report(), err
}

func (e *Encoder) walk(md pmetric.Metrics, visit func(*Message) error) error {
	resources := md.ResourceMetrics()
	for i := range resources.Len() {
		rm := resources.At(i)
		canonical := e.resource.read(rm.Resource().Attributes())
		known := false // to the walker
		scopes := rm.ScopeMetrics()
		for j := range scopes.Len() {
			sm := scopes.At(j)
			if canonical && e.scope.read(sm) {
				if err := e.visitGroups(visit); err != nil {
					return err
				}
				continue
			}
			if !known {
				e.walker.Resource(rm.Resource())
				known = true
			}
			if err := e.visitMapped(sm, visit); err != nil {
				return err
			}
		}
	}
	return nil
}

// visitGroups writes the groups that the scope holds.
func (e *Encoder) visitGroups(visit func(*Message) error) error {
	if len(e.scope.groups) == 0 {
		return nil
	}
	m, f := &e.message, &e.resource.fields
	m.group = nil
	m.Plugin = strings.TrimPrefix(e.scope.name, attrs.ScopePrefix)
	m.ResourceID, m.GroupType = f[kindID], e.scope.shape.groupType
	m.Key = e.key(e.resource.key)
	e.route(f[kindSite], e.scope.topics)
	if e.lines {
		e.scope.shape.ranking.update(e.scope.metrics)
	}
	for i := range e.scope.groups {
		g := &e.scope.groups[i]
		m.points, m.dimensions, m.hasKey = g, e.scope.pairs[g.pairs:g.end], false
		start := e.begin()
		if e.lines {
			e.out, m.Err = e.appendLine(e.out, g)
		} else {
			e.out = e.appendGroup(e.out, g)
		}
		e.end(start)
		if err := visit(m); err != nil {
			return err
		}
	}
	return nil
}

// visitMapped writes the groups that package mapping finds in a scope.
func (e *Encoder) visitMapped(sm pmetric.ScopeMetrics, visit func(*Message) error) error {
	m := &e.message
	return e.walker.Scope(sm, func(g pdata.Group) error {
		m.group, m.points, m.hasKey = g.MetricsGroup, nil, false
		m.Plugin, m.ResourceID, m.GroupType = g.Plugin, g.Resource.ID, g.Type
		m.Key = e.key([]byte(route.MessageKey(g.Resource)))
		e.route(g.Resource.Site, g.Topics)
		start := e.begin()
		if e.lines {
			e.out, m.Err = influx.AppendGroup(e.out, g.MetricsGroup)
		} else {
			e.out = g.AppendJSON(e.out)
		}
		e.end(start)
		return visit(m)
	})
}

// begin returns where the next message begins in e.out.
func (e *Encoder) begin() int {
	if !e.joined {
		e.out = e.out[:0]
	}
	return len(e.out)
}

// end hands over what was written since begin.
func (e *Encoder) end(start int) {
	written := e.out[start:len(e.out):len(e.out)]
	switch {
	case !e.lines:
		e.message.JSON = written
	case e.message.Err != nil:
		e.message.Line = nil
	default:
		e.message.Line = written
	}
}

// key returns a lasting copy of a message key; there are few different ones.
func (e *Encoder) key(key []byte) []byte {
	if bytes.Equal(e.lastKey, key) {
		return e.lastKey
	}
	known, ok := e.keys[string(key)]
	if !ok {
		if len(e.keys) >= maxNames {
			clear(e.keys)
		}
		known = bytes.Clone(key)
		e.keys[string(key)] = known
	}
	e.lastKey = known
	return known
}

func (e *Encoder) route(site, plugin string) {
	to := e.destination
	if to == nil || to.place != (place{site, plugin}) {
		var ok bool
		if to, ok = e.destinations[place{site, plugin}]; !ok {
			if len(e.destinations) >= maxNames {
				clear(e.destinations)
			}
			to = &destination{place: place{strings.Clone(site), strings.Clone(plugin)}}
			to.topics, to.sanitised = route.Topics(e.routes, to.site, to.plugin)
			e.destinations[to.place] = to
		}
		e.destination = to
	}
	e.message.Site, e.message.Topics, e.message.Sanitised = to.site, to.topics, to.sanitised
}

const metricLead = `{"metric_creation_timestamp": `

func (e *Encoder) appendGroup(b []byte, g *group) []byte {
	s := &e.scope
	b = append(b, s.shape.head...)
	b = e.appendTime(b, g.earliest)
	b = append(b, e.resource.text...)
	b = append(b, metricLead...)
	for at := g.first; ; at = s.points[at].next {
		p := &s.points[at]
		m := s.metrics[p.metric/2]
		b = e.appendTime(b, p.at)
		b = append(b, m.lead...)
		if p.metric&1 != 0 {
			b = pyjson.AppendFloat(b, math.Float64frombits(p.bits))
		} else {
			b = strconv.AppendInt(b, int64(p.bits), 10)
		}
		switch last := at == g.last; {
		case !last && m.gauge:
			b = append(b, `, "metric_type": "gauge"}, `+metricLead...)
			continue
		case !last:
			b = append(b, `, "metric_type": "counter"}, `+metricLead...)
			continue
		case m.gauge:
			b = append(b, `, "metric_type": "gauge"}], "dimensions": [`...)
		default:
			b = append(b, `, "metric_type": "counter"}], "dimensions": [`...)
		}
		break
	}
	for i := g.pairs; i < g.end; i++ {
		if i > g.pairs {
			b = append(b, ", "...)
		}
		b = append(b, s.pairs[i].lead...)
		b = pyjson.AppendString(b, s.pairs[i].value)
		b = append(b, '}')
	}
	return append(b, "]}"...)
}

// appendTime keeps the text of the last time: metrics of a group mostly share theirs.
func (e *Encoder) appendTime(b []byte, at uint64) []byte {
	if e.timeOf != at || len(e.time) == 0 {
		e.time, e.timeOf = pyjson.AppendMillis(e.time[:0], roundedMillis(at)), at
	}
	return append(b, e.time...)
}

const nanosPerMilli = 1_000_000

// roundedMillis is a time in milliseconds.
func roundedMillis(nanos uint64) uint64 {
	millis := nanos / nanosPerMilli
	if nanos%nanosPerMilli >= nanosPerMilli/2 {
		millis++
	}
	return millis
}

// Hash is Murmur2 of the partitioning key.
func (m *Message) Hash() uint32 { return hashing.Murmur2(m.PartitioningKey()) }

// PartitioningKey is the key by which the partition is chosen (route.AppendPartitioningKey). It is valid as long as the
// Message.
func (m *Message) PartitioningKey() []byte {
	if m.hasKey {
		return m.sortKey
	}
	m.hasKey = true
	if m.group != nil {
		m.sortKey = route.AppendPartitioningKey(m.sortKey[:0], m.group)
		return m.sortKey
	}
	b := append(m.sortKey[:0], m.ResourceID...)
	b = append(b, '|')
	b = append(b, m.GroupType...)
	b = append(b, '|')
	for i, d := range m.encoder.sorted(m.dimensions) {
		if i > 0 {
			b = append(b, '|')
		}
		b = append(b, d.Name...)
		b = append(b, '|')
		b = append(b, d.Value...)
	}
	m.sortKey = b
	return b
}

// sorted returns dimensions by name, in the encoder's scratch space. There are few: insertion is the fastest way.
func (e *Encoder) sorted(dimensions []pair) []pluginsdk.Dimension {
	out := e.scratch[:0]
	for i := range dimensions {
		d := pluginsdk.Dimension{Name: dimensions[i].name, Value: dimensions[i].value}
		out = append(out, d)
		j := i
		for ; j > 0 && out[j-1].Name > d.Name; j-- {
			out[j] = out[j-1]
		}
		out[j] = d
	}
	e.scratch = out
	return out
}

package panoptesjsonexporter

import (
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/panoptes-otel/panoptes-otel/internal/exporterkit"
	"github.com/panoptes-otel/panoptes-otel/internal/group/panoptesjson"
	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/internal/group/route"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// encoder turns metrics into messages. It is safe for concurrent use.
type encoder struct {
	topics *topicTable
	// headers are those of each record: none, or schemaHeaders.
	headers []kgo.RecordHeader
	// priming is nil where it is off.
	priming *priming
	writers sync.Pool // of *writer
}

// schemaHeaders tell consumers what a message is, without a look into it.
var schemaHeaders = []kgo.RecordHeader{
	{Key: "content-type", Value: []byte("application/json")},
	{Key: "panoptes-schema-version", Value: []byte(pluginsdk.SchemaVersion)},
}

// writer is what one goroutine needs. The codec keeps its buffers and names.
type writer struct {
	codec *panoptesjson.Encoder
	// last is where the group before went: mostly the next one goes there too.
	last destination
	// groups counts those of the plugin of the group before.
	groups *exporterkit.Groups
}

func newEncoder(from pdata.FromOptions, routes route.Options, topics *topicTable, headers bool, priming *priming) *encoder {
	e := &encoder{topics: topics, priming: priming}
	if headers {
		e.headers = schemaHeaders
	}
	e.writers.New = func() any { return &writer{codec: panoptesjson.NewEncoder(from, routes)} }
	return e
}

// encoded is what an encoder found in a batch besides its messages.
type encoded struct {
	// sanitised are the groups of which a topic's name had to be changed.
	sanitised int
	// shared are the groups on a topic that another site had first.
	shared int
	// dropped are the groups that are not sent, or not to one of their topics, by reason.
	dropped map[string]int
	report  pdata.Report
}

func (e *encoded) drop(reason string) {
	if e.dropped == nil {
		e.dropped = map[string]int{}
	}
	e.dropped[reason]++
}

// encode writes md to a batch.
func (e *encoder) encode(md pmetric.Metrics) (*batch, encoded) {
	w := e.writers.Get().(*writer)
	defer e.writers.Put(w)
	var out encoded
	b := batches.Get().(*batch)
	if e.priming != nil {
		e.priming.begin()
	}
	// visit returns no error, so Append has none.
	b.values, out.report, _ = w.codec.Append(b.values, md, func(m *panoptesjson.Message) error {
		if e.priming != nil && e.priming.holds(m) {
			out.drop(reasonPriming)
			return nil
		}
		to := w.destination(e.topics, m)
		if m.Sanitised {
			out.sanitised++
		}
		if to.shared {
			out.shared++
		}
		groups := w.groupsOf(e.topics, m.Plugin)
		groups.Came(1)
		if to.dropped != "" {
			out.drop(to.dropped)
			groups.Dropped(to.dropped)
		}
		hash := int32(m.Hash() & 0x7fffffff)
		for _, t := range to.topics {
			b.messages = append(b.messages, message{
				record: kgo.Record{Topic: t.name, Key: m.Key, Value: m.JSON, Headers: e.headers, Partition: hash},
				topic:  t, hash: hash, group: int32(len(b.groups)),
			})
		}
		b.groups = append(b.groups, groupState{open: int32(len(to.topics)), dropped: to.dropped != "", plugin: groups})
		return nil
	})
	for i := range b.messages {
		b.pending = append(b.pending, &b.messages[i])
	}
	return b, out
}

// groupsOf returns what counts the groups of a plugin.
func (w *writer) groupsOf(topics *topicTable, plugin string) *exporterkit.Groups {
	if w.groups == nil || w.groups.Plugin() != plugin {
		w.groups = topics.plugins.Of(plugin)
	}
	return w.groups
}

func (w *writer) destination(topics *topicTable, m *panoptesjson.Message) *destination {
	if !w.last.is(m) {
		w.last = topics.destination(m)
	}
	return &w.last
}

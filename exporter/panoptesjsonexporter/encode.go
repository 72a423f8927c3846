package panoptesjsonexporter

import (
	"sync"

	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/panoptes-otel/panoptes-otel/internal/codec"
	"github.com/panoptes-otel/panoptes-otel/internal/mapping"
	"github.com/panoptes-otel/panoptes-otel/internal/route"
)

// message is one message to Kafka: a group on one of its topics.
type message struct {
	topic string
	key   []byte
	value []byte
	// hash is Murmur2 of the partitioning key, without its sign bit.
	hash  int32
	group *groupState
}

// size is what counts for a group's size: the bytes of key and value.
func (m *message) size() int { return len(m.key) + len(m.value) }

// groupState is what is known of a group, over all its topics.
type groupState struct {
	// open is on how many topics the group is not settled yet.
	open int
	// dropped is set when it was dropped on one of them.
	dropped bool
}

// encoder turns metrics into messages. It is safe for concurrent use.
type encoder struct {
	codecs sync.Pool // of *codec.Encoder, which keep their buffers and names
}

func newEncoder(from mapping.FromOptions, routes route.Options) *encoder {
	e := &encoder{}
	e.codecs.New = func() any { return codec.NewEncoder(from, routes) }
	return e
}

// encoded is what an encoder made of a batch.
type encoded struct {
	messages []*message
	// sanitised are the groups of which a topic's name had to be changed.
	sanitised int
	// homeless are the groups without a topic.
	homeless int
	report   mapping.Report
}

// encode writes all values one behind the other: one allocation that grows, rather than one a group.
func (e *encoder) encode(md pmetric.Metrics) encoded {
	c := e.codecs.Get().(*codec.Encoder)
	defer e.codecs.Put(c)
	var out encoded
	// visit returns no error, so Append has none.
	_, out.report, _ = c.Append(nil, md, func(m *codec.Message) error {
		if m.Sanitised {
			out.sanitised++
		}
		if len(m.Topics) == 0 {
			out.homeless++
			return nil
		}
		hash := int32(m.Hash() & 0x7fffffff)
		state := &groupState{open: len(m.Topics)}
		for _, topic := range m.Topics {
			out.messages = append(out.messages, &message{topic: topic, key: m.Key, value: m.JSON, hash: hash, group: state})
		}
		return nil
	})
	return out
}

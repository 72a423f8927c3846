package panoptesjsonexporter

import (
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/panoptes-otel/panoptes-otel/internal/hashing"
	"github.com/panoptes-otel/panoptes-otel/internal/mapping"
	"github.com/panoptes-otel/panoptes-otel/internal/route"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
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
	from   mapping.FromOptions
	routes route.Options
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

// destination is where the groups of a site and of a plugin's [topics] go.
type destination struct {
	topics    []string
	sanitised bool
}

// encode writes all values one behind the other: one allocation that grows, rather than one a group.
func (e *encoder) encode(md pmetric.Metrics) encoded {
	type place struct{ site, plugin string }
	var (
		out          encoded
		values       []byte
		ends         []int // of the value of each message's group
		partitionKey []byte
		destinations = map[place]destination{}
		keys         = map[*pluginsdk.Resource][]byte{}
	)
	// visit returns no error, so Groups has none.
	out.report, _ = mapping.Groups(md, e.from, func(g mapping.Group) error {
		at := place{g.Resource.Site, g.Topics}
		to, ok := destinations[at]
		if !ok {
			to.topics, to.sanitised = route.Topics(e.routes, at.site, at.plugin)
			destinations[at] = to
		}
		if to.sanitised {
			out.sanitised++
		}
		if len(to.topics) == 0 {
			out.homeless++
			return nil
		}
		key, ok := keys[g.Resource]
		if !ok {
			key = []byte(route.MessageKey(g.Resource))
			keys[g.Resource] = key
		}
		partitionKey = route.AppendPartitioningKey(partitionKey[:0], g.MetricsGroup)
		hash := int32(hashing.Murmur2(partitionKey) & 0x7fffffff)
		values = g.AppendJSON(values)
		state := &groupState{open: len(to.topics)}
		for _, topic := range to.topics {
			out.messages = append(out.messages, &message{topic: topic, key: key, hash: hash, group: state})
			ends = append(ends, len(values))
		}
		return nil
	})
	start := 0
	for i, m := range out.messages {
		if i > 0 && m.group != out.messages[i-1].group {
			start = ends[i-1]
		}
		m.value = values[start:ends[i]:ends[i]]
	}
	return out
}

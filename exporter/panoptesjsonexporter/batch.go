package panoptesjsonexporter

import (
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/panoptes-otel/panoptes-otel/internal/exporterkit"
)

// message is a group on one of its topics.
type message struct {
	// record is what the client is given. Its Partition holds the hash of the partitioning key, as partition wants it.
	record kgo.Record
	topic  *topic
	// hash is Murmur2 of the partitioning key, without its sign bit.
	hash int32
	// group is the group's place in its batch.
	group int32
	// unsettled says that the last attempt left it undelivered.
	unsettled bool
}

// size is what counts for a group's size: the bytes of key and value.
func (m *message) size() int { return len(m.record.Key) + len(m.record.Value) }

// reset makes the record ready for another attempt: the client has written its outcome and context into it.
func (m *message) reset() {
	r := &m.record
	m.record = kgo.Record{Topic: r.Topic, Key: r.Key, Value: r.Value, Headers: r.Headers, Partition: m.hash}
}

// groupState is what is known of a group, over all its topics.
type groupState struct {
	// open is on how many topics the group is not settled yet.
	open int32
	// dropped is set when it was dropped on one of them.
	dropped bool
	// held is set when one of its messages was put into the held queue, which then counts it.
	held bool
	// plugin counts the groups of its plugin.
	plugin *exporterkit.Groups
}

// hold notes that a message of the group is held, and says whether that one counts the group.
func (g *groupState) hold() bool {
	counts := !g.held && !g.dropped
	g.held = true
	return counts
}

// batch is what a request's metrics became. Batches are pooled, as their slabs are most of what a delivery would
// allocate: whoever has one gives it back with release, once all of its messages are settled.
type batch struct {
	values   []byte // of all messages, one behind the other
	messages []message
	groups   []groupState
	// pending are the messages to be delivered, in order.
	pending []*message
}

// group is the group that m is of.
func (b *batch) group(m *message) *groupState { return &b.groups[m.group] }

var batches = sync.Pool{New: func() any { return new(batch) }}

// release gives b back. No message of it may be used afterwards: the client is done with a record when it has called
// its promise.
func (b *batch) release() {
	clear(b.messages) // they hold topics and keys
	clear(b.pending)
	clear(b.groups)
	b.values, b.messages, b.groups, b.pending = b.values[:0], b.messages[:0], b.groups[:0], b.pending[:0]
	batches.Put(b)
}

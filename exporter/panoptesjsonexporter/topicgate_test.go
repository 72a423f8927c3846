package panoptesjsonexporter

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/twmb/franz-go/pkg/kerr"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// newTestGate returns a gate whose clock is advanced by hand.
func newTestGate(autoCreate bool) (g *topicGate, advance func(time.Duration), logs *observer.ObservedLogs) {
	core, logs := observer.New(zap.InfoLevel)
	g = newTopicGate(zap.New(core), autoCreate)
	now := time.Unix(1600000000, 0)
	g.now = func() time.Time { return now }
	return g, func(d time.Duration) { now = now.Add(d) }, logs
}

func TestTopicGate(t *testing.T) {
	t.Parallel()
	g, advance, logs := newTestGate(false)
	m := &message{topic: "t"}
	_, closed := g.closed("t")
	assert.False(t, closed)
	assert.True(t, g.fail(m, reasonUnknownTopic, kerr.UnknownTopicOrPartition))
	reason, closed := g.closed("t")
	assert.True(t, closed)
	assert.Equal(t, reasonUnknownTopic, reason)
	_, closed = g.closed("u")
	assert.False(t, closed, "another topic")

	advance(topicProbeInterval)
	_, closed = g.closed("t")
	assert.False(t, closed, "it is tried again")
	assert.True(t, g.fail(m, reasonInvalidTopic, kerr.InvalidTopicException))
	reason, _ = g.closed("t")
	assert.Equal(t, reasonInvalidTopic, reason)
	assert.Equal(t, 1, logs.Len(), "said once")

	g.delivered("t")
	_, closed = g.closed("t")
	assert.False(t, closed)
	assert.Equal(t, 1, logs.FilterMessageSnippet("takes a topic again").Len())
	assert.Zero(t, g.count.Load())
}

// While brokers may still create a topic, its messages are held.
func TestTopicGateHoldsTopicsBeingCreated(t *testing.T) {
	t.Parallel()
	g, advance, logs := newTestGate(true)
	m := &message{topic: "t"}
	assert.False(t, g.fail(m, reasonUnknownTopic, kerr.UnknownTopicOrPartition))
	advance(unknownTopicGrace - 1)
	assert.False(t, g.fail(m, reasonUnknownTopic, kerr.UnknownTopicOrPartition))
	_, closed := g.closed("t")
	assert.False(t, closed)
	assert.Zero(t, logs.Len())
	advance(1)
	assert.True(t, g.fail(m, reasonUnknownTopic, kerr.UnknownTopicOrPartition))
	_, closed = g.closed("t")
	assert.True(t, closed)
	assert.True(t, g.fail(&message{topic: "u"}, reasonNotAuthorized, kerr.TopicAuthorizationFailed), "no topic to be created")
}

// A topic that took messages is not given up at once when it is unknown for a moment.
func TestTopicGateHoldsKnownTopics(t *testing.T) {
	t.Parallel()
	g, advance, _ := newTestGate(false)
	m := &message{topic: "t"}
	g.delivered("t")
	assert.False(t, g.fail(m, reasonUnknownTopic, kerr.UnknownTopicOrPartition))
	advance(unknownTopicGrace)
	assert.True(t, g.fail(m, reasonUnknownTopic, kerr.UnknownTopicOrPartition))
}

func TestTopicGateIsBounded(t *testing.T) {
	t.Parallel()
	g, advance, _ := newTestGate(false)
	for i := range 3 * topicGateSize {
		g.fail(&message{topic: strconv.Itoa(i)}, reasonInvalidTopic, kerr.InvalidTopicException)
		g.delivered("known" + strconv.Itoa(i))
		if i == topicGateSize {
			advance(time.Hour)
		}
	}
	assert.LessOrEqual(t, len(g.topics), topicGateSize)
	assert.LessOrEqual(t, len(g.known), topicGateSize)
	assert.Equal(t, int64(len(g.topics)), g.count.Load())
}

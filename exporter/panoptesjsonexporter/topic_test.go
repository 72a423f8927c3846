package panoptesjsonexporter

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/twmb/franz-go/pkg/kerr"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/panoptes-otel/panoptes-otel/internal/group/panoptesjson"
	"github.com/panoptes-otel/panoptes-otel/internal/logs"
)

// newTestTable returns a table whose clock is advanced by hand.
func newTestTable(change func(*Config)) (t *topicTable, advance func(time.Duration), written *observer.ObservedLogs) {
	core, written := observer.New(zap.InfoLevel)
	cfg := createDefaultConfig().(*Config)
	cfg.Producer.AllowAutoTopicCreation = false
	if change != nil {
		change(cfg)
	}
	t = newTopicTable(cfg, zap.New(core), logs.NewHourly())
	now := time.Unix(1600000000, 0)
	t.now = func() time.Time { return now }
	return t, func(d time.Duration) { now = now.Add(d) }, written
}

// use returns a topic of the table.
func (t *topicTable) topic(name string) *topic {
	return t.destination(&panoptesjson.Message{Topics: []string{name}}).topics[0]
}

func TestRefusedTopic(t *testing.T) {
	t.Parallel()
	table, advance, logs := newTestTable(nil)
	one, two := table.topic("t"), table.topic("u")
	m := &message{topic: one}
	_, closed := one.closed()
	assert.False(t, closed)
	assert.True(t, one.fail(m, reasonUnknownTopic, kerr.UnknownTopicOrPartition))
	reason, closed := one.closed()
	assert.True(t, closed)
	assert.Equal(t, reasonUnknownTopic, reason)
	_, closed = two.closed()
	assert.False(t, closed, "another topic")

	advance(topicProbeInterval)
	_, closed = one.closed()
	assert.False(t, closed, "it is tried again")
	assert.True(t, one.fail(m, reasonInvalidTopic, kerr.InvalidTopicException))
	reason, _ = one.closed()
	assert.Equal(t, reasonInvalidTopic, reason)
	assert.Equal(t, 1, logs.Len(), "said once")

	one.delivered()
	_, closed = one.closed()
	assert.False(t, closed)
	assert.Equal(t, 1, logs.FilterMessageSnippet("takes a topic again").Len())
	assert.Zero(t, table.refused.Load())
	assert.True(t, one.fail(m, reasonInvalidTopic, kerr.InvalidTopicException))
	one.delivered()
	_, closed = one.closed()
	assert.False(t, closed, "it was fine before, too")
}

// While brokers may still create a topic, its messages are held.
func TestTopicsBeingCreatedAreHeld(t *testing.T) {
	t.Parallel()
	table, advance, logs := newTestTable(func(c *Config) { c.Producer.AllowAutoTopicCreation = true })
	one, two := table.topic("t"), table.topic("u")
	m := &message{topic: one}
	assert.False(t, one.fail(m, reasonUnknownTopic, kerr.UnknownTopicOrPartition))
	advance(unknownTopicGrace - 1)
	assert.False(t, one.fail(m, reasonUnknownTopic, kerr.UnknownTopicOrPartition))
	_, closed := one.closed()
	assert.False(t, closed)
	assert.Zero(t, logs.Len())
	advance(1)
	assert.True(t, one.fail(m, reasonUnknownTopic, kerr.UnknownTopicOrPartition))
	_, closed = one.closed()
	assert.True(t, closed)
	assert.True(t, two.fail(&message{topic: two}, reasonNotAuthorized, kerr.TopicAuthorizationFailed), "no topic to be created")
}

// A topic that took messages is not given up at once when it is unknown for a moment.
func TestKnownTopicsAreHeld(t *testing.T) {
	t.Parallel()
	table, advance, _ := newTestTable(nil)
	one := table.topic("t")
	m := &message{topic: one}
	one.delivered()
	assert.False(t, one.fail(m, reasonUnknownTopic, kerr.UnknownTopicOrPartition))
	advance(unknownTopicGrace)
	assert.True(t, one.fail(m, reasonUnknownTopic, kerr.UnknownTopicOrPartition))
}

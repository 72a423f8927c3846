package panoptesjsonexporter

import (
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

const (
	// unknownTopicGrace is how long a topic may be unknown that the broker was asked to create, or that took messages
	// before: brokers forget topics for moments when leaders change. Meanwhile its messages are held, and with them the
	// queue.
	unknownTopicGrace = time.Minute
	// topicProbeInterval is how often a refused topic is tried again. Between, its messages are dropped at once:
	// to wait each time until Kafka has refused them anew would hold up all other topics.
	topicProbeInterval = 30 * time.Second
	// topicGateSize bounds what is remembered, since names of topics come from data.
	topicGateSize = 4096
)

// topicGate remembers the topics that Kafka refuses. It is safe for concurrent use.
type topicGate struct {
	logger *zap.Logger
	now    func() time.Time
	// autoCreate says whether brokers are asked to create topics.
	autoCreate bool

	count  atomic.Int64 // of topics, so that a batch without trouble takes no lock
	mu     sync.Mutex
	topics map[string]*refusedTopic
	// known are topics that took messages.
	known map[string]bool
}

type refusedTopic struct {
	// since is when it was refused first; closedUntil is zero while its messages are still held.
	since, closedUntil time.Time
	reason             string
}

func newTopicGate(logger *zap.Logger, autoCreate bool) *topicGate {
	return &topicGate{logger: logger, now: time.Now, autoCreate: autoCreate, topics: map[string]*refusedTopic{}, known: map[string]bool{}}
}

// closed says whether messages of a topic are to be dropped without a try, and for what reason.
func (g *topicGate) closed(topic string) (reason string, closed bool) {
	if g.count.Load() == 0 {
		return "", false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	t := g.topics[topic]
	if t == nil || !g.now().Before(t.closedUntil) {
		return "", false
	}
	return t.reason, true
}

// fail is told that Kafka refused a message's topic, and says whether the message is to be dropped.
func (g *topicGate) fail(m *message, reason string, err error) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	t := g.topics[m.topic]
	if t == nil {
		if len(g.topics) >= topicGateSize {
			g.forget(now)
		}
		t = &refusedTopic{since: now}
		g.topics[m.topic] = t
		g.count.Store(int64(len(g.topics)))
	}
	t.reason = reason
	if reason == reasonUnknownTopic && (g.autoCreate || g.known[m.topic]) && now.Sub(t.since) < unknownTopicGrace {
		return false
	}
	if t.closedUntil.IsZero() {
		g.logger.Error("Kafka refuses a topic: dropping its metrics groups, and trying it again from time to time",
			append(m.fields(), zap.String("reason", reason), zap.Duration("try_interval", topicProbeInterval), zap.Error(err))...)
	}
	if !now.Before(t.closedUntil) {
		t.closedUntil = now.Add(topicProbeInterval)
	}
	return true
}

// forget makes room: for the topics that nothing was sent to for long or, failing that, for all.
func (g *topicGate) forget(now time.Time) {
	for topic, t := range g.topics {
		if now.Sub(t.since) > unknownTopicGrace && now.Sub(t.closedUntil) > unknownTopicGrace {
			delete(g.topics, topic)
		}
	}
	if len(g.topics) >= topicGateSize {
		clear(g.topics)
	}
}

// delivered is told that Kafka took messages of a topic.
func (g *topicGate) delivered(topic string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.known[topic] {
		if len(g.known) >= topicGateSize {
			clear(g.known)
		}
		g.known[topic] = true
	}
	t := g.topics[topic]
	if t == nil {
		return
	}
	if !t.closedUntil.IsZero() {
		g.logger.Info("Kafka takes a topic again", zap.String("topic", topic))
	}
	delete(g.topics, topic)
	g.count.Store(int64(len(g.topics)))
}

package panoptesjsonexporter

import (
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
)

// topic is a topic of a topicTable. It is safe for concurrent use.
type topic struct {
	name string
	// site is the site whose group came first.
	site  string
	table *topicTable

	// fine says that it took messages and is not refused.
	fine atomic.Bool
	// The rest is guarded by the table's lock.
	known   bool     // it took messages
	refusal *refusal // nil while Kafka does not refuse it
	held    int      // requests in the held queue
}

type refusal struct {
	// since is when it was refused first; closedUntil is zero while its messages are still held.
	since, closedUntil time.Time
	reason             string
}

// closed says whether messages are to be dropped without a try, and for what reason.
func (t *topic) closed() (reason string, closed bool) {
	if t.table.refused.Load() == 0 {
		return "", false
	}
	t.table.mu.Lock()
	defer t.table.mu.Unlock()
	if t.refusal == nil || !t.table.now().Before(t.refusal.closedUntil) {
		return "", false
	}
	return t.refusal.reason, true
}

// isHeld says whether messages wait in the held queue.
func (t *topic) isHeld() bool {
	t.table.mu.Lock()
	defer t.table.mu.Unlock()
	return t.held > 0
}

// hold is told that messages are put into the held queue; err is why.
func (t *topic) hold(err error) {
	t.table.mu.Lock()
	defer t.table.mu.Unlock()
	if t.held == 0 {
		t.table.held.Add(1)
		t.table.logger.Error("Kafka does not take a topic: its metrics groups wait in a queue of their own",
			zap.String("topic", t.name), zap.String("resource_site", t.site), zap.Error(err),
			zap.String("next", "look whether the topic's partitions have leaders, and as many in-sync replicas as min.insync.replicas"))
	}
	t.held++
}

// unhold is told that they are with Kafka, or dropped.
func (t *topic) unhold() {
	t.table.mu.Lock()
	defer t.table.mu.Unlock()
	if t.held == 0 { // of a queue that an earlier Collector left
		return
	}
	if t.held--; t.held == 0 {
		t.table.held.Add(-1)
		t.table.logger.Info("No metrics groups of a topic wait in a queue of their own any more", zap.String("topic", t.name))
	}
}

// wasTaken says whether Kafka ever took messages of it.
func (t *topic) wasTaken() bool {
	t.table.mu.Lock()
	defer t.table.mu.Unlock()
	return t.known
}

// fail is told that Kafka refused the topic of m, and says whether the message is to be dropped.
func (t *topic) fail(m *message, reason string, err error) bool {
	t.table.mu.Lock()
	defer t.table.mu.Unlock()
	now := t.table.now()
	if t.refusal == nil {
		t.refusal = &refusal{since: now}
		t.fine.Store(false)
		t.table.refused.Add(1)
	}
	r := t.refusal
	r.reason = reason
	if reason == reasonUnknownTopic && (t.table.autoCreate || t.known) && now.Sub(r.since) < unknownTopicGrace {
		return false
	}
	if r.closedUntil.IsZero() {
		t.table.logger.Error("Kafka refuses a topic: dropping its metrics groups, and trying it again from time to time",
			append(m.fields(), zap.String("reason", reason), zap.Duration("try_interval", topicProbeInterval),
				zap.String("next", nextSteps[reason]), zap.Error(err))...)
	}
	if !now.Before(r.closedUntil) {
		r.closedUntil = now.Add(topicProbeInterval)
	}
	return true
}

// delivered is told that Kafka took messages.
func (t *topic) delivered() {
	if t.fine.Load() {
		return
	}
	t.table.mu.Lock()
	defer t.table.mu.Unlock()
	t.known = true
	t.fine.Store(true)
	if t.refusal == nil {
		return
	}
	if !t.refusal.closedUntil.IsZero() {
		t.table.logger.Info("Kafka takes a topic again", zap.String("topic", t.name))
	}
	t.refusal = nil
	t.table.refused.Add(-1)
}

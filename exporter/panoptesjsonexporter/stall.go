package panoptesjsonexporter

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/panoptes-otel/panoptes-otel/internal/kafkaclient"
)

// stallTimes say when an attempt of which Kafka takes nothing more is looked into.
type stallTimes struct {
	// look is the time after which the log tells it, and after which a topic without a leader is given up. It is below the
	// ten seconds within which an operator is to know of a broker that hangs.
	look time.Duration
	// patience is the time after which topics are given up that have leaders and are not taken all the same, while the
	// cluster answers. Elections of a leader after the death of a broker take up to ten seconds.
	patience time.Duration
	// question bounds a question to the cluster.
	question time.Duration
}

// newStallTimes returns the times for attempts of a length; 0 is without end. An attempt of less than a second is not
// looked into.
func newStallTimes(timeout time.Duration) stallTimes {
	t := stallTimes{look: 5 * time.Second, patience: 15 * time.Second, question: 2 * time.Second}
	if timeout > 0 && timeout < time.Second {
		return stallTimes{}
	}
	if timeout > 0 {
		t.look, t.patience = min(t.look, timeout/3), min(t.patience, timeout*2/3)
	}
	return t
}

// watch looks at an attempt from time to time, and ends it when it does not get on though the cluster answers: by a fresh
// client in the place of the old one, which would wait for messages that a broker may have had for as long as it takes. It
// is safe for concurrent use.
type watch struct {
	times    stallTimes
	producer *producer
	client   *kgo.Client
	health   *health // nil for held topics, which are reported elsewhere
	topics   []string
	// settled is how many messages of the attempt are.
	settled *atomic.Int64
	// ctx ends with the watch.
	ctx     context.Context
	cancel  context.CancelFunc
	looking sync.WaitGroup

	mu    sync.Mutex
	timer *time.Timer
	ended bool
	last  int64
	since time.Time
	// replaced says that the client was.
	replaced bool
}

func newWatch(ctx context.Context, times stallTimes, p *producer, client *kgo.Client, h *health, messages []*message, settled *atomic.Int64) *watch {
	w := &watch{times: times, producer: p, client: client, health: h, settled: settled, since: time.Now()}
	w.ctx, w.cancel = context.WithCancel(ctx)
	for _, m := range messages {
		if len(w.topics) == 0 || w.topics[len(w.topics)-1] != m.topic.name && !slices.Contains(w.topics, m.topic.name) {
			w.topics = append(w.topics, m.topic.name)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if times.look > 0 {
		w.timer = time.AfterFunc(times.look, w.look)
	}
	return w
}

// end stops the watch, and says whether it replaced the client.
func (w *watch) end() bool {
	w.cancel()
	w.mu.Lock()
	w.ended = true
	if w.timer != nil {
		w.timer.Stop()
	}
	w.mu.Unlock()
	w.looking.Wait()
	return w.replaced
}

// look is called by the timer.
func (w *watch) look() {
	w.mu.Lock()
	if w.ended {
		w.mu.Unlock()
		return
	}
	w.looking.Add(1)
	defer w.looking.Done()
	n, now := w.settled.Load(), time.Now()
	if n != w.last {
		w.last, w.since = n, now
	}
	stalled := now.Sub(w.since)
	w.mu.Unlock()
	if stalled < w.times.look {
		w.again(w.times.look - stalled)
		return
	}
	answers, leaderless := w.ask()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended || w.settled.Load() != n {
		w.rearm(w.times.look)
		return
	}
	if w.health != nil {
		w.health.stalled(w.topics, stalled, answers)
	}
	if answers && (leaderless || stalled >= w.times.patience) {
		w.replaced = true
		w.producer.replace(w.client)
		return
	}
	w.rearm(w.times.look)
}

func (w *watch) again(after time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rearm(after)
}

// rearm is called with the lock.
func (w *watch) rearm(after time.Duration) {
	if !w.ended {
		w.timer.Reset(after)
	}
}

// ask says whether the cluster answers, and whether a topic has a partition without a leader.
func (w *watch) ask() (answers, leaderless bool) {
	ctx, cancel := context.WithTimeout(w.ctx, w.times.question)
	defer cancel()
	details, err := kafkaclient.ListTopics(ctx, w.client, w.topics)
	if err != nil {
		return false, false
	}
	for _, d := range details {
		for _, p := range d.Partitions {
			leaderless = leaderless || p.Leader < 0 || errors.Is(p.Err, kerr.LeaderNotAvailable)
		}
	}
	return true, leaderless
}

// errStuck is why messages are held.
var errStuck = errors.New("the cluster answers, but does not take messages of the topic")

// ofTopic says whether an error is of a topic, rather than of a broker, a connection or a context: a client that has seen one
// for a topic that it knows may wait in vain, as for partitions that a topic that was made again does not have.
func ofTopic(err error) bool {
	var network net.Error
	var told *kerr.Error // the client retries what can be retried, and no topic is another one then
	switch {
	case errors.As(err, &told):
		return errors.Is(err, kerr.UnknownTopicID)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, kgo.ErrClientClosed),
		errors.Is(err, io.EOF), errors.As(err, &network), kgo.IsRetryableBrokerErr(err):
		return false
	}
	return true
}

package panoptesjsonexporter

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// failure is a message that an attempt left undelivered.
type failure struct {
	message *message
	err     error
}

// scope says what an error of Kafka's holds for, and by that what becomes of a message that meets it.
type scope int

const (
	// scopeAttempt: it may go next time.
	scopeAttempt scope = iota
	// scopeTopic: no message gets onto this topic until somebody changes something.
	scopeTopic
	// scopeMessage: this message, or another one that was in the same request, will never be taken.
	scopeMessage
)

// Reasons for dropping a group; metadata.yaml lists them.
const (
	reasonTooLarge        = "too_large"
	reasonUnknownTopic    = "unknown_topic"
	reasonInvalidTopic    = "invalid_topic"
	reasonNotAuthorized   = "not_authorized"
	reasonRejected        = "rejected"
	reasonNoTopic         = "no_topic"
	reasonTopicNotAllowed = "topic_not_allowed"
	reasonTooManyTopics   = "too_many_topics"
	reasonPriming         = "priming"
)

// classify tells the scope of an error, and the reason for a drop where it is permanent. What is not known to be
// permanent is tried again: a wrong password or a cluster without enough replicas is fixed, lost data are not.
func classify(err error) (scope, string) {
	switch {
	case errors.Is(err, kerr.MessageTooLarge), errors.Is(err, kerr.RecordListTooLarge):
		return scopeMessage, reasonTooLarge
	case errors.Is(err, kerr.InvalidRecord), errors.Is(err, kerr.InvalidTimestamp), errors.Is(err, kerr.PolicyViolation):
		return scopeMessage, reasonRejected
	case errors.Is(err, kerr.UnknownTopicOrPartition):
		return scopeTopic, reasonUnknownTopic
	case errors.Is(err, kerr.InvalidTopicException):
		return scopeTopic, reasonInvalidTopic
	case errors.Is(err, kerr.TopicAuthorizationFailed):
		return scopeTopic, reasonNotAuthorized
	}
	return scopeAttempt, ""
}

// production is one call of produce: it gathers what the client's promises say.
type production struct {
	left    sync.WaitGroup
	settled atomic.Int64
	mu      sync.Mutex
	failed  map[*kgo.Record]error
}

// promise is called once for each record, from a goroutine of the client's.
func (p *production) promise(r *kgo.Record, err error) {
	if err != nil {
		p.mu.Lock()
		if p.failed == nil {
			p.failed = map[*kgo.Record]error{}
		}
		p.failed[r] = err
		p.mu.Unlock()
	}
	p.settled.Add(1)
	p.left.Done()
}

// produce sends messages and waits until each is settled. It returns those that were not delivered, in order. Within a
// partition franz-go keeps the order, and fails with a message all that wait behind it. given says that the client was
// replaced since nothing got on: what failed with ErrClientClosed is then of topics that are not taken.
func (e *jsonExporter) produce(ctx context.Context, sender *producer, client *kgo.Client, messages []*message) (failures []failure, given bool) {
	var p production
	promise := p.promise
	p.left.Add(len(messages))
	told := e.health
	if sender != e.producer {
		told = nil
	}
	w := newWatch(ctx, e.stalls, sender, client, told, messages, &p.settled)
	for _, m := range messages {
		client.Produce(ctx, &m.record, promise)
	}
	p.left.Wait()
	given = w.end()
	if len(p.failed) == 0 {
		return nil, given
	}
	failures = make([]failure, 0, len(p.failed))
	for _, m := range messages {
		if err, ok := p.failed[&m.record]; ok {
			m.reset()
			failures = append(failures, failure{m, err})
		}
	}
	return failures, given
}

// outcome is what became of messages in an attempt. Delivered are all others.
type outcome struct {
	// dropped will never be taken; their errors have scopeTopic or scopeMessage.
	dropped []failure
	// pending are to be tried again, in order.
	pending []failure
	// stuck are to be tried again as well; their topics are not taken, while the cluster answers.
	stuck []failure
}

// attempt delivers messages. Of those that failed because of something in their request it finds, by halves, which
// ones are to blame: one group must not take others with it.
func (e *jsonExporter) attempt(ctx context.Context, sender *producer, messages []*message) outcome {
	var out outcome
	if len(messages) == 0 {
		return out
	}
	var suspects []failure
	client, broken := sender.get(), false
	failures, given := e.produce(ctx, sender, client, messages)
	for _, f := range failures {
		s, reason := classify(f.err)
		// A topic may have been deleted and made again: the client goes on to ask for the old one. To tell it to forget the
		// topic would begin the numbers of its messages anew, and a broker that has some of them would take others for
		// them.
		broken = broken || s == scopeAttempt && ofTopic(f.err) || errors.Is(f.err, kerr.ClusterAuthorizationFailed) ||
			reason == reasonUnknownTopic && f.message.topic.wasTaken()
		switch {
		case given && errors.Is(f.err, kgo.ErrClientClosed):
			out.stuck = append(out.stuck, failure{f.message, errStuck})
		case s == scopeAttempt:
			out.pending = append(out.pending, f)
		case s == scopeTopic && f.message.topic.fail(f.message, reason, f.err):
			out.dropped = append(out.dropped, f)
		case s == scopeTopic:
			out.pending = append(out.pending, f)
		case f.message.size() > e.cfg.Producer.MaxMessageBytes:
			out.dropped = append(out.dropped, f)
		default:
			suspects = append(suspects, f)
		}
	}
	if broken {
		sender.replace(client)
	}
	if len(suspects) == 1 && len(messages) == 1 {
		out.dropped = append(out.dropped, suspects...)
		return out
	}
	for _, half := range halves(suspects) {
		if len(out.pending)+len(out.stuck) > 0 {
			// The cluster fails for another reason: leave the rest, in order, to the next attempt.
			out.pending = append(out.pending, half...)
			continue
		}
		o := e.attempt(ctx, sender, messagesOf(half))
		out.dropped = append(out.dropped, o.dropped...)
		out.pending = append(out.pending, o.pending...)
		out.stuck = append(out.stuck, o.stuck...)
	}
	return out
}

func halves(f []failure) [][]failure {
	switch len(f) {
	case 0:
		return nil
	case 1:
		return [][]failure{f}
	}
	return [][]failure{f[:len(f)/2], f[len(f)/2:]}
}

func messagesOf(failures []failure) []*message {
	messages := make([]*message, len(failures))
	for i, f := range failures {
		messages[i] = f.message
	}
	return messages
}

package panoptesjsonexporter

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
)

// deliver sends what is pending of a batch, and leaves in it what is to be tried again.
func (e *jsonExporter) deliver(ctx context.Context, b *batch) error {
	messages, behind := e.setAside(e.open(ctx, b))
	out := e.attempt(ctx, e.producer, messages)
	if e.held == nil {
		out.pending = append(out.pending, out.stuck...)
	} else if out.stuck = append(out.stuck, behind...); len(out.stuck) > 0 {
		out.pending = append(out.pending, e.hold(ctx, b, out.stuck)...)
	}
	e.finish(ctx, b, messages, &out)
	if len(out.pending) == 0 {
		return nil
	}
	err := out.pendingError(len(messages)+len(behind), e.health.lastConnect())
	b.pending = append(b.pending[:0], messagesOf(out.pending)...)
	e.telemetry.builder.PanoptesJSONRecordsUnsent.Add(ctx, int64(len(out.pending)))
	e.health.attempted(err)
	return err
}

// finish counts what an attempt at messages has dropped and delivered.
func (e *jsonExporter) finish(ctx context.Context, b *batch, messages []*message, out *outcome) {
	for _, f := range out.dropped {
		f.message.unsettled = true
		s, reason := classify(f.err)
		e.telemetry.droppedMessage(ctx, b.group(f.message), reason)
		if s == scopeMessage {
			e.telemetry.explain(f, reason)
		}
	}
	for _, f := range append(out.pending, out.stuck...) {
		f.message.unsettled = true
	}
	e.settle(ctx, b, messages)
}

// setAside takes from messages those of topics of which some are held already.
func (e *jsonExporter) setAside(messages []*message) (now []*message, behind []failure) {
	if e.held == nil || e.encoder.topics.held.Load() == 0 {
		return messages, nil
	}
	for _, m := range messages {
		if m.topic.isHeld() {
			behind = append(behind, failure{m, errStuck})
		} else {
			now = append(now, m)
		}
	}
	return now, behind
}

// open returns the pending messages but those of topics that Kafka refuses at present: these are dropped.
func (e *jsonExporter) open(ctx context.Context, b *batch) []*message {
	open := b.pending[:0]
	for _, m := range b.pending {
		if reason, closed := m.topic.closed(); closed {
			e.telemetry.droppedMessage(ctx, b.group(m), reason)
			continue
		}
		m.unsettled = false
		open = append(open, m)
	}
	return open
}

// settle counts the messages that are delivered: all but the unsettled.
func (e *jsonExporter) settle(ctx context.Context, b *batch, messages []*message) {
	var groups, records, size int64
	var last *topic
	for _, m := range messages {
		if m.unsettled {
			continue
		}
		if m.topic != last {
			last = m.topic
			last.delivered()
		}
		records++
		size += int64(m.size())
		g := b.group(m)
		g.open--
		if g.open == 0 && !g.dropped {
			groups++
			g.plugin.Sent(1)
		}
	}
	if records == 0 {
		return
	}
	e.telemetry.delivered(ctx, groups, records, size)
	e.health.attempted(nil)
	e.drain.Took()
}

// errNotIdempotent says what an operator can do when the broker refuses idempotent writes. Without required_acks: all
// the exporter does not ask for them.
var errNotIdempotent = errors.New("the broker refuses idempotent writes: grant the exporter's user IDEMPOTENT_WRITE on the " +
	"CLUSTER, or set producer::required_acks: 1, which does without")

// pendingError is what the queue's retry logs, and the component's status tells.
func (o *outcome) pendingError(total int, lastConnect error) error {
	first := o.pending[0]
	for _, f := range o.pending {
		// The only thing that a producer does to a cluster as a whole is to ask for a producer id.
		if errors.Is(f.err, kerr.ClusterAuthorizationFailed) {
			first = failure{f.message, fmt.Errorf("%w: %w", errNotIdempotent, f.err)}
			break
		}
	}
	err := fmt.Errorf("%d of %d messages are not delivered, the first one to topic %q: %w",
		len(o.pending), total, first.message.topic.name, first.err)
	if lastConnect != nil {
		err = fmt.Errorf("%w (connection: %w)", err, lastConnect)
	}
	return err
}

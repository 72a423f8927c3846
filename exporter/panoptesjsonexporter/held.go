package panoptesjsonexporter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/panoptes-otel/panoptes-otel/internal/exporterkit"
)

// heldQueue has the messages of topics that Kafka does not take while it takes others, so that they hold up no others: all of
// a topic, in order, until none of it is left. It is exporterhelper's queue and retry again, with the exporter's own settings
// and a client of its own. It is nil where the exporter has no queue, or gives up at once.
type heldQueue struct {
	exporter.Metrics // exporterhelper's

	producer *producer // set by start
}

// heldSuffix names the second queue in metrics, logs and the storage.
const heldSuffix = "held-topics"

// heldRetry bounds the pause between two attempts, since a topic may be taken again at any time.
const heldRetry = 10 * time.Second

// heldRequest has messages of one topic.
type heldRequest struct {
	Topic    string
	Messages []heldMessage
}

// heldMessage is a message as the client is to be given it.
type heldMessage struct {
	Key, Value []byte
	Hash       int32
	// Counts says that its group is counted by this message: it is the first that is held of it, and none was dropped.
	Counts bool
	// Plugin is its group's.
	Plugin string
}

type heldKey struct{}

func newHeldQueue(ctx context.Context, set exporter.Settings, e *jsonExporter) (*heldQueue, error) {
	cfg := e.cfg
	if !cfg.Queue.HasValue() || cfg.Queue.Get().WaitForResult || !cfg.Retry.Enabled {
		return nil, nil
	}
	name := heldSuffix
	if set.ID.Name() != "" {
		name = set.ID.Name() + "-" + name
	}
	set.ID = component.NewIDWithName(set.ID.Type(), name)
	queue := *cfg.Queue.Get()
	queue.Batch = configoptional.None[exporterhelper.BatchConfig]()
	queue.NumConsumers = 1
	queue.BlockOnOverflow = false // then the exporter's own queue waits
	retry := cfg.Retry
	retry.InitialInterval, retry.MaxInterval = min(retry.InitialInterval, heldRetry), min(retry.MaxInterval, heldRetry)
	take := func(ctx context.Context, _ pmetric.Metrics) (xexporterhelper.Request, error) {
		r, ok := ctx.Value(heldKey{}).(*heldRequest)
		if !ok {
			return nil, errForeignRequest
		}
		return r, nil
	}
	m, err := xexporterhelper.NewMetricsRequest(ctx, set, take, e.pushHeld,
		exporterhelper.WithCapabilities(consumer.Capabilities{MutatesData: false}),
		exporterhelper.WithTimeout(cfg.Timeout),
		exporterhelper.WithRetry(retry),
		xexporterhelper.WithQueueBatch(configoptional.Some(queue), xexporterhelper.QueueBatchSettings{Encoding: heldEncoding{}}),
	)
	if err != nil {
		return nil, err
	}
	return &heldQueue{Metrics: m}, nil
}

// hold puts messages of a batch behind what is held of their topics. It returns those for which there is no room.
func (e *jsonExporter) hold(ctx context.Context, b *batch, failures []failure) (left []failure) {
	byTopic := map[*topic][]failure{}
	for _, f := range failures {
		byTopic[f.message.topic] = append(byTopic[f.message.topic], f)
	}
	for t, of := range byTopic {
		r := &heldRequest{Topic: t.name}
		for _, f := range of {
			m := f.message
			r.Messages = append(r.Messages, heldMessage{
				Key: append([]byte{}, m.record.Key...), Value: append([]byte{}, m.record.Value...), Hash: m.hash, Counts: b.group(m).hold(),
				Plugin: b.group(m).plugin.Plugin(),
			})
		}
		t.hold(of[0].err)
		// Not the attempt's context, which may be at its end.
		if err := e.held.ConsumeMetrics(context.WithValue(context.WithoutCancel(ctx), heldKey{}, r), pmetric.NewMetrics()); err != nil {
			t.unhold()
			for _, f := range of {
				left = append(left, failure{f.message, fmt.Errorf("%w, and the queue for such messages: %w", f.err, err)})
			}
		}
	}
	return left
}

// pushHeld is an attempt to deliver messages of one topic.
func (e *jsonExporter) pushHeld(ctx context.Context, r xexporterhelper.Request) error {
	req, ok := r.(*heldRequest)
	if !ok {
		return errForeignRequest
	}
	if e.held.producer == nil || e.drain.GivenUp() {
		return exporterkit.ErrNotRunning
	}
	ctx, cancel := e.drain.Attempt(ctx)
	defer cancel()
	t := e.encoder.topics.named(req.Topic)
	b := req.batch(t, e.encoder.headers)
	messages := e.open(ctx, b)
	out := e.attempt(ctx, e.held.producer, messages)
	out.pending = append(out.pending, out.stuck...)
	e.finish(ctx, b, messages, &out)
	if len(out.pending) == 0 {
		t.unhold()
		return nil
	}
	left := req.Messages[:0]
	for _, f := range out.pending {
		left = append(left, req.Messages[f.message.group])
	}
	err := out.pendingError(len(messages), e.health.lastConnect())
	req.Messages = left
	return err
}

// batch makes the messages ready to be sent. Each has a group of its own.
func (r *heldRequest) batch(t *topic, headers []kgo.RecordHeader) *batch {
	b := &batch{messages: make([]message, len(r.Messages)), groups: make([]groupState, len(r.Messages))}
	for i, m := range r.Messages {
		b.messages[i] = message{
			record: kgo.Record{Topic: t.name, Key: m.Key, Value: m.Value, Headers: headers, Partition: m.Hash},
			topic:  t, hash: m.Hash, group: int32(i),
		}
		b.groups[i] = groupState{open: 1, dropped: !m.Counts, plugin: t.table.plugins.Of(m.Plugin)}
		b.pending = append(b.pending, &b.messages[i])
	}
	return b
}

// ItemsCount is the number of messages.
func (r *heldRequest) ItemsCount() int { return len(r.Messages) }

// BytesSize is about what the queue's own form takes.
func (r *heldRequest) BytesSize() int {
	size := len(r.Topic)
	for _, m := range r.Messages {
		size += (len(m.Key) + len(m.Value)) * 4 / 3
	}
	return size
}

var errHeldMerged = errors.New("messages of held topics are not merged")

// MergeSplit is not called, since the queue makes no batches.
func (r *heldRequest) MergeSplit(context.Context, int, exporterhelper.RequestSizerType, xexporterhelper.Request) ([]xexporterhelper.Request, error) {
	return nil, errHeldMerged
}

// heldEncoding is the form of requests in a persistent queue: JSON, of which the messages themselves are base64.
type heldEncoding struct{}

func (heldEncoding) Marshal(_ context.Context, r xexporterhelper.Request) ([]byte, error) {
	return json.Marshal(r)
}

func (heldEncoding) Unmarshal(data []byte) (context.Context, xexporterhelper.Request, error) {
	r := &heldRequest{}
	if err := json.Unmarshal(data, r); err != nil {
		return context.Background(), nil, err
	}
	return context.Background(), r, nil
}

// start connects when there is something to send.
func (q *heldQueue) start(ctx context.Context, e *jsonExporter, host component.Host) error {
	p, err := newProducer(ctx, e.cfg, host, e.logger)
	if err != nil {
		return err
	}
	q.producer = p
	return q.Start(ctx, host)
}

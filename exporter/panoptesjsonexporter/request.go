package panoptesjsonexporter

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/xpdata/pref"
	pdatarequest "go.opentelemetry.io/collector/pdata/xpdata/request"
)

// request is what waits in the sending queue: metrics and, once an attempt was made, what that attempt left
// undelivered. It is a type of our own, rather than exporterhelper's for metrics, since a group can be with Kafka on one
// of its topics and not on the other; metrics could not say so and the retry would repeat the first.
type request struct {
	md pmetric.Metrics
	// pending are the messages to be delivered, in order; nil until the metrics are encoded.
	pending []*message
	encoded bool
}

var errForeignRequest = errors.New("the request is of another exporter")

func newRequest(_ context.Context, md pmetric.Metrics) (xexporterhelper.Request, error) {
	return &request{md: md}, nil
}

// ItemsCount is the number of data points.
func (r *request) ItemsCount() int { return r.md.DataPointCount() }

// BytesSize is the size of the metrics in the queue's own form.
func (r *request) BytesSize() int { return (&pmetric.ProtoMarshaler{}).MetricsSize(r.md) }

// MergeSplit moves the metrics of other behind r's. It never splits: sending_queue::batch::max_size is refused.
func (r *request) MergeSplit(
	_ context.Context, maxSize int, _ exporterhelper.RequestSizerType, other xexporterhelper.Request,
) ([]xexporterhelper.Request, error) {
	if maxSize > 0 {
		return nil, fmt.Errorf("cannot split a request to %d items: metrics groups would be cut apart", maxSize)
	}
	if other != nil {
		o, ok := other.(*request)
		if !ok {
			return nil, errForeignRequest
		}
		o.md.ResourceMetrics().MoveAndAppendTo(r.md.ResourceMetrics())
	}
	return []xexporterhelper.Request{r}, nil
}

func queueSettings() xexporterhelper.QueueBatchSettings {
	return xexporterhelper.QueueBatchSettings{ReferenceCounter: requestReferences{}, Encoding: requestEncoding{}}
}

// requestReferences keeps the metrics of a queued request from being pooled under it.
type requestReferences struct{}

func (requestReferences) Ref(r xexporterhelper.Request)   { pref.RefMetrics(r.(*request).md) }
func (requestReferences) Unref(r xexporterhelper.Request) { pref.UnrefMetrics(r.(*request).md) }

// requestEncoding is the form of requests in a persistent queue: that of exporterhelper's own metrics requests, so that
// a queue on disk outlives a change of exporter. What an attempt left undelivered is not part of it: after a crash the
// whole batch is sent again.
type requestEncoding struct{}

func (requestEncoding) Marshal(ctx context.Context, r xexporterhelper.Request) ([]byte, error) {
	return pdatarequest.MarshalMetrics(ctx, r.(*request).md)
}

func (requestEncoding) Unmarshal(data []byte) (context.Context, xexporterhelper.Request, error) {
	ctx, md, err := pdatarequest.UnmarshalMetrics(data)
	if errors.Is(err, pdatarequest.ErrInvalidFormat) {
		md, err = (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics(data)
	}
	return ctx, &request{md: md}, err
}

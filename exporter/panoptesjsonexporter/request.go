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

// request is what waits in the sending queue: metrics and, once an attempt was made, the messages they became, with what
// that attempt left undelivered. It is a type of our own, rather than exporterhelper's for metrics, since a group can be with Kafka on one
// of its topics and not on the other; metrics could not say so and the retry would repeat the first.
type request struct {
	md pmetric.Metrics
	// items is the number of data points: exporterhelper asks for it time and again.
	items int
	// batch is nil until the metrics are encoded, and when all of it is settled.
	batch *batch
}

var errForeignRequest = errors.New("the request is of another exporter")

func newRequest(_ context.Context, md pmetric.Metrics) (xexporterhelper.Request, error) {
	return requestOf(md), nil
}

func requestOf(md pmetric.Metrics) *request { return &request{md: md, items: md.DataPointCount()} }

// ItemsCount is the number of data points.
func (r *request) ItemsCount() int { return r.items }

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
		r.items, o.items = r.items+o.items, 0
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
	if err != nil {
		return ctx, nil, err
	}
	return ctx, requestOf(md), nil
}

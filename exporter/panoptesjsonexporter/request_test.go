package panoptesjsonexporter

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/panoptes-otel/panoptes-otel/internal/exporterkit"
)

func TestRequestEncoding(t *testing.T) {
	t.Parallel()
	md := batchOf(testScope, numbered(t, "dc1", 3)...)
	encoding := requestEncoding{}
	data, err := encoding.Marshal(t.Context(), requestOf(md))
	require.NoError(t, err)
	bare, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(md)
	require.NoError(t, err)
	for _, form := range [][]byte{data, bare} {
		_, got, err := encoding.Unmarshal(form)
		require.NoError(t, err)
		assert.Equal(t, md, got.(*request).md)
		assert.Equal(t, 3, got.ItemsCount())
		assert.Positive(t, got.BytesSize())
	}
	_, _, err = encoding.Unmarshal([]byte("no metrics"))
	require.Error(t, err)
}

func TestRequestMerge(t *testing.T) {
	t.Parallel()
	r := requestOf(batchOf(testScope, numbered(t, "dc1", 3)...))
	merged, err := r.MergeSplit(t.Context(), 0, exporterhelper.RequestSizerTypeItems, requestOf(batchOf(testScope, numbered(t, "dc2", 2)...)))
	require.NoError(t, err)
	assert.Equal(t, []xexporterhelper.Request{r}, merged)
	assert.Equal(t, 5, r.ItemsCount())
	merged, err = r.MergeSplit(t.Context(), 0, exporterhelper.RequestSizerTypeItems, nil)
	require.NoError(t, err)
	assert.Equal(t, []xexporterhelper.Request{r}, merged)
	_, err = r.MergeSplit(t.Context(), 2, exporterhelper.RequestSizerTypeItems, nil)
	require.EqualError(t, err, "cannot split a request to 2 items: metrics groups would be cut apart")
	_, err = r.MergeSplit(t.Context(), 0, exporterhelper.RequestSizerTypeItems, foreignRequest{})
	require.ErrorIs(t, err, errForeignRequest)
}

type foreignRequest struct{ xexporterhelper.Request }

// The queue joins batches, and each group stays whole.
func TestQueueBatch(t *testing.T) {
	t.Parallel()
	c := newCluster(t, kfake.SeedTopics(1, "dc1-processed"))
	s := newSender(t, c.ListenAddrs(), func(cfg *Config) {
		b := cfg.Queue.Get().Batch.GetOrInsertDefault()
		b.MinSize, b.FlushTimeout = 3, time.Hour
	}).start(t)
	for _, g := range numbered(t, "dc1", 3) {
		require.NoError(t, s.ConsumeMetrics(t.Context(), batchOf(testScope, g)))
	}
	assert.Len(t, consume(t, c.ListenAddrs(), 3, "dc1-processed"), 3)
}

func TestWithoutQueueOrRetry(t *testing.T) {
	t.Parallel()
	s := newSender(t, []string{fmt.Sprintf("127.0.0.1:%d", freePort(t))}, func(cfg *Config) {
		cfg.Queue = configoptional.None[exporterhelper.QueueBatchConfig]()
		cfg.Retry.Enabled = false
		cfg.Timeout.Timeout = 100 * time.Millisecond
	})
	md := batchOf(testScope, numbered(t, "dc1", 2)...)
	require.ErrorIs(t, s.ConsumeMetrics(t.Context(), md), exporterkit.ErrNotRunning)
	s.start(t)
	err := s.ConsumeMetrics(t.Context(), md)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.ErrorContains(t, err, `2 of 2 messages are not delivered, the first one to topic "dc1-processed": `)
	assert.ErrorContains(t, err, "connection refused")
	require.NoError(t, s.ConsumeMetrics(t.Context(), pmetric.NewMetrics()), "nothing to send")
	assert.ErrorIs(t, s.Metrics.(*jsonExporter).push(t.Context(), foreignRequest{}), errForeignRequest)
}

func TestClassify(t *testing.T) {
	t.Parallel()
	tests := []struct {
		err    error
		scope  scope
		reason string
	}{
		{kerr.MessageTooLarge, scopeMessage, "too_large"},
		{fmt.Errorf("%w (5 bytes)", kerr.MessageTooLarge), scopeMessage, "too_large"},
		{kerr.InvalidRecord, scopeMessage, "rejected"},
		{kerr.InvalidTimestamp, scopeMessage, "rejected"},
		{kerr.UnknownTopicOrPartition, scopeTopic, "unknown_topic"},
		{kerr.InvalidTopicException, scopeTopic, "invalid_topic"},
		{kerr.TopicAuthorizationFailed, scopeTopic, "not_authorized"},
		{kerr.ClusterAuthorizationFailed, scopeAttempt, ""},
		{kerr.SaslAuthenticationFailed, scopeAttempt, ""},
		{kerr.NotLeaderForPartition, scopeAttempt, ""},
		{context.DeadlineExceeded, scopeAttempt, ""},
		{errors.New("anything"), scopeAttempt, ""},
	}
	for _, tt := range tests {
		s, reason := classify(tt.err)
		assert.Equal(t, tt.scope, s, "%v", tt.err)
		assert.Equal(t, tt.reason, reason, "%v", tt.err)
	}
}

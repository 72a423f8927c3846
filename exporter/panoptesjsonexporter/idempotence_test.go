package panoptesjsonexporter

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/kafka/configkafka"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.opentelemetry.io/collector/component/componentstatus"
)

// refuseIdempotence makes a cluster refuse producer ids for as long as refuse says.
func refuseIdempotence(c *kfake.Cluster, refuse *atomic.Bool) {
	c.ControlKey(int16(kmsg.InitProducerID), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		if !refuse.Load() {
			return nil, nil, false
		}
		resp := req.ResponseKind().(*kmsg.InitProducerIDResponse)
		resp.ErrorCode = kerr.ClusterAuthorizationFailed.Code
		return resp, nil, true
	})
}

// A broker that refuses idempotent writes is told of once, with both ways out; the groups wait until one is taken.
func TestIdempotenceRefused(t *testing.T) {
	t.Parallel()
	c := newCluster(t, kfake.SeedTopics(1, "dc1-processed"))
	var refuse atomic.Bool
	refuse.Store(true)
	refuseIdempotence(c, &refuse)
	s := newSender(t, c.ListenAddrs(), synchronous)
	host := &statusHost{}
	require.NoError(t, s.Start(t.Context(), host))
	done := make(chan error, 1)
	go func() { done <- s.ConsumeMetrics(t.Context(), batchOf(testScope, numbered(t, "dc1", 3)...)) }()
	for range 3 {
		s.awaitRetry(t)
	}
	logs := s.logs.FilterMessage("Cannot deliver to Kafka, trying again and again").All()
	require.Len(t, logs, 1)
	why := logs[0].ContextMap()["error"]
	assert.Contains(t, why, "grant the exporter's user IDEMPOTENT_WRITE on the CLUSTER, or set producer::required_acks: 1")
	assert.Contains(t, why, "CLUSTER_AUTHORIZATION_FAILED")

	refuse.Store(false)
	select {
	case err := <-done:
		require.NoError(t, err)
	case <-time.After(30 * time.Second):
		require.Fail(t, "the groups still wait")
	}
	consume(t, c.ListenAddrs(), 3, "dc1-processed")
	assert.Equal(t, 1, s.logs.FilterMessage("Kafka takes idempotent writes now").Len())
	assert.Zero(t, s.sum(t, "groups_dropped", ""))
	assert.Equal(t, 3, s.sum(t, "groups_sent", ""))
	require.NoError(t, s.Shutdown(t.Context()))
	assert.Equal(t, []componentstatus.Status{componentstatus.StatusRecoverableError, componentstatus.StatusOK}, host.reports)
}

// The setting that the error names does without the right.
func TestWithoutIdempotence(t *testing.T) {
	t.Parallel()
	c := newCluster(t, kfake.SeedTopics(1, "dc1-processed"))
	var refuse atomic.Bool
	refuse.Store(true)
	refuseIdempotence(c, &refuse)
	s := newSender(t, c.ListenAddrs(), func(cfg *Config) {
		synchronous(cfg)
		cfg.Producer.RequiredAcks = configkafka.WaitForLocal
	}).start(t)
	require.NoError(t, s.ConsumeMetrics(t.Context(), batchOf(testScope, numbered(t, "dc1", 3)...)))
	consume(t, c.ListenAddrs(), 3, "dc1-processed")
}

package panoptesjsonexporter

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// Batches are pooled: none may come back while the client, or an attempt to follow, still needs what it holds. So many
// are sent at a time while the broker refuses requests at random, each value once, and each must arrive as it is or be
// counted as dropped.
func TestPooledBatchesStayWhole(t *testing.T) {
	t.Parallel()
	const senders, batches, groups = 4, 6, 20
	c := newCluster(t, kfake.SeedTopics(3, "dc1-processed"))
	random := rand.New(rand.NewPCG(1, 2)) // control functions run one after the other
	c.ControlKey(produceKey, func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		switch random.IntN(10) {
		case 0:
			return rejectAll(req.(*kmsg.ProduceRequest), kerr.InvalidRequiredAcks.Code), nil, true // any that the client does not try again
		case 1, 2, 3, 4: // often, since the halves that follow are asked about anew
			return rejectAll(req.(*kmsg.ProduceRequest), kerr.InvalidRecord.Code), nil, true
		}
		return nil, nil, false
	})
	s := newSender(t, c.ListenAddrs(), func(cfg *Config) {
		synchronous(cfg)
		cfg.Queue.Get().NumConsumers = senders
	}).start(t)
	all := make([][]pmetric.Metrics, senders)
	want := map[string]bool{}
	for i := range senders {
		for j := range batches {
			var md pmetric.Metrics
			for k := range groups {
				n := fmt.Sprintf("%d-%d-%d", i, j, k)
				g := testGroup(t, testResource("dc1", "r"+n), "cpu", "n", n)
				want[string(g.AppendJSON(nil))] = true
				if k == 0 {
					md = batchOf(testScope, g)
				} else {
					batchOf(testScope, g).ResourceMetrics().MoveAndAppendTo(md.ResourceMetrics())
				}
			}
			all[i] = append(all[i], md)
		}
	}
	var wait sync.WaitGroup
	for _, mine := range all {
		wait.Go(func() {
			for _, md := range mine {
				assert.NoError(t, s.ConsumeMetrics(t.Context(), md))
			}
		})
	}
	wait.Wait()
	sent, dropped := s.sum(t, "groups_sent", ""), s.sum(t, "groups_dropped", "rejected")
	assert.Equal(t, senders*batches*groups, sent+dropped)
	require.Positive(t, dropped)
	require.Positive(t, s.sum(t, "records_unsent", ""))
	for _, r := range consume(t, c.ListenAddrs(), sent, "dc1-processed") {
		require.True(t, want[string(r.Value)], "%s", r.Value)
		delete(want, string(r.Value))
		assert.Equal(t, partitionOf(t, r, 3), r.Partition)
	}
	assert.Len(t, want, dropped)
}

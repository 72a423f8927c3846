package handover

import (
	"context"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// stampExact is how long the answer to a stamp may take. What it says of the clocks is wrong by half of that at most.
	stampExact = MaxSkew / 2
	// stampTries bounds how often a stamp is written. The first one often waits for a connection.
	stampTries = 4
)

// stamp is a record that the broker of its partition gave its time. By two of them, of two writers, a reader sees how far
// the writers' clocks are apart.
type stamp struct {
	offset int64
	at     time.Time     // by the writer's clock
	took   time.Duration // until the answer was there
}

// stamp writes a record of that index and tenure to the partition of each shard, and again where the answer took long. It returns
// the stamps whose answers came soonest; shards that have none are missing, and err says why, for one of them.
func (t *Topic) stamp(ctx context.Context, tenure func(shard int) string, index uint32, shards []int) (best map[int]stamp, err error) {
	best = make(map[int]stamp, len(shards))
	for range stampTries {
		if err = t.stampOnce(ctx, tenure, index, shards, best); ctx.Err() != nil {
			break
		}
		var again []int
		for _, shard := range shards {
			if s, ok := best[shard]; !ok || s.took > stampExact {
				again = append(again, shard)
			}
		}
		if shards = again; len(shards) == 0 {
			break
		}
	}
	return best, err
}

func (t *Topic) stampOnce(ctx context.Context, tenure func(shard int) string, index uint32, shards []int, best map[int]stamp) (failed error) {
	var (
		mu      sync.Mutex
		pending sync.WaitGroup
		start   = t.Now()
	)
	for _, shard := range shards {
		pending.Add(1)
		t.Stamper.Produce(ctx, record(t.Name, shard, tenure(shard), index, nil), func(r *kgo.Record, err error) {
			defer pending.Done()
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed = err
				return
			}
			took := t.Now().Sub(start)
			if s, ok := best[shard]; !ok || took < s.took {
				best[shard] = stamp{offset: r.Offset, at: start.Add(took / 2), took: took}
			}
		})
	}
	pending.Wait()
	return failed
}

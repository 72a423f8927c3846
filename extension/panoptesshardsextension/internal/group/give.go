package group

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/extension/panoptesshardsextension/internal/handover"
	"github.com/panoptes-otel/panoptes-otel/internal/shard/shardgroup"
)

// give hands shards over to whoever owns them next. Runs get the time to end, and what is kept is written and committed; it is
// for the caller to drop. It ends by itself in time for the rebalance; if it did not, the lease would end first. ok says
// whether all was handed over.
func (g *Group) give(shards []int, reason string) (ok bool) {
	start := g.set.Now()
	lasting := g.close(shards)
	clock := g.compareClocks(g.hard)
	again := g.endTakes(shards)
	if len(again) > 0 && reason == Given {
		g.begin(again)
	}
	drain, cancel := context.WithTimeout(g.hard, g.set.Drain)
	g.parts.Drain(drain, shards)
	cancel()
	for _, s := range shards {
		g.table.end(s)
	}
	items, ok := g.handOver(lasting, start, clock)
	g.mu.Lock()
	for _, s := range shards {
		g.slots[s] = slot{}
	}
	g.mu.Unlock()
	g.obs.Moved(reason, len(lasting))
	g.obs.Given(g.set.Now().Sub(start), items)
	g.set.Logger.Info("Gave shards away", zap.Int("shards", len(lasting)), zap.Int("items", items),
		zap.Duration("took", g.set.Now().Sub(start)))
	return ok
}

// close lets no more runs of shards begin, and no take own them. It returns the epochs of those whose state is this
// member's: what the last owner left of the others has not been used.
func (g *Group) close(shards []int) (lasting map[int]uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	lasting = map[int]uint64{}
	for _, s := range shards {
		sl := &g.slots[s]
		if sl.phase == owned || sl.phase == taking && sl.committed {
			lasting[s] = sl.epoch
		}
		sl.phase = giving
		g.table.close(s)
	}
	return lasting
}

// compareClocks begins to compare the clock with a broker's, as states are used only where clocks agree.
func (g *Group) compareClocks(ctx context.Context) (clock func() (handover.Compared, error)) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout(g.set.Session))
	compared := g.states.Compare(ctx)
	return func() (handover.Compared, error) {
		defer cancel()
		return compared()
	}
}

// handOver writes what the parts keep of shards and commits where it is, since when they have no owner, and how far the clock
// is ahead. It says whether all of it worked.
func (g *Group) handOver(epochs map[int]uint64, since time.Time, clock func() (handover.Compared, error)) (items int, ok bool) {
	defer func() { _, _ = clock() }()
	if len(epochs) == 0 {
		return 0, true
	}
	shards := make([]int, 0, len(epochs))
	for s := range epochs {
		shards = append(shards, s)
	}
	out, err := g.parts.Export(shards)
	if err != nil {
		g.set.Logger.Warn("Cannot hand over all that is kept of shards; some of it begins anew", zap.Error(err))
	}
	// With the drain, which is a third at most, it ends before the rebalance does.
	ctx, cancel := context.WithTimeout(g.hard, g.set.Rebalance/2)
	defer cancel()
	tenure := func(shard int) string { return g.tenure(epochs[shard]) }
	// Time is left to commit what could be written.
	writing, stop := context.WithTimeout(ctx, g.set.Rebalance/3)
	defer stop()
	written, err := g.states.Write(writing, out.States, tenure)
	if err != nil {
		g.set.Logger.Warn("Cannot write the states of all shards; some begin anew at their next owner", zap.Error(err))
	}
	own, untimed := clock()
	if untimed != nil {
		g.set.Logger.Warn("Cannot hand over the states of shards; they begin anew at their next owner", zap.Error(untimed))
	}
	for s := range epochs {
		c := written[s]
		if c == nil {
			c = &shardgroup.Commit{By: tenure(s)}
			written[s] = c
		}
		c.At = since.UnixMilli()
		if untimed == nil {
			ahead := own.Ahead.Milliseconds()
			c.Ahead, c.Within = &ahead, own.Within.Milliseconds()
		}
	}
	if !g.commit(ctx, written) {
		return 0, false
	}
	return out.Items, err == nil
}

// commit tries until it succeeds, or ctx is done. The member stays in its generation meanwhile: it is the one that joins.
func (g *Group) commit(ctx context.Context, commits map[int]*shardgroup.Commit) bool {
	for {
		g.mu.Lock()
		id, lost := g.id, g.lost != nil
		g.mu.Unlock()
		err := g.wire.commit(ctx, id, *g.topicID.Load(), commits)
		switch {
		case err == nil:
			return true
		case lost, gone(err), ctx.Err() != nil:
			g.set.Logger.Warn("Cannot commit the states of shards; they begin anew at their next owner", zap.Error(err))
			return false
		}
		timer := time.NewTimer(retryEvery)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}

package group

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/extension/panoptesshardsextension/internal/handover"
	"github.com/panoptes-otel/panoptes-otel/internal/shard"
	"github.com/panoptes-otel/panoptes-otel/internal/shard/shardgroup"
)

const (
	// readFor is how long states may take to come from Kafka. Shards whose states come later begin anew.
	readFor = 10 * time.Second
	// commitTogether is how many shards are committed at once, so that the first are owned while others are read.
	commitTogether = 32
)

// take takes over shards that the member was assigned. It belongs to its goroutine, except for cancel and done.
type take struct {
	group  *Group
	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{}
	start  time.Time
	epochs map[int]uint64 // of the shards
	ready  []int          // imported, and to be committed
	items  int
	moved  bool // whether any of them brought a state
}

// begin starts to take shards.
func (g *Group) begin(shards []int) {
	t := &take{group: g, done: make(chan struct{}), start: g.set.Now(), epochs: make(map[int]uint64, len(shards))}
	t.ctx, t.cancel = context.WithCancel(g.hard)
	g.mu.Lock()
	for _, s := range shards {
		g.epoch++
		g.slots[s] = slot{phase: taking, epoch: g.epoch}
		t.epochs[s] = g.epoch
	}
	g.takes[t] = struct{}{}
	g.mu.Unlock()
	g.done.Go(t.run)
}

// endTakes ends the takes that have to do with any of the shards, and waits for them. It returns those of their shards that
// are still wanted: they must be taken anew.
func (g *Group) endTakes(shards []int) (again []int) {
	unwanted := map[int]bool{}
	for _, s := range shards {
		unwanted[s] = true
	}
	g.mu.Lock()
	var ended []*take
	for t := range g.takes {
		for s := range t.epochs {
			if unwanted[s] {
				ended = append(ended, t)
				t.cancel()
				break
			}
		}
	}
	g.mu.Unlock()
	for _, t := range ended {
		<-t.done
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, t := range ended {
		for s, epoch := range t.epochs {
			if sl := &g.slots[s]; !unwanted[s] && sl.phase == taking && sl.epoch == epoch {
				again = append(again, s)
			}
		}
	}
	return again
}

func (t *take) run() {
	defer func() {
		t.cancel()
		t.group.mu.Lock()
		delete(t.group.takes, t)
		t.group.mu.Unlock()
		close(t.done)
	}()
	clock := t.group.compareClocks(t.ctx)
	defer func() { _, _ = clock() }()
	last, err := t.commits()
	if err != nil {
		return
	}
	states := map[int]shardgroup.Commit{}
	for s, c := range last {
		if c.HasState() {
			states[s] = c
		}
	}
	for s, c := range last {
		if _, waits := states[s]; !waits {
			t.take(handover.Read{Shard: s}, c)
		}
	}
	t.own()
	if len(states) > 0 {
		t.moved = true
		ctx, cancel := context.WithTimeout(t.ctx, readFor)
		t.group.states.Read(ctx, clock, states, func(r handover.Read) { t.take(r, states[r.Shard]) })
		cancel()
		t.own()
	}
	if t.moved && t.ctx.Err() == nil {
		t.group.obs.Took(t.group.set.Now().Sub(t.start), t.items)
	}
}

// tenure names a time of this member as owner of a shard.
func (g *Group) tenure(epoch uint64) string { return shardgroup.Tenure(g.set.Life, epoch) }

// taken is the commit which says that a shard is owned.
func (g *Group) taken(epoch uint64, now int64) *shardgroup.Commit {
	return &shardgroup.Commit{By: g.tenure(epoch), At: now, Taken: true}
}

// commits reads what the last owners committed. It tries until it can, or the take is over.
func (t *take) commits() (map[int]shardgroup.Commit, error) {
	var found map[int32]kadm.OffsetResponse
	err := t.try(func(ctx context.Context) (err error) {
		found, err = t.group.wire.commits(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	last := make(map[int]shardgroup.Commit, len(t.epochs))
	for s := range t.epochs {
		c, _, err := shardgroup.ParseCommit(found[int32(s)].Metadata)
		if err != nil {
			t.refused(s, handover.Damaged, err)
		}
		last[s] = c
	}
	return last, nil
}

// take prepares a shard, and owns it when enough others are ready, too.
func (t *take) take(r handover.Read, last shardgroup.Commit) {
	if t.ctx.Err() != nil {
		return
	}
	if r.Refused != "" {
		t.refused(r.Shard, r.Refused, r.Err)
	}
	items, errs := t.group.parts.Import(shard.Taken{
		Shard: r.Shard, State: r.State, Last: last.By, Tenure: t.group.tenure(t.epochs[r.Shard]),
	})
	t.items += items
	for _, err := range errs {
		t.refused(r.Shard, unusable, err)
	}
	if last.At > 0 && !last.Taken {
		t.group.obs.Unowned(max(0, t.group.set.Now().Sub(last.Time())))
	}
	if t.ready = append(t.ready, r.Shard); len(t.ready) >= commitTogether {
		t.own()
	}
}

// unusable is the reason of states that a part refuses.
const unusable handover.Reason = "unusable"

func (t *take) refused(shard int, why handover.Reason, err error) {
	t.group.obs.Refused(string(why))
	t.group.set.Logger.Warn("Cannot use the state of a shard's last owner; its series begin anew",
		zap.Int("shard", shard), zap.String("reason", string(why)), zap.Error(err))
}

// own commits that the shards which are ready are taken, and owns them then.
func (t *take) own() {
	shards := t.ready
	t.ready = nil
	if len(shards) == 0 {
		return
	}
	g := t.group
	commits := make(map[int]*shardgroup.Commit, len(shards))
	now := g.set.Now().UnixMilli()
	g.mu.Lock()
	for _, s := range shards {
		if sl := &g.slots[s]; sl.epoch == t.epochs[s] {
			sl.committed = true
		}
		commits[s] = g.taken(t.epochs[s], now)
	}
	g.mu.Unlock()
	err := t.try(func(ctx context.Context) error {
		if g.set.Breakage.NoTakeCommit {
			return nil
		}
		// The member may have rejoined since the last try, and the topic may have been made again.
		g.mu.Lock()
		id := g.id
		g.mu.Unlock()
		return g.wire.commit(ctx, id, *g.topicID.Load(), commits)
	})
	if err != nil {
		return
	}
	got := shards[:0]
	g.mu.Lock()
	for _, s := range shards {
		if sl := &g.slots[s]; sl.phase == taking && sl.epoch == t.epochs[s] {
			sl.phase = owned
			g.table.begin(s, sl.epoch)
			got = append(got, s)
		}
	}
	g.mu.Unlock()
	if len(got) > 0 {
		g.parts.Own(got)
		g.obs.Moved(Taken, len(got))
	}
}

// try repeats a request until it succeeds. The error is that of the take's context. What passes by itself is told when it has
// lasted for a session.
func (t *take) try(request func(context.Context) error) error {
	told := false
	for start := time.Now(); ; {
		ctx, cancel := context.WithTimeout(t.ctx, requestTimeout(t.group.set.Session))
		err := request(ctx)
		cancel()
		switch {
		case err == nil:
			return t.ctx.Err()
		case t.ctx.Err() != nil:
			return t.ctx.Err()
		case !told && (!transient(err) && !gone(err) || time.Since(start) > t.group.set.Session):
			told = true
			t.group.set.Logger.Warn("Cannot take shards over, trying again", zap.Int("shards", len(t.epochs)), zap.Error(explained(err)))
		}
		if errors.Is(err, kerr.UnknownTopicID) || errors.Is(err, kerr.UnknownTopicOrPartition) {
			notify(t.group.stale)
		}
		// While the group rebalances no commit counts, and a little later one does.
		pause := retryEvery / 2
		if !errors.Is(err, kerr.RebalanceInProgress) && !gone(err) {
			pause = 2 * retryEvery
		}
		timer := time.NewTimer(pause)
		select {
		case <-t.ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}

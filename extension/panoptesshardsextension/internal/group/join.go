package group

import (
	"context"
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/panoptes-otel/panoptes-otel/internal/shard/shardgroup"
)

// join makes the member one of the next generation, and returns its shards.
func (g *Group) join() ([]int32, error) {
	ctx, cancel := context.WithCancel(g.hard)
	defer cancel()
	id, subscription := g.beginJoin(cancel)
	defer g.endJoin()
	j, err := g.wire.join(ctx, id.member, subscription, "shards are shared anew")
	if errors.Is(err, kerr.MemberIDRequired) {
		// It is kept even if the join fails: one with another id would leave a member behind that nobody is.
		g.mu.Lock()
		g.id.member = j.member
		g.mu.Unlock()
		j, err = g.wire.join(ctx, j.member, subscription, "a Collector starts")
	}
	if err != nil {
		return nil, g.whileJoining(err)
	}
	g.mu.Lock()
	g.id = j.identity
	g.mu.Unlock()
	notify(g.joined)
	assigned, err := g.wire.sync(ctx, &j, g.set.Shards)
	if err != nil {
		return nil, g.whileJoining(err)
	}
	g.assigned = j.generation
	return assigned, nil
}

// beginJoin notes that a join is under way, and returns who joins and what it claims.
func (g *Group) beginJoin(cancel context.CancelFunc) (identity, []byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.joining, g.rejoin = cancel, false
	var claims []int32
	for s := range g.slots {
		if g.slots[s].phase != idle {
			claims = append(claims, int32(s))
		}
	}
	g.published = g.resources
	about := shardgroup.About{Instance: g.set.Instance, Life: g.set.Life, Resources: g.resources, Leaving: g.isStopping()}
	return g.id, shardgroup.Subscription(g.set.Topic, about, g.assigned, claims)
}

func (g *Group) endJoin() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.joining = nil
}

// whileJoining makes the error of a join that a heartbeat ended the heartbeat's.
func (g *Group) whileJoining(err error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.lost != nil {
		return g.lost
	}
	return err
}

// compare returns the shards that are new among those assigned, and those that are assigned no more.
func (g *Group) compare(assigned []int32) (added, revoked []int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	mine := make([]bool, len(g.slots))
	for _, s := range assigned {
		if s >= 0 && int(s) < len(mine) {
			mine[s] = true
		}
	}
	for s := range g.slots {
		switch {
		case mine[s] && g.slots[s].phase == idle:
			added = append(added, s)
		case !mine[s] && g.slots[s].phase != idle:
			revoked = append(revoked, s)
		}
	}
	return added, revoked
}

// cutJoin gives up the join that is under way.
func (g *Group) cutJoin() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.joining != nil {
		g.joining()
	}
}

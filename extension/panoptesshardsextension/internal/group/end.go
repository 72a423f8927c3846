package group

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"go.uber.org/zap"
)

// lose drops all shards at once: others may own them already. The member stays the one it is where the coordinator knows it,
// with another generation; otherwise it joins as a new one.
func (g *Group) lose(why error) {
	g.mu.Lock()
	shards := g.claimed()
	for _, s := range shards {
		g.table.end(s)
		g.slots[s] = slot{}
	}
	g.id.generation = 0
	if errors.Is(why, kerr.UnknownMemberID) || errors.Is(why, kerr.FencedInstanceID) {
		g.id = identity{}
	}
	g.lost = nil
	g.mu.Unlock()
	g.endTakes(shards)
	g.drop(shards)
	if len(shards) == 0 {
		return
	}
	reason := Lost
	if errors.Is(why, errTopic) {
		reason = NoTopic
	}
	g.obs.Moved(reason, len(shards))
	g.set.Logger.Warn("Lost all shards", zap.Int("shards", len(shards)), zap.Error(why),
		zap.String("next", "the Collector joins again by itself; where it happens often, look at the brokers and the network"))
}

// claimed needs the lock.
func (g *Group) claimed() []int {
	var shards []int
	for s := range g.slots {
		if g.slots[s].phase != idle {
			shards = append(shards, s)
		}
	}
	return shards
}

func (g *Group) drop(shards []int) {
	if len(shards) > 0 && !g.set.Breakage.NoDrop {
		g.parts.Drop(shards)
	}
}

// leave gives all shards away and tells the coordinator.
func (g *Group) leave() {
	g.announce()
	g.mu.Lock()
	lost, shards := g.lost, g.claimed()
	g.mu.Unlock()
	given := false
	if lost != nil {
		g.lose(lost)
	} else if len(shards) > 0 {
		given = g.give(shards, Left)
	}
	g.depart()
	if given {
		// What could not be handed over stays in the Collector's own storage, and counts if it is the next owner.
		g.drop(shards)
	}
}

// announce lets the others rejoin before anything is given away. They look out for changes then, and notice soon when this
// member is gone.
func (g *Group) announce() {
	g.mu.Lock()
	owns := g.lost == nil && g.table.count() > 0
	g.mu.Unlock()
	if !owns {
		return
	}
	cut := time.AfterFunc(requestTimeout(g.set.Session), g.cutJoin)
	defer cut.Stop()
	_, err := g.join()
	if gone(err) {
		g.lease.End()
		g.lose(err)
	}
}

// depart ends the membership, so that others need not wait for the end of the session.
func (g *Group) depart() {
	g.mu.Lock()
	id := g.id
	g.id = identity{}
	g.mu.Unlock()
	g.lease.End()
	if id.member == "" {
		return
	}
	ctx, cancel := context.WithTimeout(g.hard, requestTimeout(g.set.Session))
	defer cancel()
	if err := g.wire.leave(ctx, id.member); err != nil {
		g.set.Logger.Warn("Cannot leave the group; its other members get the shards when the session ends", zap.Error(err))
	}
}

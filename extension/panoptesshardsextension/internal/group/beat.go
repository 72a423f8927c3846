package group

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/panoptes-otel/panoptes-otel/extension/panoptesshardsextension/internal/lease"
)

const (
	// quickBeat is the time between heartbeats while changes are likely: a move often takes two rebalances, and each one
	// waits for the member that is the last to hear of it.
	quickBeat = 50 * time.Millisecond
	// quickFor is for how long changes are likely after a join: giving shards away takes less.
	quickFor = 5 * time.Second
)

// beat sends heartbeats until the group has stopped, one at a time: each answer is about a known time.
func (g *Group) beat() {
	var (
		silence away
		quick   time.Time                         // until when changes are likely
		sound   = time.Now().Add(g.set.Rebalance) // the first join may take that long
		timer   = time.NewTimer(g.set.Heartbeat)
	)
	defer timer.Stop()
	for {
		select {
		case <-g.hard.Done():
			return
		case <-g.joined:
			quick = time.Now().Add(quickFor)
		case <-timer.C:
			if !g.once(&silence) {
				return
			}
			g.judge(&sound)
		}
		pause := g.set.Heartbeat
		if time.Now().Before(quick) {
			pause = min(pause, quickBeat)
		}
		timer.Reset(pause)
	}
}

// once sends a heartbeat, if the member is one, and says whether it may become one.
func (g *Group) once(silence *away) bool {
	g.mu.Lock()
	id := g.id
	g.mu.Unlock()
	if id.generation > 0 {
		g.heartbeat(id, silence)
	}
	return id.member != "" || !g.isStopping()
}

func (g *Group) heartbeat(id identity, silence *away) {
	ctx, cancel := context.WithTimeout(g.hard, requestTimeout(g.set.Session))
	defer cancel()
	start := g.lease.Start()
	answered, err := g.wire.heartbeat(ctx, id)
	switch {
	case !answered:
		// The client keeps a coordinator that closes each connection, as one behind a proxy does once it is dead, until its
		// metadata lack it.
		g.wire.client.ForceMetadataRefresh()
		g.unanswered(silence)
	case err == nil, errors.Is(err, kerr.RebalanceInProgress):
		*silence = noneAway
		g.renew(id, start, err == nil)
	case gone(err):
		*silence = noneAway
		g.dismissed(id, err)
	case transient(err): // the coordinator moves, or begins
	default:
		g.health(fmt.Errorf("the coordinator of group %q refuses heartbeats: %w", g.set.Group, explained(err)))
	}
}

// renew notes a good answer.
func (g *Group) renew(id identity, start lease.Instant, quiet bool) {
	g.lease.Renew(start, quiet)
	if quiet {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.id == id && g.joining == nil {
		g.rejoin = true
		g.poke()
	}
}

// dismissed notes that the coordinator does not know the member. While a join is under way an unknown generation is
// nothing: the next one has begun, and its answer is on its way.
func (g *Group) dismissed(id identity, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.id != id || g.joining != nil && errors.Is(err, kerr.IllegalGeneration) {
		return
	}
	g.lease.End()
	g.lost = err
	if g.joining != nil {
		g.joining()
		g.conns.cut()
	}
	g.poke()
}

// away is since when brokers answer again, while the lease is held since none did; noneAway otherwise.
type away struct {
	held bool
	back time.Time
}

var noneAway = away{}

// unanswered keeps the lease, where the site wants that, if no broker at all can be reached: then no other member can be
// given the shards either. It lets go when brokers have answered for a session without the coordinator among them.
func (g *Group) unanswered(a *away) {
	if !g.set.GoOn || !a.held && g.lease.Left() > g.set.Session/2 {
		return
	}
	ctx, cancel := context.WithTimeout(g.hard, requestTimeout(g.set.Session)/2)
	defer cancel()
	reached := g.wire.client.Ping(ctx) == nil
	switch {
	case !a.held && !reached && g.lease.Valid():
		a.held = true
		g.lease.Hold(true)
	case !a.held:
	case !reached:
		a.back = time.Time{}
	case a.back.IsZero():
		a.back = time.Now()
	case time.Since(a.back) > g.set.Session:
		*a = noneAway
		g.lease.Hold(false)
	}
}

// judge tells when there has been no lease for a while, and when there is one again. sound is when there was one last.
func (g *Group) judge(sound *time.Time) {
	if g.lease.Valid() {
		*sound = time.Now()
		g.health(nil)
		return
	}
	if time.Since(*sound) < unsoundAfter {
		return
	}
	g.mu.Lock()
	err := g.failure
	g.mu.Unlock()
	if err == nil {
		err = errors.New("no heartbeat was answered for so long that others may own the shards")
	}
	g.health(fmt.Errorf("nothing is polled, since the lease of group %q has ended: %w", g.set.Group, explained(err)))
}

// unsoundAfter is how long there is no lease before that is told: members that join come to one in less.
const unsoundAfter = 3 * time.Second

package group

import (
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"go.uber.org/zap"
)

// run joins again and again until the group is stopped.
func (g *Group) run() {
	pause := retryEvery
	for !g.isStopping() {
		err := g.round()
		g.mu.Lock()
		g.failure = err
		g.mu.Unlock()
		if err == nil {
			pause = retryEvery
			continue
		}
		g.set.Logger.Debug("Cannot take part in the group now", zap.Error(err))
		if !transient(err) {
			g.health(fmt.Errorf("cannot join group %q: %w", g.set.Group, explained(err)))
			pause = min(2*pause, maxPause)
		}
		g.sleep(pause)
	}
	g.leave()
}

// maxPause is the longest time between two tries to join where the brokers refuse.
const maxPause = 5 * time.Second

// round is one generation: it joins, gives what is to be given, begins to take what is new, and waits until the group
// rebalances again.
func (g *Group) round() error {
	if err := g.checkTopic(); err != nil {
		return err
	}
	assigned, err := g.join()
	if gone(err) {
		g.lease.End()
		g.lose(err)
		return nil // and join without claims
	}
	if err != nil {
		return err
	}
	added, revoked := g.compare(assigned)
	if len(added) > 0 && !g.isStopping() {
		g.begin(added)
	}
	if len(revoked) > 0 {
		g.give(revoked, Given)
		g.drop(revoked)
		return nil // rejoin, so that others get them
	}
	return g.attend()
}

// gone says that the coordinator no longer takes the member for one of the group's.
func gone(err error) bool {
	return errors.Is(err, kerr.UnknownMemberID) || errors.Is(err, kerr.IllegalGeneration) || errors.Is(err, kerr.FencedInstanceID)
}

// transient says that trying again soon is all there is to do.
func transient(err error) bool {
	var refused *kerr.Error
	if errors.Is(err, errTopic) {
		return false
	}
	return !errors.As(err, &refused) || refused.Retriable || errors.Is(err, kerr.RebalanceInProgress)
}

// explained adds what to do to errors of the coordinator that a configuration can bring about.
func explained(err error) error {
	switch {
	case errors.Is(err, kerr.InvalidSessionTimeout):
		return fmt.Errorf("%w: set session_timeout between the brokers' group.min.session.timeout.ms and group.max.session.timeout.ms", err)
	case errors.Is(err, kerr.InconsistentGroupProtocol):
		return fmt.Errorf("%w: other consumers use this group; choose another name", err)
	case errors.Is(err, kerr.GroupAuthorizationFailed):
		return fmt.Errorf("%w: let the user read the group", err)
	case errors.Is(err, kerr.TopicAuthorizationFailed):
		return fmt.Errorf("%w: let the user read, write and describe the topic", err)
	}
	return err
}

// attend waits until there is a reason to join again: nil. An error is about the topic.
func (g *Group) attend() error {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	publish := time.NewTimer(publishAfter)
	defer publish.Stop()
	due := false
	for {
		g.mu.Lock()
		lost, rejoin := g.lost, g.rejoin || due && g.resources != g.published
		g.mu.Unlock()
		switch {
		case lost != nil:
			g.lose(lost)
			return nil
		case rejoin:
			return nil
		}
		select {
		case <-g.stopping:
			return nil
		case <-g.wake:
		case <-publish.C:
			due = true
		case <-g.stale:
			if err := g.checkTopic(); err != nil && !transient(err) {
				return err
			}
		case <-look.C:
			if err := g.checkTopic(); err != nil && !transient(err) {
				return err
			}
			// What is known in quiet times need not be asked for in others.
			clock := g.compareClocks(g.hard)
			g.done.Go(func() { _, _ = clock() })
		}
	}
}

const (
	// lookEvery is how often the topic is looked at.
	lookEvery = 10 * time.Second
	// publishAfter is how old what a member said of its resources must be before it rejoins to say something else.
	publishAfter = 5 * time.Minute
)

func (g *Group) isStopping() bool {
	select {
	case <-g.stopping:
		return true
	default:
		return false
	}
}

// sleep waits, unless the group is stopped or something happens.
func (g *Group) sleep(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-g.wake:
	case <-g.stopping:
	}
}

// poke makes run look.
func (g *Group) poke() { notify(g.wake) }

// notify puts something into a channel that has room for one.
func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// health tells what keeps the member from owning shards, once, and again when the brokers refuse something else.
func (g *Group) health(err error) {
	var refused *kerr.Error
	g.mu.Lock()
	changed := g.unhealthy != (err != nil)
	if changed {
		g.refused = nil
	}
	if errors.As(err, &refused) && !refused.Retriable && refused != g.refused {
		changed, g.refused = true, refused
	}
	g.unhealthy = err != nil
	g.mu.Unlock()
	if changed {
		g.obs.Health(err)
	}
}

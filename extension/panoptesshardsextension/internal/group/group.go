package group

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/extension/panoptesshardsextension/internal/handover"
	"github.com/panoptes-otel/panoptes-otel/extension/panoptesshardsextension/internal/lease"
	"github.com/panoptes-otel/panoptes-otel/extension/panoptesshardsextension/internal/parts"
	"github.com/panoptes-otel/panoptes-otel/internal/shard/shardgroup"
)

// Settings are what a Group is made of.
type Settings struct {
	Group, Topic string
	Shards       int
	// Session, Rebalance and Heartbeat are those of the protocol.
	Session, Rebalance, Heartbeat time.Duration
	// Drain bounds the time that runs get to end when their shard is given away.
	Drain time.Duration
	// GoOn keeps shards after the lease while no broker at all answers.
	GoOn bool
	// Create makes the topic where it is missing, with that many replicas, or as many as the brokers' default where it is -1.
	Create   bool
	Replicas int16

	Instance string
	Life     string
	Logger   *zap.Logger
	Now      func() time.Time

	// Breakage and Reader, options for clients that read states, are for tests.
	Breakage Breakage
	Reader   []kgo.Opt
}

// Breakage turns off what the design cannot do without. Tests show with it that they would see that.
type Breakage struct {
	NoLease, NoSecondTerm, NoTakeCommit, NoDrop bool
}

// Observer is told what happens, from several goroutines.
type Observer interface {
	// Moved counts shards that began or ceased to be owned, by reason.
	Moved(reason string, shards int)
	// Refused counts states that were not used.
	Refused(reason string)
	// Given and Took are told how long a hand-over took, and how many items were in it.
	Given(took time.Duration, items int)
	Took(took time.Duration, items int)
	// Unowned is told for how long a shard had no owner.
	Unowned(time.Duration)
	// Health is told what keeps the member from owning shards, or nil, when that changes.
	Health(error)
}

// The reasons of Moved.
const (
	Taken   = "taken" // from the group, with or without a state
	Given   = "given" // to another member, in a rebalance
	Left    = "left"  // because the Collector stops
	Lost    = "lost"  // because the coordinator no longer knows the member
	NoTopic = "topic" // because the topic is not as it should be
)

// phase is what a member does with a shard.
type phase int

const (
	idle   phase = iota // not assigned
	taking              // assigned, not owned yet
	owned
	giving
)

// slot is a shard's.
type slot struct {
	phase phase
	epoch uint64
	// committed is set before the take is committed: the last owner's state may be used up from then on.
	committed bool
}

// Group is one member. Start it once, and stop it.
type Group struct {
	set    Settings
	obs    Observer
	parts  *parts.Parts
	wire   wire
	states handover.Topic
	lease  *lease.Lease
	table  *table
	conns  *connections

	stopping chan struct{} // closed by Stop
	hard     context.Context
	cancel   context.CancelFunc // of hard: what is under way is given up
	wake     chan struct{}      // something happened that run should look at
	done     sync.WaitGroup
	topicID  [16]byte // of run, and of takes that it starts afterwards
	assigned int32    // of run: the generation of the last assignment
	seed     atomic.Pointer[[16]byte]

	mu        sync.Mutex
	id        identity
	joining   context.CancelFunc // of the join under way; nil otherwise
	rejoin    bool               // a rebalance waits for us
	lost      error              // why the coordinator does not know us, or nil
	slots     []slot
	epoch     uint64
	takes     map[*take]struct{}
	resources string // what is said of them at the next join
	published string // what was said at the last one
	unhealthy bool
	failure   error // of the last round
}

// New returns a member that has not joined. opts are those of the connection.
func New(set Settings, obs Observer, p *parts.Parts, opts []kgo.Opt) (*Group, error) {
	conns := &connections{}
	request := requestTimeout(set.Session)
	reader := append(opts[:len(opts):len(opts)], kgo.DialTimeout(request))
	reader = append(reader, set.Reader...)
	opts = append(
		opts[:len(opts):len(opts)],
		kgo.WithHooks(conns),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(0),
		kgo.ProducerBatchCompression(kgo.NoCompression()), // states are mostly hashes
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.DisableIdempotentWrite(), // readers tell records apart by their keys
		kgo.DialTimeout(request),
		kgo.RequestTimeoutOverhead(max(request, time.Second)),
		// Requests are repeated here, by those who know for how long it makes sense.
		kgo.RequestRetries(2),
		kgo.RetryBackoffFn(func(int) time.Duration { return retryEvery }),
		kgo.RetryTimeout(request),
	)
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return nil, fmt.Errorf("create Kafka client: %w", err)
	}
	l := lease.New(lease.Settings{
		Session: set.Session, Rebalance: set.Rebalance, Off: set.Breakage.NoLease, OneTerm: set.Breakage.NoSecondTerm,
	})
	g := &Group{
		set: set, obs: obs, parts: p, lease: l, table: newTable(set.Shards, l), conns: conns,
		wire:     wire{client: client, group: set.Group, topic: set.Topic, session: set.Session, rebalance: set.Rebalance},
		states:   handover.Topic{Name: set.Topic, Client: client, Reader: reader, Now: set.Now},
		stopping: make(chan struct{}),
		wake:     make(chan struct{}, 1),
		slots:    make([]slot, set.Shards),
		takes:    map[*take]struct{}{},
	}
	g.hard, g.cancel = context.WithCancel(context.Background())
	return g, nil
}

// retryEvery is how long to wait before a request is repeated.
const retryEvery = 100 * time.Millisecond

// requestTimeout leaves time for several tries within a session.
func requestTimeout(session time.Duration) time.Duration { return session / 5 }

// readyFor is how long parts may take to load what they need before the member joins without it. Others own the shards
// meanwhile.
const readyFor = 30 * time.Second

// Start begins to join, as soon as all parts are ready.
func (g *Group) Start() {
	g.done.Go(func() {
		if late := g.parts.Ready(g.stopping, readyFor); len(late) > 0 && !g.isStopping() {
			g.set.Logger.Warn("Joining the group although not all is loaded yet", zap.Strings("waited_for", late),
				zap.Duration("waited", readyFor))
		}
		g.done.Go(g.beat)
		g.run()
	})
}

// Stop gives all shards away and leaves the group, or gives up when ctx is done. It may be called without Start, and twice.
func (g *Group) Stop(ctx context.Context) {
	g.mu.Lock()
	select {
	case <-g.stopping:
	default:
		close(g.stopping)
	}
	g.mu.Unlock()
	stop := context.AfterFunc(ctx, g.cancel)
	defer stop()
	// A join that is under way is waited for, since nothing can be committed in the middle of one; but not for as long as a
	// rebalance may take.
	grace := time.AfterFunc(requestTimeout(g.set.Session), g.cutJoin)
	defer grace.Stop()
	g.done.Wait()
	g.cancel()
}

// Close ends the connections. The group must have been stopped.
func (g *Group) Close() { g.wire.client.Close() }

// Owns and Holds are those of the membership.
func (g *Group) Owns(shard int) (epoch uint64, ok bool) { return g.table.owns(shard) }

// Holds implements the membership.
func (g *Group) Holds(shard int, epoch uint64) bool { return g.table.holds(shard, epoch) }

// Owned is the number of shards that are owned now.
func (g *Group) Owned() int {
	if !g.lease.Valid() {
		return 0
	}
	return g.table.count()
}

// LeaseLeft is how long shards stay owned if no heartbeat is answered any more.
func (g *Group) LeaseLeft() time.Duration { return g.lease.Left() }

// Client is the member's, for those who describe the group.
func (g *Group) Client() *kgo.Client { return g.wire.client }

// Announce says what list of resources the member knows. It is told to the others at the next join.
func (g *Group) Announce(resources string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.resources = resources
}

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
	about := shardgroup.About{Instance: g.set.Instance, Life: g.set.Life, Resources: g.resources}
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
		case <-look.C:
			if err := g.checkTopic(); err != nil {
				return err
			}
		}
	}
}

const (
	// lookEvery is how often the topic is looked at.
	lookEvery = 10 * time.Second
	// publishAfter is how old what a member said of its resources must be before it rejoins to say something else.
	publishAfter = 5 * time.Minute
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
	g.mu.Lock()
	lost, shards := g.lost, g.claimed()
	g.mu.Unlock()
	if lost != nil {
		g.lose(lost)
	} else if len(shards) > 0 {
		g.give(shards, Left)
	}
	g.depart()
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

// cutJoin gives up the join that is under way.
func (g *Group) cutJoin() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.joining != nil {
		g.joining()
	}
}

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
func (g *Group) poke() {
	select {
	case g.wake <- struct{}{}:
	default:
	}
}

// health tells what keeps the member from owning shards, once.
func (g *Group) health(err error) {
	g.mu.Lock()
	changed := g.unhealthy != (err != nil)
	g.unhealthy = err != nil
	g.mu.Unlock()
	if changed {
		g.obs.Health(err)
	}
}

package group

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/extension/panoptesshardsextension/internal/handover"
	"github.com/panoptes-otel/panoptes-otel/extension/panoptesshardsextension/internal/lease"
	"github.com/panoptes-otel/panoptes-otel/extension/panoptesshardsextension/internal/parts"
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
	joined   chan struct{}      // has room for one: a generation began
	stale    chan struct{}      // has room for one: the topic may be another one
	done     sync.WaitGroup
	assigned int32 // of run: the generation of the last assignment
	again    bool  // of run: what is owned must be committed again
	seed     atomic.Pointer[[16]byte]
	topicID  atomic.Pointer[[16]byte] // written by run, before any take; a topic that is made again has another one

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
	refused   *kerr.Error // the last one that was reported, nil where it was no lasting refusal
	failure   error       // of the last round
}

// New returns a member that has not joined. opts are those of the connection.
func New(set Settings, obs Observer, p *parts.Parts, opts []kgo.Opt) (*Group, error) {
	conns := &connections{}
	request := requestTimeout(set.Session)
	reader := append(slices.Clip(opts), kgo.DialTimeout(request))
	reader = append(reader, set.Reader...)
	opts = append(
		slices.Clip(opts),
		kgo.WithHooks(conns),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(0),
		kgo.ProducerBatchCompression(kgo.NoCompression()), // states are mostly hashes
		// A leader that dies before the others have what it was given costs one rate a series: the state is missing then, and
		// nothing else can be read in its place. Waiting for them costs time without owner at each move.
		kgo.RequiredAcks(kgo.LeaderAck()),
		kgo.DisableIdempotentWrite(), // readers tell records apart by their keys
		kgo.MaxProduceRequestsInflightPerBroker(maxInflight),
		kgo.MetadataMinAge(metadataMinAge),
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
		joined:   make(chan struct{}, 1),
		stale:    make(chan struct{}, 1),
		slots:    make([]slot, set.Shards),
		takes:    map[*take]struct{}{},
	}
	g.hard, g.cancel = context.WithCancel(context.Background())
	return g, nil
}

// maxInflight is how many requests a broker may be sent before it answers the first: the order of records does not matter.
const maxInflight = 5

// retryEvery is how long to wait before a request is repeated.
const retryEvery = 100 * time.Millisecond

// requestTimeout leaves time for several tries within a session.
func requestTimeout(session time.Duration) time.Duration { return session / 5 }

// metadataMinAge is how old metadata are before they are fetched again: those of a cluster that has lost its coordinator must not
// outlive the lease.
const metadataMinAge = time.Second

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

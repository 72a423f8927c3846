package panoptesreceiver

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi/kv"
	"github.com/panoptes-otel/panoptes-otel/internal/schedule"
	"github.com/panoptes-otel/panoptes-otel/internal/shard"
)

// sharding is the receiver's part in a fleet that several Collectors share; nil where the receiver polls all that it knows.
// All resources are in the store, and those of owned shards have tasks.
//
// The membership calls the functions of the part one at a time. The lock guards the runs under way. No other lock is taken
// while it is held.
type sharding struct {
	shard.Membership
	leave func()
	ready *quiet
	// restored is the enrichment from the storage, by shard, until the shard is taken: then it counts, or is forgotten. It is
	// noted at the start, since the key-value store would have to be searched for each shard.
	restored map[int][]kv.Entry

	mu      sync.Mutex
	running map[int]map[*heldRun]struct{} // by shard
	// redo are tasks, by shard, whose last run did not take place or did not count: the next owner makes up for it.
	redo  map[int]map[schedule.ID]struct{}
	ended chan struct{} // has room for one; a run ended
}

// heldRun is a run of a shard that was owned when it began.
type heldRun struct {
	sharding *sharding
	shard    int
	epoch    uint64
	task     schedule.ID
	ctx      context.Context
	cancel   context.CancelCauseFunc
	counted  bool // under the lock of sharding
}

// errMoved is why a run ends, or does not count, whose shard is given away.
var errMoved = errors.New("the shard moves to another Collector")

// join makes the receiver a part of its membership, if it has one.
func (r *panoptesReceiver) join(host component.Host) error {
	if r.cfg.Sharding == nil {
		return nil
	}
	m, err := shard.Find(host, *r.cfg.Sharding)
	if err != nil {
		return err
	}
	s := &sharding{
		Membership: m, ready: newQuiet(readyAfter), running: map[int]map[*heldRun]struct{}{},
		redo: map[int]map[schedule.ID]struct{}{}, ended: make(chan struct{}, 1),
	}
	name := "receiver/" + r.set.ID.String()
	s.leave, err = m.Join(shard.Part{
		Name: name, Source: true, Ready: s.ready.reached,
		Drain: r.drainShards, Export: r.exportShards, Import: r.importShard, Own: r.tasks.Own, Drop: r.dropShards,
	})
	if err != nil {
		return err
	}
	r.sharding = s
	if r.kv != nil {
		r.logger.Info("Keys of plugins in the key-value store stay in this Collector when shards move",
			zap.String("next", "name a panoptes_redis under redis, if plugins keep what the next owner of a resource needs"))
	}
	r.tasks.Share(m.Count(), r.sets != nil, func(resources string) { m.Announce(name, resources) }, s.ready.touch)
	return nil
}

// quit ends the membership.
func (s *sharding) quit() {
	if s != nil {
		s.leave()
		s.ready.stop()
	}
}

// begin notes the begin of a run, where its shard is owned. end must be called when its results were handed on.
func (s *sharding) begin(ctx context.Context, n int, task schedule.ID) (*heldRun, bool) {
	s.mu.Lock()
	defer s.mu.Unlock() // whoever gives the shard away either sees the run, or is seen by it
	epoch, ok := s.Owns(n)
	if !ok {
		s.again(n, task)
		return nil, false
	}
	h := &heldRun{sharding: s, shard: n, epoch: epoch, task: task}
	h.ctx, h.cancel = context.WithCancelCause(ctx)
	if s.running[n] == nil {
		s.running[n] = map[*heldRun]struct{}{}
	}
	s.running[n][h] = struct{}{}
	return h, true
}

// settle makes the result of a run that does not count one without results.
func (h *heldRun) settle(result *run.Result) (moved bool) {
	if h == nil || h.counts() {
		return false
	}
	*result = run.Result{Outcome: run.OutcomeCanceled, Duration: result.Duration, Err: errMoved}
	return true
}

// counts says whether the results of the run do.
func (h *heldRun) counts() bool {
	h.sharding.mu.Lock()
	defer h.sharding.mu.Unlock()
	h.counted = !errors.Is(context.Cause(h.ctx), errMoved) && h.sharding.Holds(h.shard, h.epoch)
	if h.counted {
		delete(h.sharding.redo[h.shard], h.task)
	}
	return h.counted
}

func (h *heldRun) end() {
	if h == nil {
		return
	}
	s := h.sharding
	h.cancel(nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.running[h.shard], h)
	if !h.counted {
		s.again(h.shard, h.task)
	}
	select {
	case s.ended <- struct{}{}:
	default:
	}
}

// again notes that a task's run is to be made up for. The caller holds the lock.
func (s *sharding) again(shard int, task schedule.ID) {
	if s.redo[shard] == nil {
		s.redo[shard] = map[schedule.ID]struct{}{}
	}
	s.redo[shard][task] = struct{}{}
}

// flushFor is how much of the time to drain is kept for handing on what runs brought.
const flushFor = 500 * time.Millisecond

// drainShards lets the runs of shards end, cancels those that take too long, and hands on what all brought.
func (r *panoptesReceiver) drainShards(ctx context.Context, shards []int) {
	runs := ctx
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		runs, cancel = context.WithDeadline(ctx, deadline.Add(-min(flushFor, time.Until(deadline)/4)))
		defer cancel()
	}
	if !r.sharding.await(runs, shards) {
		r.sharding.cancel(shards)
		r.sharding.await(ctx, shards)
	}
	if r.emitter != nil {
		r.emitter.Flush(ctx)
	}
}

func setOf(shards []int) map[int]bool {
	set := make(map[int]bool, len(shards))
	for _, n := range shards {
		set[n] = true
	}
	return set
}

// await waits until no run of the shards is under way. It returns false where ctx is done before.
func (s *sharding) await(ctx context.Context, shards []int) bool {
	for s.count(shards) > 0 {
		select {
		case <-s.ended:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

func (s *sharding) count(shards []int) (runs int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range shards {
		runs += len(s.running[n])
	}
	return runs
}

// cancel ends the runs of shards.
func (s *sharding) cancel(shards []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range shards {
		for h := range s.running[n] {
			if !h.counted {
				h.cancel(errMoved)
			}
		}
	}
}

// uncounted returns the tasks of a shard whose last run did not count, or will not. The shard is not held any more.
func (s *sharding) uncounted(shard int) map[schedule.ID]struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	for h := range s.running[shard] {
		if !h.counted {
			s.again(shard, h.task)
		}
	}
	return maps.Clone(s.redo[shard])
}

// dropShards forgets all that is kept of shards.
func (r *panoptesReceiver) dropShards(shards []int) {
	r.tasks.Drop(shards)
	r.sharding.mu.Lock()
	for _, n := range shards {
		delete(r.sharding.redo, n)
	}
	r.sharding.mu.Unlock()
	for _, enrichment := range r.enrichmentOf(setOf(shards)) {
		r.forget(enrichment)
	}
}

// readyAfter is how long no plugin and no resource must have come for all to count as loaded.
const readyAfter = 3 * time.Second

// quiet is reached when nothing has happened for a while, after something had.
type quiet struct {
	reached chan struct{}
	after   time.Duration

	mu    sync.Mutex
	timer *time.Timer
}

func newQuiet(after time.Duration) *quiet {
	return &quiet{reached: make(chan struct{}), after: after}
}

// touch notes that something happened.
func (q *quiet) touch() {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.timer == nil:
		q.timer = time.AfterFunc(q.after, func() { close(q.reached) })
	case q.timer.Stop(): // else it is reached
		q.timer.Reset(q.after)
	}
}

func (q *quiet) stop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.timer != nil {
		q.timer.Stop()
	}
}

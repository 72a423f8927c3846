package redisstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Settings are what New takes.
type Settings struct {
	// Redis says how to connect. What concerns waiting and trying again is set by New.
	Redis redis.Options
	// Prefix is what all keys begin with, in the place of Panoptes' "panoptes:".
	Prefix string
	// Timeout is the longest that a call takes, and that Redis may be silent before it counts as away.
	Timeout time.Duration
	// Now is the clock for the age of lists (default time.Now).
	Now func() time.Time
	// Called gets each call, from many goroutines.
	Called func(ctx context.Context, op Operation, reason Reason, took time.Duration)
	// Changed is told whenever Redis' health changes, one change after the other, and of the first one that is known. It must
	// not call the Store.
	Changed func(was, is Health)
}

// Store is Panoptes' keys in one Redis. It is safe for concurrent use.
type Store struct {
	settings   Settings
	client     *redis.Client
	watch      *watch
	enrichment *enrichmentList
	background context.Context // ends with Close
	cancel     context.CancelFunc
	wait       sync.WaitGroup
	closed     func() error
}

var _ hostapi.Shared = (*Store)(nil)

// Pauses between two attempts of one call.
const (
	firstPause = 10 * time.Millisecond
	lastPause  = 250 * time.Millisecond
)

// init keeps go-redis' own lines, one for each connection that fails, off the Collector's error output: Changed tells of
// each change once. The logger is one for the whole process, and can be set without a race only now.
func init() { redis.SetLogger(noLogger{}) }

type noLogger struct{}

// Printf drops a line.
func (noLogger) Printf(context.Context, string, ...any) {}

// New returns a store that connects when it is first called. Close ends it.
func New(s Settings) *Store {
	if s.Now == nil {
		s.Now = time.Now
	}
	o := s.Redis
	// What a Redis of Panoptes' days does not know is not asked for.
	o.Protocol, o.DisableIdentity = 2, true
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = s.Timeout, s.Timeout, s.Timeout, s.Timeout
	// A call is tried again here, where it is known what may be.
	o.MaxRetries, o.DialerRetries, o.ContextTimeoutEnabled = -1, 1, true
	o.Dialer = dialer(o.TLSConfig)
	store := &Store{settings: s, client: redis.NewClient(&o)}
	store.background, store.cancel = context.WithCancel(context.Background())
	store.watch = newWatch(&o, s.Timeout, s.Changed)
	store.enrichment = &enrichmentList{store: store}
	store.closed = sync.OnceValue(store.close)
	return store
}

// Start begins to watch Redis. It does not wait for it.
func (s *Store) Start() {
	s.wait.Go(func() { s.watch.run(s.background) })
}

// Close breaks off the calls that are under way, and closes the connections. It does not wait for Redis.
func (s *Store) Close() error { return s.closed() }

func (s *Store) close() error {
	s.cancel()
	s.enrichment.close()
	err := errors.Join(s.client.Close(), s.watch.client.Close())
	s.wait.Wait()
	return err
}

// call is one call of Redis.
type call struct {
	op Operation
	// again says that to carry it out twice comes to the same.
	again bool
	// write says that it changes something.
	write bool
	do    func(ctx context.Context) error
}

// run carries out a call and counts it. A missing key is no failure.
func (s *Store) run(ctx context.Context, c call) error {
	start := time.Now()
	reason, err := s.attempt(ctx, c)
	s.settings.Called(ctx, c.op, reason, time.Since(start))
	if reason == "" || err == nil {
		return err
	}
	return fmt.Errorf("redis %s: %w", s.settings.Redis.Addr, err)
}

func (s *Store) attempt(ctx context.Context, c call) (Reason, error) {
	within, cancel := context.WithTimeout(ctx, s.settings.Timeout)
	defer cancel()
	var last error // what Redis or the network, rather than the clock, said last
	var reason Reason
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		if away := s.watch.away(); away != nil {
			return ReasonAway, away
		}
		err := c.do(within)
		v := judge(err)
		if c.write {
			s.watch.wrote(v, err)
		}
		if v.reason == "" {
			return "", err
		}
		if v.suspect {
			s.watch.suspect()
		}
		if v.reason != ReasonTimeout || last == nil {
			last, reason = err, v.reason
		}
		if v.again == never || v.again == ifHarmless && !c.again {
			return verdictFor(ctx, reason, last)
		}
		select {
		case <-within.Done():
			return verdictFor(ctx, reason, last)
		case <-time.After(pause):
		}
	}
}

// verdictFor is why a call failed: what its caller did not wait for is no fault of Redis.
func verdictFor(ctx context.Context, reason Reason, err error) (Reason, error) {
	ended := ctx.Err()
	if deadline, ok := ctx.Deadline(); ok && ended == nil && !time.Now().Before(deadline) {
		ended = context.DeadlineExceeded // the connection's clock may be ahead of the context's
	}
	switch {
	case ended == nil || reason != ReasonTimeout && reason != ReasonAway:
		return reason, err
	case errors.Is(err, ended):
		return ReasonCancelled, err
	}
	return ReasonCancelled, fmt.Errorf("%w: %w", ended, err)
}

// Namespace implements hostapi.Shared.
func (s *Store) Namespace(name string) pluginsdk.KeyValueStore {
	return &namespace{store: s, prefix: s.prefix(name)}
}

// batch is how many keys are written at once.
const batch = 500

// Write implements hostapi.Shared.
func (s *Store) Write(ctx context.Context, name string, set []hostapi.Pair, deleted []string) error {
	prefix := s.prefix(name)
	for len(set)+len(deleted) > 0 {
		some, gone := set[:min(batch, len(set))], deleted[:min(batch, len(deleted))]
		set, deleted = set[len(some):], deleted[len(gone):]
		err := s.run(ctx, call{op: OpWrite, again: true, write: true, do: func(ctx context.Context) error {
			_, err := s.client.Pipelined(ctx, func(p redis.Pipeliner) error {
				for _, pair := range some {
					p.Set(ctx, prefix+pair.Key, pair.Value, lifetime(pair.TTL))
				}
				for _, key := range gone {
					p.Del(ctx, prefix+key)
				}
				return nil
			})
			return err
		}})
		if err != nil {
			return fmt.Errorf("write %d and delete %d keys of %q: %w", len(some), len(gone), name, err)
		}
	}
	return nil
}

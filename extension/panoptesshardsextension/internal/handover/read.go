package handover

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/panoptes-otel/panoptes-otel/internal/shard/shardgroup"
)

// MaxSkew is how far the clocks of two owners may be apart. Times of points come from the owner's clock: a larger
// difference would bend the first rate of each series.
const MaxSkew = 250 * time.Millisecond

// Reason says why a state is not used. The reasons are those of the metric.
type Reason string

// The reasons for which a state is refused here.
const (
	Missing Reason = "missing" // its records are gone
	Damaged Reason = "damaged" // their number or their checksum is not the committed one
	Unread  Reason = "unread"  // Kafka did not give them in time
	Clock   Reason = "clock"   // the owners' clocks are too far apart, or that cannot be told
)

// Read is the state of a shard, or why there is none.
type Read struct {
	Shard   int
	State   []byte
	Refused Reason // "" where there is a State
	Err     error  // what is behind the refusal
}

// Read reads the states that commits tell of, and calls visit for each as soon as it is there, from this goroutine. It
// returns when all have been visited, or when ctx is cancelled. When its deadline passes, the rest is refused as unread.
// clock is what Compare returned.
func (t *Topic) Read(ctx context.Context, clock func() (Compared, error), commits map[int]shardgroup.Commit, visit func(Read)) {
	r := reading{clock: clock, visit: visit, open: map[int32]*state{}}
	from := map[int32]kgo.Offset{}
	for shard, c := range commits {
		r.open[int32(shard)] = &state{shard: shard, commit: c, chunks: make([][]byte, c.N)}
		from[int32(shard)] = kgo.NewOffset().At(c.Offset)
	}
	opts := append([]kgo.Opt{
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{t.Name: from}),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.FetchMaxWait(100 * time.Millisecond),
	}, t.Reader...)
	client, err := kgo.NewClient(opts...)
	if err != nil { // the same options made the one that writes
		r.refuseAll(ctx, Unread, err)
		return
	}
	defer client.CloseAllowingRebalance()
	for len(r.open) > 0 {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			r.refuseAll(ctx, Unread, fmt.Errorf("read the states of shards: %w", ctx.Err()))
			return
		}
		fetches.EachError(func(_ string, partition int32, err error) {
			if errors.Is(err, kerr.OffsetOutOfRange) {
				r.close(ctx, partition, Missing, err)
			}
		})
		fetches.EachRecord(func(rec *kgo.Record) { r.record(ctx, rec) })
	}
}

// reading is one Read. It belongs to the goroutine that reads.
type reading struct {
	clock func() (Compared, error)
	visit func(Read)
	open  map[int32]*state // by partition: those that are not complete
}

// state is one that is being read.
type state struct {
	shard  int
	commit shardgroup.Commit
	chunks [][]byte
	have   int
}

func (r *reading) record(ctx context.Context, rec *kgo.Record) {
	s := r.open[rec.Partition]
	if s == nil {
		return
	}
	tenure, index, ok := parseKey(rec.Key)
	if ok && rec.Offset < s.commit.End && tenure == s.commit.By && int64(index) < int64(len(s.chunks)) && s.chunks[index] == nil {
		s.chunks[index] = rec.Value
		s.have++
	}
	if s.have == len(s.chunks) || rec.Offset >= s.commit.End-1 {
		r.finish(ctx, s)
	}
}

// finish judges a state whose records have all been read.
func (r *reading) finish(ctx context.Context, s *state) {
	partition := int32(s.shard)
	switch {
	case s.have == 0:
		r.close(ctx, partition, Missing, errors.New("none of its records is in the topic"))
		return
	case s.have < len(s.chunks):
		r.close(ctx, partition, Damaged, fmt.Errorf("%d of %d records are in the topic", s.have, len(s.chunks)))
		return
	}
	data := slices.Concat(s.chunks...)
	if sum := checksum(data); sum != s.commit.CRC {
		r.close(ctx, partition, Damaged, fmt.Errorf("checksum is %08x instead of %08x", sum, s.commit.CRC))
		return
	}
	if err := r.compare(&s.commit); err != nil {
		r.close(ctx, partition, Clock, err)
		return
	}
	delete(r.open, partition)
	r.visit(Read{Shard: s.shard, State: data})
}

// compare says whether the clocks of the last owner and of this member are too far apart, as far as that is known.
func (r *reading) compare(c *shardgroup.Commit) error {
	if c.Ahead == nil {
		return errors.New("the last owner could not compare its clock with a broker's: its log says why")
	}
	own, err := r.clock()
	if err != nil {
		return err
	}
	apart := time.Duration(*c.Ahead)*time.Millisecond - own.Ahead
	within := time.Duration(c.Within)*time.Millisecond + own.Within
	if apart.Abs()-within > MaxSkew {
		return fmt.Errorf("the clock of the last owner is %s ahead of ours, give or take %s; limit is %s: synchronise the clocks",
			apart.Round(time.Millisecond), within.Round(time.Millisecond), MaxSkew)
	}
	return nil
}

func (r *reading) close(ctx context.Context, partition int32, why Reason, err error) {
	if s := r.open[partition]; s != nil {
		delete(r.open, partition)
		r.refuse(ctx, s.shard, why, err)
	}
}

func (r *reading) refuseAll(ctx context.Context, why Reason, err error) {
	for partition := range r.open {
		r.close(ctx, partition, why, err)
	}
}

// refuse visits a shard without state, unless nobody wants to know any more.
func (r *reading) refuse(ctx context.Context, shard int, why Reason, err error) {
	if !errors.Is(ctx.Err(), context.Canceled) {
		r.visit(Read{Shard: shard, Refused: why, Err: err})
	}
}

package handover

import (
	"context"
	"errors"
	"fmt"
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
func (t *Topic) Read(ctx context.Context, tenure string, commits map[int]shardgroup.Commit, visit func(Read)) {
	shards := make([]int, 0, len(commits))
	for shard := range commits {
		shards = append(shards, shard)
	}
	r := reading{topic: t, visit: visit, open: map[int32]*state{}}
	probes, err := t.stamp(ctx, func(int) string { return tenure }, markProbe, shards)
	from := map[int32]kgo.Offset{}
	for shard, c := range commits {
		p, ok := probes[shard]
		if !ok {
			r.refuse(ctx, shard, Unread, fmt.Errorf("its partition takes no record that shows the broker's clock: %w", err))
			continue
		}
		r.open[int32(shard)] = &state{shard: shard, commit: c, probe: p, chunks: make([][]byte, c.N)}
		from[int32(shard)] = kgo.NewOffset().At(c.Offset)
	}
	if len(r.open) == 0 {
		return
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
	topic *Topic
	visit func(Read)
	open  map[int32]*state // by partition: those that are not complete
}

// state is one that is being read.
type state struct {
	shard  int
	commit shardgroup.Commit
	probe  stamp
	chunks [][]byte
	have   int
	skew   time.Duration // of its writer to the broker
	timed  bool          // whether skew is known
}

func (r *reading) record(ctx context.Context, rec *kgo.Record) {
	s := r.open[rec.Partition]
	if s == nil {
		return
	}
	tenure, index, ok := parseKey(rec.Key)
	switch {
	case rec.Offset >= s.probe.offset:
		r.finish(ctx, s, rec)
	case !ok || rec.Offset >= s.commit.End || tenure != s.commit.By:
		// Somebody else's.
	case index == markEnd:
		s.skew, s.timed = s.commit.Time().Sub(rec.Timestamp), brokersTime(rec)
	case int64(index) < int64(len(s.chunks)) && s.chunks[index] == nil:
		s.chunks[index] = rec.Value
		s.have++
	}
}

// brokersTime says whether the time of a record is that of the broker.
func brokersTime(rec *kgo.Record) bool { return rec.Attrs.TimestampType() == 1 }

// finish judges a state whose records have all been read; last is the reader's probe.
func (r *reading) finish(ctx context.Context, s *state, last *kgo.Record) {
	switch {
	case s.have < len(s.chunks) && s.have == 0:
		r.close(ctx, last.Partition, Missing, errors.New("none of its records is in the topic"))
		return
	case s.have < len(s.chunks):
		r.close(ctx, last.Partition, Damaged, fmt.Errorf("%d of %d records are in the topic", s.have, len(s.chunks)))
		return
	case !s.timed || !brokersTime(last):
		r.close(ctx, last.Partition, Clock,
			errors.New("the topic has no times of the brokers: set its message.timestamp.type to LogAppendTime"))
		return
	}
	n := 0
	for _, c := range s.chunks {
		n += len(c)
	}
	data := make([]byte, 0, n)
	for _, c := range s.chunks {
		data = append(data, c...)
	}
	if sum := checksum(data); sum != s.commit.CRC {
		r.close(ctx, last.Partition, Damaged, fmt.Errorf("checksum is %08x instead of %08x", sum, s.commit.CRC))
		return
	}
	apart := s.skew - s.probe.at.Sub(last.Timestamp)
	if apart > MaxSkew || apart < -MaxSkew {
		r.close(ctx, last.Partition, Clock,
			fmt.Errorf("the clock of the last owner is %s ahead of ours, limit is %s: synchronise the clocks", apart, MaxSkew))
		return
	}
	delete(r.open, last.Partition)
	r.visit(Read{Shard: s.shard, State: data})
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

package kafkaclient

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Offsets are offsets of partitions, by topic.
type Offsets map[string]map[int32]int64

// probeTime bounds how long a partition is waited for to hand out the message at one offset.
const probeTime = 5 * time.Second

// OffsetsSince finds in each partition of topics the first message that was written at a time or later, and the end of
// the partition where there is none; the zero time is its beginning. Kafka finds messages by its own times; where the messages before have none, they are
// looked at, by halves: Panoptes writes them in the order of the times that their JSON names, more or less. opts are those
// of the connection.
func OffsetsSince(ctx context.Context, client *kgo.Client, opts []kgo.Opt, at time.Time, topics ...string) (Offsets, error) {
	admin := kadm.NewClient(client)
	starts, err := admin.ListStartOffsets(ctx, topics...)
	if err = errors.Join(err, starts.Error()); err != nil {
		return nil, fmt.Errorf("find the beginnings of %q: %w", topics, err)
	}
	s := search{at: at, result: Offsets{}, open: map[topicPartition]span{}}
	if at.IsZero() {
		starts.Each(func(o kadm.ListedOffset) { s.result.set(topicPartition{o.Topic, o.Partition}, o.Offset) })
		return s.result, nil
	}
	found, err := admin.ListOffsetsAfterMilli(ctx, at.UnixMilli(), topics...)
	if err = errors.Join(err, found.Error()); err != nil {
		return nil, fmt.Errorf("find the time in %q: %w", topics, err)
	}
	found.Each(func(o kadm.ListedOffset) {
		s.result.set(topicPartition{o.Topic, o.Partition}, o.Offset)
		if start, ok := starts.Lookup(o.Topic, o.Partition); ok && start.Offset < o.Offset {
			s.open[topicPartition{o.Topic, o.Partition}] = span{start.Offset, o.Offset}
		}
	})
	if len(s.open) == 0 {
		return s.result, nil
	}
	prober, err := newProber(opts)
	if err != nil {
		return nil, err
	}
	defer prober.Close()
	return s.result, s.run(ctx, prober)
}

func (o Offsets) set(p topicPartition, offset int64) {
	if o[p.topic] == nil {
		o[p.topic] = map[int32]int64{}
	}
	o[p.topic][p.number] = offset
}

type topicPartition struct {
	topic  string
	number int32
}

// span is where the offset lies that is looked for: all messages before low are older, that at high is not.
type span struct{ low, high int64 }

type search struct {
	at     time.Time
	result Offsets
	open   map[topicPartition]span
}

func (s *search) run(ctx context.Context, prober *kgo.Client) error {
	last := map[topicPartition]int64{}
	for p, of := range s.open {
		last[p] = of.high - 1
	}
	records, err := probe(ctx, prober, last)
	if err != nil {
		return err
	}
	for p := range s.open {
		// Where the last of the older messages has a time, Kafka's answer stands.
		if r := records[p]; r == nil || r.Timestamp.UnixMilli() > 0 {
			delete(s.open, p)
		}
	}
	for len(s.open) > 0 {
		middle := map[topicPartition]int64{}
		for p, of := range s.open {
			middle[p] = of.low + (of.high-of.low)/2
		}
		if records, err = probe(ctx, prober, middle); err != nil {
			return err
		}
		for p, offset := range middle {
			s.halve(p, offset, records[p])
		}
	}
	return nil
}

// halve narrows a span by the first message at an offset or behind it; nil is none.
func (s *search) halve(p topicPartition, offset int64, r *kgo.Record) {
	of := s.open[p]
	if r == nil || r.Offset >= of.high {
		of.high = offset
	} else if at, ok := TimeOf(r); ok && !at.Before(s.at) {
		of.high = offset
	} else {
		of.low = r.Offset + 1
	}
	if of.low < of.high {
		s.open[p] = of
		return
	}
	delete(s.open, p)
	s.result.set(p, of.high)
}

// newProber returns a client for probe.
func newProber(opts []kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append(append([]kgo.Opt{}, opts...), kgo.KeepControlRecords(), kgo.FetchMaxPartitionBytes(1<<16),
		kgo.MetadataMinAge(50*time.Millisecond), kgo.FetchMaxWait(250*time.Millisecond))...)
}

// probe returns the first message of each partition at an offset or behind it. Those that hand out none are missing.
func probe(ctx context.Context, prober *kgo.Client, at map[topicPartition]int64) (map[topicPartition]*kgo.Record, error) {
	from, all := map[string]map[int32]kgo.Offset{}, map[string][]int32{}
	for p, offset := range at {
		if from[p.topic] == nil {
			from[p.topic] = map[int32]kgo.Offset{}
		}
		from[p.topic][p.number] = kgo.NewOffset().At(offset)
		all[p.topic] = append(all[p.topic], p.number)
	}
	prober.AddConsumePartitions(from)
	defer prober.RemoveConsumePartitions(all)
	limited, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	records := map[topicPartition]*kgo.Record{}
	for len(records) < len(at) {
		fetches := prober.PollFetches(limited)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		fetches.EachRecord(func(r *kgo.Record) {
			p := topicPartition{r.Topic, r.Partition}
			if offset, asked := at[p]; asked && records[p] == nil && r.Offset >= offset {
				records[p] = r
			}
		})
		if limited.Err() != nil {
			break
		}
	}
	return records, nil
}

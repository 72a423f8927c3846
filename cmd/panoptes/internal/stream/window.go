package stream

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/internal/kafkaclient"
)

const (
	// fetchBytes bounds what a client holds that was not asked for yet, of a broker; it is enough for the largest message.
	fetchBytes = 16 << 20
	// windowPatience is how long brokers may take to hand out what they said that they have.
	windowPatience = 30 * time.Second
	// deletedPatience is how long they may say that a topic is not there: those that start may not know it yet.
	deletedPatience = 5 * time.Second
)

// Window is what topics hold from a time on up to the moment in which it was opened. It is not safe for concurrent use.
type Window struct {
	client *kgo.Client
	// open are the partitions that are not through.
	open map[string]map[int32]*position
	// partitions are the topics, and how many partitions they have.
	partitions map[string]int
	last       time.Time
	patience   time.Duration
}

// position is how far a partition was read: up to what time, zero until it has begun, and where it ends.
type position struct {
	at  time.Time
	end int64
}

// forever is later than all that can come.
var forever = time.Unix(1<<60, 0)

// OpenWindow finds the topics, by names or patterns with * and ?, and their offsets from a time on; the zero time is their
// beginning. It is wrong usage to name no topic that there is. Close the window.
func OpenWindow(ctx context.Context, c Connection, topics []string, since time.Time) (*Window, error) {
	opts, err := c.options(ctx)
	if err != nil {
		return nil, err
	}
	client, err := c.connect(ctx, append(slices.Clone(opts), kgo.FetchMaxBytes(fetchBytes), kgo.FetchMaxWait(500*time.Millisecond),
		// They take offsets, and may be the last ones of a partition.
		kgo.KeepControlRecords()))
	if err != nil {
		return nil, err
	}
	w := &Window{client: client, open: map[string]map[int32]*position{}, partitions: map[string]int{}, last: time.Now(), patience: windowPatience}
	limited, cancel := context.WithTimeout(ctx, windowPatience)
	defer cancel()
	if err := w.find(limited, opts, topics, since); err != nil {
		client.Close()
		return nil, err
	}
	return w, nil
}

// find looks up the topics and their offsets. opts are those of the connection.
func (w *Window) find(ctx context.Context, opts []kgo.Opt, patterns []string, since time.Time) error {
	admin := kadm.NewClient(w.client)
	all, err := admin.ListTopics(ctx)
	if err != nil {
		return fmt.Errorf("list topics: %w", err)
	}
	var names []string
	for _, pattern := range patterns {
		found := slices.DeleteFunc(all.Names(), func(name string) bool { return !matches(pattern, name) })
		if len(found) == 0 {
			return exit.Misusef("there is no topic %q", pattern)
		}
		names = append(names, found...)
	}
	ends, err := admin.ListEndOffsets(ctx, names...)
	if err = errors.Join(err, ends.Error()); err != nil {
		return fmt.Errorf("find the ends of %q: %w", names, err)
	}
	starts, err := kafkaclient.OffsetsSince(ctx, w.client, opts, since, names...)
	if err != nil {
		return err
	}
	from := map[string]map[int32]kgo.Offset{}
	ends.Each(func(end kadm.ListedOffset) {
		w.partitions[end.Topic]++
		start, ok := starts[end.Topic][end.Partition]
		if !ok || start >= end.Offset {
			return
		}
		if w.open[end.Topic] == nil {
			w.open[end.Topic], from[end.Topic] = map[int32]*position{}, map[int32]kgo.Offset{}
		}
		w.open[end.Topic][end.Partition] = &position{end: end.Offset}
		from[end.Topic][end.Partition] = kgo.NewOffset().At(start)
	})
	w.client.AddConsumePartitions(from)
	return nil
}

// Partitions is how many partitions the topics have, 0 where they differ.
func (w *Window) Partitions() int {
	n := 0
	for _, of := range w.partitions {
		if n != 0 && n != of {
			return 0
		}
		n = of
	}
	return n
}

// Topics are the topics, in order.
func (w *Window) Topics() []string { return slices.Sorted(maps.Keys(w.partitions)) }

// Done says whether all was read.
func (w *Window) Done() bool { return len(w.open) == 0 }

// Front is the time up to which all partitions were read: that of the one that is most behind, since brokers hand out theirs at
// different speeds. It is zero until each has begun, and later than all times once all was read.
func (w *Window) Front() time.Time {
	front := forever
	for _, partitions := range w.open {
		for _, p := range partitions {
			if p.at.Before(front) {
				front = p.at
			}
		}
	}
	return front
}

// Poll calls visit, which returns the time of what a record holds, for the next records, if some come within a moment.
func (w *Window) Poll(ctx context.Context, visit func(*kgo.Record) time.Time) error {
	moment, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	fetches := w.client.PollFetches(moment)
	if err := ctx.Err(); err != nil {
		return err
	}
	came := false
	for it := fetches.RecordIter(); !it.Done(); {
		r := it.Next()
		p := w.open[r.Topic][r.Partition]
		if p == nil {
			continue
		}
		came = true
		if r.Offset < p.end && !r.Attrs.IsControl() {
			if at := visit(r); at.After(p.at) {
				p.at = at
			}
		}
		if r.Offset >= p.end-1 {
			w.close(r.Topic, r.Partition)
		}
	}
	if came {
		w.last = time.Now()
		return nil
	}
	if err := deleted(fetches); err != nil && time.Since(w.last) > min(w.patience, deletedPatience) {
		return fmt.Errorf("topics %q: one was deleted or made again while it was read: compare anew: %w", w.Topics(), err)
	}
	if time.Since(w.last) < w.patience {
		return nil
	}
	return fmt.Errorf("topics %q: nothing came for %s, though they have more: %w", w.Topics(), w.patience,
		errors.Join(errors.New("the reading is given up"), fetches.Err0()))
}

// deleted is what brokers say of a partition that is not there any more, nil where none says so.
func deleted(fetches kgo.Fetches) (found error) {
	fetches.EachError(func(topic string, partition int32, err error) {
		if errors.Is(err, kerr.UnknownTopicID) || errors.Is(err, kerr.UnknownTopicOrPartition) || errors.Is(err, kerr.OffsetOutOfRange) {
			found = fmt.Errorf("topic %q, partition %d: %w", topic, partition, err)
		}
	})
	return found
}

func (w *Window) close(topic string, partition int32) {
	delete(w.open[topic], partition)
	if len(w.open[topic]) == 0 {
		delete(w.open, topic)
	}
	w.client.PauseFetchPartitions(map[string][]int32{topic: {partition}})
}

// Close ends the client.
func (w *Window) Close() { w.client.Close() }

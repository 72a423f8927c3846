package kafkaclient

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// ReaderSettings are what NewReader takes.
type ReaderSettings struct {
	// Names are the topics to be read. Where they are nil, Match says of each topic of the cluster whether it is one.
	Names []string
	Match func(topic string) bool
	// Options are those of the client. ConsumeResetOffset says what to do with an offset that is not there any more.
	Options []kgo.Opt
	// Interval is the time between two looks at which topics there are.
	Interval time.Duration
	// Begin says where to begin in the topics that are there at first; nil is at their beginnings. Topics that come later
	// are read from their beginnings.
	Begin func(ctx context.Context, client *kgo.Client, topics map[string][]int32) (map[string]map[int32]kgo.Offset, error)
	// Changed is told what becomes of topics, from the goroutine of Poll; nil is told nothing.
	Changed func(topic string, c Change)
}

// Change is what becomes of a topic.
type Change uint8

const (
	// Came: it is read from now on.
	Came Change = iota
	// Again: it was deleted and is there again, another topic of the same name, which is read from its beginning.
	Again
	// Gone: it is not there any more.
	Gone
	// Back: a topic that was gone is there again, and is read on.
	Back
)

// Reader reads topics for as long as they are there: those that come later, too, and those that are deleted and made again,
// which franz-go itself waits for in vain (with the old one's id, or for partitions that the new one lacks). It looks at the
// cluster's topics from time to time, and whenever a partition cannot be read. What brokers before 2.8 do not tell it cannot
// know: a topic that between two looks was deleted, made again with as many partitions, and filled at least as far as the old
// one was read. It is for one goroutine.
type Reader struct {
	settings ReaderSettings
	client   *kgo.Client
	admin    *kadm.Client
	topics   map[string]*readTopic
	began    bool // the first look succeeded
	look     time.Time
	last     time.Time // when it was looked last
	err      error     // of the last look
}

// readTopic is a topic that is read, or was.
type readTopic struct {
	id     kadm.TopicID
	former []kadm.TopicID // ids that it had, the last few: a broker that lags may still tell them
	// next is where reading goes on, in partitions of which something was read; from is where it began in all.
	next   map[int32]int64
	from   map[int32]kgo.Offset
	sums   map[int32]uint64 // of the last message of each partition
	gone   bool
	doubts int // looks in a row that say that it is gone, or another one
}

const (
	// minLook is the least time between two looks, retryLook that after one that failed.
	minLook   = 250 * time.Millisecond
	retryLook = time.Second
	// lookTime bounds one of them.
	lookTime = 2 * time.Second
	// doubtsNeeded is how many looks in a row must say that a topic is gone: a broker that starts may not know it yet.
	doubtsNeeded = 3
	maxFormer    = 8
)

// NewReader returns a reader. It connects in Poll. Close it.
func NewReader(s ReaderSettings) (*Reader, error) {
	client, err := kgo.NewClient(s.Options...)
	if err != nil {
		return nil, err
	}
	if s.Changed == nil {
		s.Changed = func(string, Change) {}
	}
	return &Reader{settings: s, client: client, admin: kadm.NewClient(client), topics: map[string]*readTopic{}}, nil
}

// Client is the client that reads, for questions to the cluster.
func (r *Reader) Client() *kgo.Client { return r.client }

// Close ends the reading.
func (r *Reader) Close() { r.client.Close() }

// Err is why the last look at the topics failed, nil where it did not.
func (r *Reader) Err() error { return r.err }

// Read says whether a partition was read up to an offset.
func (r *Reader) Read(topic string, partition int32, end int64) bool {
	t := r.topics[topic]
	return t != nil && t.next[partition] >= end
}

// Poll returns messages, no more than most (0 is no limit), and errors of partitions. It waits for them until ctx ends or
// the next look is due.
func (r *Reader) Poll(ctx context.Context, most int) kgo.Fetches {
	if now := time.Now(); !now.Before(r.look) {
		r.err = r.lookAt(ctx)
		r.last = time.Now()
		r.look = r.last.Add(r.settings.Interval)
		switch {
		case r.err != nil:
			r.look = r.last.Add(retryLook)
		case r.doubtful():
			r.lookSoon()
		}
	}
	limited, cancel := context.WithDeadline(ctx, r.look)
	defer cancel()
	fetches := r.client.PollRecords(limited, most)
	read := false
	fetches.EachPartition(func(p kgo.FetchTopicPartition) {
		if len(p.Records) == 0 {
			return
		}
		read = true
		if t := r.topics[p.Topic]; t != nil {
			if p.Records[0].Offset < t.next[p.Partition] {
				// What was read last is gone, and the client began anew on its own.
				clear(t.next)
				clear(t.sums)
				r.settings.Changed(p.Topic, Again)
			}
			last := p.Records[len(p.Records)-1]
			t.next[p.Partition], t.sums[p.Partition] = last.Offset+1, sum(last)
		}
	})
	failed := false
	fetches.EachError(func(_ string, _ int32, err error) { failed = failed || !ended(err) })
	if failed {
		r.lookSoon()
		if !read { // errors can come as fast as they are polled
			wait(ctx, minLook)
		}
	}
	return fetches
}

// ended says whether an error is the end of a wait.
func ended(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

func (r *Reader) lookSoon() {
	if soon := r.last.Add(minLook); soon.Before(r.look) {
		r.look = soon
	}
}

func (r *Reader) doubtful() bool {
	for _, t := range r.topics {
		if t.doubts > 0 && !t.gone {
			return true
		}
	}
	return false
}

// lookAt looks at the topics and follows them.
func (r *Reader) lookAt(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	details, err := ListTopics(ctx, r.client, r.settings.Names)
	if err != nil {
		return fmt.Errorf("list topics: %w", err)
	}
	there := map[string][]int32{}
	for name, d := range details {
		if d.Err == nil && len(d.Partitions) > 0 && (r.settings.Names != nil || r.settings.Match(name)) {
			there[name] = d.Partitions.Numbers()
		}
	}
	come := map[string][]int32{}
	for _, name := range slices.Sorted(maps.Keys(there)) {
		if r.topics[name] == nil {
			come[name] = there[name]
		} else if err := r.follow(ctx, name, details[name].ID, there[name]); err != nil {
			return err
		}
	}
	for name, t := range r.topics {
		// Any other error than that there is no such topic says nothing of whether there is.
		d, told := details[name]
		if there[name] == nil && (!told || errors.Is(d.Err, kerr.UnknownTopicOrPartition)) {
			r.miss(name, t)
		}
	}
	return r.begin(ctx, come, details)
}

// begin reads topics that are new.
func (r *Reader) begin(ctx context.Context, come map[string][]int32, details kadm.TopicDetails) error {
	from := map[string]map[int32]kgo.Offset{}
	if len(come) > 0 && !r.began && r.settings.Begin != nil {
		var err error
		if from, err = r.settings.Begin(ctx, r.client, come); err != nil {
			return err
		}
	}
	r.began = true
	for _, name := range slices.Sorted(maps.Keys(come)) {
		if from[name] == nil {
			from[name] = starts(come[name])
		}
		r.topics[name] = &readTopic{id: details[name].ID, next: map[int32]int64{}, sums: map[int32]uint64{}, from: from[name]}
		r.client.AddConsumePartitions(map[string]map[int32]kgo.Offset{name: maps.Clone(from[name])})
		r.settings.Changed(name, Came)
	}
	return nil
}

func starts(partitions []int32) map[int32]kgo.Offset {
	from := map[int32]kgo.Offset{}
	for _, p := range partitions {
		from[p] = kgo.NewOffset().AtStart()
	}
	return from
}

// follow goes on with a topic that is there: the same one, the same with more partitions, or another one.
func (r *Reader) follow(ctx context.Context, name string, id kadm.TopicID, partitions []int32) error {
	t := r.topics[name]
	none := kadm.TopicID{}
	switch {
	case id != none && slices.Contains(t.former, id):
		return nil // of a broker that lags
	case id != none && t.id != none && id != t.id:
		r.restart(name, t, id, partitions)
	case t.gone:
		return r.resume(ctx, name, t, id, partitions)
	case len(partitions) < len(t.from):
		// Without ids it may be a broker that does not know of the last ones yet.
		if t.doubts++; t.doubts >= doubtsNeeded {
			r.restart(name, t, id, partitions)
		}
	default:
		more := t.gained(partitions)
		if len(more) > 0 && id == none {
			if same, err := r.same(ctx, name, t); err != nil {
				return err
			} else if !same {
				r.restart(name, t, id, partitions)
				return nil
			}
		}
		t.doubts, t.id = 0, id
		maps.Copy(t.from, more)
		r.client.AddConsumePartitions(map[string]map[int32]kgo.Offset{name: more})
	}
	return nil
}

// same says whether a topic without an id is the one that was read: whether what was read last is still there. Messages that
// have run out since say nothing.
func (r *Reader) same(ctx context.Context, name string, t *readTopic) (bool, error) {
	starts, err := r.admin.ListStartOffsets(ctx, name)
	ends, errEnds := r.admin.ListEndOffsets(ctx, name)
	if err = errors.Join(err, errEnds, starts.Error(), ends.Error()); err != nil {
		return false, fmt.Errorf("find the ends of %q: %w", name, err)
	}
	last := map[topicPartition]int64{}
	for p, next := range t.next {
		end, _ := ends.Lookup(name, p)
		if end.Offset < next {
			return false, nil
		}
		if start, _ := starts.Lookup(name, p); start.Offset < next {
			last[topicPartition{name, p}] = next - 1
		}
	}
	prober, err := newProber(r.settings.Options)
	if err != nil {
		return false, err
	}
	defer prober.Close()
	records, err := probe(ctx, prober, last)
	if err != nil {
		return false, err
	}
	for p, record := range records {
		if record.Offset == last[p] && sum(record) != t.sums[p.number] {
			return false, nil
		}
	}
	if len(records) < len(last) {
		return false, fmt.Errorf("compare the last messages of %q with those that were read: no answer from %d of %d partitions", name, len(last)-len(records), len(last))
	}
	return true, nil
}

// sum tells messages apart.
func sum(record *kgo.Record) uint64 {
	h := fnv.New64a()
	_, _ = h.Write(record.Key)
	_, _ = h.Write(record.Value)
	return h.Sum64() ^ uint64(record.Timestamp.UnixMilli())
}

// gained are the partitions that were not there before.
func (t *readTopic) gained(partitions []int32) map[int32]kgo.Offset {
	more := starts(partitions)
	for p := range t.from {
		delete(more, p)
	}
	return more
}

// restart reads a topic from its beginning.
func (r *Reader) restart(name string, t *readTopic, id kadm.TopicID, partitions []int32) {
	former := t.former
	if !bytes.Equal(t.id[:], id[:]) {
		former = append(former, t.id)
	}
	if len(former) > maxFormer {
		former = former[1:]
	}
	r.client.PurgeTopicsFromConsuming(name)
	t = &readTopic{id: id, former: former, next: map[int32]int64{}, sums: map[int32]uint64{}, from: starts(partitions)}
	r.topics[name] = t
	r.client.AddConsumePartitions(map[string]map[int32]kgo.Offset{name: maps.Clone(t.from)})
	r.settings.Changed(name, Again)
}

// miss notes that a topic was not found.
func (r *Reader) miss(name string, t *readTopic) {
	if t.gone {
		return
	}
	if t.doubts++; t.doubts >= doubtsNeeded {
		t.gone = true
		r.client.PurgeTopicsFromConsuming(name)
		r.settings.Changed(name, Gone)
	}
}

// resume goes on with a topic that was gone: where it was read last if it is the same one, else at its beginning.
func (r *Reader) resume(ctx context.Context, name string, t *readTopic, id kadm.TopicID, partitions []int32) error {
	same := len(partitions) >= len(t.from)
	if same && id == (kadm.TopicID{}) {
		var err error
		if same, err = r.same(ctx, name, t); err != nil {
			return err
		}
	}
	if !same {
		r.restart(name, t, id, partitions)
		return nil
	}
	maps.Copy(t.from, t.gained(partitions))
	from := maps.Clone(t.from)
	for p, next := range t.next {
		from[p] = kgo.NewOffset().At(next)
	}
	t.gone, t.doubts, t.id = false, 0, id
	r.client.AddConsumePartitions(map[string]map[int32]kgo.Offset{name: from})
	r.settings.Changed(name, Back)
	return nil
}

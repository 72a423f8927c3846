package handover

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// exact is how long the answer of a broker may take by whose clock the own one is compared, without being asked again.
	exact = MaxSkew / 2
	// compareTries bounds how often a broker is asked. The first answer often waits for a connection.
	compareTries = 5
	// compareFor is how long a broker may take to answer at all.
	compareFor = 5 * time.Second
	// remembered is for how long a comparison counts, unless the clock is set: brokers are slow while states are written.
	remembered = time.Minute
)

// Compared is how far a clock is ahead of the broker's that leads the first partition.
type Compared struct {
	Ahead time.Duration
	// Within is how wrong that may be: half the time that the answer took.
	Within time.Duration
	at     time.Time
}

// holds says whether a comparison still counts.
func (c *Compared) holds(now time.Time) bool {
	passed := now.Sub(c.at)
	set := now.Round(0).Sub(c.at.Round(0)) - passed // by the time of day, and by the monotonic clock
	return !c.at.IsZero() && passed < remembered && set.Abs() < exact
}

// Compare begins to compare the clock with a broker's, unless that is known. clock waits for what comes of it; it may be called
// twice, and must be called once.
func (t *Topic) Compare(ctx context.Context) (clock func() (Compared, error)) {
	var (
		done = make(chan struct{})
		best Compared
		err  error
	)
	go func() {
		defer close(done)
		t.comparing.Lock()
		defer t.comparing.Unlock()
		if t.compared.holds(t.Now()) {
			best = t.compared
		}
		for try := 0; try < compareTries && (best.at.IsZero() || best.Within > exact/2) && !errors.Is(err, errUntimed); try++ {
			var c Compared
			if c, err = t.compareOnce(ctx); err == nil && (best.at.IsZero() || c.Within < best.Within) {
				best = c
			}
		}
		t.compared = best
	}()
	return func() (Compared, error) {
		<-done
		if best.at.IsZero() {
			return best, fmt.Errorf("compare the clocks: %w", err)
		}
		return best, nil
	}
}

var errUntimed = errors.New("the topic has no times of the brokers: set its message.timestamp.type to LogAppendTime")

// compareOnce writes a record, which nobody reads, to see which time it gets.
func (t *Topic) compareOnce(ctx context.Context) (c Compared, err error) {
	topics, err := kadm.NewClient(t.Client).ListTopics(ctx, t.Name)
	if err != nil {
		return c, err
	}
	detail := topics[t.Name]
	if detail.Err != nil {
		return c, detail.Err
	}
	req := kmsg.NewPtrProduceRequest()
	req.Acks, req.TimeoutMillis = 1, int32(compareFor.Milliseconds())
	topic, partition := kmsg.NewProduceRequestTopic(), kmsg.NewProduceRequestTopicPartition()
	topic.Topic, topic.TopicID = t.Name, detail.ID // brokers from 4.1 on go by the id
	start := t.Now()
	partition.Records = emptyRecord(start)
	topic.Partitions = append(topic.Partitions, partition)
	req.Topics = append(req.Topics, topic)
	resp, err := req.RequestWith(ctx, t.Client.Broker(int(detail.Partitions[0].Leader)))
	c.at = t.Now()
	c.Within = c.at.Sub(start) / 2
	switch {
	case err != nil:
		return c, err
	case len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1:
		return c, errors.New("the broker's answer is about something else")
	}
	p := resp.Topics[0].Partitions[0]
	switch err := kerr.ErrorForCode(p.ErrorCode); {
	case err != nil:
		return c, err
	case p.LogAppendTime < 0:
		return c, errUntimed
	}
	c.Ahead = start.Add(c.Within).Sub(time.UnixMilli(p.LogAppendTime))
	return c, nil
}

// emptyRecord is a batch of one record without key and value. The client has no function that says what time a record was given.
func emptyRecord(at time.Time) []byte {
	const checksumAt, checkedFrom = 17, 21
	b := kmsg.NewRecordBatch()
	b.PartitionLeaderEpoch, b.Magic = -1, 2
	b.FirstTimestamp, b.MaxTimestamp = at.UnixMilli(), at.UnixMilli()
	b.ProducerID, b.ProducerEpoch, b.FirstSequence = -1, -1, -1
	b.NumRecords = 1
	b.Records = []byte{12, 0, 0, 0, 1, 1, 0} // length, attributes, time and offset since the first, no key, no value, no headers
	b.Length = int32(len(b.AppendTo(nil)) - 12)
	batch := b.AppendTo(nil)
	binary.BigEndian.PutUint32(batch[checksumAt:], checksum(batch[checkedFrom:]))
	return batch
}

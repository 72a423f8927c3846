package handover

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// exact is how long the answer of a broker may take by whose clock the own one is compared. What that says is wrong by
	// half of it at most.
	exact = MaxSkew / 2
	// compareTries bounds how often a broker is asked. The first answer often waits for a connection.
	compareTries = 5
	// compareFor is how long a broker may take to answer at all.
	compareFor = 5 * time.Second
)

// Compare begins to compare the clock with that of the broker that leads the first partition. ahead waits for what comes of
// it, and says how far the clock is ahead. It may be called twice, and must be called once.
func (t *Topic) Compare(ctx context.Context) (ahead func() (time.Duration, error)) {
	var (
		done = make(chan struct{})
		best time.Duration
		took = time.Duration(math.MaxInt64)
		err  error
	)
	go func() {
		defer close(done)
		for try := 0; try < compareTries && took > exact && !errors.Is(err, errUntimed); try++ {
			var a, d time.Duration
			if a, d, err = t.compareOnce(ctx); err == nil && d < took {
				best, took = a, d
			}
		}
	}()
	return func() (time.Duration, error) {
		<-done
		if took == math.MaxInt64 {
			return 0, fmt.Errorf("compare the clocks: %w", err)
		}
		return best, nil
	}
}

var errUntimed = errors.New("the topic has no times of the brokers: set its message.timestamp.type to LogAppendTime")

// compareOnce writes a record, which nobody reads, to see which time it gets.
func (t *Topic) compareOnce(ctx context.Context) (ahead, took time.Duration, err error) {
	topics, err := kadm.NewClient(t.Client).ListTopics(ctx, t.Name)
	if err != nil {
		return 0, 0, err
	}
	detail := topics[t.Name]
	if detail.Err != nil {
		return 0, 0, detail.Err
	}
	req := kmsg.NewPtrProduceRequest()
	req.Acks, req.TimeoutMillis = -1, int32(compareFor.Milliseconds())
	topic, partition := kmsg.NewProduceRequestTopic(), kmsg.NewProduceRequestTopicPartition()
	topic.Topic, topic.TopicID = t.Name, detail.ID // brokers from 4.1 on go by the id
	start := t.Now()
	partition.Records = emptyRecord(start)
	topic.Partitions = append(topic.Partitions, partition)
	req.Topics = append(req.Topics, topic)
	resp, err := req.RequestWith(ctx, t.Client.Broker(int(detail.Partitions[0].Leader)))
	took = t.Now().Sub(start)
	switch {
	case err != nil:
		return 0, 0, err
	case len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1:
		return 0, 0, errors.New("the broker's answer is about something else")
	}
	p := resp.Topics[0].Partitions[0]
	switch err := kerr.ErrorForCode(p.ErrorCode); {
	case err != nil:
		return 0, 0, err
	case p.LogAppendTime < 0:
		return 0, 0, errUntimed
	}
	return start.Add(took / 2).Sub(time.UnixMilli(p.LogAppendTime)), took, nil
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

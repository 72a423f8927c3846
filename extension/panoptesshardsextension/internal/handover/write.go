package handover

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/panoptes-otel/panoptes-otel/internal/shard/shardgroup"
)

// recordBytes is how much of a state a record holds: less than any broker refuses.
const recordBytes = 512 << 10

// Topic is where states go. It is safe for concurrent use.
type Topic struct {
	Name string
	// Client writes states. It must place records in the partition that they name.
	Client *kgo.Client
	// Reader are the options of clients that read.
	Reader []kgo.Opt
	// Now is the clock; it is compared with the brokers'.
	Now func() time.Time

	comparing sync.Mutex // guards compared
	compared  Compared
}

// Write writes states, each as that of a tenure, and returns where each of them is. Shards that could not be written are
// missing there, and err says why, for one of them.
func (t *Topic) Write(ctx context.Context, states map[int][]byte, tenure func(shard int) string) (map[int]*shardgroup.Commit, error) {
	w := writing{topic: t, commits: map[int]*shardgroup.Commit{}}
	for shard, state := range states {
		c := &shardgroup.Commit{By: tenure(shard), Offset: -1, CRC: checksum(state)}
		w.commits[shard] = c
		for at := 0; at < len(state); at += recordBytes {
			w.produce(ctx, shard, c.By, uint32(c.N), state[at:min(len(state), at+recordBytes)], func(offset int64) {
				if c.Offset < 0 || offset < c.Offset {
					c.Offset = offset
				}
				c.End = max(c.End, offset+1)
			})
			c.N++
		}
	}
	w.wait()
	return w.commits, w.err
}

// writing is one Write. The lock guards what promises change, which the client calls.
type writing struct {
	topic   *Topic
	pending sync.WaitGroup

	mu      sync.Mutex
	commits map[int]*shardgroup.Commit
	failed  map[int]bool
	err     error
}

func (w *writing) produce(ctx context.Context, shard int, tenure string, index uint32, value []byte, done func(offset int64)) {
	w.pending.Add(1)
	w.topic.Client.Produce(ctx, record(w.topic.Name, shard, tenure, index, value), func(r *kgo.Record, err error) {
		defer w.pending.Done()
		w.mu.Lock()
		defer w.mu.Unlock()
		if err == nil {
			done(r.Offset)
			return
		}
		if w.failed == nil {
			w.failed = map[int]bool{}
		}
		w.failed[shard] = true
		w.err = fmt.Errorf("write the state of shard %d: %w", shard, err)
	})
}

// wait waits for all that was produced, and gives up the shards of which something failed.
func (w *writing) wait() {
	w.pending.Wait()
	for shard := range w.failed {
		delete(w.commits, shard)
	}
}

// record makes a record; its key is the index and the tenure.
func record(topic string, shard int, tenure string, index uint32, value []byte) *kgo.Record {
	key := append(binary.BigEndian.AppendUint32(nil, index), tenure...)
	return &kgo.Record{Topic: topic, Partition: int32(shard), Key: key, Value: value}
}

// parseKey returns what record put into a key.
func parseKey(key []byte) (tenure string, index uint32, ok bool) {
	if len(key) < 4 {
		return "", 0, false
	}
	return string(key[4:]), binary.BigEndian.Uint32(key), true
}

package kafkaclient

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kversion"
)

// reading is a reader under test, and what it has read.
type reading struct {
	*Reader
	t       *testing.T
	client  *kgo.Client
	admin   *kadm.Client
	changes []string
	values  []string
}

func newReading(t *testing.T, c *kfake.Cluster, change func(*ReaderSettings)) *reading {
	t.Helper()
	r := &reading{t: t, client: newClient(t, c)}
	r.admin = kadm.NewClient(r.client)
	s := ReaderSettings{
		Match: func(topic string) bool { return strings.HasPrefix(topic, "a") }, Interval: 50 * time.Millisecond,
		Options: []kgo.Opt{
			kgo.SeedBrokers(c.ListenAddrs()...), kgo.MetadataMinAge(10 * time.Millisecond), kgo.FetchMaxWait(50 * time.Millisecond),
			kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		},
		Changed: func(topic string, c Change) {
			r.changes = append(r.changes, topic+" "+[]string{Came: "came", Again: "again", Gone: "gone", Back: "back"}[c])
		},
	}
	if change != nil {
		change(&s)
	}
	reader, err := NewReader(s)
	require.NoError(t, err)
	r.Reader = reader
	t.Cleanup(reader.Close)
	return r
}

func (r *reading) create(topic string, partitions int32) {
	r.t.Helper()
	made, err := r.admin.CreateTopics(r.t.Context(), partitions, 1, nil, topic)
	require.NoError(r.t, err)
	require.NoError(r.t, made.Error())
}

func (r *reading) remove(topic string) {
	r.t.Helper()
	_, err := r.admin.DeleteTopics(r.t.Context(), topic)
	require.NoError(r.t, err)
}

func (r *reading) put(topic string, partition int32, value string) {
	r.t.Helper()
	// A client of its own: what a producer knows of a topic that is made again is not what is tested here.
	client, err := kgo.NewClient(kgo.SeedBrokers(r.client.OptValue(kgo.SeedBrokers).([]string)...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	require.NoError(r.t, err)
	defer client.Close()
	require.NoError(r.t, client.ProduceSync(r.t.Context(), &kgo.Record{Topic: topic, Partition: partition, Value: []byte(value)}).FirstErr())
}

// until polls until something holds.
func (r *reading) until(holds func() bool) {
	r.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !holds() {
		require.True(r.t, time.Now().Before(deadline), "changes %q, values %q, error %v", r.changes, r.values, r.Err())
		ctx, cancel := context.WithTimeout(r.t.Context(), time.Second)
		r.Poll(ctx, 100).EachRecord(func(record *kgo.Record) { r.values = append(r.values, string(record.Value)) })
		cancel()
	}
}

func (r *reading) untilRead(values ...string) {
	r.t.Helper()
	r.until(func() bool { return len(r.values) >= len(values) })
	slices.Sort(r.values)
	require.Equal(r.t, values, r.values)
	r.values = nil
}

func (r *reading) untilChanged(changes ...string) {
	r.t.Helper()
	r.until(func() bool { return len(r.changes) >= len(changes) })
	require.Equal(r.t, changes, r.changes)
	r.changes = nil
}

// A topic that is made again is read from its beginning, with as many, fewer and more partitions, with brokers that give
// topics ids and with those that do not.
func TestReaderFollowsTopics(t *testing.T) {
	t.Parallel()
	for name, versions := range map[string]*kversion.Versions{"with ids": kversion.Stable(), "without ids": kversion.V1_1_0()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t)
			r := newReading(t, c, func(s *ReaderSettings) { s.Options = append(s.Options, kgo.MaxVersions(versions)) })
			r.create("b1", 1)
			r.create("a1", 2)
			r.put("a1", 0, "1")
			r.put("a1", 1, "2")
			r.put("b1", 0, "none of it")
			r.untilRead("1", "2")
			r.create("a2", 1)
			r.put("a2", 0, "3")
			r.untilRead("3")
			r.untilChanged("a1 came", "a2 came")
			for round, partitions := range []int32{2, 1, 3, 1} {
				r.remove("a1")
				r.untilChanged("a1 gone")
				r.create("a1", partitions)
				value := strconv.Itoa(round)
				r.put("a1", partitions-1, value)
				r.untilRead(value)
				r.untilChanged("a1 again")
				r.put("a2", 0, "other "+value)
				r.untilRead("other " + value)
			}
			added, err := r.admin.CreatePartitions(t.Context(), 2, "a1")
			require.NoError(t, err)
			require.NoError(t, added.Error())
			r.put("a1", 2, "gained")
			r.untilRead("gained")
			require.Empty(t, r.changes)
		})
	}
}

// One that is deleted and made again between two looks is known by its id, by having fewer partitions, or, where it has more, by
// what it has where the old one was read last.
func TestReaderSeesTopicsMadeAgainAtOnce(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		versions   *kversion.Versions
		partitions int32
		messages   []string
	}{
		"by its id":         {kversion.Stable(), 2, []string{"new"}},
		"by its partitions": {kversion.V1_1_0(), 1, []string{"new"}},
		"by its messages":   {kversion.V1_1_0(), 3, []string{"5", "6", "7", "8", "9"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t)
			r := newReading(t, c, func(s *ReaderSettings) {
				s.Options = append(s.Options, kgo.MaxVersions(tt.versions))
				s.Names, s.Match, s.Interval = []string{"a1"}, nil, time.Second
			})
			r.create("a1", 2)
			for n := range 5 {
				r.put("a1", 0, fmt.Sprint(n))
			}
			r.untilRead("0", "1", "2", "3", "4")
			r.untilChanged("a1 came")
			r.remove("a1")
			r.create("a1", tt.partitions)
			for _, m := range tt.messages {
				r.put("a1", 0, m)
			}
			r.untilRead(tt.messages...)
			r.untilChanged("a1 again")
		})
	}
}

// What a topic had when the reading began is read from where it was told; what comes later, as a whole.
func TestReaderBegins(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	begin := func(_ context.Context, _ *kgo.Client, topics map[string][]int32) (map[string]map[int32]kgo.Offset, error) {
		assert.Equal(t, map[string][]int32{"a1": {0}}, topics)
		return map[string]map[int32]kgo.Offset{"a1": {0: kgo.NewOffset().At(1)}}, nil
	}
	r := newReading(t, c, func(s *ReaderSettings) { s.Begin = begin })
	r.create("a1", 1)
	r.put("a1", 0, "before")
	r.put("a1", 0, "from here")
	r.untilRead("from here")
	r.create("a2", 1)
	r.put("a2", 0, "later")
	r.untilRead("later")
}

// A broker that tells for a moment that it does not know a topic is not believed.
func TestReaderDoubts(t *testing.T) {
	t.Parallel()
	r := &Reader{settings: ReaderSettings{Changed: func(string, Change) { t.Error("nothing changed") }}, topics: map[string]*readTopic{}}
	known := &readTopic{from: starts([]int32{0, 1})}
	r.topics["a"] = known
	for range doubtsNeeded - 1 {
		r.miss("a", known)
	}
	assert.False(t, known.gone)
	assert.True(t, r.doubtful())
}

func TestReaderWithoutBrokers(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	r := newReading(t, c, nil)
	r.create("a1", 1)
	r.put("a1", 0, "1")
	r.untilRead("1")
	c.Close()
	r.until(func() bool { return r.Err() != nil })
	require.ErrorContains(t, r.Err(), "list topics: ")
}

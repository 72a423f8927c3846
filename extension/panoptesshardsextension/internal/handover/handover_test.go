package handover_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/panoptes-otel/panoptes-otel/extension/panoptesshardsextension/internal/handover"
	"github.com/panoptes-otel/panoptes-otel/extension/panoptesshardsextension/internal/kafkatest"
	"github.com/panoptes-otel/panoptes-otel/internal/shard/shardgroup"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const topicName = "shards"

// kafka is a broker with a topic of states.
func kafka(t *testing.T, stamped bool) (seeds []string) {
	t.Helper()
	cluster := kafkatest.Start(t, kfake.NumBrokers(1), kfake.SeedTopics(8, topicName))
	if stamped {
		kafkatest.StampRecords(cluster)
	}
	return cluster.ListenAddrs()
}

func open(t *testing.T, seeds []string) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(seeds...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0))
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client
}

// member is a topic as one member sees it, whose clock is ahead by some time.
func member(t *testing.T, seeds []string, ahead time.Duration) *handover.Topic {
	t.Helper()
	return &handover.Topic{
		Name: topicName, Client: open(t, seeds), Reader: []kgo.Opt{kgo.SeedBrokers(seeds...), kafkatest.Reader()},
		Now: func() time.Time { return time.Now().Add(ahead) },
	}
}

func read(ctx context.Context, m *handover.Topic, commits map[int]shardgroup.Commit) map[int]handover.Read {
	got := map[int]handover.Read{}
	m.Read(ctx, m.Compare(ctx), commits, func(r handover.Read) { got[r.Shard] = r })
	return got
}

// write writes states, and returns what a member commits of them.
func write(ctx context.Context, m *handover.Topic, states map[int][]byte, tenure string) (map[int]*shardgroup.Commit, error) {
	compared := m.Compare(ctx)
	commits, err := m.Write(ctx, states, func(int) string { return tenure })
	clock, untimed := compared()
	for _, c := range commits {
		if ahead := clock.Ahead.Milliseconds(); untimed == nil {
			c.Ahead, c.Within = &ahead, clock.Within.Milliseconds()
		}
	}
	return commits, err
}

func random(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return b
}

func TestStatesMove(t *testing.T) {
	seeds := kafka(t, true)
	states := map[int][]byte{0: random(1), 3: random(100), 5: random(3 << 20), 7: random(512 << 10)}
	giver, taker := member(t, seeds, 0), member(t, seeds, 200*time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	// Somebody else writes to the same partitions meanwhile.
	other := member(t, seeds, 0)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, err := write(ctx, other, map[int][]byte{5: random(2 << 20), 7: random(3)}, "other-1")
		assert.NoError(t, err)
	}()
	written, err := write(ctx, giver, states, "giver-1")
	require.NoError(t, err)
	<-done

	commits := map[int]shardgroup.Commit{}
	for shard, c := range written {
		parsed, found, err := shardgroup.ParseCommit(c.String())
		require.NoError(t, err)
		require.True(t, found)
		assert.True(t, parsed.HasState())
		commits[shard] = parsed
	}
	got := read(ctx, taker, commits)
	require.Len(t, got, len(states))
	for shard, want := range states {
		assert.Empty(t, got[shard].Refused, "%v", got[shard].Err)
		assert.True(t, bytes.Equal(want, got[shard].State), "shard %d", shard)
	}
}

func TestStatesAreRefused(t *testing.T) {
	tests := map[string]struct {
		unstamped bool
		ahead     time.Duration
		gone      bool
		spoil     func(*shardgroup.Commit)
		why       handover.Reason
		text      string
	}{
		"fine":                      {},
		"clock of the taker ahead":  {ahead: time.Second, why: handover.Clock, text: "synchronise the clocks"},
		"clock of the taker behind": {ahead: -time.Second, why: handover.Clock, text: "synchronise the clocks"},
		"no clock of the broker":    {unstamped: true, why: handover.Clock, text: "its log says why"},
		"no clock of the taker's":   {unstamped: true, spoil: func(c *shardgroup.Commit) { c.Ahead = new(int64) }, why: handover.Clock, text: "message.timestamp.type"},
		"another checksum":          {spoil: func(c *shardgroup.Commit) { c.CRC++ }, why: handover.Damaged, text: "checksum"},
		"a record too few":          {spoil: func(c *shardgroup.Commit) { c.N++ }, why: handover.Damaged, text: "2 of 3"},
		"records of another tenure": {spoil: func(c *shardgroup.Commit) { c.By = "another-1" }, why: handover.Missing},
		"records beyond what is":    {spoil: func(c *shardgroup.Commit) { c.Offset, c.End = 1000, 1003 }, why: handover.Missing},
		"records that are gone":     {gone: true, why: handover.Missing},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			seeds := kafka(t, !tt.unstamped)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			written, err := write(ctx, member(t, seeds, 0), map[int][]byte{4: random(600 << 10)}, "giver-1")
			require.NoError(t, err)
			c := *written[4]
			if tt.spoil != nil {
				tt.spoil(&c)
			}
			if tt.gone {
				var beyond kadm.Offsets
				beyond.AddOffset(topicName, 4, c.End, -1)
				_, err := kadm.NewClient(open(t, seeds)).DeleteRecords(ctx, beyond)
				require.NoError(t, err)
			}
			got := read(ctx, member(t, seeds, tt.ahead), map[int]shardgroup.Commit{4: c})[4]
			assert.Equal(t, tt.why, got.Refused, "%v", got.Err)
			assert.Equal(t, tt.why == "", got.State != nil)
			if tt.text != "" {
				assert.ErrorContains(t, got.Err, tt.text)
			}
		})
	}
}

func TestReadEndsWithItsContext(t *testing.T) {
	seeds := kafka(t, true)
	giver := member(t, seeds, 0)
	written, err := write(t.Context(), giver, map[int][]byte{1: random(10), 2: random(10)}, "giver-1")
	require.NoError(t, err)
	commits := map[int]shardgroup.Commit{1: *written[1], 2: *written[2]}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	assert.Empty(t, read(cancelled, giver, commits), "nobody wants to know")

	late, cancel := context.WithDeadline(t.Context(), time.Now())
	defer cancel()
	got := read(late, giver, commits)
	require.Len(t, got, 2)
	assert.Equal(t, handover.Unread, got[1].Refused)
}

func TestStateRoundTrip(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var sections []handover.Section
		for i := range rapid.IntRange(1, 4).Draw(rt, "parts") {
			data := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(rt, "data")
			sections = append(sections, handover.Section{Part: fmt.Sprint("receiver/panoptes/", i), Data: data})
		}
		state := encode(sections)
		back, err := handover.Decode(state)
		require.NoError(rt, err)
		require.Len(rt, back, len(sections))
		for i := range back {
			assert.Equal(rt, sections[i].Part, back[i].Part)
			assert.True(rt, bytes.Equal(sections[i].Data, back[i].Data))
		}
		_, err = handover.Decode(state[:len(state)-1])
		require.Error(rt, err)
	})
}

func encode(sections []handover.Section) (state []byte) {
	for _, s := range sections {
		state = handover.Append(state, s.Part, s.Data)
	}
	return state
}

func FuzzDecode(f *testing.F) {
	f.Add(handover.Append(nil, "a", []byte("b")))
	f.Fuzz(func(t *testing.T, b []byte) {
		sections, _ := handover.Decode(b)
		if len(sections) > 0 {
			again, err := handover.Decode(encode(sections))
			require.NoError(t, err)
			require.Equal(t, sections, again)
		}
	})
}

// TestSlowAnswers: how long brokers take to answer says nothing of the clocks.
func TestSlowAnswers(t *testing.T) {
	t.Parallel()
	cluster := kafkatest.Start(t, kfake.NumBrokers(1), kfake.SeedTopics(8, topicName))
	kafkatest.StampRecords(cluster)
	seeds := cluster.ListenAddrs()
	giver, taker := member(t, seeds, 0), member(t, seeds, 0)
	slow := func(answers int32) {
		var n atomic.Int32
		cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
			cluster.KeepControl()
			if n.Add(1) <= answers {
				cluster.SleepControl(func() { <-time.After(4 * handover.MaxSkew) })
			}
			return nil, nil, false
		})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	slow(2)
	written, err := write(ctx, giver, map[int][]byte{3: random(100)}, "giver-1")
	require.NoError(t, err)
	got := read(ctx, taker, map[int]shardgroup.Commit{3: *written[3]})[3]
	assert.Empty(t, got.Refused, "%v", got.Err)
}

// TestComparisonsAreRemembered: a broker is asked once a minute, not whenever a shard moves.
func TestComparisonsAreRemembered(t *testing.T) {
	t.Parallel()
	cluster := kafkatest.Start(t, kfake.NumBrokers(1), kfake.SeedTopics(8, topicName))
	kafkatest.StampRecords(cluster)
	var asked atomic.Int32
	cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		asked.Add(1)
		return nil, nil, false
	})
	m := member(t, cluster.ListenAddrs(), 0)
	require.Eventually(t, func() bool {
		clock, err := m.Compare(t.Context())()
		return err == nil && clock.Within <= handover.MaxSkew/4
	}, 20*time.Second, time.Millisecond)
	first := asked.Load()
	for range 3 {
		_, err := m.Compare(t.Context())()
		require.NoError(t, err)
	}
	assert.Equal(t, first, asked.Load())
	m.Now = func() time.Time { return time.Now().Add(2 * time.Minute) }
	clock, err := m.Compare(t.Context())()
	require.NoError(t, err)
	assert.Greater(t, asked.Load(), first)
	assert.InDelta(t, 2*time.Minute, clock.Ahead, float64(time.Second))
}

package group_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/panoptes-otel/panoptes-otel/extension/panoptesshardsextension/internal/group"
	"github.com/panoptes-otel/panoptes-otel/extension/panoptesshardsextension/internal/kafkatest"
	"github.com/panoptes-otel/panoptes-otel/extension/panoptesshardsextension/internal/parts"
	"github.com/panoptes-otel/panoptes-otel/internal/shard"
	"github.com/panoptes-otel/panoptes-otel/internal/shard/shardgroup"
)

const soon = 15 * time.Second

// told notes what a group tells.
type told struct {
	mu      sync.Mutex
	moved   map[string]int
	refused map[string]int
	health  error
}

func (o *told) Moved(reason string, n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.moved[reason] += n
}

func (o *told) Refused(reason string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.refused[reason]++
}
func (o *told) Given(time.Duration, int) {}
func (o *told) Took(time.Duration, int)  {}
func (o *told) Unowned(time.Duration)    {}

func (o *told) Health(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.health = err
}

func (o *told) count(of map[string]int, reason string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return of[reason]
}

func (o *told) unwell() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.health
}

// brokers starts brokers.
func brokers(t *testing.T, n int) []string {
	t.Helper()
	seeds, _ := interruptible(t, n)
	return seeds
}

// interruptible starts brokers that refuse joins as long as they are told to.
func interruptible(t *testing.T, n int) (seeds []string, refuse *atomic.Bool) {
	t.Helper()
	cluster := kafkatest.Start(t, kfake.NumBrokers(n), kfake.GroupMinSessionTimeout(time.Second))
	kafkatest.StampRecords(cluster)
	refuse = &atomic.Bool{}
	cluster.ControlKey(int16(kmsg.JoinGroup), func(req kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		if !refuse.Load() {
			return nil, nil, false
		}
		resp := req.ResponseKind().(*kmsg.JoinGroupResponse)
		resp.ErrorCode = kerr.CoordinatorLoadInProgress.Code
		return resp, nil, true
	})
	return cluster.ListenAddrs(), refuse
}

// one starts a member in this process.
func one(t *testing.T, seeds []string, change func(*group.Settings), part shard.Part) (*group.Group, *told) {
	t.Helper()
	set := group.Settings{
		Group: "g", Topic: "shards", Shards: 8, Session: 1500 * time.Millisecond, Rebalance: 2 * time.Second,
		Heartbeat: 50 * time.Millisecond, Drain: 500 * time.Millisecond, Create: true, Replicas: -1,
		Instance: t.Name(), Life: "life", Logger: zap.NewNop(), Now: time.Now, Reader: []kgo.Opt{kafkatest.Reader()},
	}
	if change != nil {
		change(&set)
	}
	obs := &told{moved: map[string]int{}, refused: map[string]int{}}
	var p parts.Parts
	if part.Name != "" {
		_, err := p.Join(part)
		require.NoError(t, err)
	}
	g, err := group.New(set, obs, &p, []kgo.Opt{kgo.SeedBrokers(seeds...), kgo.MetadataMinAge(50 * time.Millisecond)})
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), soon)
		defer cancel()
		g.Stop(ctx)
		g.Close()
	})
	return g, obs
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	require.Eventually(t, ok, soon, 5*time.Millisecond, what)
}

func TestOwnsNothingWhereTheTopicIsNotAsItShouldBe(t *testing.T) {
	t.Parallel()
	seeds := brokers(t, 1)
	g, obs := one(t, seeds, nil, shard.Part{})
	_, known := g.Seed()
	assert.False(t, known)
	g.Start()
	eventually(t, "all are owned", func() bool { return g.Owned() == 8 })
	_, known = g.Seed()
	assert.True(t, known)

	admin := kadm.NewClient(g.Client())
	_, err := admin.UpdatePartitions(t.Context(), 9, "shards")
	require.NoError(t, err)
	eventually(t, "nothing is owned", func() bool { return g.Owned() == 0 && obs.unwell() != nil })
	assert.ErrorContains(t, obs.unwell(), "has 9 partitions where 8 shards are configured")
	assert.Equal(t, 8, obs.count(obs.moved, "topic"))
}

func TestTopicIsMissing(t *testing.T) {
	t.Parallel()
	g, obs := one(t, brokers(t, 1), func(s *group.Settings) { s.Create = false }, shard.Part{})
	g.Start()
	eventually(t, "it is said", func() bool { return obs.unwell() != nil })
	assert.ErrorContains(t, obs.unwell(), `topic "shards" does not exist`)
	assert.Zero(t, g.Owned())
}

// TestTopicIsDeleted: it is made again.
func TestTopicIsDeleted(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.InfoLevel)
	cluster := kafkatest.Start(t, kfake.NumBrokers(1), kfake.GroupMinSessionTimeout(time.Second))
	kafkatest.StampRecords(cluster)
	var again atomic.Int32
	cluster.ControlKey(int16(kmsg.OffsetCommit), func(kreq kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		if logs.FilterMessage("Made the topic of shards").Len() == 2 {
			again.Add(int32(len(kreq.(*kmsg.OffsetCommitRequest).Topics[0].Partitions)))
		}
		return nil, nil, false
	})
	g, obs := one(t, cluster.ListenAddrs(), func(s *group.Settings) { s.Logger = zap.New(core) }, shard.Part{})
	g.Start()
	eventually(t, "all are owned", func() bool { return g.Owned() == 8 })
	_, err := kadm.NewClient(g.Client()).DeleteTopics(t.Context(), "shards")
	require.NoError(t, err)
	eventually(t, "it is made again", func() bool { return logs.FilterMessage("Made the topic of shards").Len() == 2 })
	assert.Equal(t, 8, g.Owned())
	assert.NoError(t, obs.unwell())
	eventually(t, "what is owned is committed again", func() bool { return again.Load() == 8 })
}

// TestTopicIsMadeAgainDuringATake: the take goes on with the new one, and so do states.
func TestTopicIsMadeAgainDuringATake(t *testing.T) {
	t.Parallel()
	cluster := kafkatest.Start(t, kfake.NumBrokers(1), kfake.GroupMinSessionTimeout(time.Second))
	kafkatest.StampRecords(cluster)
	var refuse, refused atomic.Bool
	cluster.ControlKey(int16(kmsg.OffsetCommit), func(kreq kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		req := kreq.(*kmsg.OffsetCommitRequest)
		if !refuse.Load() || !strings.Contains(*req.Topics[0].Partitions[0].Metadata, "another-") {
			return nil, nil, false
		}
		refused.Store(true)
		resp := req.ResponseKind().(*kmsg.OffsetCommitResponse)
		topic, partition := kmsg.NewOffsetCommitResponseTopic(), kmsg.NewOffsetCommitResponseTopicPartition()
		topic.Topic, topic.TopicID = req.Topics[0].Topic, req.Topics[0].TopicID
		partition.ErrorCode = kerr.CoordinatorLoadInProgress.Code
		topic.Partitions = append(topic.Partitions, partition)
		resp.Topics = append(resp.Topics, topic)
		return resp, nil, true
	})
	seeds := cluster.ListenAddrs()
	part := shard.Part{Name: "a", Export: func(shards []int, write func(int, []byte, int)) error {
		for _, s := range shards {
			write(s, []byte("state"), 1)
		}
		return nil
	}}
	a, _ := one(t, seeds, nil, part)
	a.Start() // and write once, so that the client knows the topic
	eventually(t, "all are owned", func() bool { return a.Owned() == 8 })
	refuse.Store(true)
	b, _ := one(t, seeds, func(s *group.Settings) { s.Life = "another" }, part)
	seed, known := a.Seed()
	require.True(t, known)
	b.Start()
	eventually(t, "a commit is refused", refused.Load)
	admin := kadm.NewClient(a.Client())
	_, err := admin.DeleteTopics(t.Context(), "shards")
	require.NoError(t, err)
	refuse.Store(false)
	eventually(t, "both own", func() bool { return a.Owned() == 4 && b.Owned() == 4 })
	same, _ := a.Seed()
	assert.Equal(t, seed, same, "states that are kept stay of use")
	a.Stop(t.Context())
	eventually(t, "one owns all", func() bool { return b.Owned() == 8 })
	b.Stop(t.Context())

	var states atomic.Int32
	c, _ := one(t, seeds, func(s *group.Settings) { s.Life = "third" }, shard.Part{Name: "a", Import: func(t shard.Taken) (int, error) {
		if string(t.State) == "state" {
			states.Add(1)
		}
		return 1, nil
	}})
	c.Start()
	eventually(t, "all are owned", func() bool { return c.Owned() == 8 })
	assert.EqualValues(t, 8, states.Load())
	other, _ := c.Seed()
	assert.NotEqual(t, seed, other)
}

// TestGroupOfOthers: a group that another application uses cannot be joined.
func TestGroupOfOthers(t *testing.T) {
	t.Parallel()
	seeds := brokers(t, 1)
	theirs, err := kgo.NewClient(kgo.SeedBrokers(seeds...), kgo.ConsumerGroup("g"), kgo.ConsumeTopics("theirs"), kgo.Balancers(kgo.RangeBalancer()))
	require.NoError(t, err)
	defer theirs.Close()
	_, err = kadm.NewClient(theirs).CreateTopic(t.Context(), 1, 1, nil, "theirs")
	require.NoError(t, err)
	eventually(t, "they have joined", func() bool {
		groups, err := kadm.NewClient(theirs).DescribeGroups(t.Context(), "g")
		return err == nil && groups["g"].State == "Stable"
	})
	g, obs := one(t, seeds, nil, shard.Part{})
	g.Start()
	eventually(t, "it is said", func() bool { return obs.unwell() != nil })
	assert.ErrorContains(t, obs.unwell(), "INCONSISTENT_GROUP_PROTOCOL")
	assert.ErrorContains(t, obs.unwell(), "other consumers use this group; choose another name")
	assert.Zero(t, g.Owned())
}

func TestBrokersAreAway(t *testing.T) {
	t.Parallel()
	g, obs := one(t, []string{"127.0.0.1:1"}, nil, shard.Part{})
	g.Start()
	eventually(t, "it is said", func() bool { return obs.unwell() != nil })
	assert.ErrorContains(t, obs.unwell(), "connection refused")
	assert.Zero(t, g.Owned())
	start := time.Now()
	g.Stop(t.Context())
	assert.Less(t, time.Since(start), 5*time.Second)
}

// TestAllBrokersGo ends all brokers under a member.
func TestAllBrokersGo(t *testing.T) {
	for name, goOn := range map[string]bool{"stop": false, "go on": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cluster := kafkatest.Start(t, kfake.NumBrokers(1), kfake.GroupMinSessionTimeout(time.Second))
			g, obs := one(t, cluster.ListenAddrs(), func(s *group.Settings) { s.GoOn = goOn }, shard.Part{})
			g.Start()
			eventually(t, "all are owned", func() bool { return g.Owned() == 8 })
			epoch, ok := g.Owns(3)
			require.True(t, ok)
			cluster.Close()
			if !goOn {
				eventually(t, "nothing is owned", func() bool { return g.Owned() == 0 })
				assert.False(t, g.Holds(3, epoch))
				eventually(t, "it is said", func() bool { return obs.unwell() != nil })
				return
			}
			assert.Never(t, func() bool { return g.Owned() < 8 || g.LeaseLeft() == 0 }, 4*time.Second, 20*time.Millisecond)
			assert.True(t, g.Holds(3, epoch))
			assert.NoError(t, obs.unwell())
		})
	}
}

// TestStateThatAPartRefuses is not used, and its shard is owned all the same.
func TestStateThatAPartRefuses(t *testing.T) {
	t.Parallel()
	seeds := brokers(t, 1)
	export := func(shards []int, write func(int, []byte, int)) error {
		for _, s := range shards {
			write(s, []byte("state"), 1)
		}
		return errors.New("and more that cannot be exported")
	}
	a, given := one(t, seeds, nil, shard.Part{Name: "a", Export: export})
	a.Start()
	eventually(t, "all are owned", func() bool { return a.Owned() == 8 })
	a.Stop(t.Context())
	assert.Equal(t, 8, given.count(given.moved, group.Left))

	var mu sync.Mutex
	last := map[string]int{}
	b, taken := one(t, seeds, func(s *group.Settings) { s.Life = "another" }, shard.Part{Name: "a", Import: func(t shard.Taken) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		last[shardgroup.Life(t.Last)]++
		return 0, errors.New("no")
	}})
	b.Start()
	eventually(t, "all are owned", func() bool { return b.Owned() == 8 })
	assert.Equal(t, 8, taken.count(taken.refused, "unusable"))
	mu.Lock()
	assert.Equal(t, map[string]int{"life": 8}, last)
	mu.Unlock()
	b.Stop(t.Context())

	c, other := one(t, seeds, func(s *group.Settings) { s.Life = "third" }, shard.Part{Name: "b"})
	c.Start()
	eventually(t, "all are owned", func() bool { return c.Owned() == 8 })
	assert.Zero(t, other.count(other.refused, "unusable"), "the second had nothing to give")
}

func TestView(t *testing.T) {
	t.Parallel()
	seeds := brokers(t, 1)
	a, _ := one(t, seeds, func(s *group.Settings) { s.Instance, s.Life = "a", "la" }, shard.Part{})
	b, _ := one(t, seeds, func(s *group.Settings) { s.Instance, s.Life = "b", "lb" }, shard.Part{})
	b.Announce("list")
	a.Start()
	b.Start()
	eventually(t, "both own", func() bool { return a.Owned() == 4 && b.Owned() == 4 })
	v, err := shardgroup.Describe(t.Context(), a.Client(), "g", "shards")
	require.NoError(t, err)
	require.Len(t, v.Members, 2)
	assert.Equal(t, shardgroup.About{Instance: "a", Life: "la"}, v.Members[0].About)
	assert.Equal(t, shardgroup.About{Instance: "b", Life: "lb", Resources: "list"}, v.Members[1].About)
	assert.Equal(t, 4, v.Members[0].Owned)
	assert.Equal(t, 8, v.Owned())
	for s := range v.Shards {
		_, own := a.Owns(s)
		assert.Equal(t, own, v.Shards[s].Member == 0, s)
		assert.WithinDuration(t, time.Now(), v.Shards[s].Since(), time.Minute)
	}
	b.Stop(t.Context())
	eventually(t, "one owns all", func() bool { return a.Owned() == 8 })

	_, err = shardgroup.Describe(t.Context(), a.Client(), "g", "nothing")
	require.ErrorIs(t, err, shardgroup.ErrNoTopic)
}

func BenchmarkOwns(b *testing.B) {
	cluster := kafkatest.Start(b, kfake.NumBrokers(1), kfake.GroupMinSessionTimeout(time.Second))
	var p parts.Parts
	obs := &told{moved: map[string]int{}, refused: map[string]int{}}
	g, err := group.New(group.Settings{
		Group: "g", Topic: "shards", Shards: 8, Session: 15 * time.Second, Rebalance: 15 * time.Second, Heartbeat: 100 * time.Millisecond,
		Create: true, Replicas: -1, Instance: "i", Life: "l", Logger: zap.NewNop(), Now: time.Now,
	}, obs, &p, []kgo.Opt{kgo.SeedBrokers(cluster.ListenAddrs()...)})
	require.NoError(b, err)
	g.Start()
	require.Eventually(b, func() bool { return g.Owned() == 8 }, soon, 5*time.Millisecond)
	for b.Loop() {
		epoch, ok := g.Owns(3)
		if !ok || !g.Holds(3, epoch) {
			b.Fatal("not owned")
		}
	}
	g.Stop(b.Context())
	g.Close()
}

package group

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/kafkaclient"
	"github.com/panoptes-otel/panoptes-otel/internal/shard/shardgroup"
)

// errTopic is wrapped by errors of a topic with which nothing can be owned.
var errTopic = errors.New("no shard can be owned")

// The configuration of a topic that is made here. States are of use for some intervals only.
const (
	timestampType = "LogAppendTime"
	retention     = "86400000"
)

// checkTopic makes sure that the topic has a partition for each shard, and makes it where it is missing. Where it is not as
// it should be nothing is owned any more: others may count their shards otherwise. While the brokers do not answer, what is
// claimed stays; a member that claims nothing must know the topic before it joins.
func (g *Group) checkTopic() error {
	ctx, cancel := context.WithTimeout(g.hard, requestTimeout(g.set.Session))
	defer cancel()
	id, err := g.findTopic(ctx)
	g.mu.Lock()
	claims := len(g.claimed()) > 0
	g.mu.Unlock()
	switch {
	case errors.Is(err, errTopic):
		if claims {
			g.lease.End()
			g.lose(err)
			g.depart()
		}
		return err
	case err != nil && claims:
		return nil
	case err != nil:
		return err
	}
	if last := g.topicID.Swap(&id); last != nil && *last != id {
		g.set.Logger.Info("The topic of shards is another one now", zap.String("topic", g.set.Topic))
		g.wire.client.PurgeTopicsFromProducing(g.set.Topic) // it would write to the last one
		g.again = true
	}
	if g.seed.Load() == nil || !claims {
		g.seed.Store(seedOf(g.set.Group, g.set.Topic, id))
	}
	if g.again {
		g.again = g.commitAgain(ctx, id) != nil
	}
	return nil
}

// commitAgain commits what is owned: the commits of a topic go with it, and whoever looks on would see no owners.
func (g *Group) commitAgain(ctx context.Context, topicID [16]byte) error {
	commits := map[int]*shardgroup.Commit{}
	now := g.set.Now().UnixMilli()
	g.mu.Lock()
	id := g.id
	for s := range g.slots {
		if sl := &g.slots[s]; sl.phase == owned {
			commits[s] = g.taken(sl.epoch, now)
		}
	}
	g.mu.Unlock()
	if len(commits) == 0 {
		return nil
	}
	return g.wire.commit(ctx, id, topicID, commits)
}

func (g *Group) findTopic(ctx context.Context) (id [16]byte, err error) {
	topics, err := kafkaclient.ListTopics(ctx, g.wire.client, []string{g.set.Topic})
	if err != nil {
		return id, fmt.Errorf("ask for topic %q: %w", g.set.Topic, err)
	}
	topic := topics[g.set.Topic]
	switch {
	case errors.Is(topic.Err, kerr.UnknownTopicOrPartition):
		return g.makeTopic(ctx, kadm.NewClient(g.wire.client))
	case topic.Err != nil:
		return id, fmt.Errorf("ask for topic %q: %w", g.set.Topic, topic.Err)
	case len(topic.Partitions) != g.set.Shards:
		return id, fmt.Errorf("%w: topic %q has %d partitions where %d shards are configured: set shards to what the topic has, at all members, or name another topic",
			errTopic, g.set.Topic, len(topic.Partitions), g.set.Shards)
	}
	return topic.ID, nil
}

// makeTopic makes the topic. Another member may do so at the same time.
func (g *Group) makeTopic(ctx context.Context, admin *kadm.Client) (id [16]byte, err error) {
	if !g.set.Create {
		return id, fmt.Errorf("%w: topic %q does not exist: make it with %d partitions and message.timestamp.type=%s, or set topic::create",
			errTopic, g.set.Topic, g.set.Shards, timestampType)
	}
	stamped, kept := timestampType, retention
	resp, err := admin.CreateTopic(ctx, int32(g.set.Shards), g.set.Replicas,
		map[string]*string{"message.timestamp.type": &stamped, "retention.ms": &kept}, g.set.Topic)
	switch {
	case errors.Is(err, kerr.TopicAlreadyExists):
		return id, fmt.Errorf("topic %q has just been made by another member", g.set.Topic)
	case err != nil:
		return id, fmt.Errorf("%w: cannot make topic %q: %w: make it with %s partitions and message.timestamp.type=%s",
			errTopic, g.set.Topic, err, strconv.Itoa(g.set.Shards), timestampType)
	}
	g.set.Logger.Info("Made the topic of shards", zap.String("topic", g.set.Topic), zap.Int("partitions", g.set.Shards))
	return resp.ID, nil
}

// seedOf is a number that the members of a group share. The topic's id is random, and known to those only who may ask the
// brokers for it; brokers before 2.8 have none.
func seedOf(group, topic string, id [16]byte) *[16]byte {
	sum := sha256.Sum256(append(id[:], group+"\x00"+topic...))
	seed := [16]byte(sum[:16])
	return &seed
}

// Seed implements the membership.
func (g *Group) Seed() (seed [16]byte, ok bool) {
	s := g.seed.Load()
	if s == nil {
		return seed, false
	}
	return *s, true
}

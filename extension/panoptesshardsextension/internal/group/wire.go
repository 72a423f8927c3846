package group

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/panoptes-otel/panoptes-otel/extension/panoptesshardsextension/internal/balance"
	"github.com/panoptes-otel/panoptes-otel/internal/shard/shardgroup"
)

// wire says the sentences of the group protocol. It keeps no state of the member's; it is safe for concurrent use.
type wire struct {
	client    *kgo.Client
	group     string
	topic     string
	session   time.Duration
	rebalance time.Duration
}

// identity is what a member is to the coordinator. The zero value is none.
type identity struct {
	member     string
	generation int32
}

// joined is the answer to a join, once a member is known.
type joined struct {
	identity
	members []kmsg.JoinGroupResponseMember // only of the leader
	leads   bool
}

// join asks for a place in the next generation. It returns when all members have joined, or the rebalance time-out has
// passed. memberID is "" at first; the error is then kerr.MemberIDRequired, and the answer has the id to join with.
func (w *wire) join(ctx context.Context, memberID string, subscription []byte, reason string) (joined, error) {
	req := kmsg.NewPtrJoinGroupRequest()
	req.Group = w.group
	req.SessionTimeoutMillis = int32(w.session.Milliseconds())
	req.RebalanceTimeoutMillis = int32(w.rebalance.Milliseconds())
	req.MemberID = memberID
	req.ProtocolType = shardgroup.ProtocolType
	protocol := kmsg.NewJoinGroupRequestProtocol()
	protocol.Name, protocol.Metadata = shardgroup.Protocol, subscription
	req.Protocols = append(req.Protocols, protocol)
	req.Reason = &reason
	resp, err := req.RequestWith(ctx, w.client)
	if err != nil {
		return joined{}, err
	}
	j := joined{identity: identity{resp.MemberID, resp.Generation}, members: resp.Members}
	j.leads = resp.LeaderID == resp.MemberID && len(resp.Members) > 0
	return j, kerr.ErrorForCode(resp.ErrorCode)
}

// sync gets the member's shards; the leader brings the plan.
func (w *wire) sync(ctx context.Context, j *joined, shards int) ([]int32, error) {
	req := kmsg.NewPtrSyncGroupRequest()
	req.Group, req.MemberID, req.Generation = w.group, j.member, j.generation
	kind, name := shardgroup.ProtocolType, shardgroup.Protocol
	req.ProtocolType, req.Protocol = &kind, &name
	if j.leads {
		for member, s := range w.plan(j.members, shards) {
			a := kmsg.NewSyncGroupRequestGroupAssignment()
			a.MemberID, a.MemberAssignment = member, shardgroup.Assignment(w.topic, s)
			req.GroupAssignment = append(req.GroupAssignment, a)
		}
	}
	resp, err := req.RequestWith(ctx, w.client)
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	if err != nil {
		return nil, err
	}
	return shardgroup.ParseAssignment(resp.MemberAssignment, w.topic)
}

func (w *wire) plan(members []kmsg.JoinGroupResponseMember, shards int) map[string][]int32 {
	claims := make([]balance.Claim, len(members))
	for i, m := range members {
		claims[i].Member = m.MemberID
		// A member whose metadata cannot be read claims nothing: it will learn so from what it is assigned.
		_, claims[i].Generation, claims[i].Shards, _ = shardgroup.ParseSubscription(m.ProtocolMetadata, w.topic)
	}
	return balance.Plan(claims, shards)
}

// heartbeat returns the coordinator's answer, nil where all is well. answered is false where there was none.
func (w *wire) heartbeat(ctx context.Context, id identity) (answered bool, err error) {
	req := kmsg.NewPtrHeartbeatRequest()
	req.Group, req.MemberID, req.Generation = w.group, id.member, id.generation
	resp, err := req.RequestWith(ctx, w.client)
	if err != nil {
		return errors.As(err, new(*kerr.Error)), err
	}
	return true, kerr.ErrorForCode(resp.ErrorCode)
}

// leave tells the coordinator that a member is gone. Its shards are given to others at once.
func (w *wire) leave(ctx context.Context, memberID string) error {
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Group, req.MemberID = w.group, memberID
	m := kmsg.NewLeaveGroupRequestMember()
	m.MemberID = memberID
	reason := "the Collector stops"
	m.Reason = &reason
	req.Members = append(req.Members, m)
	resp, err := req.RequestWith(ctx, w.client)
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	return err
}

// commits returns what was committed last for each shard: metadata, and the offset.
func (w *wire) commits(ctx context.Context) (map[int32]kadm.OffsetResponse, error) {
	offsets, err := kadm.NewClient(w.client).FetchOffsets(ctx, w.group)
	if err == nil {
		err = offsets.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("read the commits of group %q: %w", w.group, err)
	}
	return offsets[w.topic], nil
}

// commit commits as that member. It returns the first error that the coordinator has for any of the shards.
func (w *wire) commit(ctx context.Context, id identity, topicID [16]byte, commits map[int]*shardgroup.Commit) error {
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Group, req.MemberID, req.Generation = w.group, id.member, id.generation
	topic := kmsg.NewOffsetCommitRequestTopic()
	topic.Topic, topic.TopicID = w.topic, topicID // brokers from 4.0 on go by the id
	for shard, c := range commits {
		p := kmsg.NewOffsetCommitRequestTopicPartition()
		metadata := c.String()
		p.Partition, p.Offset, p.LeaderEpoch, p.Metadata = int32(shard), c.End, -1, &metadata
		topic.Partitions = append(topic.Partitions, p)
	}
	req.Topics = append(req.Topics, topic)
	resp, err := req.RequestWith(ctx, w.client)
	if err != nil {
		return err
	}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return fmt.Errorf("commit shard %d: %w", p.Partition, err)
			}
		}
	}
	return nil
}

package shardgroup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// View is a group as anybody who may read it sees it.
type View struct {
	// State is Kafka's word for the group: Stable, PreparingRebalance, CompletingRebalance, Empty, Dead.
	State   string
	Members []Member // by instance, then id
	Shards  []Shard  // by number
}

// Viewer is an extension that is a member of a group.
type Viewer interface {
	// View reads the group from Kafka, and says what it is called. It returns nil where shares are fixed: there no Collector
	// knows of the others.
	View(ctx context.Context) (group string, view *View, err error)
}

// Member is a member of a group.
type Member struct {
	About
	// ID is what the coordinator calls it, Host the address it connects from.
	ID, Host string
	// Assigned is how many shards the group gave it, Owned how many of these it has taken.
	Assigned, Owned int
}

// Shard is a shard of a group.
type Shard struct {
	// Member is the index of the member that it is assigned to, or -1.
	Member int
	// Owned says whether that member has taken it.
	Owned bool
	// Commit is the last one, the zero value where nobody ever owned the shard.
	Commit Commit
}

// Owned is how many shards have an owner.
func (v *View) Owned() int {
	n := 0
	for i := range v.Shards {
		if v.Shards[i].Owned {
			n++
		}
	}
	return n
}

// Rebalances says whether the group shares anew: Kafka tells nothing of its members then.
func (v *View) Rebalances() bool {
	return v.State == "PreparingRebalance" || v.State == "CompletingRebalance"
}

// SameResources says whether all members that know resources know the same.
func (v *View) SameResources() bool {
	known := ""
	for _, m := range v.Members {
		if known != "" && m.Resources != "" && m.Resources != known {
			return false
		}
		known = cmp.Or(known, m.Resources)
	}
	return true
}

// Since is when the owner took a shard, by the owner's clock; zero where there is no owner.
func (s *Shard) Since() time.Time {
	if !s.Owned {
		return time.Time{}
	}
	return s.Commit.Time()
}

// ErrNoTopic is wrapped by Describe's error where the topic is missing: no member has ever started.
var ErrNoTopic = errors.New("the topic does not exist")

// Describe reads a group from Kafka. It needs leave to describe the group and its topic.
func Describe(ctx context.Context, client *kgo.Client, group, topic string) (*View, error) {
	admin := kadm.NewClient(client)
	topics, err := admin.ListTopics(ctx, topic)
	if err != nil {
		return nil, fmt.Errorf("ask for topic %q: %w", topic, err)
	}
	detail := topics[topic]
	if detail.Err != nil {
		return nil, fmt.Errorf("topic %q: %w: %w", topic, ErrNoTopic, detail.Err)
	}
	groups, err := admin.DescribeGroups(ctx, group)
	described := groups[group]
	if err == nil {
		err = described.Err
	}
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) { // brokers before 4.0 only call it dead
		return nil, fmt.Errorf("describe group %q: %w", group, err)
	}
	offsets, err := admin.FetchOffsets(ctx, group)
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		return nil, fmt.Errorf("read the commits of group %q: %w", group, err)
	}
	if described.Protocol != "" && described.Protocol != Protocol {
		return nil, fmt.Errorf("group %q is no group of shards: its protocol is %q, not %q", group, described.Protocol, Protocol)
	}
	return view(&described, offsets[topic], topic, len(detail.Partitions)), nil
}

func view(g *kadm.DescribedGroup, commits map[int32]kadm.OffsetResponse, topic string, shards int) *View {
	v := &View{State: g.State, Shards: make([]Shard, shards)}
	for s := range v.Shards {
		v.Shards[s].Member = -1
		v.Shards[s].Commit, _, _ = ParseCommit(commits[int32(s)].Metadata) // one that cannot be read is none
	}
	assigned := map[string][]int32{}
	for _, m := range g.Members {
		member := Member{ID: m.MemberID, Host: strings.TrimPrefix(m.ClientHost, "/")}
		if c, ok := m.Join.AsConsumer(); ok {
			member.About, _, _, _ = ParseSubscription(c.AppendTo(nil), topic)
		}
		if a, ok := m.Assigned.AsConsumer(); ok {
			assigned[m.MemberID], _ = ParseAssignment(a.AppendTo(nil), topic)
		}
		v.Members = append(v.Members, member)
	}
	slices.SortFunc(v.Members, func(a, b Member) int {
		if c := strings.Compare(a.Instance, b.Instance); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	for i := range v.Members {
		m := &v.Members[i]
		for _, n := range assigned[m.ID] {
			if n < 0 || int(n) >= shards {
				continue
			}
			s := &v.Shards[n]
			s.Member = i
			m.Assigned++
			if s.Commit.Taken && Life(s.Commit.By) == m.Life && m.Life != "" {
				s.Owned = true
				m.Owned++
			}
		}
	}
	return v
}

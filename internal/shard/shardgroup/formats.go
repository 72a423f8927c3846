package shardgroup

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// The names under which members join.
const (
	ProtocolType = "consumer"
	Protocol     = "panoptes-cooperative"
)

// The names that a group and its topic have unless a site gives others.
const (
	DefaultGroup = "panoptes-shards"
	DefaultTopic = "panoptes-shards"
)

// About is what a member says of itself.
type About struct {
	// Instance is its name, for people.
	Instance string `json:"instance"`
	// Life is another one each time that its process starts. Tenures begin with it.
	Life string `json:"life"`
	// Resources is the hash of the list of resources that its receivers know; "" where they know none yet.
	Resources string `json:"resources,omitempty"`
	// Leaving says that it is about to give all its shards away and leave.
	Leaving bool `json:"leaving,omitempty"`
}

// Tenure names the time in which a member owns a shard: its life, and a number that grows with each one.
func Tenure(life string, epoch uint64) string { return life + "-" + strconv.FormatUint(epoch, 36) }

// Life returns the life in which a tenure was.
func Life(tenure string) string {
	life, _, _ := strings.Cut(tenure, "-")
	return life
}

// Subscription is the metadata with which a member joins. Shards are those that it was assigned in a generation and has
// not given away.
func Subscription(topic string, about About, generation int32, shards []int32) []byte {
	user, _ := json.Marshal(about) // strings can be marshalled
	m := kmsg.NewConsumerMemberMetadata()
	m.Version = 2 // the first with a generation
	m.Topics = []string{topic}
	m.UserData = user
	m.Generation = generation
	if len(shards) > 0 {
		owned := kmsg.NewConsumerMemberMetadataOwnedPartition()
		owned.Topic, owned.Partitions = topic, shards
		m.OwnedPartitions = []kmsg.ConsumerMemberMetadataOwnedPartition{owned}
	}
	return m.AppendTo(nil)
}

// ParseSubscription reads what Subscription made.
func ParseSubscription(data []byte, topic string) (about About, generation int32, shards []int32, err error) {
	m := kmsg.NewConsumerMemberMetadata()
	if err := m.ReadFrom(data); err != nil {
		return About{}, 0, nil, fmt.Errorf("read a member's subscription: %w", err)
	}
	if err := json.Unmarshal(m.UserData, &about); err != nil {
		return About{}, 0, nil, fmt.Errorf("read a member's subscription: %w", err)
	}
	for _, owned := range m.OwnedPartitions {
		if owned.Topic == topic {
			shards = append(shards, owned.Partitions...)
		}
	}
	return about, m.Generation, shards, nil
}

// Assignment is what the leader of a rebalance gives a member.
func Assignment(topic string, shards []int32) []byte {
	a := kmsg.NewConsumerMemberAssignment()
	if len(shards) > 0 {
		t := kmsg.NewConsumerMemberAssignmentTopic()
		t.Topic, t.Partitions = topic, shards
		a.Topics = []kmsg.ConsumerMemberAssignmentTopic{t}
	}
	return a.AppendTo(nil)
}

// ParseAssignment reads what Assignment made. No bytes are no shards.
func ParseAssignment(data []byte, topic string) (shards []int32, err error) {
	if len(data) == 0 {
		return nil, nil
	}
	a := kmsg.NewConsumerMemberAssignment()
	if err := a.ReadFrom(data); err != nil {
		return nil, fmt.Errorf("read an assignment: %w", err)
	}
	for _, t := range a.Topics {
		if t.Topic == topic {
			shards = append(shards, t.Partitions...)
		}
	}
	return shards, nil
}

// Commit is what a member commits for a shard, as the metadata of its offset: that it has taken the shard, or where it
// left the state when it gave the shard away.
type Commit struct {
	// By is the tenure.
	By string `json:"by"`
	// At is since when, on the member's clock, in milliseconds since 1970.
	At int64 `json:"at"`
	// Ahead is how far that clock was ahead of a broker's when the shard was given away, in milliseconds; nil is unknown.
	Ahead *int64 `json:"ahead,omitempty"`
	// Within is how wrong that may be.
	Within int64 `json:"within,omitempty"`
	// Taken is set from when the shard is owned until it is given away.
	Taken bool `json:"taken,omitempty"`
	// Offset and End bound the state's records in the partition of the shard's number, of which there are N. N is 0 where there
	// is no state.
	Offset int64 `json:"offset,omitempty"`
	End    int64 `json:"end,omitempty"`
	N      int   `json:"n,omitempty"`
	// CRC is the CRC-32C of the state.
	CRC uint32 `json:"crc,omitempty"`
}

// maxRecords bounds a state: what is more was not written by a member.
const maxRecords = 1 << 16

// HasState says whether a state was left.
func (c *Commit) HasState() bool { return !c.Taken && c.N > 0 }

// Time is At.
func (c *Commit) Time() time.Time { return time.UnixMilli(c.At) }

// String is the metadata.
func (c *Commit) String() string {
	b, _ := json.Marshal(c) // numbers and strings can be marshalled
	return string(b)
}

// ParseCommit reads metadata. "" is no commit: of a shard that nobody has owned yet.
func ParseCommit(metadata string) (c Commit, found bool, err error) {
	if metadata == "" {
		return Commit{}, false, nil
	}
	if err := json.Unmarshal([]byte(metadata), &c); err != nil {
		return Commit{}, false, fmt.Errorf("read the commit %.80q: %w", metadata, err)
	}
	if c.N < 0 || c.N > maxRecords || c.Offset < 0 || c.End < c.Offset+int64(c.N) {
		return Commit{}, false, fmt.Errorf("read the commit %.80q: %d records from %d to %d", metadata, c.N, c.Offset, c.End)
	}
	return c, true, nil
}

package shardgroup_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/internal/shard/shardgroup"
)

func TestSubscriptionRoundTrip(t *testing.T) {
	about := shardgroup.About{Instance: "collector-1", Life: "k3", Resources: "abc"}
	data := shardgroup.Subscription("t", about, 7, []int32{1, 5})
	back, generation, shards, err := shardgroup.ParseSubscription(data, "t")
	require.NoError(t, err)
	assert.Equal(t, about, back)
	assert.EqualValues(t, 7, generation)
	assert.Equal(t, []int32{1, 5}, shards)

	_, _, shards, err = shardgroup.ParseSubscription(data, "another")
	require.NoError(t, err)
	assert.Empty(t, shards)
}

func TestAssignmentRoundTrip(t *testing.T) {
	shards, err := shardgroup.ParseAssignment(shardgroup.Assignment("t", []int32{0, 9}), "t")
	require.NoError(t, err)
	assert.Equal(t, []int32{0, 9}, shards)
	shards, err = shardgroup.ParseAssignment(nil, "t")
	require.NoError(t, err)
	assert.Empty(t, shards)
}

// TestCommit pins the text: members of two releases read each other's.
func TestCommit(t *testing.T) {
	tests := map[string]struct {
		metadata string
		want     shardgroup.Commit
		err      string
	}{
		"none":        {},
		"taken":       {metadata: `{"by":"k3-1","at":5,"taken":true}`, want: shardgroup.Commit{By: "k3-1", At: 5, Taken: true}},
		"given":       {metadata: `{"by":"k3-1","at":5,"offset":10,"end":14,"n":3,"crc":99}`, want: shardgroup.Commit{By: "k3-1", At: 5, Offset: 10, End: 14, N: 3, CRC: 99}},
		"given empty": {metadata: `{"by":"k3-1","at":5}`, want: shardgroup.Commit{By: "k3-1", At: 5}},
		"newer":       {metadata: `{"by":"k3-1","at":5,"taken":true,"more":{}}`, want: shardgroup.Commit{By: "k3-1", At: 5, Taken: true}},
		"text":        {metadata: `hello`, err: `read the commit "hello"`},
		"too short":   {metadata: `{"by":"k","offset":10,"end":12,"n":3}`, err: "3 records from 10 to 12"},
		"too long":    {metadata: `{"by":"k","offset":0,"end":1000000000000,"n":1000000000}`, err: "1000000000 records"},
		"negative":    {metadata: `{"by":"k","offset":-1,"end":12,"n":-3}`, err: "-3 records"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c, found, err := shardgroup.ParseCommit(tt.metadata)
			if tt.err != "" {
				require.ErrorContains(t, err, tt.err)
				assert.False(t, found)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tt.want, c)
			assert.Equal(t, tt.metadata != "", found)
			if found && name != "newer" {
				assert.JSONEq(t, tt.metadata, c.String())
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"by":"k3-1","at":5,"offset":10,"end":14,"n":3,"crc":99}`))
	f.Add(shardgroup.Subscription("t", shardgroup.About{Instance: "i"}, 1, []int32{1}))
	f.Add(shardgroup.Assignment("t", []int32{1}))
	f.Fuzz(func(_ *testing.T, data []byte) {
		_, _, _ = shardgroup.ParseCommit(string(data))
		_, _, _, _ = shardgroup.ParseSubscription(data, "t")
		_, _ = shardgroup.ParseAssignment(data, "t")
	})
}

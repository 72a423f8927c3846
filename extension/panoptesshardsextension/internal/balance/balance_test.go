package balance_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/panoptes-otel/panoptes-otel/extension/panoptesshardsextension/internal/balance"
)

func TestPlan(t *testing.T) {
	tests := map[string]struct {
		claims []balance.Claim
		shards int
		want   map[string][]int32
	}{
		"nobody": {shards: 4, want: map[string][]int32{}},
		"the first member takes all": {
			claims: []balance.Claim{{Member: "a"}}, shards: 4,
			want: map[string][]int32{"a": {0, 1, 2, 3}},
		},
		"what must move is given to nobody at first": {
			claims: []balance.Claim{{Member: "a", Generation: 1, Shards: []int32{0, 1, 2, 3}}, {Member: "b"}}, shards: 4,
			want: map[string][]int32{"a": {0, 1}, "b": nil},
		},
		"and to the next when its owner has let it go": {
			claims: []balance.Claim{{Member: "a", Generation: 2, Shards: []int32{0, 1}}, {Member: "b", Generation: 2}}, shards: 4,
			want: map[string][]int32{"a": {0, 1}, "b": {2, 3}},
		},
		"nothing moves where it is even": {
			claims: []balance.Claim{{Member: "a", Generation: 2, Shards: []int32{3, 1}}, {Member: "b", Generation: 2, Shards: []int32{0, 2, 4}}}, shards: 5,
			want: map[string][]int32{"a": {1, 3}, "b": {0, 2, 4}},
		},
		"a leaver's shards go to those with room": {
			claims: []balance.Claim{{Member: "a", Generation: 2, Shards: []int32{0, 1}}, {Member: "b", Generation: 2, Shards: []int32{2}}}, shards: 5,
			want: map[string][]int32{"a": {0, 1, 3}, "b": {2, 4}},
		},
		"the later claim is the true one": {
			claims: []balance.Claim{{Member: "a", Generation: 3, Shards: []int32{0, 1}}, {Member: "b", Generation: 4, Shards: []int32{1}}}, shards: 2,
			want: map[string][]int32{"a": {0}, "b": {1}},
		},
		"two equal claims: nobody has it until both let go": {
			claims: []balance.Claim{{Member: "a", Generation: 3, Shards: []int32{0, 1}}, {Member: "b", Generation: 3, Shards: []int32{1}}}, shards: 2,
			want: map[string][]int32{"a": {0}, "b": nil},
		},
		"claims beyond the shards are ignored": {
			claims: []balance.Claim{{Member: "a", Generation: 3, Shards: []int32{-1, 0, 7}}}, shards: 2,
			want: map[string][]int32{"a": {0, 1}},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) { assert.Equal(t, tt.want, balance.Plan(tt.claims, tt.shards)) })
	}
}

// TestGroupsSettle plays rebalances with members that come, go and forget.
func TestGroupsSettle(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		shards := rapid.IntRange(1, 80).Draw(rt, "shards")
		have := map[string][]int32{}
		generation := int32(0)
		born := 0
		join := func() map[string][]int32 { // one rebalance: everybody claims, then lets go of what was taken away
			var claims []balance.Claim
			claimant := map[int32]string{}
			for m, s := range have {
				claims = append(claims, balance.Claim{Member: m, Generation: generation, Shards: s})
				for _, x := range s {
					claimant[x] = m
				}
			}
			generation++
			plan := balance.Plan(claims, shards)
			given := map[int32]string{}
			for m, s := range plan {
				for _, x := range s {
					if other, ok := given[x]; ok {
						rt.Fatalf("shard %d is given to %s and %s", x, m, other)
					}
					given[x] = m
					if c, ok := claimant[x]; ok && c != m {
						rt.Fatalf("shard %d is given to %s while %s claims it", x, m, c)
					}
				}
			}
			return plan
		}
		for range rapid.IntRange(1, 12).Draw(rt, "events") {
			switch rapid.SampledFrom([]string{"come", "come", "go", "forget"}).Draw(rt, "event") {
			case "come":
				born++
				have[fmt.Sprint("m", born)] = nil
			case "go":
				if len(have) > 1 {
					delete(have, rapid.SampledFrom(slices.Sorted(maps.Keys(have))).Draw(rt, "who"))
				}
			case "forget":
				if len(have) > 0 {
					have[rapid.SampledFrom(slices.Sorted(maps.Keys(have))).Draw(rt, "who")] = nil
				}
			}
			if len(have) == 0 {
				continue
			}
			before := maps.Clone(have)
			have = join()
			have = join()
			settled := join()
			assert.Equal(rt, settled, have, "it has settled after two rebalances")
			least, most, total, moved := shards, 0, 0, 0
			for m, s := range settled {
				least, most, total = min(least, len(s)), max(most, len(s)), total+len(s)
				for _, x := range before[m] {
					if !slices.Contains(s, x) {
						moved++
					}
				}
			}
			assert.Equal(rt, shards, total, "all are given")
			assert.LessOrEqual(rt, most-least, 1, "evenly")
			over := 0
			for _, s := range before {
				over += max(0, len(s)-shards/len(settled))
			}
			assert.LessOrEqual(rt, moved, over, "no more moved than some had too many of")
		}
	})
}

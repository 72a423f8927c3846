// Package balance divides shards among the members of a group, as the leader of a rebalance does: evenly, with as few
// moves as that takes, and never giving a shard to one member while another still claims it (cooperative rebalancing,
// KIP-429). A shard that must move is given to nobody at first; its owner hands it over, rejoins, and the rebalance that
// this begins gives it to the next.
package balance

import (
	"cmp"
	"slices"
)

// Claim is what a member says when it joins.
type Claim struct {
	Member string
	// Generation is the one in which the member was assigned Shards: the latest claim to a shard is the true one.
	Generation int32
	Shards     []int32
}

// nobody, and more than one with equal rights.
const (
	nobody = -1
	torn   = -2
)

// Plan returns the shards of each member, ascending. The same claims in any order give the same plan.
func Plan(claims []Claim, shards int) map[string][]int32 {
	if len(claims) == 0 {
		return map[string][]int32{}
	}
	claims = slices.SortedFunc(slices.Values(claims), func(a, b Claim) int { return cmp.Compare(a.Member, b.Member) })
	owner, claimed := owners(claims, shards)
	held := make([][]int32, len(claims))
	for s, o := range owner {
		if o >= 0 {
			held[o] = append(held[o], int32(s))
		}
	}
	quota := quotas(held, shards)
	for i := range held {
		held[i] = held[i][:min(len(held[i]), quota[i])]
		for _, s := range held[i] {
			claimed[s] = true // it is not free
		}
	}
	next := 0
	for s := range shards {
		if claimed[s] {
			continue
		}
		for len(held[next]) >= quota[next] {
			next++
		}
		held[next] = append(held[next], int32(s))
	}
	plan := make(map[string][]int32, len(claims))
	for i, c := range claims {
		slices.Sort(held[i])
		plan[c.Member] = held[i]
	}
	return plan
}

// owners returns the index of the member that has each shard, and which shards anybody claims.
func owners(claims []Claim, shards int) (owner []int, claimed []bool) {
	owner, claimed = make([]int, shards), make([]bool, shards)
	for s := range owner {
		owner[s] = nobody
	}
	generation := make([]int32, shards)
	for i, c := range claims {
		for _, s := range c.Shards {
			if s < 0 || int(s) >= shards {
				continue
			}
			switch {
			case !claimed[s] || c.Generation > generation[s]:
				owner[s], generation[s] = i, c.Generation
			case c.Generation == generation[s] && owner[s] != i:
				owner[s] = torn
			}
			claimed[s] = true
		}
	}
	return owner, claimed
}

// quotas are even, and who has most already gets one more than the others where the shards do not divide evenly.
func quotas(held [][]int32, shards int) []int {
	n := len(held)
	byHeld := make([]int, n)
	for i := range byHeld {
		byHeld[i] = i
	}
	slices.SortStableFunc(byHeld, func(a, b int) int { return cmp.Compare(len(held[b]), len(held[a])) })
	quota := make([]int, n)
	for rank, i := range byHeld {
		quota[i] = shards / n
		if rank < shards%n {
			quota[i]++
		}
	}
	return quota
}

//go:build unix

package group_test

import (
	"fmt"
	"slices"
	"time"
)

// verdict is what a judge found.
type verdict struct {
	results, moves, anew int
	doubles, wrong       []string
	unowned              []string      // that an attack does not explain
	longest              time.Duration // without a result of a shard
}

// judge looks at all results: whether two owners overlapped, and whether each result knew the one before it, or none.
func (f *fleet) judge() verdict {
	f.mu.Lock()
	defer f.mu.Unlock()
	v := verdict{results: len(f.results)}
	byShard := map[int][]result{}
	for _, r := range f.results {
		byShard[r.shard] = append(byShard[r.shard], r)
	}
	for shard, results := range byShard {
		slices.SortStableFunc(results, func(a, b result) int { return int(a.end - b.end) })
		gone := map[string]bool{}
		for i := 1; i < len(results); i++ {
			before, r := results[i-1], results[i]
			v.longest = max(v.longest, time.Duration(r.end-before.end))
			if late := f.since(before.end, r.end); late > f.bound() {
				v.unowned = append(v.unowned, fmt.Sprintf("shard %d: none from %d to %d, %s after the last attack", shard, before.end, r.end, late))
			}
			if r.tenure != before.tenure {
				v.moves++
				gone[before.tenure] = true
				if r.start < before.end || gone[r.tenure] {
					v.doubles = append(v.doubles, fmt.Sprintf("shard %d: %s until %d, %s from %d", shard, before.tenure, before.end, r.tenure, r.start))
				}
			}
			switch r.before {
			case before.name:
			case "-":
				v.anew++
			default:
				v.wrong = append(v.wrong, fmt.Sprintf("shard %d: %s knew %s, but before it was %s", shard, r.name, r.before, before.name))
			}
		}
	}
	return v
}

// bound is how long a shard may be without results: until the session of its last owner has ended, a rebalance has waited for
// members that do not answer, and the next owner has taken it.
func (f *fleet) bound() time.Duration { return f.orders.Session + f.orders.Rebalance + 2*time.Second }

// since is how long a time without results lasted, from the last attack on. The caller has the lock.
func (f *fleet) since(from, to int64) time.Duration {
	for _, a := range f.attacks {
		if a < to {
			from = max(from, a)
		}
	}
	return time.Duration(to - from)
}

func (v *verdict) String() string {
	return fmt.Sprintf("%d results, %d moves, %d begun anew, %d double owners, %d wrong states, longest gap %s",
		v.results, v.moves, v.anew, len(v.doubles), len(v.wrong), v.longest.Round(time.Millisecond))
}

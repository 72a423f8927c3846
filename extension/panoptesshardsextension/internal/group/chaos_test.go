//go:build unix

package group_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/panoptes-otel/panoptes-otel/extension/panoptesshardsextension/internal/group"
)

func testOrders(t *testing.T) orders {
	t.Helper()
	return orders{
		Group: "g", Topic: "shards", Shards: 32, Session: 1500 * time.Millisecond, Rebalance: 2 * time.Second,
		Heartbeat: 100 * time.Millisecond, Drain: 500 * time.Millisecond, Every: 25 * time.Millisecond,
		Storage: t.TempDir(), Stamped: true,
	}
}

// TestPlannedMovesLoseNothing lets members come and go in order.
func TestPlannedMovesLoseNothing(t *testing.T) {
	t.Parallel()
	f := newFleet(t, testOrders(t), brokers(t, 1))
	a := f.start("a")
	f.balanced(1, 10*time.Second)
	f.start("b")
	f.balanced(2, 10*time.Second)
	f.start("c")
	f.balanced(3, 10*time.Second)
	a.stop()
	f.balanced(2, 10*time.Second)
	f.start("a")
	f.balanced(3, 10*time.Second)
	v := f.judge()
	t.Log(v.String())
	assert.Empty(t, v.doubles)
	assert.Empty(t, v.wrong)
	assert.Zero(t, v.anew, "planned moves hand all over")
	assert.Greater(t, v.moves, 32)
	assert.Empty(t, f.refused)
}

// TestViolence kills, stops, pauses and cuts off members at random, for PANOPTES_SHARDS_FOR.
func TestViolence(t *testing.T) {
	length := 10 * time.Second
	if os.Getenv("CI") != "" {
		length = 20 * time.Second
	}
	if text := os.Getenv("PANOPTES_SHARDS_FOR"); text != "" {
		var err error
		length, err = time.ParseDuration(text)
		require.NoError(t, err)
	}
	seeds, refuse := interruptible(t, 3)
	f := newFleet(t, testOrders(t), seeds)
	defer f.unlock(refuse)()
	violence(f, 10, length)
	f.balanced(10, 60*time.Second)
	v := f.judge()
	t.Log(v.String(), f.refused)
	assert.Empty(t, v.doubles)
	assert.Empty(t, v.wrong)
	assert.Empty(t, v.unowned)
	assert.Greater(t, v.moves, 32)
}

// violence starts members and does something to one or two of them at any time.
func violence(f *fleet, members int, length time.Duration) {
	f.t.Helper()
	names := make(chan string, members)
	for i := range members {
		name := fmt.Sprint("m", i)
		f.start(name)
		names <- name
	}
	f.allOwned(20 * time.Second)
	deadline := time.Now().Add(length)
	var (
		workers sync.WaitGroup
		mu      sync.Mutex
		actions = map[string]int{}
	)
	for range 3 {
		workers.Go(func() {
			for time.Now().Before(deadline) {
				name := <-names
				action := f.attack(name)
				mu.Lock()
				actions[action]++
				mu.Unlock()
				names <- name
				lasts(time.Duration(rand.IntN(400)) * time.Millisecond)
			}
		})
	}
	workers.Wait()
	f.t.Log("done to members:", actions)
}

func (f *fleet) attack(name string) string {
	f.mu.Lock()
	p := f.members[name]
	f.mu.Unlock()
	f.attacked()
	defer f.attacked()
	long := time.Duration(rand.IntN(4000)) * time.Millisecond
	switch rand.IntN(4) {
	case 0:
		p.kill()
		f.readers.Go(func() { f.bury(p) })
		lasts(long / 4)
		f.start(name)
		return "kill"
	case 1:
		p.stop()
		lasts(long / 4)
		f.start(name)
		return "stop"
	case 2:
		p.pause(long)
		return "pause"
	default:
		p.cut(long)
		return "cut"
	}
}

// unlock helps kfake (up to v0.0.0-20260918054303) out of rebalances that do not end. A member whose request for its shards was
// lost on the way joins again; kfake does not count it as joined, since it still has that request to answer
// (updateMemberAndRebalance), so it waits although all are there, and each further join begins the rebalance time-out anew
// (rebalance). Kafka does neither. So joins are refused for a while, which counts as an attack.
func (f *fleet) unlock(refuse *atomic.Bool) (end func()) {
	client, err := kgo.NewClient(kgo.SeedBrokers(f.brokers...))
	require.NoError(f.t, err)
	over := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		stuck := time.Now()
		for ; ; lasts(100 * time.Millisecond) {
			select {
			case <-over:
				return
			default:
			}
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			groups, err := kadm.NewClient(client).DescribeGroups(ctx, f.orders.Group)
			cancel()
			if err == nil && groups[f.orders.Group].State != "PreparingRebalance" {
				stuck = time.Now()
			}
			if time.Since(stuck) > f.orders.Rebalance+time.Second {
				f.attacked()
				refuse.Store(true)
				lasts(f.orders.Rebalance + time.Second/2)
				refuse.Store(false)
				f.attacked()
				stuck = time.Now()
			}
		}
	})
	return func() {
		close(over)
		watching.Wait()
		client.Close()
	}
}

// TestNothingCanBeLeftOut shows that each part of the design is needed: the same course of events goes well with it, and
// wrong without.
func TestNothingCanBeLeftOut(t *testing.T) {
	tests := map[string]struct {
		without group.Breakage
		change  func(*orders)
		course  func(*fleet)
		seen    func(*verdict) bool
	}{
		"lease": {
			without: group.Breakage{NoLease: true},
			course: func(f *fleet) {
				f.start("a")
				b := f.start("b")
				f.balanced(2, 10*time.Second)
				b.cut(5 * time.Second)
			},
			seen: func(v *verdict) bool { return len(v.doubles) > 0 },
		},
		// A drain that takes longer than the rebalance waits which another member begins: heartbeats are answered all the time. The
		// rebalance ends when heartbeats are rare again: frequent ones tell the member at once that it was put out.
		"second term": {
			without: group.Breakage{NoSecondTerm: true},
			change: func(o *orders) {
				o.Rebalance = 6 * time.Second
				o.Stuck = 3 * o.Rebalance
				o.Session, o.Heartbeat = 6*time.Second, 1200*time.Millisecond
			},
			course: func(f *fleet) {
				f.start("a")
				f.balanced(1, 10*time.Second)
				f.start("b")
				f.joined(2)
				f.start("c") // "a" is giving shards to "b", and does not rejoin in time
				f.until(10*time.Second, func(v *verdict) bool { return len(v.doubles) > 0 })
			},
			seen: func(v *verdict) bool { return len(v.doubles) > 0 },
		},
		"take-commit": {
			without: group.Breakage{NoTakeCommit: true},
			course:  giveAndCrash,
			seen:    func(v *verdict) bool { return len(v.wrong) > 0 },
		},
		"drop on move": {
			without: group.Breakage{NoDrop: true},
			course:  giveAndCrash,
			seen:    func(v *verdict) bool { return len(v.wrong) > 0 },
		},
	}
	for name, tt := range tests {
		for _, broken := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/%t", name, !broken), func(t *testing.T) {
				t.Parallel()
				o := testOrders(t)
				if tt.change != nil {
					tt.change(&o)
				}
				if broken {
					o.Breakage = tt.without
				}
				for range 5 { // what is broken need not show each time
					o.Storage = t.TempDir()
					f := newFleet(t, o, brokers(t, 1))
					tt.course(f)
					v := f.judge()
					f.end()
					t.Log(v.String())
					if !broken {
						assert.Empty(t, v.doubles)
						assert.Empty(t, v.wrong)
						return
					}
					if tt.seen(&v) {
						return
					}
				}
				t.Error("it was broken, and nothing showed")
			})
		}
	}
}

// giveAndCrash moves shards to a member that dies, so that they come back.
func giveAndCrash(f *fleet) {
	f.start("a")
	f.balanced(1, 10*time.Second)
	b := f.start("b")
	f.balanced(2, 10*time.Second)
	f.polled(b, 10)
	b.kill()
	f.balanced(1, 15*time.Second)
}

func TestFleetIsJudged(t *testing.T) {
	f := &fleet{t: t}
	f.results = []result{
		{shard: 1, start: 0, end: 10, tenure: "a", before: "-", name: "1"},
		{shard: 1, start: 10, end: 20, tenure: "a", before: "1", name: "2"},
		{shard: 1, start: 15, end: 25, tenure: "b", before: "-", name: "3"},
		{shard: 1, start: 25, end: 35, tenure: "b", before: "1", name: "4"},
	}
	v := f.judge()
	require.Len(t, v.doubles, 1)
	require.Len(t, v.wrong, 1)
	require.Equal(t, 1, v.anew)
	require.Empty(t, v.unowned)

	second := int64(time.Second)
	f = &fleet{t: t, orders: orders{Session: time.Second, Rebalance: time.Second}}
	f.results = []result{
		{shard: 1, end: 0, tenure: "a", before: "-", name: "1"},
		{shard: 1, start: 9 * second, end: 9 * second, tenure: "b", before: "-", name: "2"},
	}
	f.attacks = []int64{8 * second}
	v = f.judge()
	require.Empty(t, v.unowned, "there was an attack a second before")
	f.attacks = []int64{second}
	v = f.judge()
	require.Len(t, v.unowned, 1)
}

package schedule

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// A class that has no more places says how many are wanted, and whether they are its own or those that all share.
func TestUsage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		end := make(chan struct{})
		s := New(Settings[int]{
			MaxConcurrent: 5,
			Classes:       []Class{{Places: 5}, {Places: 4, Ahead: 2}, {Places: 10, Apart: true}},
			Run: func(ctx context.Context, _ Run[int]) Result {
				select {
				case <-end:
				case <-ctx.Done():
				}
				return Result{Verdict: VerdictAlive}
			},
			Missed: func(int, int64) {},
		})
		add := func(class, n int) {
			lane := s.OpenLane(class, 0)
			for range n {
				s.Add(lane, Spec{Interval: time.Minute, AtOnce: true}, 0)
			}
		}
		s.Start()
		add(1, 1)
		add(2, 3)
		time.Sleep(2 * time.Second)
		require.Equal(t, []Usage{{Places: 5}, {Places: 2, Used: 1, Wanted: 1}, {Places: 10, Used: 3, Wanted: 3}}, s.Usage())
		add(1, 6)
		time.Sleep(2 * time.Second)
		python := s.Usage()[1]
		require.Equal(t, Usage{Places: 2, Used: 2, Wanted: 7, Short: true}, python)
		add(0, 3)
		time.Sleep(2 * time.Second)
		usage := s.Usage()
		require.True(t, usage[0].Short && usage[0].Common, "%+v", usage)
		require.False(t, usage[1].Common, "%+v", usage)
		require.False(t, usage[2].Short)
		own := s.OpenLane(2, 1)
		s.Add(own, Spec{Interval: time.Minute, AtOnce: true}, 0)
		time.Sleep(2 * time.Second)
		require.Equal(t, []Usage{{Places: 1, Used: 1, Wanted: 1}}, s.LaneUsage([]LaneID{own}), "full, and nothing waits")
		s.Add(own, Spec{Interval: time.Minute, AtOnce: true}, 0)
		time.Sleep(2 * time.Second)
		require.Equal(t, []Usage{{Places: 1, Used: 1, Wanted: 2, Short: true}}, s.LaneUsage([]LaneID{own}))
		require.False(t, s.Usage()[2].Short, "the class has places")
		close(end)
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		s.Stop(ctx)
	})
}

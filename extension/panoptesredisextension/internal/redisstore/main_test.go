//go:build unix

package redisstore

import (
	"context"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// seen is what a store said of itself.
type seen struct {
	mu     sync.Mutex
	failed map[Reason]int
	health []Health
}

// reasons returns how often calls failed, by reason.
func (s *seen) reasons() map[Reason]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[Reason]int{}
	maps.Copy(out, s.failed)
	return out
}

// changes returns all that was reported of Redis' health.
func (s *seen) changes() []Health {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Health{}, s.health...)
}

// open returns a store in the Redis at an address, closed with the test.
func open(t *testing.T, addr string, change func(*Settings)) (*Store, *seen) {
	t.Helper()
	told := &seen{failed: map[Reason]int{}}
	settings := Settings{
		Redis: redis.Options{Addr: addr, PoolSize: 8}, Prefix: PanoptesPrefix, Timeout: 2 * time.Second,
		Called: func(_ context.Context, _ Operation, reason Reason, _ time.Duration) {
			told.mu.Lock()
			defer told.mu.Unlock()
			if reason != "" {
				told.failed[reason]++
			}
		},
		Changed: func(_, is Health) {
			told.mu.Lock()
			defer told.mu.Unlock()
			told.health = append(told.health, is)
		},
	}
	if change != nil {
		change(&settings)
	}
	s := New(settings)
	s.Start()
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s, told
}

// within waits for a condition.
func within(t *testing.T, what string, ok func() bool) {
	t.Helper()
	require.Eventually(t, ok, 20*time.Second, 5*time.Millisecond, what)
}

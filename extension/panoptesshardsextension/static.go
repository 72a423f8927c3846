package panoptesshardsextension

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"

	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/extension/panoptesshardsextension/internal/parts"
	"github.com/panoptes-otel/panoptes-otel/internal/shard"
)

// staticTenure is that of all owners of fixed shares: what a part kept in its own storage counts.
const staticTenure = "static"

// staticEpoch is the only epoch there is.
const staticEpoch = 1

// staticShare is a membership whose shards are fixed: those that a jump hash gives to the index. Only begun changes.
type staticShare struct {
	parts  *parts.Parts
	logger *zap.Logger
	owned  []bool
	mine   []int
	begun  atomic.Bool
}

func newStaticShare(cfg *StaticConfig, shards int, p *parts.Parts, logger *zap.Logger) (*staticShare, error) {
	index, err := cfg.IndexHere()
	if err != nil {
		return nil, err
	}
	s := &staticShare{parts: p, logger: logger, owned: make([]bool, shards)}
	for n := range shards {
		if jump(uint64(n), cfg.Count) == index {
			s.owned[n] = true
			s.mine = append(s.mine, n)
		}
	}
	return s, nil
}

// IndexHere is which of the Collectors one on this host is.
func (c *StaticConfig) IndexHere() (int, error) { return indexOf(c, os.Hostname) }

// indexOf returns which of the Collectors this one is.
func indexOf(cfg *StaticConfig, hostname func() (string, error)) (int, error) {
	if cfg.Index != nil {
		return *cfg.Index, nil
	}
	host, err := hostname()
	if err != nil {
		return 0, fmt.Errorf("static::index is not given, and the host has no name: %w", err)
	}
	index, err := ordinal(host)
	if err != nil {
		return 0, fmt.Errorf("static::index is not given: %w", err)
	}
	if index >= cfg.Count {
		return 0, fmt.Errorf("the host's name %q makes this Collector %d, and static::count (%d) has 0 to %d: set it to the number of replicas, at all of them",
			host, index, cfg.Count, cfg.Count-1)
	}
	return index, nil
}

// ordinal is the number at the end of a name such as collector-2.
func ordinal(host string) (int, error) {
	host, _, _ = strings.Cut(host, ".")
	at := strings.LastIndexByte(host, '-')
	n, err := strconv.Atoi(host[at+1:])
	if at < 0 || err != nil || n < 0 {
		return 0, fmt.Errorf("the host's name %q does not end in a number as collector-2 does", host)
	}
	return n, nil
}

// jump is the jump consistent hash (Lamping and Veach, 2014): where the number of buckets grows, keys move to the new ones
// only.
func jump(key uint64, buckets int) int {
	b, j := int64(-1), int64(0)
	for j < int64(buckets) {
		b = j
		key = key*2862933555777941757 + 1
		j = int64(float64(b+1) * (float64(int64(1)<<31) / float64((key>>33)+1)))
	}
	return int(b)
}

// Start owns the share.
func (s *staticShare) Start() {
	for _, n := range s.mine {
		_, errs := s.parts.Import(shard.Taken{Shard: n, Last: staticTenure, Tenure: staticTenure})
		for _, err := range errs {
			s.logger.Warn("Cannot go on with what is kept of a shard", zap.Int("shard", n), zap.Error(err))
		}
	}
	s.begun.Store(true)
	s.parts.Own(s.mine)
}

func (s *staticShare) Owns(n int) (epoch uint64, ok bool) {
	return staticEpoch, n >= 0 && n < len(s.owned) && s.owned[n] && s.begun.Load()
}

func (s *staticShare) Holds(n int, epoch uint64) bool {
	_, ok := s.Owns(n)
	return ok && epoch == staticEpoch
}

// Seed is none: nothing moves between the Collectors.
func (s *staticShare) Seed() (seed [16]byte, ok bool) { return seed, false }

func (s *staticShare) Owned() int {
	if !s.begun.Load() {
		return 0
	}
	return len(s.mine)
}

func (s *staticShare) Announce(string)      {}
func (s *staticShare) Stop(context.Context) {}
func (s *staticShare) Close()               {}

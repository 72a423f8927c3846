package shard_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/panoptes-otel/panoptes-otel/internal/shard"
)

// TestOf pins where resources are: members of different releases must agree. The values follow from the hashes that
// Kafka's own tests have for these texts.
func TestOf(t *testing.T) {
	for id, want := range map[string]int{"21": 236, "foobar": 190, "a-little-bit-long-string": 160} {
		t.Run(id, func(t *testing.T) { assert.Equal(t, want, shard.Of(id, shard.DefaultCount)) })
	}
}

func TestResourcesAreSpreadEvenly(t *testing.T) {
	counts := make([]int, shard.DefaultCount)
	for i := range 100 * len(counts) {
		counts[shard.Of(fmt.Sprintf("device-%d.example.org", i), len(counts))]++
	}
	for s, n := range counts {
		assert.InDelta(t, 100, n, 50, "shard %d", s)
	}
}

package parts_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/extension/panoptesshardsextension/internal/parts"
	"github.com/panoptes-otel/panoptes-otel/internal/shard"
)

func TestReady(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var p parts.Parts
		a, b := make(chan struct{}), make(chan struct{})
		for name, ready := range map[string]chan struct{}{"a": a, "b": b, "at once": nil} {
			_, err := p.Join(shard.Part{Name: name, Ready: ready})
			require.NoError(t, err)
		}
		time.AfterFunc(time.Second, func() { close(a) })
		begun := time.Now()
		assert.Equal(t, []string{"b"}, p.Ready(nil, 5*time.Second))
		assert.Equal(t, 5*time.Second, time.Since(begun))
		time.AfterFunc(time.Second, func() { close(b) })
		begun = time.Now()
		assert.Empty(t, p.Ready(nil, 5*time.Second))
		assert.Equal(t, time.Second, time.Since(begun))

		var never parts.Parts
		_, err := never.Join(shard.Part{Name: "c", Ready: make(chan struct{})})
		require.NoError(t, err)
		stop := make(chan struct{})
		close(stop)
		assert.Equal(t, []string{"c"}, never.Ready(stop, time.Hour))
	})
}

// TestOrder: what brings data in gives first and takes last.
func TestOrder(t *testing.T) {
	t.Parallel()
	var (
		p     parts.Parts
		order []string
	)
	for _, part := range []struct {
		name   string
		source bool
	}{{"processor", false}, {"receiver", true}} {
		note := func([]int) { order = append(order, part.name) }
		leave, err := p.Join(shard.Part{Name: part.name, Source: part.source, Own: note, Drop: note})
		require.NoError(t, err)
		defer leave()
	}
	p.Own(nil)
	p.Drop(nil)
	assert.Equal(t, []string{"processor", "receiver", "receiver", "processor"}, order)
	p.Begin()
	_, err := p.Join(shard.Part{Name: "late"})
	require.ErrorContains(t, err, "has begun already")
}

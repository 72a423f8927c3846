//go:build unix

package runtimes

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/run/program"
)

// A variant runs in the processes of its plugin, by its own configuration and deadline.
func TestVariantSharesProcesses(t *testing.T) {
	t.Parallel()
	r := newRunners(t, Settings{Programs: program.Settings{PerPlugin: 1}})
	p := openProcess(t, "good")
	v := p.Variant(func(v *plugin.Plugin) { v.Deadline = time.Minute })
	again := v.Variant(func(*plugin.Plugin) {})
	assert.NotSame(t, p.File, v.File)
	assert.Same(t, p, again.Root())
	pids := map[string]bool{}
	for _, plugin := range []*plugin.Plugin{p, v, again} {
		result := runOnce(r, plugin, "id")
		require.NoError(t, result.Err)
		pids[pidOf(t, result)] = true
	}
	assert.Len(t, pids, 1)
}

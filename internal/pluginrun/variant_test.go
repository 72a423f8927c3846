//go:build unix

package pluginrun

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A variant runs in the processes of its plugin, by its own configuration and deadline.
func TestVariantSharesProcesses(t *testing.T) {
	t.Parallel()
	r := newRunners(t, Settings{Processes: ProcessSettings{PerPlugin: 1}})
	p := openProcess(t, "good")
	v := p.Variant(func(v *Plugin) { v.Deadline = time.Minute })
	again := v.Variant(func(*Plugin) {})
	assert.NotSame(t, p.File, v.File)
	assert.Same(t, p, again.root())
	pids := map[string]bool{}
	for _, plugin := range []*Plugin{p, v, again} {
		result := run(r, plugin, "id")
		require.NoError(t, result.Err)
		pids[pidOf(t, result)] = true
	}
	assert.Len(t, pids, 1)
}

//go:build unix

package runtimes

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// TestContract: whoever states it, and in whatever runtime, what breaks it is dropped and the rest passes.
func TestContract(t *testing.T) {
	t.Parallel()
	declared := pluginsdk.Contract{Groups: []pluginsdk.GroupContract{{
		Type: "fixture", Metrics: []pluginsdk.MetricContract{{Name: "value", Type: "gauge", Unit: "1"}},
	}}}
	r := newRunners(t, Settings{GoPlugins: map[string]pluginsdk.PollingPlugin{"x": describing{declared}}})
	goPlugin := openGo(t, "x")
	for name, p := range map[string]*plugin.Plugin{
		"plugin file":         openFixture(t, "exec-two", plugin.OpenOptions{}, "", "runtime = exec", "[contract]", "fixture =", "  gauge value 1"),
		"describe of process": openProcess(t, "describes"),
		"describe in Go":      goPlugin,
	} {
		result := runOnce(r, p, "id")
		require.NoError(t, result.Err, name)
		require.Len(t, result.Groups, 1, name)
		assert.Equal(t, "fixture", result.Groups[0].Type, name)
		require.Len(t, result.Dropped, 1, name)
		assert.Equal(t, run.DropContract, result.Dropped[0].Reason, name)
		assert.ErrorContains(t, result.Dropped[0].Err, `group "other" is not in the plugin's contract, which has fixture`, name)
		assert.Equal(t, "1", (*p.Contract().Units())["fixture"]["value"].Unit, name)
	}
}

func TestBadContract(t *testing.T) {
	t.Parallel()
	bad := pluginsdk.Contract{Groups: []pluginsdk.GroupContract{{Type: ""}}}
	r := newRunners(t, Settings{GoPlugins: map[string]pluginsdk.PollingPlugin{"x": describing{bad}}})
	p := openGo(t, "x")
	_, err := r.Load(context.Background(), p)
	assert.ErrorContains(t, err, "what the plugin says of itself: a group of the contract has no type")
	_, err = r.Load(context.Background(), openProcess(t, "describes badly"))
	assert.ErrorContains(t, err, "what the plugin says of itself")
}

// describing is a Go plugin with a contract, which it breaks.
type describing struct{ contract pluginsdk.Contract }

func (d describing) Describe() pluginsdk.Contract { return d.contract }

func (d describing) Run(_ context.Context, pc *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
	groups := pc.NewGroups()
	groups.Group("fixture").Gauge("value", 1)
	groups.Group("other").Gauge("value", 1)
	return groups.Result()
}

// openGo opens a plugin file that names a Go plugin.
func openGo(t *testing.T, name string) *plugin.Plugin {
	t.Helper()
	path := filepath.Join(t.TempDir(), name+".panoptes-plugin")
	require.NoError(t, os.WriteFile(path, []byte("[Core]\nName = "+name+"\nModule = go:"+name+pluginHead), 0o600))
	p, _, err := plugin.Open(path, plugin.OpenOptions{})
	require.NoError(t, err)
	return p
}

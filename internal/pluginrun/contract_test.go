//go:build unix

package pluginrun

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// TestContract: whoever states it, and in whatever runtime, what breaks it is dropped and the rest passes.
func TestContract(t *testing.T) {
	t.Parallel()
	declared := pluginsdk.Contract{Groups: []pluginsdk.GroupContract{{
		Type: "fixture", Metrics: []pluginsdk.MetricContract{{Name: "value", Type: "gauge", Unit: "1"}},
	}}}
	r := newRunners(t, Settings{GoPlugins: map[string]pluginsdk.PollingPlugin{"x": describing{declared}}})
	goPlugin := goPlugin("x", time.Minute)
	require.NoError(t, goPlugin.readContract())
	for name, p := range map[string]*Plugin{
		"plugin file":         openFixture(t, "exec-two", OpenOptions{}, "", "runtime = exec", "[contract]", "fixture =", "  gauge value 1"),
		"describe of process": openProcess(t, "describes"),
		"describe in Go":      goPlugin,
	} {
		result := run(r, p, "id")
		require.NoError(t, result.Err, name)
		require.Len(t, result.Groups, 1, name)
		assert.Equal(t, "fixture", result.Groups[0].Type, name)
		require.Len(t, result.Dropped, 1, name)
		assert.Equal(t, DropContract, result.Dropped[0].Reason, name)
		assert.ErrorContains(t, result.Dropped[0].Err, `group "other" is not in the plugin's contract, which has fixture`, name)
		assert.Equal(t, "1", (*p.Contract().Units())["fixture"]["value"].Unit, name)
	}
}

func TestBadContract(t *testing.T) {
	t.Parallel()
	bad := pluginsdk.Contract{Groups: []pluginsdk.GroupContract{{Type: ""}}}
	r := newRunners(t, Settings{GoPlugins: map[string]pluginsdk.PollingPlugin{"x": describing{bad}}})
	p := goPlugin("x", time.Minute)
	require.NoError(t, p.readContract())
	_, err := r.Check(context.Background(), p)
	assert.ErrorContains(t, err, "what the plugin says of itself: a group of the contract has no type")
	_, err = r.Check(context.Background(), openProcess(t, "describes badly"))
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

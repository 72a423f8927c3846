package plugintest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin/contract"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Run runs a plugin once in a new context and returns its groups; see RunIn.
func Run(t testing.TB, plugin pluginsdk.PollingPlugin, options ...Option) []*pluginsdk.MetricsGroup {
	t.Helper()
	return RunIn(t, NewContext(t, options...), plugin)
}

// RunIn runs a plugin once in a context, which can be used for several runs that share a key-value store. The run has
// the deadline that it would have in the receiver, 1.25 x the interval. The test fails, and ends, where the plugin
// returns an error; it fails where the receiver would drop a group or a metric, and where the plugin changes the
// resource, which all plugins share. A plugin without results (pluginsdk.ErrNoResults) has no groups.
func RunIn(t testing.TB, c *Context, plugin pluginsdk.PollingPlugin) []*pluginsdk.MetricsGroup {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), c.Interval*5/4)
	defer cancel()
	before := string(c.Resource.AppendJSON(nil))
	pc := *c.PluginContext
	set, err := plugin.Run(ctx, &pc)
	if err != nil && !errors.Is(err, pluginsdk.ErrNoResults) {
		t.Fatalf("plugin returned an error: %v", err)
	}
	if after := string(c.Resource.AppendJSON(nil)); after != before {
		t.Errorf("plugin changed the resource, which is shared with all other plugins:\n before %s\n  after %s", before, after)
	}
	groups := set.Groups()
	for i, g := range groups {
		if g != nil && g.Resource == nil {
			g.Resource = c.Resource // as the receiver does
		}
		if err := check(g); err != nil {
			t.Errorf("groups[%d] would be dropped: %v", i, err)
		}
	}
	checkContract(t, plugin, groups)
	return groups
}

// checkContract holds groups against what the plugin says of itself.
func checkContract(t testing.TB, plugin pluginsdk.PollingPlugin, groups []*pluginsdk.MetricsGroup) {
	t.Helper()
	d, ok := plugin.(pluginsdk.Describer)
	if !ok {
		return
	}
	c, err := contract.New(d.Describe())
	if err != nil {
		t.Errorf("plugin describes itself wrongly: %v", err)
		return
	}
	for i, g := range groups {
		if g == nil {
			continue
		}
		_, violations := c.Check(g)
		for _, v := range violations {
			t.Errorf("groups[%d]: %v", i, v.Err)
		}
	}
}

// check holds a group against the rules by writing it as JSON and reading that.
func check(g *pluginsdk.MetricsGroup) error {
	if g == nil {
		return errors.New("the group is nil")
	}
	for _, m := range g.Metrics() {
		if !m.Value.IsFinite() {
			return fmt.Errorf("group %q: metric %q is %s: it must be finite", g.Type, m.Name, m.Value)
		}
	}
	return json.Unmarshal(g.AppendJSON(nil), &pluginsdk.MetricsGroup{})
}

package override

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin/pluginfile"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/filter"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

func parseFilter(t *testing.T, text string) *filter.Filter {
	t.Helper()
	f, err := filter.Parse(text)
	require.NoError(t, err)
	return f
}

func newPlugin(t *testing.T, name string) *plugin.Plugin {
	t.Helper()
	return &plugin.Plugin{
		File: &pluginfile.File{
			Name: name, NormalizedName: name, ExecuteFrequency: 60,
			Config: pluginsdk.Config{"main": {"execute_frequency": "60", "count": "1", "other": "x"}, "snmp": {"port": "161"}},
		},
		Filter: parseFilter(t, `resource_class = "network"`), Interval: time.Minute, Deadline: 75 * time.Second,
	}
}

func TestAgainst(t *testing.T) {
	t.Parallel()
	rules := Rules{
		{Plugin: "other", Interval: time.Second},
		{Plugin: "p", Resources: parseFilter(t, `resource_site = "dc1"`), Interval: 30 * time.Second, Config: pluginsdk.Config{"main": {"Count": "3"}}},
		{Plugin: Any, Resources: parseFilter(t, `resource_id LIKE "slow%"`), Timeout: 10 * time.Minute, Config: pluginsdk.Config{"new": {"a": "b"}}},
		{Plugin: "p", Resources: parseFilter(t, `resource_site = "dc3"`), Filter: parseFilter(t, `resource_class = "system"`)},
	}
	require.NoError(t, rules.Validate())
	base := newPlugin(t, "p")
	p := rules.For(base)
	res := func(site, class, id string) *pluginsdk.Resource {
		return &pluginsdk.Resource{Site: site, Class: class, ID: id}
	}

	v, runs := p.Against(res("dc2", "network", "a"))
	assert.True(t, runs)
	assert.Same(t, base, v, "without an override nothing is made")
	_, runs = p.Against(res("dc2", "system", "a"))
	assert.False(t, runs)

	v, runs = p.Against(res("dc1", "network", "a"))
	assert.True(t, runs)
	assert.Equal(t, 30*time.Second, v.Interval)
	assert.Equal(t, 37500*time.Millisecond, v.Deadline)
	assert.Equal(t, 30, v.File.ExecuteFrequency)
	assert.Equal(t, pluginsdk.Config{"main": {"execute_frequency": "30", "count": "3", "other": "x"}, "snmp": {"port": "161"}}, v.File.Config)
	assert.Equal(t, "60", base.File.Config.Get("main", "execute_frequency"), "the plugin stays as it is")
	again, _ := p.Against(res("dc1", "network", "b"))
	assert.Same(t, v, again)

	v, _ = p.Against(res("dc1", "network", "slow1"))
	assert.Equal(t, 30*time.Second, v.Interval)
	assert.Equal(t, 10*time.Minute, v.Deadline)
	assert.Equal(t, map[string]string{"a": "b"}, v.File.Config["new"])
	assert.Equal(t, []string{
		"overrides[1]: execute_frequency = 30s", "overrides[1]: [main] Count = 3", "overrides[2]: timeout = 10m0s", "overrides[2]: [new] a = b",
	}, p.Explain(res("dc1", "network", "slow1")))

	_, runs = p.Against(res("dc3", "network", "a"))
	assert.False(t, runs)
	_, runs = p.Against(res("dc3", "system", "a"))
	assert.True(t, runs)
	assert.Len(t, p.Filters(), 2)
	assert.Equal(t, []string{`overrides[3]: resource_filter = resource_class = "system"`}, p.Explain(res("dc3", "system", "a")))

	discovery := newPlugin(t, "p")
	discovery.Filter = nil
	rules[1].Resources = nil
	v, _ = rules.For(discovery).Against(res("", "", ""))
	assert.Equal(t, 30*time.Second, v.Interval, "what discovers resources has no filter")
	assert.Empty(t, rules.For(discovery).Filters())
	rules[1].Resources = parseFilter(t, `resource_site = "dc1"`)

	never := newPlugin(t, "p")
	never.Interval = 0
	_, runs = rules.For(never).Against(res("dc2", "network", "a"))
	assert.False(t, runs)
	_, runs = rules.For(never).Against(res("dc1", "network", "a"))
	assert.True(t, runs, "an override can give it an interval")
}

func TestTooManyRules(t *testing.T) {
	t.Parallel()
	rules := make(Rules, maxRules)
	for i := range rules {
		rules[i] = Rule{Plugin: "p", Timeout: 1}
	}
	require.NoError(t, rules.Validate())
	assert.EqualError(t, append(rules, Rule{Plugin: Any}).Validate(), `plugin "p" has 65 overrides, the limit is 64`)
}

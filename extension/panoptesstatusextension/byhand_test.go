package panoptesstatusextension

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/panoptes-otel/panoptes-otel/internal/status"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

func TestByHand(t *testing.T) {
	t.Parallel()
	receiver := newFake("", 2)
	s := newSite(t, ActionsConfig{}, receiver)
	s.ext.configs = configFlags([]string{"--config", "c o.yaml"})
	p := &status.Plugin{Name: "Interfaces", File: "/a b/it's.panoptes-plugin"}
	const run = `panoptes plugin run '/a b/it'\''s.panoptes-plugin' --config 'c o.yaml'`
	assert.Equal(t, run, s.ext.byHand(receiver, p, &pluginsdk.Resource{}))
	of := func(site, id string) string {
		return s.ext.byHand(receiver, p, &pluginsdk.Resource{Site: site, ID: id})
	}
	assert.Equal(t, run+" --resource '$(x)'", of("dc1", "$(x)"))
	assert.Equal(t, run+" --resource switch-000001", of("dc2", "switch-000001"))
	assert.Equal(t, run+" --resource switch-000001 --site 'dc 9'", of("dc 9", "switch-000001"), "dc2 has one with the ID as well")
	assert.Equal(t, run+" --resource switch-000001", of("", "switch-000001"))
}

func TestConfigFlags(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		" --config FILE":                       {"--set", "a=b", "--config"},
		" --config a.yaml":                     {"--config", "a.yaml"},
		" --config /etc/a.yaml --config 'b c'": {"--feature-gates=x", "--config=/etc/a.yaml", "--set=a=b", "--config", "file:b c"},
		` --config 'C:\Program Files\a.yaml'`:  {`--config=C:\Program Files\a.yaml`},
		" --config " + "'$HOME'":               {"--config", "$HOME"},
	} {
		assert.Equal(t, want, configFlags(args))
	}
	for _, other := range []string{"yaml:extensions::x::token: secret", "env:CONFIG", "https://example.com/c.yaml", ""} {
		assert.Equal(t, anyConfig, configFlags([]string{"--config", "a.yaml", "--config", other}))
	}
}

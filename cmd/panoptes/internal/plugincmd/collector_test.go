package plugincmd

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
)

// The directory of a Python plugin says what it imports, and what of the environment it gets.
func TestRunInADirectoryAsACollectorDoes(t *testing.T) {
	t.Setenv("PANOPTES_TEST_PROXY", "there")
	f := newFolder(t)
	plugin := f.plugin(t, "named", "mod.py", `resource_id = "one"`, "")
	f.write(t, "base.py", "VALUE = 5\n")
	f.write(t, "mod.py", `import os
from panoptes import check, gauge
from yahoo_panoptes.plugins.polling.site.base import VALUE

@check(every=60)
def value(resource):
    yield gauge("value", VALUE if os.environ["PANOPTES_TEST_PROXY"] == "there" else 0)
`)
	config := f.write(t, "collector.yaml", `
receivers:
  panoptes:
    plugins: {directories: [{path: `+f.path+`, package: yahoo_panoptes.plugins.polling.site}]}
    resources: {files: [`+f.resources+`]}
    python: {environment: [PANOPTES_TEST_PROXY]}
`)
	stdout, stderr, err := execute(t, NewRun(host), plugin, "--config", config, "--json")
	require.NoError(t, err, stderr)
	require.Contains(t, stdout, `"metric_value": 5`)
}

// The configuration of a Collector says what a run is like there.
func TestRunAsACollectorDoes(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	plugin := f.plugin(t, "counting", "go:counting", `resource_id = "none"`, rateOfN)
	config := f.write(t, "collector.yaml", `
receivers:
  panoptes:
    plugins:
      directories: [`+f.path+`]
      overrides:
        - {plugin: counting, resource_filter: 'resource_class = "system"'}
        - {plugin: counting, resources: 'resource_site = "dc2"', config: {main: {depth: 3}}}
        - {plugin: other, execute_frequency: 10s}
    resources: {files: [`+f.resources+`]}
`)
	stdout, stderr, err := execute(t, NewRun(host), plugin, "--config", config)
	require.NoError(t, err, stderr)
	require.Contains(t, stdout, "run 1 of 1 against one (site dc1): ok")
	require.Contains(t, stdout, "run 1 of 1 against two (site dc2): ok")
	require.Contains(t, stdout, "\none: overrides[0]: resource_filter = resource_class = \"system\"\n")
	require.Contains(t, stdout, "\ntwo: overrides[1]: [main] depth = 3\n")
	require.NotContains(t, stdout, "one: overrides[1]")
	require.NotContains(t, stdout, "overrides[2]")

	_, stderr, err = execute(t, NewRun(host), plugin, "--config", config, "--explain", "--resource", "two")
	require.NoError(t, err)
	require.Contains(t, stderr, "two: overrides[1]: [main] depth = 3\n")

	_, _, err = execute(t, NewRun(host), plugin, "--config", config, "--receiver", "panoptes/2")
	require.ErrorContains(t, err, `no receiver "panoptes/2"`)
	require.Equal(t, exit.Usage, exit.Code(err))
	_, _, err = execute(t, NewRun(host), plugin, "--receiver", "panoptes")
	require.ErrorContains(t, err, "--receiver goes with --config")
	_, _, err = execute(t, NewRun(host), plugin, "--config", f.write(t, "none.yaml", "receivers: {otlp: }"))
	require.ErrorContains(t, err, `no receiver "panoptes"`)
	_, _, err = execute(t, NewRun(host), plugin, "--config", f.write(t, "two.yaml", "receivers: {panoptes: , panoptes/2: }"))
	require.ErrorContains(t, err, "name one with --receiver")
	_, _, err = execute(t, NewRun(host), plugin, "--config", f.write(t, "bad.yaml", "receivers: {panoptes: {plugin: }}"))
	require.ErrorContains(t, err, `did you mean "plugins"`)
}

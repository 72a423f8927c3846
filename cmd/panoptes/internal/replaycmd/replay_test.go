package replaycmd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/plugincmd"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == processProgram {
		if err := pluginsdk.Serve(pluginsdk.PollingPluginFunc(processRun)); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

const pluginFile = `[Core]
Name = Counting
Module = counting
[Documentation]
Version = 0.1
[main]
execute_frequency = 60
resource_filter = resource_class = "system"
router_password = battery staple
[transforms]
example = rate:example:n
`

// counting asks its host for things, and gives its secret away.
const counting = `from yahoo_panoptes.framework.metrics import *
from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin


class Counting(PanoptesPollingPlugin):
    def run(self, context):
        n = int(context.kv.get('n') or 0) + 50
        assert context.config['main']['router_password']
        context.kv.set('n', str(n))
        group = PanoptesMetricsGroup(context.data, 'example', 60)
        group.add_dimension(PanoptesMetricDimension('password', context.secrets.get_by_site('password', 'dc1')))
        group.add_metric(PanoptesMetric('n', n, PanoptesMetricType.COUNTER))
        groups = PanoptesMetricsGroupSet()
        groups.add(group)
        return groups
`

const resources = `[{"resource_site": "dc1", "resource_class": "system", "resource_subclass": "host", "resource_type": "generic",
"resource_id": "one", "resource_endpoint": "localhost", "resource_plugin": "p", "resource_creation_timestamp": 1512629517.03}]`

// place is a folder with a plugin and a recording of it.
type place struct{ path, plugin, recording string }

func record(t *testing.T) place {
	t.Helper()
	p := place{path: t.TempDir()}
	p.plugin = p.write(t, "counting.panoptes-plugin", pluginFile)
	p.write(t, "counting.py", counting)
	p.write(t, "secrets/password/default", "correct horse")
	p.recording = filepath.Join(p.path, "recording.jsonl")
	stdout, stderr, err := execute(t, plugincmd.NewRun(plugincmd.Host{Version: "test"}), p.plugin,
		"--resources", p.write(t, "resources.json", resources), "--secrets", filepath.Join(p.path, "secrets"),
		"--times", "2", "--pause", "0", "--json", "--record", p.recording)
	require.NoError(t, err, stderr)
	require.Contains(t, stdout, "correct horse")
	return p
}

func (p place) write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(p.path, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	return path
}

// edit changes the recording.
func (p place) edit(t *testing.T, old, text string) {
	t.Helper()
	recorded, err := os.ReadFile(p.recording)
	require.NoError(t, err)
	require.Contains(t, string(recorded), old)
	require.NoError(t, os.WriteFile(p.recording, []byte(strings.Replace(string(recorded), old, text, 1)), 0o600))
}

func execute(t *testing.T, cmd *cobra.Command, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errs strings.Builder
	cmd.SetOut(&out)
	cmd.SetErr(&errs)
	cmd.SetArgs(args)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	err = cmd.ExecuteContext(t.Context())
	return out.String(), errs.String(), err
}

func TestReplay(t *testing.T) {
	t.Parallel()
	p := record(t)
	recorded, err := os.ReadFile(p.recording)
	require.NoError(t, err)
	assert.NotContains(t, string(recorded), "correct horse")
	assert.NotContains(t, string(recorded), "battery staple")

	plain, stderr, err := execute(t, New("test"), p.recording)
	require.NoError(t, err, stderr)
	lines := strings.Split(strings.TrimSuffix(plain, "\n"), "\n")
	require.Len(t, lines, 2)
	assert.Contains(t, lines[1], `"metric_value": 100`)
	assert.Contains(t, lines[1], `"dimension_value": "(secret)"`)

	again, stderr, err := execute(t, New("test"), p.recording, "--plugin", p.plugin)
	require.NoError(t, err, stderr)
	assert.Equal(t, plain, again, "the same bytes, also where the plugin runs again")
}

func TestReplayOfAnotherPlugin(t *testing.T) {
	t.Parallel()
	p := record(t)
	p.write(t, "counting.py", strings.Replace(counting, "+ 50", "+ 51", 1))
	_, stderr, err := execute(t, New("test"), p.recording, "--plugin", p.plugin)
	require.ErrorIs(t, err, exit.ErrReported)
	assert.Contains(t, stderr, "the recording of version")
	assert.Contains(t, stderr, `kv.set {"key":"n","value":"51","expire":604800} is not in the recording`)
	assert.Contains(t, stderr, `kv.set {"key":"n","value":"50","expire":604800} was not called again`)
	assert.Contains(t, stderr, "run 1: ended as raised")
	assert.Contains(t, stderr, "run 1: the groups are not those of the recording: ")
}

func TestReplayOfAChangedRecording(t *testing.T) {
	t.Parallel()
	p := record(t)
	p.edit(t, `\"metric_value\": 50`, `\"metric_value\": 49`)
	_, stderr, err := execute(t, New("test"), p.recording)
	require.ErrorIs(t, err, exit.ErrReported)
	assert.Contains(t, stderr, "run 1: line 1 is\n")

	p.edit(t, `"output":[`, `"output":["{}",`)
	_, stderr, err = execute(t, New("test"), p.recording)
	require.ErrorIs(t, err, exit.ErrReported)
	assert.Contains(t, stderr, "run 1: line 2 does not come out any more")

	p.edit(t, `"metric_name":"n"`, `"metric_name":"0"`)
	_, _, err = execute(t, New("test"), p.recording)
	require.ErrorContains(t, err, "group 1 of the recording")
	assert.Equal(t, exit.Usage, exit.Code(err))
}

func TestReplayMisuse(t *testing.T) {
	t.Parallel()
	_, _, err := execute(t, New("test"), filepath.Join(t.TempDir(), "absent"))
	assert.Equal(t, exit.Usage, exit.Code(err))
	p := place{path: t.TempDir()}
	_, _, err = execute(t, New("test"), p.write(t, "x", "nothing"))
	assert.Equal(t, exit.Usage, exit.Code(err))
}

package plugincmd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
)

func TestExpect(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	plugin := f.plugin(t, "counting", "go:counting", `resource_class = "system"`, rateOfN)
	golden := filepath.Join(f.path, "golden.json")
	args := []string{plugin, "--resources", f.resources, "--times", "2", "--pause", "0", "--json", "--expect", golden}

	_, _, err := execute(t, NewRun(host), args...)
	require.ErrorContains(t, err, "write it with --update")
	require.Equal(t, exit.Usage, exit.Code(err))

	_, _, err = execute(t, NewRun(host), append(args, "--update")...)
	require.NoError(t, err)
	text, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, 2, strings.Count(string(text), "\"metric_value\": 5\n"), "the rates of both resources")
	require.NotContains(t, string(text), "timestamp")

	stdout, _, err := execute(t, NewRun(host), args...)
	require.NoError(t, err)
	require.Len(t, full(stdout), 4, "the groups are still printed")

	require.NoError(t, os.WriteFile(golden, []byte(strings.Replace(string(text), "\"metric_value\": 5\n", "\"metric_value\": 6\n", 1)), 0o600))
	_, _, err = execute(t, NewRun(host), args...)
	require.ErrorContains(t, err, `"metric_value": 5`)
	require.ErrorContains(t, err, "want")
	require.Equal(t, exit.Failed, exit.Code(err))

	_, _, err = execute(t, NewRun(host), plugin, "--resources", f.resources, "--update")
	require.ErrorContains(t, err, "--update goes with --expect")
}

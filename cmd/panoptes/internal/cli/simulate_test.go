package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// fleet writes a configuration with plugins and resources, and returns its path.
func fleet(t *testing.T, plugins map[string]string, resources int, more string) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "plugins"), 0o700))
	for name, text := range plugins {
		path := filepath.Join(dir, "plugins", name+".panoptes-plugin")
		require.NoError(t, os.WriteFile(path, []byte("[Core]\nName = "+name+"\nModule = go:x\n[main]\n"+text), 0o600))
	}
	var entries []string
	for i := range resources {
		entries = append(entries, entry(fmt.Sprint("r", i), ""))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "r.json"), []byte("["+strings.Join(entries, ",")+"]"), 0o600))
	path := filepath.Join(dir, "collector.yaml")
	require.NoError(t, os.WriteFile(path, []byte(fmt.Sprintf(`receivers:
  panoptes:
    plugins:
      directories: [%q]
      %s
    resources: {files: [%q]}
`, filepath.Join(dir, "plugins"), more, filepath.Join(dir, "r.json"))), 0o600))
	return path
}

func TestSimulate(t *testing.T) {
	t.Parallel()
	config := fleet(t, map[string]string{
		"every":  "execute_frequency = 60\nresource_filter = resource_class = \"c\"\n",
		"hourly": "execute_frequency = 3600\nresource_filter = resource_id = \"r7\"\n",
	}, 100, `overrides: [{plugin: every, resources: 'resource_id = "r1"', execute_frequency: 10s}]`)
	code, stdout, stderr := run(t, "", "simulate", "--config", config, "--hours", "1", "--devices", "2")
	require.Zero(t, code, stderr)
	require.Empty(t, stderr)
	lines := strings.Split(stdout, "\n")
	require.Regexp(t, `^receivers::panoptes: 2 plugins, 100 resources, 101 tasks, 6[2-4]\d\d starts in 1h0m0s$`, lines[0])
	require.Regexp(t, `^starts a second: mean 1\.[78], median \d+, p99 \d+, most \d+ \(at .*\)$`, lines[1])
	require.Equal(t, "all runs: 1 % of 256 places", lines[2])
	require.Equal(t, "children of exec plugins: 0 % of 32 places", lines[4])
	require.Equal(t, "runs of SNMP plugins: 0 % of 4096 places", lines[5])
	require.Regexp(t, `^every\t100\t10s to 1m0s\t1\.[78]\d\t1s\t1\.[78]$`, lines[7])
	require.Regexp(t, `^hourly\t1\t1h0m0s\t0\.00\t1s\t0\.0$`, lines[8])
	require.Regexp(t, `^r1\ts\t1\t(5\.9|6\.0)\t0\.10$`, lines[10], "the busiest device first")
	require.NotContains(t, stdout, "warning")
}

// Runs that poll by SNMP share places of their own, of which there is no setting.
func TestSimulateSNMP(t *testing.T) {
	t.Parallel()
	config := fleet(t, nil, 600, "")
	dir := filepath.Join(filepath.Dir(config), "plugins")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "up.panoptes-plugin"), []byte("[Core]\nName = up\nModule = snmp\n[main]\nexecute_frequency = 10\nresource_filter = resource_class = \"c\"\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "up.yaml"), []byte("groups: [{group: up, metrics: {since: 1.3.6.1.2.1.1.3.0}}]\n"), 0o600))
	code, stdout, stderr := run(t, "", "simulate", "--config", config, "--hours", "0.1", "--takes", "9s")
	require.Zero(t, code, stdout+stderr)
	require.Contains(t, stdout, "\nall runs: 0 % of 256 places\n")
	require.Regexp(t, `\nruns of SNMP plugins: 13 % of 4096 places`, stdout)
	code, stdout, _ = run(t, "", "simulate", "--config", config, "--hours", "0.1", "--takes", "80s")
	require.Equal(t, 1, code)
	require.Regexp(t, `warning: runs of SNMP plugins need 48\d\d places on average, there are 4096: slots will be missed; share the resources among more Collectors, or run less often`, stdout)
}

// A plugin that discovers resources is one task, and needs no filter.
func TestSimulateDiscovery(t *testing.T) {
	t.Parallel()
	config := fleet(t, nil, 3, "")
	dir := filepath.Join(filepath.Dir(config), "plugins")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "d.py"), nil, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "d.panoptes-plugin"), []byte("[Core]\nName = d\nModule = d\n[main]\nexecute_frequency = 60\n"), 0o600))
	code, stdout, stderr := run(t, "", "simulate", "--config", config)
	require.Zero(t, code, stderr)
	require.Regexp(t, `1 plugin, 3 resources, 1 task, (59|60) starts in 1h0m0s`, stdout)
}

func TestSimulateMembers(t *testing.T) {
	t.Parallel()
	config := fleet(t, map[string]string{"every": "execute_frequency = 10\nresource_filter = resource_class = \"c\"\n"}, 100, "")
	// 100 runs of 9 s every 10 s want 90 places; one Collector of two has half of them.
	edit(t, config, "receivers:\n  panoptes:\n", "receivers:\n  panoptes:\n    max_concurrent_runs: 80\n")
	args := []string{"simulate", "--config", config, "--hours", "0.1", "--takes", "9s"}
	code, stdout, _ := run(t, "", args...)
	require.Equal(t, 1, code)
	require.Contains(t, stdout, "warning: all runs need 90 places on average, there are 80")
	code, stdout, stderr := run(t, "", append(args, "--members", "2")...)
	require.Zero(t, code, stdout+stderr)
	var resources, tasks [2]int
	for i := range 2 {
		_, after, found := strings.Cut(stdout, fmt.Sprintf("\nmember %d: ", i+1))
		require.True(t, found, stdout)
		_, err := fmt.Sscanf(after, "%d resources, %d tasks, ", &resources[i], &tasks[i])
		require.NoError(t, err)
		require.InDelta(t, 50, tasks[i], 15)
		require.Equal(t, resources[i], tasks[i])
	}
	require.Equal(t, 100, tasks[0]+tasks[1])
	require.Equal(t, 2, strings.Count(stdout, "\nall runs: "))
	code, stdout, _ = run(t, "", append(args, "--members", "2", "--takes", "20s")...)
	require.Equal(t, 1, code)
	require.Contains(t, stdout, "warning: member 2: all runs need")
	code, _, stderr = run(t, "", append(args, "--members", "0")...)
	require.Equal(t, 2, code)
	require.Contains(t, stderr, "--members must be from 1 to 256, is 0")
}

// edit replaces a text in a file.
func edit(t *testing.T, path, old, replacement string) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, string(text), old)
	require.NoError(t, os.WriteFile(path, []byte(strings.Replace(string(text), old, replacement, 1)), 0o600))
}

func TestSimulateWarns(t *testing.T) {
	t.Parallel()
	config := fleet(t, map[string]string{
		"every": "execute_frequency = 1\nresource_filter = resource_class = \"c\"\n",
		"none":  "execute_frequency = 60\nresource_filter = resource_class = \"x\"\n",
	}, 100, `overrides: [{plugin: gone, timeout: 1s}]`)
	code, stdout, stderr := run(t, "", "simulate", "--config", config, "--takes", "every=9s", "--takes", "1ms", "--hours", "0.1")
	require.Equal(t, 1, code)
	require.Contains(t, stderr, `plugins::overrides::0 names the plugin "gone", which there is not`)
	for _, want := range []string{
		"warning: all runs need 90", "there are 256: slots will be missed; raise max_concurrent_runs",
		`warning: plugin "none" runs against nothing`, `warning: plugin "every" takes 9s, longer than its interval of 1s`,
		"warning: 100 devices are to be asked by more than 8 runs at once",
	} {
		require.Contains(t, stdout, want)
	}
	for _, bad := range [][]string{
		{"--takes", "x"}, {"--takes", "a=-1s"}, {"--hours", "0"}, {"--hours", "NaN"}, {"--resources", "missing.json"},
	} {
		code, stdout, stderr := run(t, "", append([]string{"simulate", "--config", config}, bad...)...)
		require.Equal(t, 2, code, bad)
		require.Empty(t, stdout)
		require.NotEmpty(t, stderr)
	}
	code, _, stderr = run(t, "", "simulate", "--config", "yaml:receivers: {otlp: {}}")
	require.Equal(t, 2, code)
	require.Contains(t, stderr, "no receiver panoptes")
}

func TestResourcesMatchExplain(t *testing.T) {
	t.Parallel()
	path := file(t, "["+entry("a", `"os": "x"`)+","+entry("b", "")+"]")
	code, stdout, stderr := run(t, "", "resources", "match", "--explain", "--filter", `resource_class = "c" AND resource_metadata.os = "x"`, path)
	require.Zero(t, code, stderr)
	require.Equal(t, "a\tyes\t\t\nb\tno\tresource_metadata.os = \"x\"\tthere is no resource_metadata.os\n", stdout)
}

// Places that only the runs of one plugin have are told with what sets them.
func TestSimulatePluginsOwnPlaces(t *testing.T) {
	t.Parallel()
	config := fleet(t, nil, 20, "")
	dir := filepath.Join(filepath.Dir(config), "plugins")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "slow.sh"), []byte("#!/bin/sh\n"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "slow.panoptes-plugin"),
		[]byte("[Core]\nName = Slow\nModule = slow.sh\n[main]\nexecute_frequency = 5\nresource_filter = resource_class = \"c\"\n"), 0o600))
	args := []string{"simulate", "--config", config, "--hours", "0.1", "--takes", "2s"}
	code, stdout, stderr := run(t, "", args...)
	require.Equal(t, 1, code, stdout+stderr)
	require.Contains(t, stdout, "\nruns of plugin \"Slow\": 200 % of 4 places, ")
	require.Regexp(t, `warning: runs of plugin "Slow" need 8 places on average, there are 4: slots will be missed; raise processes::per_plugin \(`, stdout)
	edit(t, config, "receivers:\n  panoptes:\n", "receivers:\n  panoptes:\n    processes: {per_plugin: 20}\n")
	code, stdout, stderr = run(t, "", args...)
	require.Zero(t, code, stdout+stderr)
	edit(t, config, "receivers:\n  panoptes:\n", "receivers:\n  panoptes:\n    limits: {per_plugin: 3}\n")
	code, stdout, _ = run(t, "", args...)
	require.Equal(t, 1, code)
	require.Contains(t, stdout, "raise limits::per_plugin, or run less often")
}

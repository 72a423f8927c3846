//go:build e2e

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// readmeBlocks returns the fenced blocks of a language in a section of the README, in order.
func readmeBlocks(t *testing.T, section, language string) []string {
	t.Helper()
	return pageBlocks(t, "README.md", section, language)
}

// pageBlocks is readmeBlocks for any page; section "" is what comes before the first one.
func pageBlocks(t *testing.T, page, section, language string) []string {
	t.Helper()
	text, err := os.ReadFile("../../" + page)
	require.NoError(t, err)
	rest, found := string(text), true
	if section != "" {
		_, rest, found = strings.Cut(rest, "\n## "+section+"\n")
	}
	require.True(t, found, "%s has no section %q", page, section)
	rest, _, _ = strings.Cut(rest, "\n## ")
	var blocks []string
	for _, m := range regexp.MustCompile("(?s)\n```"+language+"\n(.*?)```").FindAllStringSubmatch(rest, -1) {
		blocks = append(blocks, m[1])
	}
	require.NotEmpty(t, blocks, "section %q of %s has no block of %s", section, page, language)
	return blocks
}

// TestConfigurationsOfPages validates complete configurations as they are printed.
func TestConfigurationsOfPages(t *testing.T) {
	needsNoKafka(t)
	t.Parallel()
	for page, section := range map[string]string{
		"README.md":        "A complete configuration",
		"docs/bridge.md":   "The bridge",
		"docs/influxdb.md": "The configuration",
		"extension/panoptesencodingextension/README.md": "",
	} {
		t.Run(page, func(t *testing.T) {
			dir := t.TempDir()
			// The one folder that must exist for the Collector to accept the configuration.
			config := strings.ReplaceAll(pageBlocks(t, page, section, "yaml")[0], "/var/lib/panoptes-otelcol", filepath.Join(dir, "storage"))
			write(t, filepath.Join(dir, "collector.yaml"), config)
			out, err := exec.Command(binary(t, "panoptes-otelcol"), "validate", "--config", filepath.Join(dir, "collector.yaml")).CombinedOutput()
			require.NoError(t, err, string(out))
		})
	}
}

// TestReadmeFirstPlugin follows the README's first plugin to the letter.
func TestReadmeFirstPlugin(t *testing.T) {
	needsNoKafka(t)
	t.Parallel()
	dir := t.TempDir()
	const section = "The first plugin"
	write(t, filepath.Join(dir, "resources/tutorial.json"), readmeBlocks(t, section, "json")[0])
	write(t, filepath.Join(dir, "plugins/tutorial.panoptes-plugin"), readmeBlocks(t, section, "ini")[0])
	write(t, filepath.Join(dir, "plugins/tutorial_plugin.py"), readmeBlocks(t, section, "python")[0])

	command := strings.Fields(readmeBlocks(t, section, "sh")[0])
	require.Equal(t, "bin/panoptes", command[0])
	cmd := exec.Command(binary(t, "panoptes"), append(command[1:], "--json")...)
	cmd.Dir = dir
	out, err := cmd.Output()
	require.NoError(t, err)
	runs := strings.Split(strings.TrimSpace(string(out)), "\n")
	require.Len(t, runs, 2)
	const rate = `"metric_name": "context_switch_count", "metric_value": 0, "metric_type": "gauge"`
	require.NotContains(t, runs[0], rate)
	require.Contains(t, runs[1], rate)
	require.Contains(t, runs[1], `"metric_name": "context_switch_count", "metric_value": 50, "metric_type": "counter"`)
	require.Contains(t, runs[1], `"dimensions": [{"dimension_name": "cpu_no", "dimension_value": "5"}]`)
}

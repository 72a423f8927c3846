//go:build e2e

package e2e

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Every example is valid, also to the built Collector, which the command finds beside itself.
func TestExamplesAreValid(t *testing.T) {
	needsNoKafka(t)
	configs, err := filepath.Glob("../../examples/*/collector.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, configs)
	for _, config := range configs {
		rel, err := filepath.Rel("../..", config)
		require.NoError(t, err)
		cmd := exec.CommandContext(t.Context(), binary(t, "panoptes"), "validate", "--config", rel)
		cmd.Dir = "../.."
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		assert.Regexp(t, `^valid: .*, 0 warnings\n$`, string(out), config)
	}
}

// TestMigratedConfigurations: the distribution takes what panoptes migrate writes.
func TestMigratedConfigurations(t *testing.T) {
	needsNoKafka(t)
	t.Parallel()
	cases, err := filepath.Glob("../../cmd/panoptes/internal/migratecmd/testdata/*/*.ini")
	require.NoError(t, err)
	require.NotEmpty(t, cases)
	for _, ini := range cases {
		config := filepath.Join(t.TempDir(), "collector.yaml")
		report, err := exec.Command(binary(t, "panoptes"), "migrate", ini, "--output", config).CombinedOutput()
		require.FileExists(t, config, "%v: %s", err, report)
		if strings.Contains(string(report), "plugins_paths: there is none") {
			continue // and says so
		}
		out, err := exec.Command(binary(t, "panoptes-otelcol"), "validate", "--config", config).CombinedOutput()
		require.NoError(t, err, "%s: %s", ini, out)
	}
}

//go:build e2e

package e2e

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Every example is valid, also to the built Collector, which the command finds beside itself.
func TestExamplesAreValid(t *testing.T) {
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

//go:build e2e

package e2e

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// debianCommands returns the paths of commands of a Debian package, which need not be installed (scripts/debian-package).
// Where they are not to be had the test is skipped, or fails if the environment variable whenSet is set. It is skipped too
// in the run against a real Kafka, which would only repeat it.
func debianCommands(t *testing.T, whenSet, pkg string, commands ...string) []string {
	t.Helper()
	needsNoKafka(t)
	out, err := exec.Command("../../scripts/debian-package", append([]string{pkg}, commands...)...).Output()
	if err != nil {
		said := err.Error()
		if ended := (*exec.ExitError)(nil); errors.As(err, &ended) {
			said += ": " + string(ended.Stderr)
		}
		if os.Getenv(whenSet) != "" {
			t.Fatalf("%s is set, and the package %s is not to be had: %s", whenSet, pkg, said)
		}
		t.Skipf("the package %s is not to be had: %s", pkg, said)
	}
	paths := strings.Fields(string(out))
	require.Len(t, paths, len(commands))
	return paths
}

// needsNoKafka skips a test in the run against a real Kafka, which would only repeat it.
func needsNoKafka(t *testing.T) {
	t.Helper()
	if os.Getenv("PANOPTES_TEST_BROKERS") != "" {
		t.Skip("needs no Kafka: make test-e2e runs it")
	}
}

//go:build e2e

package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTutorial follows docs/tutorial.md.
func TestTutorial(t *testing.T) {
	needsNoKafka(t)
	t.Parallel()
	w := newWalk(t, "../../docs/tutorial.md", nil)
	w.show(t, "collector.log")
	files, commands := w.follow(t)
	require.Greater(t, files, 8)
	require.Greater(t, commands, 20)
}

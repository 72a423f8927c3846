//go:build unix

package plugin

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin/safepath"
)

// TestOpenChecksAllFiles: the plugin file, the module, and each file of a package.
func TestOpenChecksAllFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "x.panoptes-plugin")
	require.NoError(t, os.WriteFile(path, []byte(coreText+pluginHead), 0o600))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "good"), 0o700))
	for _, name := range []string{"__init__.py", "other.py"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "good", name), nil, 0o600))
	}
	_, _, err := Open(path, OpenOptions{})
	require.NoError(t, err)
	for _, bad := range []string{path, filepath.Join(dir, "good", "__init__.py"), filepath.Join(dir, "good", "other.py"), filepath.Join(dir, "good")} {
		info, err := os.Stat(bad)
		require.NoError(t, err)
		require.NoError(t, os.Chmod(bad, info.Mode().Perm()|0o002))
		_, _, err = Open(path, OpenOptions{})
		require.ErrorIs(t, err, safepath.ErrUnsafe, bad)
		require.ErrorContains(t, err, bad)
		require.NoError(t, os.Chmod(bad, info.Mode().Perm()))
	}
}

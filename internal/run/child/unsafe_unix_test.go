//go:build unix

package child

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin/safepath"
)

// What others could have replaced is looked at when it is started, not only when it is loaded.
func TestOthersProgramsAreNotStarted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	loose := filepath.Join(dir, "loose")
	require.NoError(t, os.Mkdir(loose, 0o700))
	interpreter := filepath.Join(loose, "shell")
	require.NoError(t, os.Symlink("/bin/sh", interpreter))
	script := filepath.Join(dir, "script")
	require.NoError(t, os.WriteFile(script, []byte("#!"+interpreter+"\n"), 0o700))
	p, err := Start(Config{Path: script})
	require.NoError(t, err)
	<-p.Done()
	require.NoError(t, p.Err())
	require.NoError(t, os.Chmod(loose, 0o777))
	for _, c := range []Config{
		{Path: "/bin/sh", Scripts: []string{script}},
		{Path: "/bin/sh", Args: []string{"-c", "exit", "--run=" + script}},
		{Path: "/bin/sh", Args: []string{"./script"}, Dir: dir},
	} {
		_, err = Start(c)
		require.ErrorIs(t, err, safepath.ErrUnsafe)
	}
	_, err = Start(Config{Path: script})
	require.ErrorIs(t, err, safepath.ErrUnsafe)
	require.ErrorContains(t, err, "chmod o-w "+loose)
}

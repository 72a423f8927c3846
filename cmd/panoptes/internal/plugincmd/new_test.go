package plugincmd

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
)

func TestNew(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	stdout, stderr, err := execute(t, NewNew(), "disk_usage", "--dir", dir, "--lang", "go")
	require.NoError(t, err)
	require.Contains(t, stdout, filepath.Join(dir, "disk_usage", "main.go")+"\n")
	require.Contains(t, stderr, "go build")
	require.Contains(t, stderr, "panoptes plugin run "+filepath.Join(dir, "disk_usage", "disk_usage.panoptes-plugin"))
	_, _, err = execute(t, NewNew(), "disk_usage", "--dir", dir)
	require.Equal(t, exit.Usage, exit.Code(err))
}

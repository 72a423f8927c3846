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
	require.NotContains(t, stderr, "It needs", "the tests run in a checkout")
	require.Contains(t, stderr, "panoptes plugin run "+filepath.Join(dir, "disk_usage")+" --times 2")
	require.Contains(t, stderr, "      plugins: {directories: ["+filepath.Join(dir, "disk_usage")+"]}")
	for text, args := range map[string][]string{
		"is there already":           {"disk_usage", "--dir", dir},
		"--api class is for Python":  {"other", "--dir", dir, "--lang", "sh", "--api", "class"},
		"unknown --api":              {"other", "--dir", dir, "--api", "object"},
		"there is no go.mod of this": {"other", "--dir", dir, "--lang", "go", "--replace", dir},
	} {
		_, _, err = execute(t, NewNew(), args...)
		require.Equal(t, exit.Usage, exit.Code(err))
		require.ErrorContains(t, err, text)
	}

	// Two new plugins have resources of their own, and one that was written runs as it was said.
	stdout, stderr, err = execute(t, NewNew(), "ports", "--dir", dir, "--api", "class")
	require.NoError(t, err)
	require.Contains(t, stdout, "ports.py")
	require.Contains(t, stderr, "panoptes plugin run "+filepath.Join(dir, "ports")+" --times 2\n")
	stdout, stderr, err = execute(t, NewRun(host), filepath.Join(dir, "ports"), "--times", "2", "--pause", "100ms")
	require.NoError(t, err, stderr)
	require.Contains(t, stdout, "against ports_host")
	require.Regexp(t, `tries\tcounter\t2\t.*/s`, stdout)

	odd := filepath.Join(dir, "a, ${x}[b]")
	_, stderr, err = execute(t, NewNew(), "odd", "--dir", odd)
	require.NoError(t, err)
	require.Contains(t, stderr, "panoptes plugin run '"+odd+"/odd' --times 2\n")
	require.Contains(t, stderr, "plugin check '"+odd+"/odd/odd.panoptes-plugin' --resources '"+odd+"/odd/resources.json'\n")
	require.Contains(t, stderr, `{directories: ["`+dir+`/a, $${x}[b]/odd"]}`)
	require.Contains(t, stderr, `{files: ["`+dir+`/a, $${x}[[]b]/odd/resources.json"]}`)
}

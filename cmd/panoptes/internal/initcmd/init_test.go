package initcmd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/scaffold"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/validatecmd"
)

func execute(t *testing.T, cmd *cobra.Command, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errs strings.Builder
	cmd.SetOut(&out)
	cmd.SetErr(&errs)
	cmd.SetArgs(args)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	err = cmd.ExecuteContext(t.Context())
	return out.String(), errs.String(), err
}

// What is written is valid for each exporter and in each language, without a warning.
func TestInit(t *testing.T) {
	t.Setenv("PATH", "/usr/local/bin:/usr/bin:/bin") // without a Collector: what it says is for the end-to-end test
	for i, language := range scaffold.Languages {
		exporter := exporters[i%len(exporters)].name
		t.Run(language+" to "+exporter, func(t *testing.T) {
			t.Chdir(t.TempDir())
			stdout, stderr, err := execute(t, New(), "--lang", language, "--exporter", exporter)
			require.NoError(t, err, stderr)
			for path := range strings.Lines(stdout) {
				require.FileExists(t, strings.TrimSpace(path))
			}
			require.Contains(t, stderr, "Run:    panoptes-otelcol --config collector.yaml\n")
			if language == "go" { // its program is built in the tests of the scaffold
				require.NoError(t, os.WriteFile("plugins/hello/hello", []byte("#!/bin/sh\n"), 0o755))
			}
			args := []string{"collector.yaml"}
			if language == "go" || language == "node" { // they need a compiler, and Node.js
				args = append(args, "--no-load")
			}
			stdout, _, err = execute(t, validatecmd.New(), args...)
			require.NoError(t, err, stdout)
			require.Equal(t, "valid: 1 plugin, 2 resources, 0 warnings\n", stdout)
			_, _, err = execute(t, New())
			require.ErrorContains(t, err, "collector.yaml is there already")
		})
	}
}

func TestInitRefuses(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "new")
	for _, args := range [][]string{{folder, "--exporter", "pigeon"}, {folder, "--lang", "cobol"}, {folder, "more"}} {
		_, _, err := execute(t, New(), args...)
		require.Error(t, err)
		require.NotEqual(t, exit.OK, exit.Code(err))
		require.NoDirExists(t, folder)
	}
	_, stderr, err := execute(t, New(), folder)
	require.NoError(t, err)
	require.Contains(t, stderr, "Run:    (cd "+folder+" && panoptes-otelcol --config collector.yaml)\n")
	_, stderr, err = execute(t, New(), filepath.Join(folder, "it's one"), "--lang", "go")
	require.NoError(t, err)
	require.Contains(t, stderr, "Build:  (cd '"+folder+`/it'\''s one/plugins/hello' && `)
	require.Contains(t, stderr, "Run:    (cd '"+folder+`/it'\''s one' && panoptes-otelcol --config collector.yaml)`+"\n")
}

func TestInitWithoutAFolderIsHere(t *testing.T) {
	t.Chdir(t.TempDir())
	_, stderr, err := execute(t, New(), "")
	require.NoError(t, err)
	require.Contains(t, stderr, "Run:    panoptes-otelcol --config collector.yaml\n")
}

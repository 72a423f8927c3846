package scaffold

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/conformance"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/parse"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/run/program"
	"github.com/panoptes-otel/panoptes-otel/internal/run/runtimes"
)

// A new plugin of each language passes all checks as it is.
func TestNewPluginsPassTheChecks(t *testing.T) {
	t.Parallel()
	for _, language := range Languages {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			files, err := Write(t.TempDir(), "disk_usage", language)
			require.NoError(t, err)
			require.Equal(t, ".panoptes-plugin", filepath.Ext(files[0]))
			folder := filepath.Dir(files[0])
			switch language {
			case "go":
				build(t, folder)
			case "node":
				if _, err := exec.LookPath("node"); err != nil {
					if os.Getenv("PANOPTES_REQUIRE_NODE") != "" {
						t.Fatal("PANOPTES_REQUIRE_NODE is set, and node is not installed")
					}
					t.Log("NOT TESTED: node is not installed")
					return
				}
			}
			found, warnings, err := parse.LoadFile(filepath.Join(folder, "resources.json"), nil)
			require.NoError(t, err)
			require.Empty(t, warnings)
			fine, err := conformance.Play(t.Context(), files[0], conformance.Settings{
				NewRunner: func(change func(*program.Settings)) (*run.Runner, error) {
					var s runtimes.Settings
					if change != nil {
						change(&s.Programs)
					}
					return runtimes.New(s)
				},
				Resources: found,
				Runs:      20,
				Budget:    time.Minute,
				Memory:    func() (int64, error) { return 0, nil },
			}, func(c conformance.Check) {
				if c.Verdict != conformance.Skip { // what a runtime does not have
					assert.Equal(t, conformance.Pass, c.Verdict, c)
				}
			})
			require.NoError(t, err)
			assert.True(t, fine)
		})
	}
}

// build does what Build says, with this checkout in the place of a release, and runs the plugin's own test.
func build(t *testing.T, folder string) {
	t.Helper()
	_, here, _, ok := runtime.Caller(0)
	require.True(t, ok)
	root, err := filepath.Abs(filepath.Join(filepath.Dir(here), "../../../.."))
	require.NoError(t, err)
	const module = "github.com/panoptes-otel/panoptes-otel"
	for _, args := range [][]string{
		{"mod", "edit", "-require", module + "@v0.0.0", "-replace", module + "=" + root},
		{"build", "-mod=mod"},
		{"vet", "-mod=mod", "./..."},
		{"test", "-mod=mod", "./..."},
	} {
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir = folder
		// What the modules of this checkout need is there already.
		cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "go %v: %s", args, out)
	}
}

func TestWriteRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"", "Disk", "1x", "a-b", "../x", "a b"} {
		_, err := Write(dir, name, "sh")
		require.ErrorContains(t, err, "the name")
	}
	_, err := Write(dir, "x", "perl")
	require.ErrorContains(t, err, "unknown language")
	_, err = Write(filepath.Join(dir, "new"), "x", "sh")
	require.NoError(t, err)
	_, err = Write(filepath.Join(dir, "new"), "x", "sh")
	require.ErrorContains(t, err, "is there already")
	assert.Equal(t, "Disk Usage Of Me", title("disk_usage__of_me"))
}

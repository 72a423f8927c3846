package scaffold

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/conformance"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/parse"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/run/program"
	"github.com/panoptes-otel/panoptes-otel/internal/run/runtimes"
)

// A new plugin of each language passes all checks as it is.
func TestNewPluginsPassTheChecks(t *testing.T) {
	t.Parallel()
	root, err := FindCheckout("", t.TempDir())
	require.NoError(t, err)
	require.FileExists(t, filepath.Join(root, "builder-config.yaml"))
	plugins := map[string]Plugin{"class": {Name: "disk_usage", Language: "python", Class: true, Every: 60}}
	for _, language := range Languages {
		plugins[language] = Plugin{Name: "disk_usage", Language: language, Every: 60, Checkout: root}
	}
	for language, made := range plugins {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			files, err := Write(t.TempDir(), made)
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
			found, warnings, err := parse.LoadFile(filepath.Join(folder, "resources.json"), parse.Minimal)
			require.NoError(t, err)
			require.Empty(t, warnings)
			fine, err := conformance.Play(t.Context(), conformance.Settings{
				Open: func() (*plugin.Plugin, []string, error) { return plugin.Open(files[0], plugin.OpenOptions{}) },
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

// build does what Build says, but asks no proxy, and runs the plugin's own test.
func build(t *testing.T, folder string) {
	t.Helper()
	for _, args := range [][]string{{"build", "-mod=mod"}, {"vet", "-mod=mod", "./..."}, {"test", "-mod=mod", "./..."}} {
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
		_, err := Write(dir, Plugin{Name: name, Language: "sh"})
		require.ErrorContains(t, err, "the name")
	}
	for _, name := range []string{"class", "panoptes", "yield", "six"} {
		_, err := Write(dir, Plugin{Name: name, Language: "python"})
		require.ErrorContains(t, err, "cannot be that of a Python module")
	}
	_, err := Write(dir, Plugin{Name: "x", Language: "perl"})
	require.ErrorContains(t, err, "unknown language")
	_, err = Write(filepath.Join(dir, "new"), Plugin{Name: "x", Language: "sh"})
	require.NoError(t, err)
	_, err = Write(filepath.Join(dir, "new"), Plugin{Name: "x", Language: "sh"})
	require.ErrorContains(t, err, "is there already")
	_, err = Write(dir, Plugin{Name: "x", Language: "sh", Class: true})
	require.ErrorContains(t, err, "--api class is for Python")
	_, err = FindCheckout(dir, "")
	require.ErrorContains(t, err, "there is no go.mod of this project in it")
	assert.Equal(t, "Disk Usage Of Me", title("disk_usage__of_me"))
}

package validatecmd

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/internal/filetest"
)

var update = flag.Bool("update", false, "write the expected findings anew")

// execute runs the command and returns what it printed.
func execute(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errs strings.Builder
	cmd := New()
	cmd.SetOut(&out)
	cmd.SetErr(&errs)
	cmd.SetArgs(args)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	err = cmd.ExecuteContext(t.Context())
	return out.String(), errs.String(), err
}

// collector writes a program that takes the Collector's place.
func collector(t *testing.T, body string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "panoptes-otelcol")
	filetest.Program(t, path, "#!/bin/sh\n"+body+"\n")
	return path
}

// Each folder of testdata is a configuration with its plugins and resources, and the findings it must give.
func TestFindings(t *testing.T) {
	good := collector(t, `[ "$*" = "validate --config=collector.yaml" ]`)
	cases, err := filepath.Glob("testdata/*")
	require.NoError(t, err)
	require.NotEmpty(t, cases)
	for _, dir := range cases {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Chdir(dir)
			args := []string{"--config", "collector.yaml", "--collector", good}
			if filepath.Base(dir) != "loading" { // which takes a second
				args = append(args, "--no-load")
			}
			stdout, stderr, err := execute(t, args...)
			here, e := os.Getwd()
			require.NoError(t, e)
			stdout = strings.ReplaceAll(stdout, here, "DIR")
			assert.Empty(t, stderr)
			if strings.Contains(stdout, "error: ") || strings.Contains(stdout, "warning: ") {
				require.ErrorIs(t, err, exit.ErrReported)
			} else {
				require.NoError(t, err)
			}
			if *update {
				require.NoError(t, os.WriteFile("expected.txt", []byte(stdout), 0o600))
			}
			want, e := os.ReadFile("expected.txt")
			require.NoError(t, e)
			assert.Equal(t, string(want), stdout)
		})
	}
}

const minimal = "yaml:{receivers: {otlp: }, exporters: {debug: }, service: {pipelines: {metrics: {receivers: [otlp], exporters: [debug]}}}}"

func TestCollectorRefuses(t *testing.T) {
	t.Parallel()
	refusing := collector(t, "echo 'exporters::debug: bad verbosity' >&2; exit 1")
	stdout, _, err := execute(t, "--config", minimal, "--collector", refusing)
	require.ErrorIs(t, err, exit.ErrReported)
	assert.Contains(t, stdout, "validate: exit status 1: exporters::debug: bad verbosity\n")
	assert.Contains(t, stdout, "invalid: 1 error, 0 warnings\n")

	stdout, _, err = execute(t, "--config", minimal, "--collector", filepath.Join(t.TempDir(), "absent"))
	require.ErrorIs(t, err, exit.ErrReported)
	assert.Contains(t, stdout, "error: --collector: ")
}

func TestFeatureGates(t *testing.T) {
	t.Parallel()
	gated := collector(t, `[ "$3" = "--feature-gates=a,-b" ]`)
	_, _, err := execute(t, "--config", minimal, "--collector", gated, "--feature-gates", "a,-b")
	require.NoError(t, err)
	_, _, err = execute(t, "--config", minimal, "--collector", gated)
	require.ErrorIs(t, err, exit.ErrReported)
}

func TestWithoutCollector(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	stdout, stderr, err := execute(t, "--config", minimal)
	require.NoError(t, err)
	assert.Equal(t, "valid: 0 plugins, 0 resources, 0 warnings\n", stdout)
	assert.Contains(t, stderr, "stock components are not checked")
}

func TestCollectorInPath(t *testing.T) {
	t.Setenv("PATH", filepath.Dir(collector(t, "exit 3"))+string(os.PathListSeparator)+os.Getenv("PATH"))
	stdout, stderr, err := execute(t, "--config", minimal)
	require.ErrorIs(t, err, exit.ErrReported)
	assert.Contains(t, stdout, "exit status 3")
	assert.Empty(t, stderr)
}

// A configuration may be an argument, beside --config too.
func TestArguments(t *testing.T) {
	t.Parallel()
	files := collector(t, `[ "$*" = "validate --config=`+minimal+`" ]`)
	stdout, _, err := execute(t, minimal, "--collector", files)
	require.NoError(t, err, stdout)
	files = collector(t, `[ "$2 $3" = "--config=`+minimal+` --config=yaml:exporters::debug:" ]`)
	stdout, _, err = execute(t, "yaml:exporters::debug:", "--config", minimal, "--collector", files)
	require.NoError(t, err, stdout)
}

func TestNoConfig(t *testing.T) {
	t.Parallel()
	_, _, err := execute(t)
	require.ErrorContains(t, err, "expected panoptes validate FILE")
	assert.Equal(t, 2, exit.Code(err))
	stdout, _, err := execute(t, "--config", filepath.Join(t.TempDir(), "absent.yaml"))
	require.ErrorIs(t, err, exit.ErrReported)
	assert.Contains(t, stdout, "absent.yaml")
}

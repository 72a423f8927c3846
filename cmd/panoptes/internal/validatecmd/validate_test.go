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
	"github.com/panoptes-otel/panoptes-otel/extension/panoptesshardsextension"
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

// TestShareOfHost: where the host's name has no number, a share without index is none.
func TestShareOfHost(t *testing.T) {
	t.Parallel()
	for static, config := range map[string]panoptesshardsextension.StaticConfig{
		"{count: 2}": {Count: 2}, "{count: 2, index: 1}": {Count: 2, Index: new(1)},
	} {
		stdout, _, _ := execute(t, "--config", minimal, "--config", "yaml:{extensions: {panoptes_shards: {static: "+static+"}}}")
		_, err := config.IndexHere()
		assert.Equal(t, err != nil, strings.Contains(stdout, "warning: extensions::panoptes_shards::static: static::index is not given"), stdout)
	}
}

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

// An interpreter that runs no plugin is told once, and is asked once.
func TestUnfitInterpreter(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	old := collector(t, "echo asked >> "+filepath.Join(dir, "asked")+`; echo '[3, 6, "", []]'`)
	for _, name := range []string{"a", "b", "c"} {
		filetest.Write(t, filepath.Join(dir, name+".panoptes-plugin"),
			"[Core]\nName = "+name+"\nModule = ./m\n\n[main]\nexecute_frequency = 60\nresource_filter = resource_class = \"network\"\n")
	}
	filetest.Write(t, filepath.Join(dir, "m.py"), "")
	stdout, _, err := execute(t, "yaml:{receivers: {panoptes: {plugins: {directories: ["+dir+"]}, python: {interpreter: "+old+"}}}, exporters: {debug: }, "+
		"service: {pipelines: {metrics: {receivers: [panoptes], exporters: [debug]}}}}")
	require.ErrorIs(t, err, exit.ErrReported)
	assert.Contains(t, stdout, "is Python 3.6, 3.8 or later is needed: set python.interpreter to the path of one; not checked for that: 3 plugins\n")
	assert.Equal(t, 1, strings.Count(stdout, "python.interpreter \""), stdout)
	asked, err := os.ReadFile(filepath.Join(dir, "asked"))
	require.NoError(t, err)
	assert.Equal(t, "asked\n", string(asked))
}

// Of what is wrong with the entries of one list the first are told, and how many there are.
func TestManyFindings(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	filetest.Write(t, filepath.Join(dir, "t.json"), "["+strings.Repeat(`{"targets": ["a"], "labels": {"b c": "d"}}, `, 40_000)+`{"targets": ["a"]}]`)
	stdout, _, err := execute(t, "--no-load", "yaml:{receivers: {panoptes: {plugins: {directories: ["+dir+"]}, resources: {file_sd: [{files: ["+dir+"/t.json]}]}}}, "+
		"exporters: {debug: }, service: {pipelines: {metrics: {receivers: [panoptes], exporters: [debug]}}}}")
	require.ErrorIs(t, err, exit.ErrReported)
	assert.Less(t, strings.Count(stdout, "\n"), 20, stdout)
	assert.Contains(t, stdout, " more like these")
	said := collector(t, "seq 1 5000; exit 1")
	stdout, _, err = execute(t, "--config", minimal, "--collector", said)
	require.ErrorIs(t, err, exit.ErrReported)
	assert.Contains(t, stdout, "\n    40\n    and 4960 more lines\n")
}

// Where no plugin has a resource that is told as the Collector tells it, unless servers or plugins may name some.
func TestNoResource(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	filetest.Write(t, filepath.Join(dir, "p.py"), "")
	filetest.Write(t, filepath.Join(dir, "p.panoptes-plugin"), "[Core]\nName = P\nModule = p\n[main]\nexecute_frequency = 60\nresource_filter = resource_class = \"c\"\n")
	filetest.Write(t, filepath.Join(dir, "empty.csv"), "resource_id,resource_endpoint\n")
	filetest.Write(t, filepath.Join(dir, "one.csv"), "resource_id,resource_endpoint,resource_class\na,b,c\n")
	const warning = `warning: receivers::panoptes::resources: there is no resource, so no plugin runs: see resources of the receiver; panoptes explain "P" says`
	for resources, want := range map[string]bool{
		"files: [" + dir + "/empty.csv]":                              true,
		"files: [" + dir + "/one.csv], filter: 'resource_id = \"x\"'": true,
		"files: [" + dir + "/one.csv]":                                false,
		"http: [{url: 'http://cmdb.example/resources'}]":              false,
	} {
		stdout, _, err := execute(t, "--no-load", "--collector", collector(t, "exit 0"), "yaml:{receivers: {panoptes: {plugins: {directories: ["+dir+"]}, resources: {"+resources+"}}}, "+
			"exporters: {debug: }, service: {pipelines: {metrics: {receivers: [panoptes], exporters: [debug]}}}}")
		if !want {
			assert.NoError(t, err, stdout)
			continue
		}
		assert.ErrorIs(t, err, exit.ErrReported, resources)
		assert.Contains(t, stdout, warning, resources)
	}
}

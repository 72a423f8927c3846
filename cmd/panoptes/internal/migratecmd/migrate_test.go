package migratecmd

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/collectorconfig"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/configobj"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver"
)

var update = flag.Bool("update", false, "write the expected files anew")

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

// TestGolden: each folder of testdata is a case, with the configuration and the report that it must give. Every key is
// in the report, every configuration is right for the components it is for.
func TestGolden(t *testing.T) {
	t.Parallel()
	cases, err := filepath.Glob("testdata/*")
	require.NoError(t, err)
	require.NotEmpty(t, cases)
	for _, dir := range cases {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			files, err := filepath.Glob(filepath.Join(dir, "*.ini"))
			require.NoError(t, err)
			output := filepath.Join(t.TempDir(), "collector.yaml")
			report, stderr, err := execute(t, append(files, "--output", output)...)
			if strings.Contains(report, "not carried over") {
				require.ErrorIs(t, err, exit.ErrReported)
			} else {
				require.NoError(t, err)
			}
			assert.Empty(t, stderr)
			info, err := os.Stat(output)
			require.NoError(t, err)
			assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
			got, err := os.ReadFile(output)
			require.NoError(t, err)
			golden(t, filepath.Join(dir, "collector.yaml"), string(got))
			report = strings.ReplaceAll(report, output, "collector.yaml")
			golden(t, filepath.Join(dir, "report.txt"), report)
			assert.NotContains(t, report, "not shown")
			allReported(t, files, report)
			load(t, output)
		})
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), got)
}

// allReported looks for each key of the files in the report.
func allReported(t *testing.T, files []string, report string) {
	t.Helper()
	lines := strings.Split(report, "\n")
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		root, err := configobj.Parse(file, data)
		require.NoError(t, err)
		root.Walk(func(s *configobj.Section) {
			for _, e := range s.Entries {
				of := source{file, s, e}
				want := of.at() + ": " + of.key()
				assert.Equal(t, 1, len(slices.DeleteFunc(slices.Clone(lines), func(line string) bool {
					line = strings.TrimSpace(line)
					return line != want && !strings.HasPrefix(line, want+" ->") && !strings.HasPrefix(line, want+": ")
				})), "%s is reported once", want)
			}
		})
	}
}

// load decodes the components as a Collector does.
func load(t *testing.T, path string) *collectorconfig.Config {
	t.Helper()
	c, err := collectorconfig.Load(t.Context(), []string{path})
	require.NoError(t, err)
	for _, kind := range collectorconfig.Kinds {
		for _, id := range c.IDs(kind) {
			cfg, err := c.Decode(kind, id)
			if r, ok := cfg.(*panoptesreceiver.Config); ok && len(r.Plugins.Directories) == 0 {
				require.ErrorContains(t, err, "directories must name at least one directory")
				continue
			}
			require.NoError(t, err, id.String())
		}
	}
	return c
}

// What the Collector would take for a variable arrives as it was written.
func TestDollarSigns(t *testing.T) {
	t.Parallel()
	c := load(t, "testdata/full/collector.yaml")
	cfg, err := c.Decode(collectorconfig.Receivers, c.IDs(collectorconfig.Receivers)[0])
	require.NoError(t, err)
	r := cfg.(*panoptesreceiver.Config)
	assert.Equal(t, "pa$$ word ${x}", string(r.Context.SNMP.Community))
	assert.Equal(t, []string{"dc1", "dc2", "dc three"}, r.Context.Sites)
}

func TestMisuse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.ini")
	require.NoError(t, os.WriteFile(bad, []byte("[main]\nsites\n[[x\n"), 0o600))
	taken := filepath.Join(dir, "taken.yaml")
	require.NoError(t, os.WriteFile(taken, []byte("mine"), 0o600))
	for want, args := range map[string][]string{
		bad + `:2: expected a section, a comment or "key = value", found "sites"` + "\n" + bad + `:3: the section has no closing "]"`: {bad},
		"absent.ini: no such file":                                          {filepath.Join(dir, "absent.ini")},
		taken + " exists: remove it, or name another file with --output":    {"testdata/small/panoptes.ini", "--output", taken},
		"expected redis://HOST:PORT/DB":                                     {bad, "--secrets-from", "http://:hush@x", "--secrets-dir", dir},
		"if any flags in the group [secrets-from secrets-dir] are set they": {bad, "--secrets-dir", dir},
		"requires at least 1 arg":                                           {},
	} {
		stdout, _, err := execute(t, args...)
		require.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), "hush")
		assert.Empty(t, stdout)
	}
	text, err := os.ReadFile(taken)
	require.NoError(t, err)
	assert.Equal(t, "mine", string(text))
}

func TestStdout(t *testing.T) {
	t.Parallel()
	stdout, stderr, err := execute(t, "testdata/small/panoptes.ini", "--output", "-")
	require.NoError(t, err)
	want, err := os.ReadFile("testdata/small/collector.yaml")
	require.NoError(t, err)
	assert.Equal(t, string(want), stdout)
	assert.Contains(t, stderr, "carried over:")
}

// Plugins that are there are loaded with the interpreter that --python names: those that would not run are named, and the
// variables that they ask for in vain.
func TestPluginsThatWouldNotRun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put := func(name, module string) {
		t.Helper()
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+".py"), []byte(module), 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+".panoptes-plugin"), []byte("[Core]\nName = "+name+"\nModule = "+name+
			"\n[main]\nexecute_frequency = 60\nresource_filter = resource_class = \"network\"\n"), 0o600))
	}
	const good = "import os\nfrom yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin\n" +
		"class P(PanoptesPollingPlugin):\n    def run(self, context):\n        return os.environ.get('HOME'), os.getenv( \"HTTPS_PROXY\")\n"
	put("good", good)
	put("lacks", "import a_module_of_the_site\n"+good)
	put("old", "print 'of another age'\n")
	put("none", "x = 1\n")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "twice.panoptes-plugin"), []byte("[Core]\nName = good\nModule = good\n[main]\n"+
		"execute_frequency = 60\nresource_filter = resource_class = \"network\"\n"), 0o600))
	ini := filepath.Join(dir, "panoptes.ini")
	require.NoError(t, os.WriteFile(ini, []byte("[main]\nsites = dc1,\nplugins_extension = panoptes-plugin\n[kafka]\nbrokers = localhost:9092\n[polling]\nplugins_paths = "+dir+"\n"), 0o600))
	output := filepath.Join(dir, "collector.yaml")
	report, _, err := execute(t, ini, "--output", output, "--python", "python3")
	require.ErrorIs(t, err, exit.ErrReported)
	assert.Contains(t, report, "\ntried plugins with python3: 1 of 5 would run\n")
	assert.Contains(t, report, "twice.panoptes-plugin: plugin \"good\" has the same name as "+filepath.Join(dir, "good.panoptes-plugin"))
	assert.Contains(t, report, "\n  "+filepath.Join(dir, "lacks.panoptes-plugin")+": ")
	assert.Contains(t, report, "No module named 'a_module_of_the_site'")
	assert.Contains(t, report, "\n  "+filepath.Join(dir, "old.panoptes-plugin")+": ")
	assert.Contains(t, report, "\n  "+filepath.Join(dir, "none.panoptes-plugin")+": ")
	assert.Contains(t, report, "\nplugins ask for HTTPS_PROXY of the environment, which they do not get: name it in receivers::panoptes::python::environment\n")
	assert.NotContains(t, report, "HOME")
	assert.Contains(t, report, "[main] plugins_extension\n")
	text, err := os.ReadFile(output)
	require.NoError(t, err)
	assert.Contains(t, string(text), "interpreter: python3\n")
	load(t, output)

	report, _, err = execute(t, ini, "--output", filepath.Join(dir, "second.yaml"), "--python", "/no/python")
	require.ErrorIs(t, err, exit.ErrReported)
	assert.Contains(t, report, "not tried: 5 plugins: python.interpreter \"/no/python\" cannot be run: ")
	assert.Equal(t, 1, strings.Count(report, "python.interpreter \""), report)
	assert.Contains(t, report, "tried plugins with /no/python: 0 of 5 would run\n")
	assert.Contains(t, report, "/no/python")
}

// A Redis with shards is not written: the keys have to be joined first.
func TestShardsOfRedis(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ini := filepath.Join(dir, "panoptes.ini")
	require.NoError(t, os.WriteFile(ini, []byte("[main]\nsites = dc1,\n[kafka]\nbrokers = localhost:9092\n[polling]\nplugins_paths = /none,\n"+
		"[redis]\n[[default]]\n[[[shards]]]\n[[[[one]]]]\nhost = a\n[[[[two]]]]\nhost = b\nport = 6380\n"), 0o600))
	output := filepath.Join(dir, "collector.yaml")
	report, _, err := execute(t, ini, "--output", output)
	require.NoError(t, err)
	assert.Contains(t, report, "panoptes_redis takes one Redis, in which all keys are")
	assert.Contains(t, report, "[[[[two]]]] port\n")
	text, err := os.ReadFile(output)
	require.NoError(t, err)
	assert.NotContains(t, string(text), "panoptes_redis")
}

package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// foreign is what others may write where a name is expected: it clears a terminal, and then begins a line that is not ours.
const foreign = "\x1b[2J\u009b31m\u202e\x7f\nfake: all is well\nplugin"

// TestForeignTextSteersNoTerminal: whatever is printed of resources, plugins, groups, recordings and configurations of others has
// its control characters escaped, and no line of its own.
func TestForeignTextSteersNoTerminal(t *testing.T) {
	t.Parallel()
	quote := func(text string) string {
		b, err := json.Marshal(text)
		require.NoError(t, err)
		return string(b)
	}
	escape := strconv.QuoteToASCII // YAML knows the same escapes
	name := quote(foreign)
	unquoted := name[1 : len(name)-1]
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	resources := write("resources.json", "["+entry(unquoted, `"`+unquoted+`": "x"`)+","+entry(unquoted, `"x": "`+unquoted+`"`)+","+
		strings.Replace(entry("bad", ""), `"p"`, `7`, 1)+`, {`+name+`: 1}, {"resource_id": `+name+`}]`)
	broken := write("broken.json", `[{"resource_id": `+foreign+`]`)
	odd := write("odd\x1b[2J\nfake: a path.json", `[`)
	raw := strings.ReplaceAll(foreign, "\n", "\n ") // a value over several lines
	plugin := write("bad.panoptes-plugin", "[Core]\nName = "+raw+"\nModule = go:"+raw+"\n[main]\nexecute_frequency = "+raw+
		"\nresource_filter = resource_id = \""+strings.ReplaceAll(foreign, "\n", " ")+"\"\n["+strings.ReplaceAll(foreign, "\n", "")+"]\nx = y\n")
	failing := write("failing.panoptes-plugin", "[Core]\nName = failing\nModule = failing.sh\n[main]\nruntime = exec\nexecute_frequency = 60\nresource_filter = resource_site = \"s\"\n")
	answering := write("answering.panoptes-plugin", "[Core]\nName = answering\nModule = answering.sh\n[main]\nruntime = exec\nexecute_frequency = 60\nresource_filter = resource_site = \"s\"\n")
	write("text", foreign)
	write("answer", `{"type": `+name+`, "gauges": {`+name+`: 1}}`+"\n"+`{"type": "up", "dimensions": {"a": `+name+`}, "gauges": {"b": 1}}`+"\n"+foreign)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "failing.sh"), []byte("#!/bin/sh\ncat '"+dir+"/text'; cat '"+dir+"/text' >&2; exit 3\n"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "answering.sh"), []byte("#!/bin/sh\ncat '"+dir+"/answer'; cat '"+dir+"/text' >&2\n"), 0o700))
	config := write("collector.yaml", "receivers:\n  panoptes:\n    plugins: {directories: ["+escape(dir)+"], overrides: [{plugin: "+escape(foreign)+", execute_frequency: 10s}]}\n"+
		"    resources: {files: ["+escape(resources)+","+escape(broken)+","+escape(filepath.Join(dir, "odd*.json"))+"], filter: 'resource_site = \"s\"'}\n")
	wrong := write("wrong.yaml", "receivers:\n  panoptes:\n    resources: {filter: "+escape(foreign)+"}\n    "+escape(foreign)+": 1\nservice: {pipelines: {metrics: {receivers: ["+escape(foreign)+"]}}}\n")
	ini := write("panoptes.ini", "["+strings.ReplaceAll(foreign, "\n", "")+"]\n"+strings.ReplaceAll(foreign, "\n", "")+" = "+strings.ReplaceAll(foreign, "\n", "")+"\n")
	group := `{"metrics_group_type": ` + name + `, "metrics_group_interval": "` + unquoted + `", "dimensions": [{"dimension_name": ` + name +
		`, "dimension_value": ` + name + `}], "metrics": [], ` + name + `: 1}`
	recording := write("recording.jsonl", `{"version": 1, "plugin": {"name": `+name+`}, `+name+`: `+foreign+"\n")

	for _, args := range [][]string{
		{"resources", "list", resources, broken, odd},
		{"resources", "list", resources},
		{"resources", "list", "--config", config},
		{"resources", "match", "--filter", `resource_site = "s"`, resources},
		{"resources", "match", "--filter", foreign, resources},
		{"resources", "match", "--filter", `resource_site = "s"`, odd},
		{"plugin", "list", dir},
		{"plugin", "check", plugin},
		{"plugin", "run", plugin, "--resources", resources},
		{"plugin", "run", plugin + foreign, "--resources", resources},
		{"plugin", "run", failing, "--resources", resources},
		{"plugin", "run", answering, "--resources", resources},
		{"plugin", "run", answering, "--resources", resources, "--json"},
		{"plugin", "check", failing, "--resources", resources},
		{"plugin", "check", answering, "--resources", resources},
		{"plugin", "docs", plugin},
		{"explain", foreign, "--config", config},
		{"explain", plugin, foreign, "--config", config},
		{"validate", "--no-load", config},
		{"validate", "--no-load", wrong},
		{"validate", "--no-load", foreign},
		{"simulate", "--config", config},
		{"simulate", "--config", config, "--resources", resources},
		{"migrate", ini, "--output", "-"},
		{"migrate", foreign},
		{"replay", recording},
		{"replay", odd},
		{"schema", "check"},
		{"influx"},
		{"pipe"},
		{"pipe", "--transform", foreign},
		{"tail", "--brokers", "127.0.0.1:1", foreign},
		{"status", "--url", foreign},
		{"snmp", "get", foreign, foreign},
		{foreign},
	} {
		code, stdout, stderr := run(t, group+"\n"+foreign+"\n", args...)
		said := stdout + stderr
		for _, r := range said {
			if unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r) {
				t.Errorf("%q ends with %d and prints %q", args, code, said)
				break
			}
		}
		assert.NotContains(t, "\n"+said, "\nfake", "%q", args)
	}
}

// TestSecurityPage: each promise of docs/security.md names a test, and each test that it names is where it says.
func TestSecurityPage(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..", "..", "..")
	page, err := os.ReadFile(filepath.Join(root, "docs", "security.md"))
	require.NoError(t, err)
	_, table, ok := strings.Cut(string(page), "| promise | shown by |\n| --- | --- |\n")
	require.True(t, ok)
	table, _, _ = strings.Cut(table, "\n\n")
	place := regexp.MustCompile("((?:`[A-Za-z_]+`(?:, )?)+) \\((?:`([a-z0-9_/.]+)`|(receiver, InfluxDB exporter, extensions for Redis and status))\\)")
	name := regexp.MustCompile("`([A-Za-z_]+)`")
	folders := map[string]string{}
	source := func(path string) string {
		if _, ok := folders[path]; !ok {
			files := []string{filepath.Join(root, path)}
			if !strings.HasSuffix(path, ".py") {
				files, err = filepath.Glob(filepath.Join(root, path, "*_test.go"))
				require.NoError(t, err)
			}
			for _, file := range files {
				text, err := os.ReadFile(file)
				require.NoError(t, err)
				folders[path] += string(text)
			}
		}
		return folders[path]
	}
	for line := range strings.Lines(table) {
		found := place.FindAllStringSubmatch(line, -1)
		require.NotEmpty(t, found, "no test for: %s", line)
		named := 0
		for _, m := range found {
			named += strings.Count(m[1], "`") / 2
			paths := []string{m[2]}
			if m[3] != "" {
				paths = []string{"receiver/panoptesreceiver", "exporter/panoptesinfluxexporter", "extension/panoptesredisextension", "extension/panoptesstatusextension"}
			}
			for _, test := range name.FindAllStringSubmatch(m[1], -1) {
				for _, path := range paths {
					text := source(path)
					assert.True(t, strings.Contains(text, "func "+test[1]+"(") || strings.Contains(text, "def "+test[1]+"("), "%s is not in %s", test[1], path)
				}
			}
		}
		assert.Equal(t, strings.Count(line, "`Test")+strings.Count(line, "`Fuzz")+strings.Count(line, "`test_"), named, "tests without a place: %s", line)
	}
}

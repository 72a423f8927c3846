package internal

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "github.com/panoptes-otel/panoptes-otel/"

// rules say which packages may not import which, as regular expressions over paths in the module. A rule holds for the
// packages that match from and import what matches to, except what matches unless.
var rules = []struct{ why, from, to, unless string }{
	{
		"what a plugin author imports is small",
		`^pluginsdk$`, `.`, `^internal/group/pyjson$`,
	},
	{
		"shared packages know no component and no command",
		`^internal/`, `^(receiver|processor|exporter|extension|cmd)/`, ``,
	},
	{
		"components know each other by attributes alone",
		`^(receiver|processor|exporter|extension)/([^/]+)(/|$)`, `^(receiver|processor|exporter|extension)/`, `^$1/$2(/|$)`,
	},
	{
		"a plugin knows no runtime",
		`^internal/plugin(/|$)`, `^internal/run(/|$)`, `^internal/run/program/output$`,
	},
	{
		"groups and resources know neither plugins nor runs",
		`^internal/(group|resource)/`, `^internal/(plugin|run|schedule|status)(/|$)`, ``,
	},
	{
		"the contract of a run knows no runtime",
		`^internal/run$`, `^internal/run/`, `^internal/run/runlog$`,
	},
	{
		"a runtime never imports another",
		`^internal/run/(compiled|program|python|snmp)(/|$)`, `^internal/run/(compiled|program|python|snmp)(/|$)`,
		`^internal/run/($1(/|$)|program/output$)`,
	},
	{
		"what the parts of the receiver give and take knows neither tasks nor reports",
		`^receiver/panoptesreceiver/internal/(batch|plugindir|resourcekeys|sources|watch)$`,
		`^receiver/panoptesreceiver/internal/(report|tasks)$`, ``,
	},
	{
		"a report knows no tasks",
		`^receiver/panoptesreceiver/internal/report$`, `^receiver/panoptesreceiver/internal/tasks$`, ``,
	},
	{
		"what runtimes share knows none of them",
		`^internal/run/(child|hostapi|runlog|wire|workers)(/|$)`, `^internal/run/(compiled|program|python|runtimes|snmp)(/|$)`, ``,
	},
}

// TestImportsPointOneWay: the tree of docs/architecture.md is a tree.
func TestImportsPointOneWay(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-f", "{{.ImportPath}} {{join .Imports \" \"}}", module+"...").Output()
	require.NoError(t, err)
	used := make([]bool, len(rules))
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		from := strings.TrimPrefix(words[0], module)
		for i, r := range rules {
			match := regexp.MustCompile(r.from)
			at := match.FindStringSubmatchIndex(from)
			if at == nil {
				continue
			}
			used[i] = true
			unless := string(match.ExpandString(nil, r.unless, from, at))
			for _, imported := range words[1:] {
				to, ours := strings.CutPrefix(imported, module)
				if ours && regexp.MustCompile(r.to).MatchString(to) && (unless == "" || !regexp.MustCompile(unless).MatchString(to)) {
					t.Errorf("%s imports %s: %s", from, to, r.why)
				}
			}
		}
	}
	for i, r := range rules {
		assert.True(t, used[i], "no package is under the rule: %s", r.why)
	}
}

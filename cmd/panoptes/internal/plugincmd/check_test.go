package plugincmd

import (
	"encoding/json"
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
)

// The checks measure the memory of this process: no other test may run beside them.
func TestCheckForPeople(t *testing.T) {
	f := newFolder(t)
	f.plugin(t, "good", "go:silent", `resource_class = "system"`, "")
	bad := f.plugin(t, "bad", "go:raising", `resource_class = "system"`, "")
	stdout, _, err := execute(t, NewCheck(host), f.path, "--resources", f.resources, "--runs", "20")
	require.ErrorIs(t, err, exit.ErrReported)
	require.Contains(t, stdout, bad+"\npass  plugin_file")
	require.Contains(t, stdout, "\nfail  run            raised: ")
	require.Contains(t, stdout, "\npass  many_runs      20 runs, ")
	require.True(t, strings.HasSuffix(stdout, "\n14 passed, 1 failed, 0 warned, 2 skipped\n"), stdout)
}

// As above, it runs alone.
func TestCheckMachineReadable(t *testing.T) {
	f := newFolder(t)
	good := f.plugin(t, "good", "go:silent", `resource_class = "system"`, "")
	stdout, _, err := execute(t, NewCheck(host), good, "--runs", "5", "--json")
	require.NoError(t, err)
	verdicts := map[string]string{}
	for line := range strings.Lines(stdout) {
		var c struct{ File, Check, Verdict, Detail string }
		require.NoError(t, json.Unmarshal([]byte(line), &c))
		require.Equal(t, good, c.File)
		verdicts[c.Check] = c.Verdict
	}
	require.Equal(t, "pass", verdicts["many_runs"])
	require.Equal(t, "skip", verdicts["resources"])

	bad := f.plugin(t, "bad", "go:panicking", `resource_class = "system"`, "")
	stdout, _, err = execute(t, NewCheck(host), good, bad, "--runs", "5", "--junit")
	require.ErrorIs(t, err, exit.ErrReported)
	var report struct {
		Suites []junitSuite `xml:"testsuite"`
	}
	require.NoError(t, xml.Unmarshal([]byte(stdout), &report))
	require.Len(t, report.Suites, 2)
	require.Equal(t, bad, report.Suites[0].Name)
	require.Equal(t, 1, report.Suites[0].Failures)
	require.Equal(t, 0, report.Suites[1].Failures)
	require.Equal(t, 3, report.Suites[1].Skipped)
	last := report.Suites[0].Cases[len(report.Suites[0].Cases)-1]
	require.Contains(t, last.Failure.Text, "at the disco")
}

// A script without a plugin file is checked as plugin run runs it, and one with a plugin file by that.
func TestCheckAScript(t *testing.T) {
	f := newFolder(t)
	script := f.write(t, "up", "#!/bin/sh\nprintf '{\"type\": \"up\", \"gauges\": {\"up\": 1}}\\n'\n")
	require.NoError(t, os.Chmod(script, 0o700))
	stdout, stderr, err := execute(t, NewCheck(host), script, "--runs", "2")
	require.NoError(t, err, stdout)
	require.Contains(t, stderr, "there is no plugin file for it")
	require.Contains(t, stdout, script+".panoptes-plugin\npass  plugin_file    \"up\", runtime exec, every 1m0s")
	file := f.write(t, "mine.panoptes-plugin", "[Core]\nName = Mine\nModule = up\n[main]\nruntime = exec\nexecute_frequency = 5\nresource_filter = resource_class = \"system\"\n")
	stdout, _, err = execute(t, NewCheck(host), script, file, "--runs", "2")
	require.NoError(t, err, stdout)
	require.Equal(t, 1, strings.Count(stdout, "plugin_file"))
	require.Contains(t, stdout, file+"\npass  plugin_file    \"Mine\", runtime exec, every 5s")
	_, _, err = execute(t, NewCheck(host), t.TempDir())
	require.ErrorContains(t, err, "has neither a plugin file nor a script")
	require.Equal(t, exit.Usage, exit.Code(err))
}

// Plugins of each type are checked, with a filter or without one.
func TestCheckTypes(t *testing.T) {
	f := newFolder(t)
	found := f.write(t, "found.py", discovers)
	f.write(t, "found.panoptes-plugin", "[Core]\nName = found\nModule = "+found+"\n[main]\nexecute_frequency = 60\n")
	f.write(t, "knows.py", enriches)
	f.plugin(t, "knows", "knows.py", `resource_class = "system"`, "enrichment_ttl = 300\n")
	f.write(t, "polls.py", polls)
	f.write(t, "polls.panoptes-plugin", "[Core]\nName = polls\nModule = polls.py\n[main]\nexecute_frequency = 60\n")
	stdout, stderr, err := execute(t, NewCheck(host), f.path, "--resources", f.resources, "--json")
	require.ErrorIs(t, err, exit.ErrReported, stderr)
	details := map[string]string{}
	for line := range strings.Lines(stdout) {
		var c struct{ File, Check, Verdict, Detail string }
		require.NoError(t, json.Unmarshal([]byte(line), &c))
		details[strings.TrimSuffix(filepath.Base(c.File), ".panoptes-plugin")+" "+c.Check] = c.Verdict + ": " + c.Detail
	}
	for check, want := range map[string]string{
		"found load":        "pass: a plugin for discovery",
		"found resources":   "skip: the plugin discovers resources",
		"found run":         ", 1 resource",
		"found odd_unicode": "skip: ",
		"found many_runs":   "pass: 10 runs",
		"knows run":         ", 1 group of enrichment",
		"knows prometheus":  "skip: the plugin makes no metrics",
		"knows many_runs":   "; --runs 1000 looks longer",
		"polls load":        "fail: ",
	} {
		require.Contains(t, details[check], want, check)
	}
	require.Contains(t, details["polls load"], "resource_filter")
}

const discovers = `
from yahoo_panoptes.discovery.panoptes_discovery_plugin import PanoptesDiscoveryPlugin
from yahoo_panoptes.framework.resources import PanoptesResource, PanoptesResourceSet


class Found(PanoptesDiscoveryPlugin):
    def run(self, context):
        found = PanoptesResourceSet()
        found.add(PanoptesResource('dc1', 'system', 'host', 'generic', 'one', 'localhost', resource_plugin='found'))
        return found
`

const enriches = `
from yahoo_panoptes.enrichment.enrichment_plugin import PanoptesEnrichmentPlugin
from yahoo_panoptes.framework.enrichment import (
    PanoptesEnrichmentGroup, PanoptesEnrichmentGroupSet, PanoptesEnrichmentSchemaValidator, PanoptesEnrichmentSet)


class Any(PanoptesEnrichmentSchemaValidator):
    schema = {'enrichment_label': {'type': 'dict', 'schema': {'speed': {'type': 'integer'}}}}


class Knows(PanoptesEnrichmentPlugin):
    def run(self, context):
        group = PanoptesEnrichmentGroup('ports', Any(), 300, 60)
        group.add_enrichment_set(PanoptesEnrichmentSet('xe-0', {'speed': 1}))
        known = PanoptesEnrichmentGroupSet(context.data)
        known.add_enrichment_group(group)
        return known
`

const polls = `
from yahoo_panoptes.framework.metrics import PanoptesMetricsGroupSet
from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin


class Polls(PanoptesPollingPlugin):
    def run(self, context):
        return PanoptesMetricsGroupSet()
`

func TestCheckMisuse(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	_, _, err := execute(t, NewCheck(host), f.path)
	require.Equal(t, exit.Usage, exit.Code(err))
	_, _, err = execute(t, NewCheck(host), f.path+"/absent")
	require.Equal(t, exit.Usage, exit.Code(err))
	_, _, err = execute(t, NewCheck(host), f.path, "--runs", "0")
	require.ErrorContains(t, err, "--runs")
}

// The memory of plugins is that of this process and of its children.
func TestHeldMemory(t *testing.T) {
	t.Parallel()
	held, err := heldMemory()
	require.NoError(t, err)
	require.Positive(t, held)
}

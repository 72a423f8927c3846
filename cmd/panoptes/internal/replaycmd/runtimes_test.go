package replaycmd

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/plugincmd"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/recording"
	"github.com/panoptes-otel/panoptes-otel/internal/run/wire"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// processProgram is the name by which the test program is a process plugin.
const processProgram = "process-plugin"

func processRun(ctx context.Context, pc *pluginsdk.PluginContext) (*pluginsdk.MetricsGroupSet, error) {
	secret, err := pc.Secrets.Get(ctx, "password", pc.Resource.Site)
	if err != nil {
		return nil, err
	}
	groups := pc.NewGroups()
	groups.Group("process").Dimension("password", secret).Gauge("n", 1.5)
	return groups.Result()
}

const clocks = `from yahoo_panoptes.framework.metrics import *
from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin
import datetime, time
from time import time as now

class Clocks(PanoptesPollingPlugin):
    def run(self, context):
        began = time.monotonic()
        group = PanoptesMetricsGroup(context.data, 'clocks', 60)
        group.add_dimension(PanoptesMetricDimension('at', datetime.datetime.now().isoformat()))
        group.add_metric(PanoptesMetric('now', now(), PanoptesMetricType.GAUGE))
        group.add_metric(PanoptesMetric('took', time.monotonic() - began, PanoptesMetricType.GAUGE))
        groups = PanoptesMetricsGroupSet()
        groups.add(group)
        return groups
`

const discovers = `from yahoo_panoptes.discovery.panoptes_discovery_plugin import PanoptesDiscoveryPlugin
from yahoo_panoptes.framework.resources import PanoptesResource, PanoptesResourceSet

class Discovers(PanoptesDiscoveryPlugin):
    def run(self, context):
        found = PanoptesResourceSet()
        found.add(PanoptesResource(resource_site='dc1', resource_class='c', resource_subclass='s', resource_type='t',
                                   resource_id='found', resource_endpoint='e', resource_plugin='discovers'))
        return found
`

const enriches = `from yahoo_panoptes.enrichment.enrichment_plugin import PanoptesEnrichmentPlugin
from yahoo_panoptes.framework.enrichment import *

class Schema(PanoptesEnrichmentSchemaValidator):
    schema = {'enrichment_label': {'type': 'dict', 'schema': {'floor': {'type': 'string', 'required': True}}}}

class Enriches(PanoptesEnrichmentPlugin):
    def run(self, context):
        found = PanoptesEnrichmentSet(context.data.resource_id)
        found.add('floor', '2')
        group = PanoptesEnrichmentGroup('place', Schema(), 600, 60)
        group.add_enrichment_set(found)
        groups = PanoptesEnrichmentGroupSet(context.data)
        groups.add_enrichment_group(group)
        return groups
`

// TestReplayRuntimes: what a plugin said replays to the same bytes in another folder, where there is neither the plugin nor
// anything else of it, and so does the plugin itself.
func TestReplayRuntimes(t *testing.T) {
	t.Parallel()
	program, err := os.Executable()
	require.NoError(t, err)
	for name, c := range map[string]struct {
		module, text, more string
		// clock says that the plugin has a clock of its own.
		clock bool
		// groups are those of a run.
		groups int
	}{
		"python":     {module: "plugin.py", text: clocks, groups: 1},
		"enrichment": {module: "plugin.py", text: enriches},
		"discovery":  {module: "plugin.py", text: discovers},
		"none":       {module: "plugin.py", text: strings.Replace(clocks, "return groups", "return None", 1)},
		"raises":     {module: "plugin.py", text: strings.Replace(clocks, "return groups", "raise KeyError(now())", 1)},
		"exec": {
			groups: 1, module: "plugin", more: "runtime = exec\nargs = one {resource_id}\n",
			text: `echo "for $2" >&2; printf '{"type":"t","dimensions":{"id":"%s"},"gauges":{"n":%d}}\nno json \377\n' "$PANOPTES_RESOURCE_ID" "$(cat | wc -c)"`,
		},
		"exec with times": {
			groups: 1, module: "plugin", more: "runtime = exec\n", clock: true,
			text: `echo "{\"type\":\"t\",\"timestamp\":$(date +%s.%N | cut -c1-14),\"gauges\":{\"n\":1}}"`,
		},
		"exec that heeds the clock": {
			groups: 1, module: "plugin", more: "runtime = exec\n",
			text: `echo "{\"type\":\"t\",\"timestamp\":$PANOPTES_NOW,\"gauges\":{\"n\":1}}"`,
		},
		"exec fails":        {module: "plugin", more: "runtime = exec\n", text: `echo oh no >&2; exit 3`},
		"exec dies":         {module: "plugin", more: "runtime = exec\n", text: `echo oh no >&2; kill -9 $$`},
		"exec says nothing": {module: "plugin", more: "runtime = exec\n", text: `true`},
		"nagios":            {groups: 2, module: "plugin", more: "runtime = exec\noutput = nagios\n", text: `echo "WARNING - full|/=90%;80;95"; exit 1`},
		"prometheus":        {groups: 1, module: "plugin", more: "runtime = exec\noutput = prometheus\ngroup_type = p\n", text: `echo 'a{b="c"} 1'`},
		"process":           {groups: 1, module: processProgram},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := place{path: t.TempDir()}
			head := strings.NewReplacer("Module = counting", "Module = "+c.module, "[transforms]", c.more+"[transforms]").Replace(pluginFile)
			p.plugin = p.write(t, "x.panoptes-plugin", head)
			p.write(t, "secrets/password/default", "correct horse")
			switch {
			case c.text == "":
				require.NoError(t, os.Symlink(program, filepath.Join(p.path, c.module)))
			case strings.HasSuffix(c.module, ".py"):
				p.write(t, c.module, c.text)
			default:
				require.NoError(t, os.Chmod(p.write(t, c.module, "#!/bin/sh\n"+c.text+"\n"), 0o755))
			}
			p.recording = filepath.Join(t.TempDir(), "elsewhere.jsonl")
			_, told, _ := execute(t, plugincmd.NewRun(plugincmd.Host{Version: "test"}), p.plugin,
				"--resources", p.write(t, "resources.json", resources), "--secrets", filepath.Join(p.path, "secrets"),
				"--times", "2", "--pause", "0", "--record", p.recording)
			recorded, err := os.ReadFile(p.recording)
			require.NoError(t, err, told)
			assert.NotContains(t, string(recorded), "correct horse")
			assert.Contains(t, string(recorded), `"wire":[{"at":`)

			again, stderr, err := execute(t, New("test"), p.recording, "--plugin", p.plugin)
			require.NoError(t, err, stderr)
			assert.Equal(t, c.clock, strings.Contains(stderr, "compared without times"), stderr)
			require.NoError(t, os.RemoveAll(p.path))
			plain, stderr, err := execute(t, New("test"), p.recording)
			require.NoError(t, err, stderr)
			assert.Equal(t, plain, again)
			assert.Equal(t, 2*c.groups, strings.Count(plain, "\n"), "two runs; it said: %s", told)
		})
	}
}

// TestReplayReadsWhatWasSaid: the groups come from what passed between host and plugin, not from the recording's own.
func TestReplayReadsWhatWasSaid(t *testing.T) {
	t.Parallel()
	p := record(t)
	p.edit(t, `\"metric_value\":50`, `\"metric_value\":51`) // in the plugin's answer
	_, stderr, err := execute(t, New("test"), p.recording)
	require.ErrorIs(t, err, exit.ErrReported)
	assert.Contains(t, stderr, "run 1: group 1 is\n")

	p = record(t)
	p.edit(t, `\"outcome\":\"ok\"`, `\"outcome\":\"odd\"`)
	_, stderr, err = execute(t, New("test"), p.recording)
	require.ErrorIs(t, err, exit.ErrReported)
	assert.Contains(t, stderr, `run 1: ended as protocol (plugin "Counting": resource "one": worker answered with the unknown outcome "odd"), in the recording as ok`)
}

// TestReplayOfAnotherClock: a Python plugin that does other things with the clock is told of.
func TestReplayOfAnotherClock(t *testing.T) {
	t.Parallel()
	p := record(t)
	p.edit(t, `"readings":[["time",1`, `"readings":[["time",2`)
	_, stderr, err := execute(t, New("test"), p.recording, "--plugin", p.plugin)
	require.ErrorIs(t, err, exit.ErrReported)
	assert.Contains(t, stderr, "run 1: the groups have other times than those of the recording")
}

// TestWireOfARecording: it has each line of the protocol, in both directions, in order.
func TestWireOfARecording(t *testing.T) {
	t.Parallel()
	p := record(t)
	file, err := os.Open(p.recording)
	require.NoError(t, err)
	defer file.Close()
	in, err := recording.NewReader(file)
	require.NoError(t, err)
	var got []string
	for range 2 {
		run, err := in.Next()
		require.NoError(t, err)
		last := 0.0
		for _, passage := range run.Wire {
			assert.GreaterOrEqual(t, passage.At, last)
			last = passage.At
			var m struct{ Method string }
			require.NoError(t, json.Unmarshal([]byte(passage.Text), &m))
			if m.Method != "log" {
				got = append(got, string(passage.Stream)+" "+m.Method)
			}
		}
	}
	call := func(method string) []string {
		return []string{string(wire.StreamOut) + " " + method, string(wire.StreamIn) + " "}
	}
	want := []string{"in initialize", "out ", "in describe", "out "}
	for range 2 {
		want = append(want, "in run")
		for _, method := range []string{"kv.get", "kv.set", "secrets.get"} {
			want = append(want, call(method)...)
		}
		want = append(want, "out ")
	}
	assert.Equal(t, want, got)
}

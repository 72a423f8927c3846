package runtimes

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi"
	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi/kv"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/engine"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/message"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/snmprec"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/tabletest"
)

// genericRecording is the device: TA, TN and up of docs/panoptes/snmp.md 3.7, a long table, and one whose walk fails.
const genericRecording = `1.1.1.1|66|10
1.1.1.2|66|20
1.1.1.3|66|0
1.1.2.1|4|one
1.1.2.2|4|two
1.1.3.0|67|77
1.1.4.7.1001|65|4294967295
1.1.4.7.1002|70|18446744073709551615
1.1.5.1|4x|ff00c3a9
1.1.5.2|6|1.3.6.1.4.1.9
1.1.5.3|64|10.0.0.1
1.1.5.4|2|-7
1.1.6.0|4|36.6 C
`

// failing is a device that answers with an error where it is asked for 1.1.9.
type failing struct{ engine.Agent }

func (f failing) Answer(request *message.PDU, room []byte) message.PDU {
	rest := request.Variables
	for i := int32(1); len(rest) > 0; i++ {
		v, after, err := ber.ReadVarBind(rest)
		if err != nil || bytes.HasPrefix(v.OID, []byte{0x29, 0x09}) {
			return message.PDU{Status: message.GenErr, Index: i, Variables: append(room, request.Variables...)}
		}
		rest = after
	}
	return f.Agent.Answer(request, room)
}

// genericFile has configurations, put together from targets by chance, with what a plugin in Python made of them that
// executed the same rules: it was the first one here. It is not written again.
const genericFile = "testdata/generic.jsonl"

// genericCase is a line of it.
type genericCase struct {
	Version       string          `json:"version"`
	Configuration json.RawMessage `json:"configuration"`
	Groups        []string        `json:"groups"`
}

// genericPlugins are the plugin itself, or one in Python that derives from it, by version.
func genericPlugins(t testing.TB, python bool) map[string]*plugin.Plugin {
	t.Helper()
	out := map[string]*plugin.Plugin{}
	for _, version := range []string{"0.1", "0.2", "0.3"} {
		dir := t.TempDir()
		if python {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "plugin_polling_generic_snmp.py"), []byte(
				"from yahoo_panoptes.plugins.polling.generic.snmp import plugin_polling_generic_snmp as generic\n\n\n"+
					"class Own(generic.PluginPollingGenericSNMPMetrics):\n    pass\n"), 0o600))
		}
		path := filepath.Join(dir, "g.panoptes-plugin")
		require.NoError(t, os.WriteFile(path, []byte("[Core]\nName = g"+version+"\nModule = plugin_polling_generic_snmp"+pluginHead+
			"namespace = metrics\npolling_status_metric_name = polling_status\nenrichment_schema_version = "+version+
			"\n[enrichment]\npreload = self:metrics\n"), 0o600))
		p, _, err := plugin.Open(path, plugin.OpenOptions{})
		require.NoError(t, err)
		if python {
			require.Equal(t, plugin.KindPython, p.Kind)
		} else {
			require.Equal(t, plugin.KindSNMP, p.Kind)
		}
		out[version] = p
	}
	return out
}

// genericRunner polls a device, and gives take what came of it.
func genericRunner(t testing.TB, plugins map[string]*plugin.Plugin, agent engine.Agent, take func(run.Result)) (poll func(c *genericCase)) {
	t.Helper()
	store := kv.NewStore(kv.Options{}).Namespace(kv.PluginsNamespace)
	s := Settings{Python: pythonWorkers(1), Host: Host{KV: store}}
	s.Host.SNMP.Agent = agent
	runners := newRunners(t, s)
	return func(c *genericCase) {
		res := testResource("r")
		value, err := json.Marshal(map[string]any{"data": map[string]any{res.Endpoint: c.Configuration}, "metadata": struct{}{}})
		require.NoError(t, err, string(c.Configuration))
		keep := hostapi.Enrichment{Store: store}.Keep
		require.NoError(t, keep(context.Background(), []run.Enrichment{{ResourceID: res.ID, Namespace: "metrics", TTL: time.Hour, Value: value}}))
		result := runners.Run(context.Background(), run.Request{Plugin: plugins[c.Version], Resource: res})
		require.NoError(t, result.Err, string(c.Configuration))
		take(result)
	}
}

// genericLines polls the recording: poll returns the groups of a configuration as lines, sorted.
func genericLines(t *testing.T, plugins map[string]*plugin.Plugin) (poll func(c *genericCase) []string) {
	t.Helper()
	recording, err := snmprec.Parse("device", []byte(genericRecording))
	require.NoError(t, err)
	var out []string
	run := genericRunner(t, plugins, failing{recording}, func(result run.Result) {
		out = nil
		for _, g := range result.Groups {
			out = append(out, tabletest.GroupText(g))
		}
		slices.Sort(out)
	})
	return func(c *genericCase) []string {
		run(c)
		return out
	}
}

func readGeneric(t *testing.T) (out []genericCase) {
	t.Helper()
	file, err := os.Open(genericFile)
	require.NoError(t, err)
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var c genericCase
		require.NoError(t, json.Unmarshal(lines.Bytes(), &c))
		out = append(out, c)
	}
	require.NoError(t, lines.Err())
	return out
}

// The generic plugin makes what the one in Python made, and so does one that derives from it.
func TestGenericIsThatOfPython(t *testing.T) {
	t.Parallel()
	itself, derived := genericLines(t, genericPlugins(t, false)), genericLines(t, genericPlugins(t, true))
	cases := readGeneric(t)
	require.Len(t, cases, 198)
	for i := range cases {
		c := &cases[i]
		assert.Equal(t, c.Groups, itself(c), "%s %s", c.Version, c.Configuration)
		assert.Equal(t, c.Groups, derived(c), "derived: %s %s", c.Version, c.Configuration)
	}
}

// A relative path of a configuration starts at the plugin file, also for a plugin in Python.
func TestGenericFileBesideThePlugin(t *testing.T) {
	t.Parallel()
	cases := readGeneric(t)
	c := &cases[slices.IndexFunc(cases, func(c genericCase) bool { return c.Version == "0.2" && len(c.Groups) > 1 })]
	for _, python := range []bool{false, true} {
		plugins := genericPlugins(t, python)
		path := plugins[c.Version].File.Path
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, bytes.ReplaceAll(text, []byte("preload = self:metrics"), []byte("file = polled.json")), 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(path), "polled.json"), c.Configuration, 0o600))
		plugins[c.Version], _, err = plugin.Open(path, plugin.OpenOptions{})
		require.NoError(t, err)
		assert.Equal(t, c.Groups, genericLines(t, plugins)(c), "in Python: %v", python)
	}
}

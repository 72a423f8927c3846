package runtimes

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
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

var updateGeneric = flag.Bool("update-generic", false, "write testdata/generic.jsonl by the plugin in Python")

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

// genericCase is a line of testdata/generic.jsonl.
type genericCase struct {
	Version       string          `json:"version"`
	Configuration json.RawMessage `json:"configuration"`
	// Groups are those that Panoptes' plugin in Python makes, in order.
	Groups []string `json:"groups"`
}

const genericOIDs = `"TA": {"method": "bulk_walk", "oid": ".1.1.1"}, "TN": {"method": "bulk_walk", "oid": ".1.1.2"},
"TS": {"method": "static", "values": {"1": "x", "2": ""}}, "up": {"method": "get", "oid": ".1.1.3.0"},
"L": {"method": "bulk_walk", "oid": ".1.1.4"}, "X": {"method": "bulk_walk", "oid": ".1.1.5"}, "C": {"method": "get", "oid": ".1.1.6.0"}`

// genericTargets are values of targets, alone or with what else a target can have.
var genericTargets = []string{
	`"TA.$index"`, `"int(TA.$index) * 2"`, `"int(TA.$index) + int(TA.$index)"`, `"TA.$index+TA.$index"`, `5`, `0`, `1.5`, `"up"`, `true`,
	`"len([x for x in TA.values() if x == '10'])"`, `"len([x for x in TA.values() if x == '9'])"`,
	`{"value": "TA.$index", "type": "float", "metric_type": "counter", "transform": "lambda x: x/10"}`,
	`{"value": "TA.$index", "indices": ["1", "9"]}`, `{"value": "TA.$index", "indices_from": "TS"}`, `{"value": "7", "indices_from": "TN"}`,
	`{"value": "L.$index", "metric_type": "counter"}`, `{"value": "float(L.$index) / 8", "type": "float"}`, `"sum([int(x) for x in TA.values()])"`,
	`{"value": "C", "type": "string", "transform": "lambda x: round((float(x.split(' ')[0]) * 1.8) + 32,2)"}`,
	`{"value": "len([i for i in TA if i != '9'])", "indices": ["1", "2"], "evaluate": true}`, `{"value": "up", "top_level": true}`,
	`{"value": "1.5 * int(TA.$index)", "type": "float"}`, `{"value": "TA.$index", "metric_type": "Gauge"}`, `{"value": "TA", "type": "nothing"}`,
	`{"value": "TN.$index"}`, `"unknown"`, `"1 / 0"`, `{"value": "TA.$index", "indices_from": "NO"}`, `"missing"`, `"len(missing)"`, `"empty.$index"`,
	`"round(int(TA.$index) / 3, 2)"`, `{"value": "int(TA.$index) / 3", "type": "float", "transform": "lambda x: round(x, 1)"}`, `"gone"`,
}

var genericDimensions = []string{
	`"TN.$index"`, `"TS.$index"`, `"'ctrl'"`, `"ctrl"`, `"foo"`, `"$index"`, `{"value": "$index", "indices_from": "TA"}`, `"X.$index"`, `"up"`, `5`, `1.5`,
	`"'a' if TA.$index == '10' else 'b'"`, `"TN.$index + '-' + TA.$index"`, `"''"`, `"X.$index.upper()"`, `{"value": "TA.$index", "type": "integer"}`,
	`"missing.$index"`, `"[int(TA.$index)]"`, `"{'a': 1.0, 'b': (1,)}"`, `"int(TA.$index) > 5"`,
}

// genericCases are configurations: each target alone, and groups of them by chance.
func genericCases() []genericCase {
	r := rand.New(rand.NewPCG(3, 5))
	var out []genericCase
	add := func(version, more string, groups ...string) {
		out = append(out, genericCase{Version: version, Configuration: json.RawMessage(fmt.Sprintf(
			`{"oids": {%s%s}, "metrics_groups": [%s]}`, genericOIDs, more, strings.Join(groups, ", ")))})
	}
	targets := func(letter string, from []string, n int) string {
		var all []string
		for i := range n {
			all = append(all, fmt.Sprintf(`"%s%d": %s`, letter, i, from[r.IntN(len(from))]))
		}
		return "{" + strings.Join(all, ", ") + "}"
	}
	const failed = `, "missing": {"method": "bulk_walk", "oid": ".1.1.9"}`
	const empty = `, "empty": {"method": "bulk_walk", "oid": ".1.1.8"}, "gone": {"method": "get", "oid": ".1.1.8.0"}`
	for i, target := range genericTargets {
		add("0.1", "", `{"group_name": "g", "metrics": {"m": `+target+`}, "dimensions": {"d": `+genericDimensions[i%len(genericDimensions)]+`}}`)
	}
	versions, others := []string{"0.1", "0.2", "0.3"}, []string{"", "", empty, failed, failed + empty}
	for range 150 {
		var groups []string
		for n := range 1 + r.IntN(2) {
			ignore := []string{"", "", `, "ignore_empty_dimensions": true`}[r.IntN(3)]
			groups = append(groups, fmt.Sprintf(`{"group_name": "g%d", "metrics": %s, "dimensions": %s%s}`,
				n, targets("m", genericTargets, r.IntN(4)), targets("d", genericDimensions, r.IntN(4)), ignore))
		}
		add(versions[r.IntN(3)], others[r.IntN(len(others))], groups...)
	}
	for _, more := range []string{
		`, "bad": {"method": "snmpwalk", "oid": ".1.1.1"}`, `, "bad": {"method": "get", "oid": "1.1.1"}`, `, "bad": {"method": "static"}`, `, "bad": 1`,
		`, "TA": {"method": "bulk_walk", "oid": ".1.1.1", "index_transform": {"1": "11"}}`, `, "TA": {"method": "static", "values": 5}`,
	} {
		add("0.1", more, `{"group_name": "g", "metrics": {"m": "TA.$index", "b": "bad", "k": 1}}`)
	}
	for _, groups := range []string{
		``, `{"group_name": "g"}`, `{"metrics": {"m": 1}}`, `1`, `{"group_name": "", "metrics": {"m": 1}}`, `{"group_name": "g", "metrics": {"1m": 1}}`,
		`{"group_name": "g", "metrics": {"k": 1}}, {"group_name": "h", "metrics": {"m": "1 > 0"}}, {"group_name": "i", "metrics": {"k": 1}}`,
		`{"group_name": "g", "metrics": {"k": 1}}, {"group_name": "g", "metrics": {"k": 1}}`,
	} {
		add("0.2", "", groups)
	}
	return out
}

// genericPlugins are the plugin in Go, or the one in Python, by version.
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

const genericFile = "testdata/generic.jsonl"

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

// The generic plugin in Go makes what the one in Python makes.
func TestGenericIsThatOfPython(t *testing.T) {
	t.Parallel()
	poll := genericLines(t, genericPlugins(t, true))
	cases := genericCases()
	var file bytes.Buffer
	for i := range cases {
		c := &cases[i]
		c.Groups = poll(c)
		var compact bytes.Buffer
		require.NoError(t, json.Compact(&compact, c.Configuration))
		c.Configuration = compact.Bytes()
		line, err := json.Marshal(c)
		require.NoError(t, err)
		file.Write(append(line, '\n'))
	}
	if *updateGeneric {
		require.NoError(t, os.WriteFile(genericFile, file.Bytes(), 0o600))
	}
	ours := genericLines(t, genericPlugins(t, false))
	for _, c := range readGeneric(t) {
		assert.Equal(t, c.Groups, ours(&c), "%s %s", c.Version, c.Configuration)
	}
}

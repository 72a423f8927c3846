package targets

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/panoptes-otel/panoptes-otel/internal/resource/parse"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// text is a resource in one line: its fields, and its metadata without the time to live.
func text(r *pluginsdk.Resource) string {
	s := strings.Join([]string{r.Site, r.Class, r.Subclass, r.Type, r.ID, r.Endpoint, r.Plugin}, " ")
	for _, m := range r.Metadata[1:] {
		s += " " + m.Key + "=" + m.Value
	}
	return s
}

func TestLabels(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		labels  Labels
		target  map[string]string
		want    string
		leftOut []string
		err     string
	}{
		"address alone": {
			target: map[string]string{"__address__": "10.0.0.1:9100"},
			want:   "default system host generic 10.0.0.1:9100 10.0.0.1:9100 panoptes_otelcol",
		},
		"instance is the id": {
			target: map[string]string{"__address__": "10.0.0.1", "instance": "sw1", "job": "network", "__meta_rack": "7"},
			want:   "default system host generic sw1 10.0.0.1 panoptes_otelcol __meta_rack=7 job=network",
		},
		"fields by their names": {
			target: map[string]string{
				"__address__": "10.0.0.1:161", "resource_site": "dc1", "resource_class": "network", "resource_subclass": "switch",
				"resource_type": "junos", "resource_id": "sw1", "resource_endpoint": "10.0.0.1", "resource_plugin": "p", "instance": "x",
			},
			want: "dc1 network switch junos sw1 10.0.0.1 p __address__=10.0.0.1:161 instance=x",
		},
		"fields by labels of the site's own": {
			labels: Labels{Site: "datacenter", Type: "model", ID: "name"},
			target: map[string]string{"__address__": "10.0.0.1", "datacenter": "dc1", "resource_site": "dc2", "model": "", "resource_type": "t", "name": "sw1"},
			want:   "dc1 system host t sw1 10.0.0.1 panoptes_otelcol",
		},
		"labels that are no metadata": {
			target: map[string]string{
				"__address__": "a", "bad-name": "1", "pipe": "a|b", "long": strings.Repeat("x", maxValue+1), "empty": "",
				"__tmp_hash": "3", "_resource_ttl": "900", "umlaut": "ö\n",
			},
			want: "default system host generic a a panoptes_otelcol umlaut=ö\n",
			leftOut: []string{
				`label "bad-name" is no metadata: its name must be of letters, digits and _, its value without |`,
				`label "long" has 4097 bytes, more than 4096`,
				`label "pipe" is no metadata: its name must be of letters, digits and _, its value without |`,
			},
		},
		"no endpoint":      {target: map[string]string{"instance": "a"}, err: "no label gives an endpoint: it has no __address__"},
		"bad time to live": {target: map[string]string{"__address__": "a", "_resource_ttl": "soon"}, err: "_resource_ttl must be an integer greater than 0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, leftOut, err := tt.labels.Resource(tt.target, parse.Minimal)
			if tt.err != "" {
				require.ErrorContains(t, err, tt.err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tt.want, text(r))
			assert.Equal(t, tt.leftOut, leftOut)
			assert.False(t, r.CreationTimestamp.IsZero())
		})
	}
	assert.Len(t, parse.Minimal.Metadata, 0, "the defaults stay as they are")
}

func TestLabelsValidate(t *testing.T) {
	t.Parallel()
	require.NoError(t, (&Labels{Site: "datacenter", ID: "__meta_name"}).Validate())
	require.EqualError(t, (&Labels{Site: "a b", Plugin: "9"}).Validate(),
		"resource_site must be the name of a label, is \"a b\"\nresource_plugin must be the name of a label, is \"9\"")
}

func TestRead(t *testing.T) {
	t.Parallel()
	const plain = " system host generic "
	for name, tt := range map[string]struct {
		data     string
		yaml     bool
		want     []string
		warnings []string
		err      string
	}{
		"json": {
			data: "\ufeff" + `[{"targets": ["a:1", "b:2"], "labels": {"resource_site": "dc1", "rack": "5", "from": "here", "__address__": "x"}}, {"targets": []}]`,
			want: []string{
				"dc1" + plain + "a:1 a:1 panoptes_otelcol from=file rack=5", "dc1" + plain + "b:2 b:2 panoptes_otelcol from=file rack=5",
			},
		},
		"yaml": {
			data: "# targets\n- targets: [a, 10]\n  labels: {rack: 5}\n- {targets: [b]}\n", yaml: true,
			want: []string{
				"default" + plain + "a a panoptes_otelcol from=file rack=5", "default" + plain + "10 10 panoptes_otelcol from=file rack=5",
				"default" + plain + "b b panoptes_otelcol from=file",
			},
		},
		"yaml with anchors": {
			data: "- &a {targets: [a], labels: &l {rack: r}}\n- *a\n- {targets: [b], labels: *l}\n- {<<: *a, targets: [c]}\n", yaml: true,
			want: []string{
				"default" + plain + "a a panoptes_otelcol from=file rack=r", "default" + plain + "b b panoptes_otelcol from=file rack=r",
				"default" + plain + "c c panoptes_otelcol from=file rack=r",
			},
		},
		"nothing": {data: "", yaml: true}, "no targets": {data: "[]"},
		"bad groups in json": {
			data: `[{"targets": "a"}, {"targets": ["b", 5]}, 7, null, {"target": ["c"]}, {"targets": ["d"], "labels": {"x": 5}}, {"targets": ["e", ""]},
				{"targets": ["f"], "labels": {"a|b": "c"}}, {"targets": ["e"], "labels": {"resource_type": "generic", "x": "y"}}]`,
			want: []string{"default" + plain + "e e panoptes_otelcol from=file x=y", "default" + plain + "f f panoptes_otelcol from=file"},
			warnings: []string{
				"groups[0] is left out: targets must be a list of strings, and has a string",
				"groups[1] is left out: targets must be a list of strings, and has a number",
				`groups[2] is left out: expected an object with "targets" and "labels"`,
				`groups[3] is left out: expected an object with "targets" and "labels"`,
				`groups[4] is left out: json: unknown field "target"`,
				"groups[5] is left out: labels must be an object of strings, and has a number",
				`groups[6].targets[1] ("") is left out: no label gives an endpoint: it has no __address__`,
				`groups[7].targets[0] ("f"): label "a|b" is no metadata: its name must be of letters, digits and _, its value without |: it is left out`,
				`resource "e" of site "default" comes more than once (class "system", subclass "host", type "generic"): the last one counts`,
			},
		},
		"bad groups in yaml": {
			data: "- {targets: a}\n- x\n- {target: [b]}\n- {targets: [c]}\n- {targets: [d], labels: {x: [1]}}\n", yaml: true,
			want: []string{"default" + plain + "c c panoptes_otelcol from=file"},
			warnings: []string{
				"line 1: groups[0] is left out: unmarshal errors:;   line 1: cannot unmarshal !!str `a` into []string",
				`line 2: groups[1] is left out: expected an object with "targets" and "labels"`,
				`line 3: groups[2] is left out: unknown key "target": expected targets and labels`,
				"line 5: groups[4] is left out: unmarshal errors:;   line 5: cannot unmarshal !!seq into string",
			},
		},
		"broken json":   {data: "[\n{]", err: "line 2: invalid character"},
		"object":        {data: `{"targets": ["a"]}`, err: "expected a list of target groups"},
		"broken yaml":   {data: "- [", yaml: true, err: "did not find expected node content"},
		"mapping":       {data: "targets: [a]", yaml: true, err: "line 1: expected a list of target groups"},
		"too much yaml": {data: "#" + strings.Repeat(" ", parse.MaxYAML), yaml: true, err: "YAML of targets may have 16777216: write it as JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := Reader{Defaults: parse.Minimal}
			list, warnings, err := r.Read([]byte(tt.data), tt.yaml, map[string]string{"from": "file"})
			if tt.err != "" {
				require.ErrorContains(t, err, tt.err)
				return
			}
			require.NoError(t, err)
			var got, said []string
			for _, r := range list {
				got = append(got, text(r))
			}
			for _, w := range warnings {
				said = append(said, w.Error())
			}
			assert.Equal(t, tt.want, got)
			assert.Equal(t, tt.warnings, said)
		})
	}
}

// TestLabelsProperties: whatever the labels, a resource that comes out is valid, and each label is used, left out or metadata.
func TestLabelsProperties(t *testing.T) {
	t.Parallel()
	names := rapid.SampledFrom([]string{"__address__", "instance", "resource_site", "resource_id", "job", "__tmp_x", "a-b", "_resource_ttl", "site"})
	rapid.Check(t, func(t *rapid.T) {
		target := rapid.MapOf(names, rapid.OneOf(rapid.String(), rapid.StringMatching("[1-9a-z|]{0,3}"))).Draw(t, "labels")
		labels := Labels{Site: rapid.SampledFrom([]string{"", "site", "job"}).Draw(t, "site")}
		r, _, err := labels.Resource(target, parse.Minimal)
		if err != nil {
			return
		}
		again := *r
		require.NoError(t, again.Validate())
		require.Equal(t, target["__address__"], r.Endpoint)
	})
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`[{"targets": ["a:1"], "labels": {"resource_site": "dc1"}}]`), false)
	f.Add([]byte("- &a {targets: [a], labels: {x: y}}\n- *a\n"), true)
	f.Add([]byte("- {<<: {targets: [a]}}\n- null\n"), true)
	f.Fuzz(func(t *testing.T, data []byte, yaml bool) {
		r := Reader{Defaults: parse.Minimal}
		list, _, err := r.Read(data, yaml, nil)
		if err != nil && list != nil {
			t.Fatal("resources and an error")
		}
		for _, res := range list {
			if err := res.Validate(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

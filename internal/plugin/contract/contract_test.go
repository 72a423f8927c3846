package contract

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin/pluginfile"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

const file = `
[DEFAULT]
host = x
[Core]
Name = T
Module = m
[contract]
disk =
    Disks of the machine
    gauge used 1 0..1: Share of the space in use
    gauge temp Cel ..90
    counter reads {read} 0..
    counter used: A counter with the name of a gauge
    dimension mount: Mount point
load =
    gauge one
`

func parse(t *testing.T, text string) (*Contract, error) {
	t.Helper()
	f, err := pluginfile.Parse("x.panoptes-plugin", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return Parse(f)
}

func TestParse(t *testing.T) {
	t.Parallel()
	c, err := parse(t, file)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := c.Markdown(&b); err != nil {
		t.Fatal(err)
	}
	const want = `## disk

Disks of the machine

| metric | type | unit | bounds | description |
| --- | --- | --- | --- | --- |
| ` + "`used`" + ` | gauge | 1 | 0 to 1 | Share of the space in use |
| ` + "`temp`" + ` | gauge | Cel | to 90 |  |
| ` + "`reads`" + ` | counter | {read} | from 0 |  |
| ` + "`used`" + ` | counter |  |  | A counter with the name of a gauge |

| dimension | description |
| --- | --- |
| ` + "`mount`" + ` | Mount point |

## load

| metric | type | unit | bounds | description |
| --- | --- | --- | --- | --- |
| ` + "`one`" + ` | gauge |  |  |  |

`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
	if u := (*c.Units())["disk"]["temp"].Unit; u != "Cel" {
		t.Errorf("unit %q", u)
	}
	none, err := parse(t, "[DEFAULT]\na = gauge b\n[Core]\nName = T\nModule = m\n[contract]\n")
	if none != nil || err != nil || none.Units() != nil {
		t.Errorf("a file without a contract has %v, %v", none, err)
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"gauge":               `expected "gauge NAME [UNIT]`,
		"gauge a b c":         `"b c" is too much`,
		"gauge a b 1..x":      `"x" is no number`,
		"gauge a 3..1":        `min 3 is above max 1`,
		"gauge a-b":           `metric name "a-b" is no valid name`,
		"dimension a b":       `expected "gauge NAME [UNIT]`,
		"dimension 1":         `dimension name "1" is no valid name`,
		"gauge a\n  gauge a":  `gauge "a" is there twice`,
		"gauge a\n  histo b":  `expected "gauge NAME [UNIT]`,
		"dimension a\n  d\n ": `expected "gauge NAME [UNIT]`,
	} {
		_, err := parse(t, "[Core]\nName = T\nModule = m\n[contract]\ng =\n  "+line+"\n")
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "[contract]") {
			t.Errorf("%q: %v\nwant %s", line, err, want)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]pluginsdk.Contract{
		`a group of the contract has no type`: {Groups: []pluginsdk.GroupContract{{}}},
		`has group "a" twice`:                 {Groups: []pluginsdk.GroupContract{{Type: "a"}, {Type: "a"}}},
		`type must be "gauge" or "counter", is "histogram"`: {Groups: []pluginsdk.GroupContract{
			{Type: "a", Metrics: []pluginsdk.MetricContract{{Name: "m", Type: "histogram"}}},
		}},
	} {
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	c, err := parse(t, file)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		group string // type, then dimensions as name=value, then gauges as name:value
		kept  int    // metrics; -1 where the group is gone
		want  string
	}{
		{"disk mount=/ used:0.5", 1, ""},
		{"disk mount=/", 0, ""},
		{"disk mount=/ used:1 temp:90", 2, ""},
		{"disk mount=/ used:1.5 temp:90", 1, `used: group "disk": metric_value of "used" is 1.5, the plugin's contract says at most 1`},
		{"disk mount=/ used:-1", -1, `used: group "disk": metric_value of "used" is -1.0, the plugin's contract says at least 0`},
		{"disk mount=/ other:1 used:0", 1, `other: group "disk": gauge "other" is not in the plugin's contract`},
		{"disk mount=/ reads:1", -1, `reads: group "disk": gauge "reads" is not in the plugin's contract`},
		{"disk used:0.5", -1, `: group "disk": dimension "mount", which is in the plugin's contract, is missing`},
		{"disk mount=/ x=y used:0.5", -1, `: group "disk": dimension "x" is not in the plugin's contract`},
		{"cpu one:1", -1, `: group "cpu" is not in the plugin's contract, which has disk, load`},
	} {
		words := strings.Fields(row.group)
		g, err := pluginsdk.NewMetricsGroup(&pluginsdk.Resource{}, words[0], time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range words[1:] {
			if name, value, ok := strings.Cut(w, "="); ok {
				err = g.AddDimension(name, value)
			} else {
				var n float64
				name, value, _ := strings.Cut(w, ":")
				_, _ = fmt.Sscan(value, &n)
				err = g.AddGauge(name, n)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		kept, violations := c.Check(g)
		n := -1
		if kept != nil {
			n = len(kept.Metrics())
		}
		got := ""
		for _, v := range violations {
			got += v.Metric + ": " + v.Err.Error()
		}
		if n != row.kept || got != row.want {
			t.Errorf("%s: %d, %s\nwant %d, %s", row.group, n, got, row.kept, row.want)
		}
		if row.want == "" && kept != g {
			t.Errorf("%s: a group that keeps to the contract is copied", row.group)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("gauge used 1 0..1: Share\n dimension a: b\n counter c ..5")
	f.Fuzz(func(t *testing.T, text string) {
		file, err := pluginfile.Parse("x", []byte("[Core]\nName = T\nModule = m\n[contract]\ng =\n  "+text))
		if err != nil {
			return
		}
		c, err := Parse(file)
		if (c == nil) == (err == nil) && len(file.OwnOptions(Section)) > 0 {
			t.Fatalf("%v, %v", c, err)
		}
	})
}

// Package tabletest has what tests of SNMP tables need: devices that are recordings, some of whose columns fail, and a text
// of results that is made to be compared.
package tabletest

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/engine"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/snmprec"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/table"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Device is a recording that is asked in the process.
type Device struct {
	// Fail are columns and variables that fail, by OID.
	Fail map[string]error
	// Asked is what was asked for in each exchange: the OIDs of columns, with the number of rows where not all.
	Asked [][]string

	engine *engine.Engine
	target engine.Target
}

// Open returns the device of a recording.
func Open(t testing.TB, path string) *Device {
	t.Helper()
	r, err := snmprec.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return device(t, r)
}

// Parse returns the device of the text of a recording.
func Parse(t testing.TB, text string) *Device {
	t.Helper()
	r, err := snmprec.Parse("recording", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return device(t, r)
}

func device(t testing.TB, r *snmprec.Recording) *Device {
	t.Helper()
	e, err := engine.New(engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return &Device{Fail: map[string]error{}, engine: e, target: engine.Target{Name: "device", Agent: r}}
}

// Ask is for table.Program.Run.
func (d *Device) Ask(ctx context.Context, r *engine.Request) *engine.Result {
	var asked []string
	for _, oid := range r.Get {
		asked = append(asked, oid.String())
	}
	for _, c := range r.Columns {
		text := c.Base.String()
		if c.Rows != nil {
			text += fmt.Sprint("/", len(c.Rows))
		}
		asked = append(asked, text)
	}
	slices.Sort(asked)
	d.Asked = append(d.Asked, asked)
	result := d.engine.Do(ctx, &d.target, r)
	for i := range result.Columns {
		if err := d.Fail[r.Columns[i].Base.String()]; err != nil {
			result.Columns[i] = engine.Rows{Base: r.Columns[i].Base, Err: err}
		}
	}
	for i := range r.Get {
		if err := d.Fail[r.Get[i].String()]; err != nil {
			result.Variables[i] = engine.Variable{Name: r.Get[i], Value: ber.Value{}, Err: err}
		}
	}
	return result
}

// Now is the time of runs.
var Now = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)

// Target is a target of runs at Now.
func Target() table.Target {
	return table.Target{
		Resource: &pluginsdk.Resource{
			Site: "dc1", Class: "network", Subclass: "switch", Type: "test", ID: "device", Endpoint: "device.example",
		},
		Interval: time.Minute, Now: Now, Boot: &table.Boot{},
	}
}

// Text is a result as lines, a group each, sorted: "type{dimension="value"} metric=value counter=5c32 since=time", where 32 is the counter's width.
func Text(r table.Result) string {
	var lines []string
	for _, g := range r.Groups {
		line := GroupText(g)
		if !g.CountersSince.IsZero() {
			line += " since=" + g.CountersSince.UTC().Format(time.RFC3339)
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	for _, f := range r.Failures {
		lines = append(lines, fmt.Sprintf("failed %s for %v after %d rows: %v", f.OID, f.Uses, f.Rows, f.Err))
	}
	reasons := make([]string, 0, len(r.Dropped))
	for reason, n := range r.Dropped {
		reasons = append(reasons, fmt.Sprintf("dropped %d: %s", n, reason))
	}
	slices.Sort(reasons)
	lines = append(lines, reasons...)
	if r.Restarted {
		lines = append(lines, "restarted")
	}
	return strings.Join(append(lines, ""), "\n")
}

// GroupText is a group as a line, without times.
func GroupText(g *pluginsdk.MetricsGroup) string {
	var b strings.Builder
	b.WriteString(g.Type + "{")
	for i, d := range g.SortedDimensions() {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%s=%q", d.Name, d.Value)
	}
	b.WriteByte('}')
	metrics := slices.Clone(g.Metrics())
	slices.SortFunc(metrics, func(a, b pluginsdk.Metric) int { return strings.Compare(a.Name, b.Name) })
	for _, m := range metrics {
		fmt.Fprintf(&b, " %s=%s", m.Name, m.Value)
		if m.Type == pluginsdk.Counter {
			b.WriteByte('c')
			if m.Width > 0 {
				b.WriteString(strconv.Itoa(int(m.Width)))
			}
		}
	}
	return b.String()
}

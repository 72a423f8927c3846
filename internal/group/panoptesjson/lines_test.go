package panoptesjson

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/pmetric"
	"pgregory.net/rapid"

	"github.com/panoptes-otel/panoptes-otel/internal/group/influx"
	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
)

// sameLines holds an encoder of lines beside what package influx makes of the JSON.
func sameLines(t failer, e *Encoder, md pmetric.Metrics, o pdata.FromOptions) {
	var want, got []string
	wantReport, _ := pdata.Groups(md, o, func(g pdata.Group) error {
		line, err := influx.AppendLine(nil, g.AppendJSON(nil))
		want = append(want, fmt.Sprintf("%s %t %s %s %s", line, errors.Is(err, influx.ErrBackslash), g.Plugin, g.Resource.ID, g.Type))
		return nil
	})
	gotReport, _ := e.Encode(md, func(m *Message) error {
		if (m.Line == nil) != (m.Err != nil) || m.JSON != nil || m.Topics != nil {
			t.Fatalf("a line, an error, or what is not of lines: %+v", m)
		}
		got = append(got, fmt.Sprintf("%s %t %s %s %s", m.Line, errors.Is(m.Err, influx.ErrBackslash), m.Plugin, m.ResourceID, m.GroupType))
		return nil
	})
	if !slices.Equal(got, want) {
		t.Fatalf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if fmt.Sprint(gotReport) != fmt.Sprint(wantReport) {
		t.Fatalf("report %v, want %v", gotReport, wantReport)
	}
}

func TestLinesAreThoseOfTheJSON(t *testing.T) {
	t.Parallel()
	encoders := map[bool]*Encoder{}
	for _, double := range []bool{false, true} {
		encoders[double] = NewLineEncoder(pdata.FromOptions{DoubleRates: double})
	}
	rapid.Check(t, func(t *rapid.T) {
		o := pdata.FromOptions{DoubleRates: rapid.Bool().Draw(t, "double_rates")}
		e := encoders[o.DoubleRates]
		if rapid.Bool().Draw(t, "fresh") {
			e = NewLineEncoder(o)
		}
		sameLines(t, e, drawMetrics(t), o)
	})
}

// FuzzLines reads any bytes as OTLP.
func FuzzLines(f *testing.F) {
	addMetrics(f)
	e := NewLineEncoder(pdata.FromOptions{})
	f.Fuzz(func(t *testing.T, data []byte) {
		if md, ok := readMetrics(data); ok {
			sameLines(t, e, md, pdata.FromOptions{})
		}
	})
}

func TestLinesOfTables(t *testing.T) {
	t.Parallel()
	e := NewLineEncoder(pdata.FromOptions{})
	for _, md := range []pmetric.Metrics{tableMetrics(48), withRates(tableMetrics(5), 2), tableMetrics(2)} {
		sameLines(t, e, md, pdata.FromOptions{})
	}
}

func TestLinesNeedNoMemory(t *testing.T) {
	e := NewLineEncoder(pdata.FromOptions{})
	md := withRates(tableMetrics(48), 0)
	count := 0
	visit := func(*Message) error { count++; return nil }
	encode := func() { _, _ = e.Encode(md, visit) }
	encode()
	if allocs := testing.AllocsPerRun(20, encode); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
	if count != 22*48 {
		t.Errorf("%d lines", count)
	}
}

func BenchmarkLines(b *testing.B) {
	const groups = 48
	for name, md := range map[string]pmetric.Metrics{"table": tableMetrics(groups), "rates": withRates(tableMetrics(groups), 0)} {
		b.Run(name, func(b *testing.B) {
			e := NewLineEncoder(pdata.FromOptions{})
			size := 0
			b.ReportAllocs()
			for b.Loop() {
				_, _ = e.Encode(md, func(m *Message) error { size += len(m.Line); return nil })
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*groups), "ns/group")
		})
	}
}

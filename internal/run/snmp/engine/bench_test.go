package engine

import (
	"fmt"
	"testing"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/ber"
)

func BenchmarkTake(b *testing.B) {
	const k, rows = 7, 7
	var list []byte
	for row := range rows {
		for c := range k {
			list, _ = ber.AppendVarBind(list, ber.Variable{Name: ber.MustOID(fmt.Sprintf("1.3.6.1.2.1.31.1.1.1.%d.%d", c+6, row+1)), Value: ber.NumberValue(ber.Counter64, uint64(row)*1_000_000_007*uint64(c+1))})
		}
	}
	var cols []Column
	for c := range k {
		cols = append(cols, Column{Base: ber.MustOID(fmt.Sprintf("1.3.6.1.2.1.31.1.1.1.%d", c+6))})
	}
	m := newMemory()
	j := newJob(&Target{}, &Request{Columns: cols})
	j.attach(&m, &planner{})
	x := &exchange{job: j}
	x.columns = []int32{0, 1, 2, 3, 4, 5, 6}
	s := shape{columns: k, rows: rows}
	for i := range j.columns {
		j.columns[i].cells = make([]cell, 0, 10)
	}
	b.ReportAllocs()
	for b.Loop() {
		for i := range j.columns {
			j.columns[i].cells = j.columns[i].cells[:0]
		}
		j.text = j.text[:0]
		j.rows = 0
		if j.take(x, s, list) != k*rows {
			b.Fatal("short")
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(k*rows), "ns/var")
}

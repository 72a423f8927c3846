// Command codec measures the codec beside its peers, on one thread: `make bench-codec`.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"runtime"

	"github.com/bytedance/sonic"
	goccy "github.com/goccy/go-json"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/panoptes-otel/panoptes-otel/bench/internal/bench"
	"github.com/panoptes-otel/panoptes-otel/bench/internal/workload"
	"github.com/panoptes-otel/panoptes-otel/internal/group/panoptesjson"
	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/internal/group/route"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

func main() {
	out := flag.String("out", "results/codec.json", "file for the figures")
	flag.Parse()
	runtime.GOMAXPROCS(1)
	var report bench.Report
	standard, table := workload.Standard(false), workload.Table(false)
	messages := messagesOf(standard)
	fmt.Printf("standard group: %d bytes of JSON, batch of %d; table: %d groups; %d rounds, minima, GOMAXPROCS=1, %s\n\n",
		len(messages[500]), standard.Groups, table.Groups, bench.Rounds, runtime.Version())
	check(standard)
	check(table)

	encode(&report, "encode, standard", standard, required{6, 3, 1.3, 0.8})
	encode(&report, "encode, table", table, required{5, 4, 2, 1.05})
	encode(&report, "encode, standard, from OTLP", workload.Standard(true), required{})
	encode(&report, "encode, table, from OTLP", workload.Table(true), required{})
	parse(&report, messages)
	decode(&report, standard, messages)
	report.Print(os.Stdout)
	must(report.Write(*out))
}

// required are the ratios to reach: to pdata's marshaler, encoding/json, sonic, and the floor.
type required struct{ pdata, standard, sonic, floor float64 }

func newEncoder() *panoptesjson.Encoder {
	return panoptesjson.NewEncoder(pdata.FromOptions{}, route.Options{SiteTopics: true})
}

func messagesOf(b workload.Batch) [][]byte {
	var out [][]byte
	_, err := newEncoder().Encode(b.MD, func(m *panoptesjson.Message) error {
		out = append(out, bytes.Clone(m.JSON))
		return nil
	})
	must(err)
	return out
}

// check makes sure that all write the same.
func check(b workload.Batch) {
	for i, message := range messagesOf(b) {
		g := &b.Structs[i]
		if floor := workload.AppendFloor(nil, g); !bytes.Equal(floor, message) {
			panic(fmt.Sprintf("the floor writes\n%s\nwe write\n%s", floor, message))
		}
		for name, marshal := range map[string]func(any) ([]byte, error){
			"encoding/json": json.Marshal, "goccy": goccy.Marshal, "sonic": sonic.ConfigFastest.Marshal,
		} {
			data, err := marshal(g)
			must(err)
			var theirs, ours workload.Group
			must(json.Unmarshal(data, &theirs))
			must(json.Unmarshal(message, &ours))
			if fmt.Sprint(theirs.Metrics, theirs.Dimensions, theirs.Resource.Metadata) != fmt.Sprint(ours.Metrics, ours.Dimensions, ours.Resource.Metadata) {
				panic(name + " writes something else")
			}
		}
	}
}

func marshalAll(b workload.Batch, marshal func(any) ([]byte, error)) func() {
	return func() {
		for i := range b.Structs {
			if _, err := marshal(&b.Structs[i]); err != nil {
				panic(err)
			}
		}
	}
}

func encode(report *bench.Report, measure string, b workload.Batch, need required) {
	var (
		reusing, joining, routing = newEncoder(), newEncoder(), newEncoder()
		floor, slab               []byte
		marshaler                 pmetric.JSONMarshaler
		sum                       uint32
	)
	visit := func(*panoptesjson.Message) error { return nil }
	hash := func(m *panoptesjson.Message) error { //nolint:unparam // as the encoder calls it
		sum += m.Hash() + uint32(len(m.Topics))
		return nil
	}
	m := bench.Compare(b.Groups, []bench.Contestant{
		{Name: "ours", Run: func() { _, _ = reusing.Encode(b.MD, visit) }},
		{Name: "ours, joined", Run: func() { slab, _, _ = joining.Append(slab[:0], b.MD, visit) }},
		{Name: "ours, with hash", Run: func() { _, _ = routing.Encode(b.MD, hash) }},
		{Name: "pdata JSONMarshaler", Run: func() { _, err := marshaler.MarshalMetrics(b.MD); must(err) }},
		{Name: "encoding/json from structs", Run: marshalAll(b, json.Marshal)},
		{Name: "goccy from structs", Run: marshalAll(b, goccy.Marshal)},
		{Name: "sonic from structs", Run: marshalAll(b, sonic.ConfigFastest.Marshal)},
		{Name: "append loop from structs", Run: func() {
			for i := range b.Structs {
				floor = workload.AppendFloor(floor[:0], &b.Structs[i])
			}
		}},
	})
	ours := m[0].Nanos
	for _, row := range []bench.Row{
		{Peer: "pdata JSONMarshaler", PeerValue: m[3].Nanos, Required: need.pdata},
		{Peer: "encoding/json from structs", PeerValue: m[4].Nanos, Required: need.standard},
		{Peer: "goccy from structs", PeerValue: m[5].Nanos},
		{Peer: "sonic from structs", PeerValue: m[6].Nanos, Required: need.sonic},
		{Peer: "append loop from structs", PeerValue: m[7].Nanos, Floor: true, Required: need.floor},
	} {
		row.Measure, row.Ours, row.Unit = measure, ours, "ns/group"
		report.Add(row)
	}
	for i, name := range []string{"joined in a slab", "with topics and partition hash"} {
		report.Add(bench.Row{
			Measure: measure + ", " + name, Ours: m[1+i].Nanos, Unit: "ns/group", Peer: "append loop from structs",
			PeerValue: m[7].Nanos, Floor: true,
		})
	}
	report.AddAllocs(measure, max(m[0].Allocs, m[1].Allocs, m[2].Allocs), "limit", 0)
}

func unmarshalAll(messages [][]byte, unmarshal func([]byte, any) error, each func(*workload.Group)) func() {
	return func() {
		for _, message := range messages {
			var g workload.Group
			must(unmarshal(message, &g))
			each(&g)
		}
	}
}

func parse(report *bench.Report, messages [][]byte) {
	d := panoptesjson.NewDecoder(panoptesjson.DecoderOptions{})
	var g pluginsdk.MetricsGroup
	nothing := func(*workload.Group) {}
	m := bench.Compare(len(messages), []bench.Contestant{
		{Name: "ours", Run: func() {
			for _, message := range messages {
				must(d.Decode(message, &g))
			}
		}},
		{Name: "encoding/json", Run: unmarshalAll(messages, json.Unmarshal, nothing)},
		{Name: "goccy", Run: unmarshalAll(messages, goccy.Unmarshal, nothing)},
		{Name: "sonic", Run: unmarshalAll(messages, sonic.ConfigFastest.Unmarshal, nothing)},
	})
	for _, row := range []bench.Row{
		{Peer: "encoding/json to structs", PeerValue: m[1].Nanos, Required: 5},
		{Peer: "goccy to structs", PeerValue: m[2].Nanos},
		{Peer: "sonic to structs", PeerValue: m[3].Nanos, Required: 1.2},
	} {
		row.Measure, row.Ours, row.Unit = "parse, standard", m[0].Nanos, "ns/group"
		report.Add(row)
	}
	report.AddAllocs("parse, standard", m[0].Allocs, "limit", 2)
}

func decode(report *bench.Report, b workload.Batch, messages [][]byte) {
	d := panoptesjson.NewDecoder(panoptesjson.DecoderOptions{})
	builder := pdata.NewBuilder(pdata.Options{ServiceIdentity: true})
	otlp, err := (&pmetric.JSONMarshaler{}).MarshalMetrics(b.MD)
	must(err)
	var md pmetric.Metrics
	toPdata := func(g *workload.Group) { putGroup(md, g) }
	viaStructs := unmarshalAll(messages, json.Unmarshal, toPdata)
	viaSonic := unmarshalAll(messages, sonic.ConfigFastest.Unmarshal, toPdata)
	m := bench.Compare(b.Groups, []bench.Contestant{
		{Name: "ours", Run: func() {
			for _, message := range messages {
				_, err := d.AppendTo(builder, pdata.Scope{Plugin: "interfaces"}, message)
				must(err)
			}
			md = builder.Take()
		}},
		{Name: "encoding/json and pdata", Run: func() { md = pmetric.NewMetrics(); viaStructs() }},
		{Name: "sonic and pdata", Run: func() { md = pmetric.NewMetrics(); viaSonic() }},
		{Name: "pdata JSONUnmarshaler", Run: func() {
			md, err = (&pmetric.JSONUnmarshaler{}).UnmarshalMetrics(otlp)
			must(err)
		}},
		{Name: "CopyTo", Run: func() { md = pmetric.NewMetrics(); b.MD.CopyTo(md) }},
	})
	for _, row := range []bench.Row{
		{Peer: "encoding/json to structs to pdata", PeerValue: m[1].Nanos, Required: 2.5},
		{Peer: "sonic to structs to pdata", PeerValue: m[2].Nanos},
		{Peer: "pdata JSONUnmarshaler of OTLP", PeerValue: m[3].Nanos},
		{Peer: "pdata CopyTo", PeerValue: m[4].Nanos, Floor: true},
	} {
		row.Measure, row.Ours, row.Unit = "JSON to pdata, standard", m[0].Nanos, "ns/group"
		report.Add(row)
	}
	report.AddAllocs("JSON to pdata, standard", m[0].Allocs, "CopyTo + 4", math.Ceil(m[4].Allocs)+4)
}

func timeOf(seconds float64) pcommon.Timestamp {
	return pcommon.Timestamp(math.Round(seconds*1000) * 1e6)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

package main

import (
	"fmt"
	"time"

	"github.com/panoptes-otel/panoptes-otel/bench/internal/bench"
)

// section is some rows of the report.
type section struct {
	name    string
	measure func(r *bench.Report, rounds int)
}

var sections []section

func init() {
	sections = []section{
		{"poll", pollRows}, {"groups", groupRows}, {"short", shortRows}, {"v3", v3Rows}, {"far", farRows}, {"go", goRows}, {"python", pythonRow}, {"memory", memoryRows}, {"scale", scaleRow},
	}
}

func sectionNames() (names []string) {
	for _, s := range sections {
		names = append(names, s.name)
	}
	return names
}

// peers' names in the report.
var peerNames = map[string]string{
	"floor": "hand-written BER on one socket", "gosnmp": "gosnmp, walk of 50", "gosnmp v3": "gosnmp, walk of 50",
	"telegraf": "Telegraf, default", "telegraf 50": "Telegraf, 50 repetitions", "exporter": "snmp_exporter", "python": "the same in Python",
}

const window = 700 * time.Millisecond

// peer is a contestant that ours is compared with.
type peer struct {
	name     string
	required float64
}

// compare adds a row a peer. less says that less is better.
func compare(r *bench.Report, figures map[string][]figure, measure, unit, ours string, less bool, of func(figure) float64, peers ...peer) {
	for _, p := range peers {
		row := bench.Row{Measure: measure, Unit: unit, Peer: peerNames[p.name], Floor: p.name == "floor", Required: p.required}
		own, theirs := make([]float64, len(figures[ours])), make([]float64, len(figures[ours]))
		for i := range own {
			own[i], theirs[i] = of(figures[ours][i]), of(figures[p.name][i])
		}
		r.AddPaired(row, own, theirs, less)
	}
}

func micros(f figure) float64    { return f.Micros }
func devicesOf(f figure) float64 { return f.Devices }

// limit adds a row for which less is better than a limit.
func limit(r *bench.Report, measure, unit string, ours float64, what string, most float64) {
	r.Add(bench.Row{Measure: measure, Unit: unit, Ours: ours, Peer: what, PeerValue: most, Required: 1})
}

func pollRows(r *bench.Report, rounds int) {
	fleet := startFleet(48, 0, false)
	defer fleet.stop()
	figures := fleet.turns(rounds, "cpu", 1200, window, "engine", "floor", "gosnmp")
	compare(r, figures, "poll, 48 x 14, CPU", "us/OID", "engine", true, micros, peer{"floor", 0.6}, peer{"gosnmp", 4})
	limit(r, "poll, 48 x 14, allocations", "allocs/OID", bench.MedianOf(figures["engine"], func(f figure) float64 { return f.Allocs }), "limit", 0.3)
	packets := func(f figure) float64 { return f.Packets }
	best := float64(ideal(48))
	limit(r, "packets a device from the second poll on", "packets", bench.MedianOf(figures["engine"], packets), fmt.Sprintf("1.15 x ideal of %g", best), 1.15*best)
	compare(r, figures, "packets a device from the second poll on", "packets", "engine", true, packets, peer{"gosnmp", 0})
}

func groupRows(r *bench.Report, rounds int) {
	fleet := startFleet(48, 0, false)
	defer fleet.stop()
	figures := fleet.turns(rounds, "cpu", 300, window, "tables", "telegraf", "telegraf 50", "exporter")
	compare(r, figures, "groups in pdata, 48 x 14, 2 dimensions", "devices/CPU s", "tables", false, devicesOf,
		peer{"telegraf", 8}, peer{"telegraf 50", 5}, peer{"exporter", 7})
	compare(r, figures, "the same, packets a device", "packets", "tables", true, func(f figure) float64 { return f.Packets },
		peer{"telegraf", 0}, peer{"exporter", 0})
}

func shortRows(r *bench.Report, rounds int) {
	fleet := startFleet(4, 0, false)
	defer fleet.stop()
	figures := fleet.turns(rounds, "cpu", 1000, window, "tables", "telegraf", "exporter")
	compare(r, figures, "groups in pdata, 4 x 14, 2 dimensions", "devices/CPU s", "tables", false, devicesOf, peer{"telegraf", 12}, peer{"exporter", 12})
}

func v3Rows(r *bench.Report, rounds int) {
	fleet := startFleet(48, 0, false)
	defer fleet.stop()
	const n = 100 // gosnmp makes the keys of each anew, in each round
	figures := fleet.turns(rounds, "cpu", n, window, "engine v3", "gosnmp v3")
	compare(r, figures, "poll, version 3, SHA and AES-128", "us/OID", "engine v3", true, micros, peer{"gosnmp v3", 4})
}

func seconds(f figure) float64 { return f.Seconds }

// farRows are about devices that take 30 ms to answer, all polled at once.
func farRows(r *bench.Report, rounds int) {
	const n, rtt = 500, 30 * time.Millisecond
	fleet, some := startFleet(48, rtt, false), startFleet(48, rtt, true)
	defer fleet.stop()
	defer some.stop()
	figures := fleet.turns((rounds+2)/4, "time", n, 0, "tables", "telegraf", "exporter")
	var living, dead []float64
	for range (rounds + 1) / 2 {
		living = append(living, fleet.turn("tables", "time", n, 0).Seconds)
		dead = append(dead, some.turn("tables", "time", n, 0).Seconds)
	}
	limit(r, "500 devices at 30 ms", "s", bench.Median(living), "limit", 1)
	compare(r, figures, "500 devices at 30 ms", "s", "tables", true, seconds, peer{"telegraf", 0}, peer{"exporter", 0})
	r.AddPaired(bench.Row{
		Measure: "the last living one, each tenth device dead", Unit: "s", Peer: "ours with none dead", Floor: true, Required: 0.9,
	}, dead, living, true)
}

// goRows are about what is done without Python, beside a plugin of Panoptes' kind that does the same.
func goRows(r *bench.Report, rounds int) {
	fleet := startFleet(48, 0, false)
	defer fleet.stop()
	figures := fleet.turns((rounds+1)/2, "groups", 48, window, "tables", "generic", "python")
	run := func(f figure) float64 { return 1000 / f.Devices }
	compare(r, figures, "interfaces by tables, 48 x 14, to groups", "ms CPU/run", "tables", true, run, peer{"python", 15})
	compare(r, figures, "the generic plugin, 48 x 14, to groups", "ms CPU/run", "generic", true, run, peer{"python", 20})
}

func pythonRow(r *bench.Report, rounds int) {
	const n = 64
	fleet := startFleet(48, 30*time.Millisecond, false)
	defer fleet.stop()
	figures := fleet.turns((rounds+2)/3, "time", n, 0, "python")
	r.AddRate(bench.Row{
		Measure: "a plugin in Python, 16 walks, 8 workers, 30 ms", Unit: "devices/s", Peer: "limit", PeerValue: 35, Required: 1,
		Ours: n / bench.MedianOf(figures["python"], seconds),
	})
}

func memoryRows(r *bench.Report, _ int) {
	const n = 5000
	fleet := startFleet(48, 100*time.Millisecond, false)
	defer fleet.stop()
	ours := fleet.turn("tables", "memory", n, 200*time.Millisecond)
	theirs := fleet.turn("telegraf", "memory", n/5, 200*time.Millisecond)
	limit(r, "5000 devices, heap between polls", "KiB/device", ours.Idle/1024, "limit", 1)
	limit(r, "5000 polled at once, heap and stacks", "KiB/device", ours.Flight/1024, "limit", 32)
	limit(r, "5000 polled at once, sockets", "sockets", float64(ours.Sockets), "limit", 8)
	peer := fmt.Sprintf("Telegraf, %d devices", n/5)
	r.Add(bench.Row{Measure: "all polled at once, the process (PSS)", Unit: "KiB/device", Ours: ours.Process / 1024, Peer: peer, PeerValue: theirs.Process / 1024})
	r.Add(bench.Row{Measure: "all polled at once, sockets", Unit: "sockets", Ours: float64(ours.Sockets), Peer: peer, PeerValue: float64(theirs.Sockets)})
}

func scaleRow(r *bench.Report, _ int) {
	fleet := startFleet(48, time.Millisecond, false)
	defer fleet.stop()
	f := fleet.turn("tables", "scale", 10_000, 20*time.Second)
	fmt.Printf("10000 devices once a minute: %.0f devices a second in 20 s\n", f.Devices)
	limit(r, "10000 devices a minute to pdata, 20 s of it", "% of a core", f.CPU, "limit", 25)
}

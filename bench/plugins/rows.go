package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"sync"

	"github.com/panoptes-otel/panoptes-otel/bench/internal/bench"
	"github.com/panoptes-otel/panoptes-otel/bench/plugins/sample"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// forkOnce starts the static child and reads what it writes, with os/exec alone.
func (h *host) forkOnce(int) {
	cmd := exec.Command(h.child, "once")
	cmd.Stdin = bytes.NewReader(h.resources[0].AppendJSON(nil))
	out, err := cmd.Output()
	if err != nil || len(out) != len(sample.Short) {
		panic(fmt.Sprint(err, len(out)))
	}
}

func execRows(report *bench.Report, h *host) {
	p := h.plugin("Once", h.child, "runtime = exec\nargs = once\n")
	ours := func(w int) { h.run(p, w) }
	r := measure([]contestant{
		{"ours", 1, ours},
		{"bare", 1, h.forkOnce},
		{"ours, two at once", 2, ours},
		{"bare, two at once", 2, h.forkOnce},
	})
	const peer = "bare fork and exec"
	for i, name := range []string{"exec, one at a time", "exec, two at once"} {
		report.Add(bench.Row{Measure: name, Ours: r[2*i].cpu, Unit: "us CPU/run", Peer: peer, PeerValue: r[2*i+1].cpu, Floor: true, Required: 0.83})
		report.AddRate(bench.Row{Measure: name, Ours: r[2*i].rate, Unit: "runs/s", Peer: peer, PeerValue: r[2*i+1].rate, Floor: true})
	}
	report.AddRate(bench.Row{Measure: "exec, two at once", Ours: r[2].rate, Unit: "runs/s", Peer: "limit", PeerValue: 400, Required: 1})
}

// pipe is the bare loop: a request and its answer at a time.
type pipe struct {
	mu      sync.Mutex
	in      io.Writer
	out     *bufio.Reader
	request sample.Request
	pid     int
}

func newPipe(child string, r *pluginsdk.Resource) (*pipe, func()) {
	cmd := exec.Command(child, "bare")
	in, err := cmd.StdinPipe()
	must(err)
	out, err := cmd.StdoutPipe()
	must(err)
	must(cmd.Start())
	p := &pipe{in: in, out: bufio.NewReaderSize(out, 64<<10), pid: cmd.Process.Pid}
	must(json.Unmarshal(r.AppendJSON(nil), &p.request.Resource))
	p.request.Config = map[string]string{"execute_frequency": "60"}
	return p, func() {
		_ = in.Close()
		must(cmd.Wait())
	}
}

func (p *pipe) run(int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.request.ID++
	line, err := json.Marshal(&p.request)
	must(err)
	_, err = p.in.Write(append(line, '\n'))
	must(err)
	text, err := p.out.ReadBytes('\n')
	must(err)
	var answer sample.Answer
	must(json.Unmarshal(text, &answer))
	if answer.ID != p.request.ID || len(answer.Groups) != 1 {
		panic("wrong answer")
	}
}

func processRows(report *bench.Report, h *host) {
	p := h.plugin("Serve", h.child, "args = serve\n")
	once := h.plugin("Once again", h.child, "runtime = exec\nargs = once\n")
	bare, end := newPipe(h.child, h.resources[0])
	defer end()
	r := measure([]contestant{
		{"ours, one at a time", 1, func(w int) { h.run(p, w) }},
		{"ours, 16 at once", atOnce, func(w int) { h.run(p, w) }},
		{"bare", 1, bare.run},
		{"fork a run", 2, func(w int) { h.run(once, w) }},
	})
	const peer = "bare pipe and encoding/json, one at a time"
	for i, name := range []string{"process, one at a time", fmt.Sprintf("process, %d at once", atOnce)} {
		required := 0.6 * float64(i)
		report.Add(bench.Row{Measure: name, Ours: r[i].cpu, Unit: "us CPU/run", Peer: peer, PeerValue: r[2].cpu, Floor: true})
		report.AddRate(bench.Row{Measure: name, Ours: r[i].rate, Unit: "runs/s", Peer: peer, PeerValue: r[2].rate, Floor: true, Required: required})
	}
	report.AddRate(bench.Row{Measure: fmt.Sprintf("process, %d at once", atOnce), Ours: r[1].rate, Unit: "runs/s", Peer: "a fork a run, two at once (exec)", PeerValue: r[3].rate})
}

// goRows has what the host adds to a Go plugin: the difference between a run and a call of the plugin, on one processor.
func goRows(report *bench.Report, h *host) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	p := h.plugin("Go", "go:sample", "")
	pc := &pluginsdk.PluginContext{Resource: h.resources[0], Config: p.File.Config, Interval: p.Interval}
	m := bench.Compare(1, []bench.Contestant{
		{Name: "run", Run: func() {
			if r := h.runners.Run(context.Background(), run.Request{Plugin: p, Resource: h.resources[0]}); r.Err != nil {
				panic(r.Err)
			}
		}},
		{Name: "call", Run: func() { _, err := sample.Run(context.Background(), pc); must(err) }},
	})
	report.Add(bench.Row{Measure: "go, overhead", Ours: m[0].Nanos - m[1].Nanos, Unit: "ns/run", Peer: "limit", PeerValue: 5000, Required: 1})
	report.Add(bench.Row{Measure: "go, overhead", Ours: m[0].Allocs - m[1].Allocs, Unit: "allocs/run", Peer: "limit", PeerValue: 10, Required: 1})
}

// memoryRows has what plugins cost that wait for their next run: in the Collector, and in their processes.
func memoryRows(report *bench.Report, h *host) {
	bare, end := newPipe(h.child, h.resources[0])
	defer end()
	bare.run(0)
	before := bench.Children(os.Getpid())
	heap := heapInUse()
	var plugins []*plugin.Plugin
	for i := range idlePlugins {
		p := h.plugin(fmt.Sprint("Idle ", i), h.child, "args = serve\n")
		h.run(p, 0)
		plugins = append(plugins, p)
	}
	ours := float64(heapInUse()-heap) / idlePlugins / 1024
	var pss float64
	n := 0
	for _, pid := range bench.Children(os.Getpid()) {
		if !slices.Contains(before, pid) {
			pss += bench.PSS(pid) / 1024
			n++
		}
	}
	report.Add(bench.Row{Measure: "process, idle: Collector's heap", Ours: ours, Unit: "KiB/plugin", Peer: "limit", PeerValue: 256})
	report.Add(bench.Row{
		Measure: "process, idle: the process (PSS)", Ours: pss / float64(n), Unit: "KiB/plugin", Peer: "the same program, bare loop", PeerValue: bench.PSS(bare.pid) / 1024,
	})
	runtime.KeepAlive(plugins)
}

func heapInUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/panoptes-otel/panoptes-otel/bench/internal/bench"
)

// What the Collector of the idle measurement does: each plugin once a minute for each resource.
const (
	idlePlugins   = 5
	idleResources = 1000
	// idleWarmUp is until all tasks have run, and workers ended that were wanted for that alone; idleTurn is what is measured.
	idleWarmUp = 140 * time.Second
	idleTurn   = time.Minute
)

const idleConfig = `receivers: {panoptes: {plugins: {directories: [%[1]s/plugins]}, resources: {files: [%[1]s/resources.json]}, python: {interpreter: %[2]s}}}
processors: {panoptes_rate: {}}
exporters: {file: {path: %[1]s/groups}}
service:
  pipelines: {metrics: {receivers: [panoptes], processors: [panoptes_rate], exporters: [file]}}
  telemetry:
    logs: {level: info, output_paths: [%[1]s/log], error_output_paths: [%[1]s/log]}
    metrics: {readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: %[3]d}}}}]}
`

// idle measures what a run costs in a whole Collector that has little to do, by process, beside a run where workers are kept
// busy.
func idle(report *bench.Report, interpreter, dir, collector string) {
	host := newHost(interpreter, 2)
	p := tutorial(dir)
	var saturated []float64
	for range rounds {
		_, micros := host.runs(p, 2, turn)
		saturated = append(saturated, micros)
	}
	host.close()
	busy := bench.Median(saturated)

	figures := runIdle(interpreter, filepath.Join(dir, "idle"), collector)
	fmt.Printf("%d runs in %s: %.0f us in the Collector, %.0f us in Python (%d workers); %.0f MiB; %s\n\n", figures.runs, idleTurn,
		figures.collector, figures.python, figures.workers, figures.memory/(1<<20), figures.lateness)
	report.Add(bench.Row{
		Measure: "processor time of a run, 83 runs/s", Ours: figures.collector + figures.python, Unit: "us",
		Peer: "3 x that of a run where workers are kept busy", PeerValue: 3 * busy, Required: 1,
	})
	for _, row := range []bench.Row{{Measure: "of it in the Collector", Ours: figures.collector}, {Measure: "of it in Python", Ours: figures.python}} {
		row.Unit, row.Peer, row.PeerValue = "us", "a run where workers are kept busy, both sides", busy
		report.Add(row)
	}
}

type idleFigures struct {
	runs, workers             int
	collector, python, memory float64 // microseconds a run, and bytes
	lateness                  string
}

func runIdle(interpreter, dir, collector string) (f idleFigures) {
	must(os.MkdirAll(filepath.Join(dir, "plugins"), 0o755))
	for i := range idlePlugins {
		name := fmt.Sprint("tutorial", i)
		conf := fmt.Sprintf("[Core]\nName = %s\nModule = %s\n[main]\nexecute_frequency = 60\nresource_filter = resource_class = \"network\"\n", name, name)
		must(os.WriteFile(filepath.Join(dir, "plugins", name+".panoptes-plugin"), []byte(conf), 0o600))
		must(os.WriteFile(filepath.Join(dir, "plugins", name+".py"), []byte(tutorialModule), 0o600))
	}
	resources := make([]json.RawMessage, idleResources)
	for i := range resources {
		r := resource()
		r.ID = fmt.Sprint("switch", i)
		r.Endpoint = r.ID + ".example"
		resources[i] = r.AppendJSON(nil)
	}
	text, err := json.Marshal(resources)
	must(err)
	must(os.WriteFile(filepath.Join(dir, "resources.json"), text, 0o600))
	port := freePort()
	config := filepath.Join(dir, "collector.yaml")
	must(os.WriteFile(config, fmt.Appendf(nil, idleConfig, dir, interpreter, port), 0o600))

	cmd := exec.Command(collector, "--config", config)
	cmd.Stderr = os.Stderr
	must(cmd.Start())
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	}()
	time.Sleep(idleWarmUp)
	groups := filepath.Join(dir, "groups")
	runs, own, others := counters(groups), bench.ProcessorTime(cmd.Process.Pid), workersTime(cmd.Process.Pid)
	time.Sleep(idleTurn)
	f.runs = counters(groups) - runs
	f.collector = (bench.ProcessorTime(cmd.Process.Pid) - own).Seconds() * 1e6 / float64(f.runs)
	f.memory = bench.PSS(cmd.Process.Pid)
	for pid, now := range workersTime(cmd.Process.Pid) {
		f.python += (now - others[pid]).Seconds() * 1e6 / float64(f.runs)
		f.memory += bench.PSS(pid)
		f.workers++
	}
	f.workers-- // the fork server
	f.lateness = lateness(port)
	return f
}

// workersTime is the processor time of a Collector's fork server and workers.
func workersTime(collector int) map[int]time.Duration {
	times := map[int]time.Duration{}
	for _, server := range bench.Children(collector) {
		for _, pid := range append(bench.Children(server), server) {
			times[pid] = bench.ProcessorTime(pid)
		}
	}
	return times
}

// counters is how many data points of integers were written: each run gives one.
func counters(file string) int {
	text, err := os.ReadFile(file)
	must(err)
	return bytes.Count(text, []byte(`"asInt"`))
}

// lateness says how late runs began, of all that the Collector has had.
func lateness(port int) string {
	answer, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/metrics", port))
	must(err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	must(err)
	buckets, bounds := map[string]float64{}, []string(nil)
	for line := range strings.Lines(string(text)) {
		rest, of := strings.CutPrefix(line, "otelcol_panoptes_run_lateness")
		_, bound, found := strings.Cut(rest, `le="`)
		if !of || !found {
			continue
		}
		bound, _, _ = strings.Cut(bound, `"`)
		fields := strings.Fields(line)
		n, err := strconv.ParseFloat(fields[len(fields)-1], 64)
		must(err)
		if _, known := buckets[bound]; !known {
			bounds = append(bounds, bound)
		}
		buckets[bound] += n
	}
	all := buckets["+Inf"]
	for _, bound := range bounds {
		if buckets[bound] >= 0.99*all {
			return fmt.Sprintf("99 %% of all runs began within %s s of their time", bound)
		}
	}
	return "lateness is not known"
}

func freePort() int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

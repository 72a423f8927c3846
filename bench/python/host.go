package main

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/panoptes-otel/panoptes-otel/bench/internal/bench"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	pyrun "github.com/panoptes-otel/panoptes-otel/internal/run/python"
	"github.com/panoptes-otel/panoptes-otel/internal/run/runtimes"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
	"github.com/panoptes-otel/panoptes-otel/python"
)

//go:embed pid.py
var pidModule string

//go:embed peer.py
var peerProgram string

//go:embed variables.py
var variablesProgram string

// host runs plugins as the receiver does, with log lines that are written to nowhere.
type host struct{ runners *run.Runner }

func newHost(interpreter string, workers int) *host {
	encoder := zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig())
	logger := zap.New(zapcore.NewCore(encoder, zapcore.AddSync(nowhere{}), zap.InfoLevel))
	r, err := runtimes.New(runtimes.Settings{
		Python: pyrun.Settings{PythonEnv: plugin.PythonEnv{Interpreter: interpreter, MaxWorkers: workers, MaxRuns: 1 << 30}},
		Host:   runtimes.Host{Logger: logger},
	})
	must(err)
	return &host{r}
}

type nowhere struct{}

func (nowhere) Write(b []byte) (int, error) { return len(b), nil }

func (h *host) close() { must(h.runners.Close(context.Background())) }

func (h *host) run(p *plugin.Plugin) run.Result { return h.runOn(p, resource()) }

func (h *host) runOn(p *plugin.Plugin, r *pluginsdk.Resource) run.Result {
	result := h.runners.Run(context.Background(), run.Request{Plugin: p, Resource: r})
	must(result.Err)
	return result
}

func (h *host) value(p *plugin.Plugin) float64 {
	n, err := strconv.ParseFloat(h.run(p).Groups[0].Metrics()[0].Value.String(), 64)
	must(err)
	return n
}

// runs keeps the workers busy for a time and returns the runs a second, and the microseconds of processor time that host
// and workers used for each.
func (h *host) runs(p *plugin.Plugin, workers int, d time.Duration) (rate, micros float64) {
	for range 50 {
		h.run(p)
	}
	var n atomic.Int64
	var wg sync.WaitGroup
	began, before := time.Now(), used()
	for i := range workers * inFlight {
		r := resource() // runs of one plugin and resource never overlap
		r.ID = fmt.Sprint("switch", i)
		wg.Go(func() {
			for time.Since(began) < d {
				h.runOn(p, r)
				n.Add(1)
			}
		})
	}
	wg.Wait()
	elapsed := time.Since(began).Seconds()
	return float64(n.Load()) / elapsed, since(before) * 1e6 / float64(n.Load())
}

// used is the processor time of this process and of all workers that it has, in seconds by process.
func used() map[int]float64 {
	var own syscall.Rusage
	must(syscall.Getrusage(syscall.RUSAGE_SELF, &own))
	seconds := map[int]float64{os.Getpid(): float64(own.Utime.Nano()+own.Stime.Nano()) / 1e9}
	for _, server := range bench.Children(os.Getpid()) {
		for _, pid := range append(bench.Children(server), server) {
			seconds[pid] = bench.ProcessorTime(pid).Seconds()
		}
	}
	return seconds
}

// since is what was used since then; of processes that ended meanwhile nothing is known.
func since(before map[int]float64) (seconds float64) {
	for pid, now := range used() {
		seconds += now - before[pid]
	}
	return seconds
}

// memory returns the memory of all workers and of what they are forked from, and their number. Slow runs at once have
// as many started as there may be.
func (h *host) memory(p *plugin.Plugin) (bytes float64, workers int) {
	dir, err := os.MkdirTemp("", "bench-python-")
	must(err)
	defer os.RemoveAll(dir)
	slow := write(dir, "slow", strings.Replace(pidModule, "# here", "import time; time.sleep(0.5)", 1))
	var wg sync.WaitGroup
	for i := range 16 {
		r := resource()
		r.ID = fmt.Sprint("switch", i)
		wg.Go(func() { h.runOn(slow, r) })
	}
	wg.Wait()
	h.runs(p, 4, 2*time.Second)
	own := bench.Children(os.Getpid())
	for _, server := range own {
		all := bench.Children(server)
		workers += len(all)
		for _, pid := range append(all, server) {
			bytes += bench.PSS(pid)
		}
	}
	return bytes, workers
}

func (h *host) killAndRun(pid int, p *plugin.Plugin) (ms float64) {
	began := time.Now()
	must(syscall.Kill(pid, syscall.SIGKILL))
	for h.runners.Run(context.Background(), run.Request{Plugin: p, Resource: resource()}).Err != nil {
		// a run that was asked for before the end was seen
	}
	return time.Since(began).Seconds() * 1000
}

// peer runs a mode of peer.py in so many processes and returns the runs a second of all, and the microseconds of processor
// time for each.
func peer(interpreter, dir, mode string, processes int, d time.Duration) (rate, micros float64) {
	archive, err := python.WriteZip(filepath.Join(dir, "zip"))
	must(err)
	rates := make(chan [2]float64, processes)
	for range processes {
		go func() {
			cmd := exec.Command(interpreter, "-B", "-c", peerProgram, mode, archive, filepath.Join(dir, "tutorial.py"), fmt.Sprint(d.Seconds()))
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, os.Stderr
			must(cmd.Run())
			var figures [2]float64
			_, err := fmt.Sscan(out.String(), &figures[0], &figures[1])
			must(err)
			rates <- figures
		}()
	}
	for range processes {
		figures := <-rates
		rate += figures[0]
		micros += figures[1] / float64(processes)
	}
	return rate, micros
}

// alone is the memory of an interpreter that has the worker's modules, and shares them with nobody but its own kind.
func alone(interpreter string) float64 {
	dir, err := os.MkdirTemp("", "bench-python-")
	must(err)
	defer os.RemoveAll(dir)
	archive, err := python.WriteZip(dir)
	must(err)
	cmd := exec.Command(interpreter, "-B", archive)
	stdin, err := cmd.StdinPipe()
	must(err)
	must(cmd.Start())
	time.Sleep(time.Second)
	bytes := bench.PSS(cmd.Process.Pid)
	must(stdin.Close())
	must(cmd.Wait())
	return bytes
}

func start(interpreter string) (ms float64) {
	began := time.Now()
	must(exec.Command(interpreter, "-I", "-S", "-c", "pass").Run())
	return time.Since(began).Seconds() * 1000
}

func version(interpreter string) string {
	out, err := exec.Command(interpreter, "--version").Output()
	must(err)
	return strings.TrimSpace(string(out))
}

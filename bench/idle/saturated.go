package main

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/panoptes-otel/panoptes-otel/bench/internal/bench"
	"github.com/panoptes-otel/panoptes-otel/bench/internal/whole"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	pyrun "github.com/panoptes-otel/panoptes-otel/internal/run/python"
	"github.com/panoptes-otel/panoptes-otel/internal/run/runtimes"
)

const (
	rounds    = 9
	busyRound = 800 * time.Millisecond
)

// saturated is the processor time of a run in microseconds, both sides, where a plugin is kept busy by nothing but what runs plugins
// in the receiver.
func saturated(k kind, dir, interpreter string) float64 {
	must(os.MkdirAll(dir, 0o755))
	encoder := zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig())
	r, err := runtimes.New(runtimes.Settings{
		Python: pyrun.Settings{PythonEnv: plugin.PythonEnv{Interpreter: interpreter, MaxWorkers: 2, MaxRuns: 1 << 30}},
		Host:   runtimes.Host{Logger: zap.New(zapcore.NewCore(encoder, zapcore.AddSync(nowhere{}), zap.InfoLevel))},
	})
	must(err)
	defer func() { must(r.Close(context.Background())) }()
	file := filepath.Join(dir, "busy.panoptes-plugin")
	must(os.WriteFile(file, []byte(k.file("busy")), 0o600))
	must(os.WriteFile(filepath.Join(dir, "busy"+k.suffix), []byte(k.program), 0o700))
	p, _, err := plugin.Open(file, plugin.OpenOptions{})
	must(err)
	p, err = p.Snapshot(filepath.Join(dir, "copy"))
	must(err)
	p, err = r.Load(context.Background(), p)
	must(err)

	var micros []float64
	for round := range rounds + 1 {
		var n atomic.Int64
		var wg sync.WaitGroup
		before, began := whole.CostOf(os.Getpid()), time.Now()
		for i := range k.atOnce {
			device := device(i) // runs of one plugin and resource never overlap
			wg.Go(func() {
				for time.Since(began) < busyRound {
					must(r.Run(context.Background(), run.Request{Plugin: p, Resource: device}).Err)
					n.Add(1)
				}
			})
		}
		wg.Wait()
		used := whole.CostOf(os.Getpid()).Since(before)
		if round > 0 { // in the first one everything gets ready
			micros = append(micros, float64((used.Own+used.Others).Microseconds())/float64(n.Load()))
		}
	}
	return bench.Median(micros)
}

type nowhere struct{}

func (nowhere) Write(b []byte) (int, error) { return len(b), nil }

package conformance

import (
	"context"
	"io"
	"time"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/run/program"
)

const (
	// slowPart and slowPause make a host that writes some bytes and rests: a message arrives in hundreds of pieces.
	slowPart  = 7
	slowPause = time.Millisecond
	// clockStep is by how much the host's clock is ahead, and behind, of the plugin's.
	clockStep = 24 * time.Hour
)

// slowWriter writes in pieces.
type slowWriter struct{ out io.Writer }

func (w slowWriter) Write(b []byte) (int, error) {
	written := 0
	for written < len(b) {
		n, err := w.out.Write(b[written:min(written+slowPart, len(b))])
		written += n
		if err != nil {
			return written, err
		}
		time.Sleep(slowPause)
	}
	return written, nil
}

// program says whether the plugin is a program, which alone sees how its host writes and what its clock shows.
func (k *kit) program() bool {
	return k.plugin.Kind == plugin.KindProcess || k.plugin.Kind == plugin.KindExec
}

// with runs the plugin once under a host of its own.
func (k *kit) with(ctx context.Context, change func(*program.Settings)) (Verdict, string) {
	runner, err := k.NewRunner(change)
	if err != nil {
		return Skip, err.Error()
	}
	defer func() {
		end, stop := context.WithTimeout(context.WithoutCancel(ctx), k.patience)
		defer stop()
		_ = runner.Close(end)
	}()
	result := runner.Run(ctx, run.Request{Plugin: k.plugin, Resource: k.resource})
	if result.Outcome != k.plain && result.Outcome.Failed() {
		return Fail, describe(result)
	}
	return Pass, ""
}

// slowInput writes to the plugin in small pieces: it must wait for a whole line.
func (k *kit) slowInput(ctx context.Context) (Verdict, string) {
	if !k.program() {
		return Skip, "the plugin does not read messages itself"
	}
	return k.with(ctx, func(s *program.Settings) {
		s.Wire = func(w io.Writer) io.Writer { return slowWriter{w} }
	})
}

// clockSteps tells the plugin deadlines of a clock that is a day behind, and a day ahead.
func (k *kit) clockSteps(ctx context.Context) (Verdict, string) {
	if k.plugin.Kind != plugin.KindProcess {
		return Skip, "the plugin is told no times"
	}
	for _, step := range []time.Duration{-clockStep, clockStep} {
		verdict, detail := k.with(ctx, func(s *program.Settings) { s.ClockStep = step })
		if verdict != Pass {
			return verdict, "with the host's clock off by " + step.String() + ": " + detail
		}
	}
	return Pass, ""
}

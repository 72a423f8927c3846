package pluginrun

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/panoptes-otel/panoptes-otel/internal/run/child"
	"github.com/panoptes-otel/panoptes-otel/internal/run/program/output"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// maxConfigBytes bounds the configuration that exec plugins get in their environment, which systems bound, too.
const maxConfigBytes = 64 << 10

// execRunner runs plugins of which each run is a process: it reads the resource, writes what it found out, and ends.
type execRunner struct {
	settings Settings
	places   chan struct{}
	busy     busyRuns

	// base ends at Shutdown, and every run with it.
	base   context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup // of the children
}

func newExecRunner(s Settings) *execRunner {
	r := &execRunner{settings: s, places: make(chan struct{}, s.Processes.MaxExec)}
	r.base, r.cancel = context.WithCancel(context.Background())
	return r
}

// Check implements Runner. Only a run would tell more.
func (r *execRunner) Check(_ context.Context, p *Plugin) (*Plugin, error) {
	if _, err := configVariable(p.File.Config); err != nil {
		return nil, fmt.Errorf("plugin %q: %w", p.Name(), err)
	}
	return p, nil
}

// Busy implements Runner: a child that was given up may take its time to end.
func (r *execRunner) Busy(p *Plugin, res *pluginsdk.Resource) bool { return r.busy.has(keyOf(p, res)) }

// Shutdown implements Runner.
func (r *execRunner) Shutdown(ctx context.Context) error {
	r.cancel()
	return waitFor(ctx, r.busy.close(&r.wg), "children of exec plugins have not ended")
}

// Run implements Runner.
func (r *execRunner) Run(ctx context.Context, req Request) Result {
	args, err := expand(req.Plugin.program.args, req.Resource)
	if err != nil {
		return req.failed(OutcomeRejected, err)
	}
	config, err := r.child(req, args)
	if err != nil {
		return req.failed(OutcomeRejected, err)
	}
	key := keyOf(req.Plugin, req.Resource)
	if outcome, err := r.busy.begin(key, &r.wg); err != nil {
		return req.failed(outcome, err)
	}
	select {
	case r.places <- struct{}{}:
	case <-ctx.Done():
		r.busy.end(key, &r.wg)
		return req.failed(OutcomeCanceled, ctx.Err())
	case <-r.base.Done():
		r.busy.end(key, &r.wg)
		return req.failed(OutcomeCanceled, errShutdown)
	}
	start := time.Now()
	result := r.run(ctx, req, config, func() {
		<-r.places
		r.busy.end(key, &r.wg)
	})
	result.Duration = time.Since(start)
	return result
}

// child is how to start the child of a run.
func (r *execRunner) child(req Request, args []string) (child.Config, error) {
	config, err := configVariable(req.config())
	if err != nil {
		return child.Config{}, err
	}
	c := r.settings.childConfig(req.Plugin)
	c.Args = args
	for _, arg := range args {
		r.settings.Tap.text(StreamArgument, arg)
	}
	c.Env = append(c.Env, config, fmt.Sprintf("PANOPTES_INTERVAL=%d", groupInterval(req.Plugin)/time.Second))
	for _, v := range [...]struct{ name, value string }{
		{"SITE", req.Resource.Site},
		{"CLASS", req.Resource.Class},
		{"SUBCLASS", req.Resource.Subclass},
		{"TYPE", req.Resource.Type},
		{"ID", req.Resource.ID},
		{"ENDPOINT", req.Resource.Endpoint},
	} {
		c.Env = append(c.Env, "PANOPTES_RESOURCE_"+v.name+"="+withoutNUL(v.value))
	}
	if req.Clock != nil {
		c.Env = append(c.Env, "PANOPTES_NOW="+req.Clock.Now.String())
	}
	for _, variable := range c.Env {
		r.settings.Tap.text(StreamVariable, variable)
	}
	return c, nil
}

// configVariable is the plugin's configuration for its environment.
func configVariable(c pluginsdk.Config) (string, error) {
	text, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("configuration: %w", err)
	}
	if len(text) > maxConfigBytes {
		return "", fmt.Errorf("the plugin file is too large for an exec plugin, which gets it in its environment: %d bytes as "+
			"JSON, limit is %d", len(text), maxConfigBytes)
	}
	return "PANOPTES_CONFIG=" + string(text), nil
}

// execEnd is what a child left behind.
type execEnd struct {
	stdout   []byte
	tooLarge bool
}

// run runs the child. It calls gone when the child is, which may be after it has returned.
func (r *execRunner) run(ctx context.Context, req Request, config child.Config, gone func()) Result {
	runCtx, stop := context.WithTimeout(ctx, req.Plugin.Deadline)
	defer stop()
	defer context.AfterFunc(r.base, stop)()
	logs := newWorkerLog(r.settings.Logger)
	logs.begin(newRunLog(req))
	tap := r.settings.Tap.until(runCtx)
	config.Stderr = tap.stderr(logs.stderr)
	process, outcome, err := startProgram(config)
	if err != nil {
		gone()
		return req.failed(outcome, err)
	}
	r.feed(process, req.Resource, tap)
	done := make(chan execEnd, 1)
	go func() {
		var end execEnd
		end.stdout, end.tooLarge = r.read(process, tap)
		_ = process.Stdout().Close()
		<-process.Done()
		logs.flush()
		gone() // before the answer: whoever has that may ask for the next run at once
		done <- end
	}()
	select {
	case end := <-done:
		return r.result(req, process, logs, end, tap)
	case <-runCtx.Done():
	}
	go func() {
		if err := process.Stop(context.Background()); err != nil {
			r.settings.Logger.Error("Cannot end the child of a plugin", zap.String("plugin", req.Plugin.Name()), zap.Error(err))
		}
	}()
	return req.givenUp(ctx, r.base)
}

// pipeRoom is what a pipe holds that nobody reads, on all systems.
const pipeRoom = 4 << 10

// feed gives the child the resource. A child need not read it.
func (r *execRunner) feed(process *child.Process, res *pluginsdk.Resource, tap Tap) {
	line := append(res.AppendJSON(nil), '\n')
	write := func() {
		_, _ = tap.writer(r.settings.Processes.stdin(process)).Write(line)
		_ = process.Stdin().Close()
	}
	if len(line) <= pipeRoom && r.settings.Processes.Wire == nil {
		write()
		return
	}
	go write() // ends with the child, whose end closes the pipe
}

// read reads all that the child writes, or ends it where that is too much.
func (r *execRunner) read(process *child.Process, tap Tap) (out []byte, tooLarge bool) {
	limit := r.settings.Limits.ResultBytes
	out, _ = io.ReadAll(io.LimitReader(tap.reader(process.Stdout()), int64(limit)+1)) // what came before an error is judged
	if len(out) <= limit {
		return out, false
	}
	_ = process.Kill() // Stop would wait for a child that is busy with writing
	return nil, true
}

func (r *execRunner) result(req Request, process *child.Process, logs *workerLog, end execEnd, tap Tap) Result {
	exit := exitOf(process.Err())
	if text, err := json.Marshal(exit); err == nil {
		tap.text(StreamExit, string(text))
	}
	result := r.outcome(req, exit, logs, end)
	result.CPU = process.CPU()
	return result
}

// outcome judges what the child wrote and how it ended.
func (r *execRunner) outcome(req Request, exit Exit, logs *workerLog, end execEnd) Result {
	program := req.Plugin.program
	if end.tooLarge {
		return req.failed(OutcomeTooLarge, fmt.Errorf("output is longer than %d bytes", r.settings.Limits.ResultBytes))
	}
	code := exit.Code
	nagios := program.output == output.Nagios
	switch {
	case exit.How != "":
		return req.failed(OutcomeCrashed, logs.died("the program ended by "+exit.How))
	case nagios && code > output.MaxNagiosState:
		return req.failed(OutcomeRaised, logs.died(fmt.Sprintf("the program ended with exit status %d, which is no state: "+
			"0 to %d are; it wrote: %.200s", code, output.MaxNagiosState, end.stdout)))
	case !nagios && code != 0:
		return req.failed(OutcomeRaised, logs.died(fmt.Sprintf("the program ended with exit status %d", code)))
	}
	if nagios {
		text, _ := output.SplitNagios(string(end.stdout))
		logs.of(0).line(logs.logger, time.Time{}, zapcore.DebugLevel, text, zap.String("stream", "stdout"), zap.Int("state", code))
	}
	items, err := output.Read(program.output, end.stdout, code, req.defaults(program.groupType))
	switch {
	case err != nil:
		return req.failed(OutcomeProtocol, err)
	case len(items) == 0 && isBlank(end.stdout):
		return Result{Outcome: OutcomeNone}
	}
	return checkItems(req, items, r.settings.Limits)
}

// exitOf is how a process ended.
func exitOf(err error) Exit {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return Exit{}
	case errors.As(err, &exit) && exit.Exited():
		return Exit{Code: exit.ExitCode()}
	}
	return Exit{How: err.Error()}
}

package program

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/run/child"
	"github.com/panoptes-otel/panoptes-otel/internal/run/program/output"
	"github.com/panoptes-otel/panoptes-otel/internal/run/runlog"
	"github.com/panoptes-otel/panoptes-otel/internal/run/wire"
	"github.com/panoptes-otel/panoptes-otel/internal/run/workers"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// maxConfigBytes bounds the configuration that exec plugins get in their environment, which systems bound, too.
const maxConfigBytes = 64 << 10

// ExecRuntime runs plugins of which each run is a process: it reads the resource, writes what it found out, and ends. It
// is safe for concurrent use.
type ExecRuntime struct {
	settings Settings
	logger   *zap.Logger
	budget   *runlog.Budget
	tap      wire.Tap
	places   chan struct{}
	closing  chan struct{}
	close    sync.Once
}

var _ run.Runtime = (*ExecRuntime)(nil)

// NewExecRuntime returns the runtime.
func NewExecRuntime(s Settings, logger *zap.Logger, budget *runlog.Budget, tap wire.Tap) *ExecRuntime {
	return &ExecRuntime{
		settings: s, logger: logger, budget: budget, tap: tap, places: make(chan struct{}, s.MaxExec), closing: make(chan struct{}),
	}
}

// Load implements run.Runtime. Only a run would tell more.
func (r *ExecRuntime) Load(_ context.Context, p *plugin.Plugin) (run.Facts, error) {
	_, err := configVariable(p.ConfigJSON())
	return run.Facts{Type: p.Type}, err
}

// Concurrency implements run.Runtime.
func (r *ExecRuntime) Concurrency(*plugin.Plugin) (most int, own bool) { return 0, false }

// Retire implements run.Runtime: nothing is kept.
func (r *ExecRuntime) Retire(*plugin.Plugin) {}

// Close implements run.Runtime. The children end with their runs.
func (r *ExecRuntime) Close(context.Context) error {
	r.close.Do(func() { close(r.closing) })
	return nil
}

// Run implements run.Runtime.
func (r *ExecRuntime) Run(ctx context.Context, c *run.Call) run.Result {
	config, err := r.child(c)
	if err != nil {
		c.Ended()
		return c.Failed(run.OutcomeRejected, err)
	}
	select {
	case r.places <- struct{}{}:
	case <-ctx.Done():
		c.Ended()
		return c.Failed(run.OutcomeCanceled, ctx.Err())
	case <-r.closing:
		c.Ended()
		return c.Failed(run.OutcomeCanceled, run.ErrShutdown)
	}
	return r.run(c, config, func() {
		<-r.places
		c.Ended()
	})
}

// child is how to start the child of a run.
func (r *ExecRuntime) child(c *run.Call) (child.Config, error) {
	args, err := c.Plugin.Arguments(c.Resource)
	if err != nil {
		return child.Config{}, err
	}
	settings, err := c.SettingsJSON()
	if err != nil {
		return child.Config{}, err
	}
	variable, err := configVariable(settings)
	if err != nil {
		return child.Config{}, err
	}
	config := r.settings.child(c.Plugin)
	config.Args = args
	for _, arg := range args {
		r.tap.Text(wire.StreamArgument, arg)
	}
	config.Env = append(config.Env, variable, fmt.Sprintf("PANOPTES_INTERVAL=%d", c.Plugin.GroupInterval()/time.Second))
	for _, v := range [...]struct{ name, value string }{
		{"SITE", c.Resource.Site},
		{"CLASS", c.Resource.Class},
		{"SUBCLASS", c.Resource.Subclass},
		{"TYPE", c.Resource.Type},
		{"ID", c.Resource.ID},
		{"ENDPOINT", c.Resource.Endpoint},
	} {
		config.Env = append(config.Env, "PANOPTES_RESOURCE_"+v.name+"="+strings.ReplaceAll(v.value, "\x00", ""))
	}
	if c.Clock != nil {
		config.Env = append(config.Env, "PANOPTES_NOW="+c.Clock.Now.String())
	}
	for _, variable := range config.Env {
		r.tap.Text(wire.StreamVariable, variable)
	}
	return config, nil
}

// configVariable is the plugin's configuration for its environment.
func configVariable(config json.RawMessage) (string, error) {
	if len(config) > maxConfigBytes {
		return "", fmt.Errorf("the plugin file is too large for an exec plugin, which gets it in its environment: %d bytes as "+
			"JSON, limit is %d", len(config), maxConfigBytes)
	}
	return "PANOPTES_CONFIG=" + string(config), nil
}

// execEnd is what a child left behind.
type execEnd struct {
	stdout   []byte
	tooLarge bool
}

// run runs the child. It calls gone when the child is, which may be after it has returned.
func (r *ExecRuntime) run(c *run.Call, config child.Config, gone func()) run.Result {
	ctx := c.Begin()
	lines := runlog.NewProcess(r.logger, runlog.Run{}, nil, r.budget)
	lines.Begin(c.Lines())
	tap := r.tap.Until(ctx)
	config.Stderr = tap.Stderr(lines.Stderr)
	process, err := start(config)
	if err != nil {
		gone()
		if isRejected(err) {
			return c.Failed(run.OutcomeRejected, err)
		}
		return c.Failed(run.OutcomeUnavailable, err)
	}
	r.feed(process, c.Resource, tap)
	done := make(chan execEnd, 1)
	go func() {
		var end execEnd
		end.stdout, end.tooLarge = r.read(process, tap, c.Limits().ResultBytes)
		_ = process.Stdout().Close()
		<-process.Done()
		lines.Flush()
		gone() // before the answer: whoever has that may ask for the next run at once
		done <- end
	}()
	select {
	case end := <-done:
		return result(c, process, lines, end, tap)
	case <-ctx.Done():
	}
	go func() {
		if err := process.Stop(context.Background()); err != nil {
			r.logger.Error("Cannot end the child of a plugin", zap.String("plugin", c.Plugin.Name()), zap.Error(err))
		}
	}()
	return c.GivenUp(nil)
}

// pipeRoom is what a pipe holds that nobody reads, on all systems.
const pipeRoom = 4 << 10

// feed gives the child the resource. A child need not read it.
func (r *ExecRuntime) feed(process *child.Process, res *pluginsdk.Resource, tap wire.Tap) {
	line := append(res.AppendJSON(nil), '\n')
	write := func() {
		in := workers.Child{Process: process, Wire: r.settings.Wire}.In()
		_, _ = tap.Writer(in).Write(line)
		_ = in.Close()
	}
	if len(line) <= pipeRoom && r.settings.Wire == nil {
		write()
		return
	}
	go write() // ends with the child, whose end closes the pipe
}

// read reads all that the child writes, or ends it where that is too much.
func (r *ExecRuntime) read(process *child.Process, tap wire.Tap, limit int) (out []byte, tooLarge bool) {
	out, _ = io.ReadAll(io.LimitReader(tap.Reader(process.Stdout()), int64(limit)+1)) // what came before an error is judged
	if len(out) <= limit {
		return out, false
	}
	_ = process.Kill() // Stop would wait for a child that is busy with writing
	return nil, true
}

func result(c *run.Call, process *child.Process, lines *runlog.Process, end execEnd, tap wire.Tap) run.Result {
	exit := exitOf(process.Err())
	if text, err := json.Marshal(exit); err == nil {
		tap.Text(wire.StreamExit, string(text))
	}
	result := judge(c, exit, lines, end)
	result.CPU = process.CPU()
	return result
}

// Said is what the child of an exec plugin said in a run.
type Said struct {
	Stdout []byte
	Stderr []string // its lines
	Exit   wire.Exit
}

// Judge is what a run comes to in which the child said this.
func Judge(c *run.Call, said Said) run.Result {
	lines := runlog.NewProcess(zap.NewNop(), runlog.Run{}, nil, runlog.NewBudget())
	for _, line := range said.Stderr {
		lines.Keep(line)
	}
	return judge(c, said.Exit, lines, execEnd{stdout: said.Stdout, tooLarge: len(said.Stdout) > c.Limits().ResultBytes})
}

// judge judges what the child wrote and how it ended.
func judge(c *run.Call, exit wire.Exit, lines *runlog.Process, end execEnd) run.Result {
	if end.tooLarge {
		return c.Failed(run.OutcomeTooLarge, fmt.Errorf("output is longer than %d bytes", c.Limits().ResultBytes))
	}
	died := func(how string) *run.PluginError {
		line, stderr := lines.LastWords()
		if line != "" {
			how += "; it said: " + line
		}
		return &run.PluginError{Message: how, Traceback: stderr}
	}
	code := exit.Code
	nagios := c.Plugin.Output() == output.Nagios
	switch {
	case exit.How != "":
		return c.Failed(run.OutcomeCrashed, died("the program ended by "+exit.How))
	case nagios && code > output.MaxNagiosState:
		return c.Failed(run.OutcomeRaised, died(fmt.Sprintf("the program ended with exit status %d%s, which is no state: "+
			"0 to %d are; it wrote: %.200s", code, exitMeaning(c.Plugin.Executable(), code), output.MaxNagiosState, end.stdout)))
	case !nagios && code != 0:
		return c.Failed(run.OutcomeRaised, died(fmt.Sprintf("the program ended with exit status %d%s", code, exitMeaning(c.Plugin.Executable(), code))))
	}
	items, err := output.Read(c.Context(), c.Plugin.Output(), end.stdout, code, defaults(c, c.Plugin.GroupType()))
	switch {
	case c.Context().Err() != nil:
		return c.GivenUp(nil)
	case err != nil:
		return c.Failed(run.OutcomeProtocol, err)
	case len(items) == 0 && isBlank(end.stdout):
		return run.Result{Outcome: run.OutcomeNone}
	}
	result := groups(c, items)
	if nagios && !result.Outcome.Failed() {
		text := output.NagiosText(end.stdout)
		lines.Of(0).Line(lines.Logger(), time.Time{}, zapcore.DebugLevel, text, zap.String("stream", "stdout"), zap.Int("state", code))
		result.Check = &run.Check{State: code, Text: logs.KeepStart(text, maxCheckText)}
	}
	return result
}

// maxCheckText is how much of the text of a check is kept.
const maxCheckText = 4 << 10

// exitOf is how a process ended.
func exitOf(err error) wire.Exit {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return wire.Exit{}
	case errors.As(err, &exit) && exit.Exited():
		return wire.Exit{Code: exit.ExitCode()}
	}
	return wire.Exit{How: err.Error()}
}

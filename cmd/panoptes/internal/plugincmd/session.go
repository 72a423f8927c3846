package plugincmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/chain"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/wait"
	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin/override"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// session is the runs of one plugin.
type session struct {
	runner *run.Runner
	rates  *chain.Chain
	plugin *override.Plugin
	scope  pdata.Scope
	times  int
	print  printer
	expect *expectation
	record *recorder
	stderr io.Writer
	// failed says that something of which stderr tells did not go well.
	failed bool
}

// oneRun is one run with all that came of it.
type oneRun struct {
	number, of int
	resource   *pluginsdk.Resource
	// overrides are what the configuration of a Collector lays over the plugin file for the resource.
	overrides []string
	result    run.Result
	out       chain.Result
}

// all runs the plugin the asked number of times against all resources in turn.
func (s *session) all(ctx context.Context, chosen []*pluginsdk.Resource, pause time.Duration) error {
	for n := 1; n <= s.times; n++ {
		if n > 1 && !wait.For(ctx, pause) {
			return errInterrupted
		}
		for _, r := range chosen {
			if err := s.one(ctx, n, r); err != nil {
				return err
			}
		}
	}
	if s.times == 1 && s.scope.Transforms != "" {
		fmt.Fprintln(s.stderr, "panoptes: rates come with the second run: --times 2")
	}
	return nil
}

var errInterrupted = errors.New("interrupted")

// one runs the plugin once. The error is not about the plugin.
func (s *session) one(ctx context.Context, number int, r *pluginsdk.Resource) error {
	recorded := oneRun{number: number, of: s.times, resource: r, overrides: s.plugin.Explain(r)}
	plugin, _ := s.plugin.Against(r)
	started := time.Now()
	recorded.result = s.runner.Run(ctx, run.Request{Plugin: plugin, Config: plugin.File.Config, Resource: r, Clock: s.record.clock(started)})
	if ctx.Err() != nil {
		return errInterrupted
	}
	var err error
	if recorded.out, err = s.rates.Process(ctx, s.scope, recorded.result.Groups); err != nil {
		return err
	}
	s.complain(recorded)
	s.expect.note(recorded)
	if err := s.record.run(plugin, started, recorded); err != nil {
		return fmt.Errorf("record: %w", err)
	}
	return s.print.run(recorded)
}

// complain says on stderr what did not go well.
func (s *session) complain(r oneRun) {
	if r.result.Outcome.Failed() {
		s.failed = true
		fmt.Fprintf(s.stderr, "panoptes: run %d%s: %s: %v\n", r.number, against(r.resource), r.result.Outcome, r.result.Err)
		var raised *run.PluginError
		if errors.As(r.result.Err, &raised) && raised.Traceback != "" {
			fmt.Fprintln(s.stderr, strings.TrimRight(raised.Traceback, "\n"))
		}
	}
	for _, drop := range r.result.Dropped {
		// A group that was returned twice is no mistake: Panoptes' set keeps one of them as well.
		s.failed = s.failed || drop.Reason != run.DropDuplicate
		fmt.Fprintf(s.stderr, "panoptes: run %d%s: dropped (%s): %v\n", r.number, against(r.resource), drop.Reason, drop.Err)
	}
	if losses := chain.Losses(r.out.Report, true); losses != "" {
		s.failed = true
		fmt.Fprintf(s.stderr, "panoptes: run %d against %q: data points dropped: %s\n", r.number, r.resource.ID, losses)
	}
	if changes := chain.Losses(r.out.Report, false); changes != "" {
		fmt.Fprintf(s.stderr, "panoptes: run %d against %q: data points changed: %s\n", r.number, r.resource.ID, changes)
	}
}

// against names the resource of a run, where there is one.
func against(r *pluginsdk.Resource) string {
	if r == noResource {
		return ""
	}
	return fmt.Sprintf(" against %q", r.ID)
}

package plugincmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/chain"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/term"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/wait"
	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
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
	// summary, where there is one, takes the runs instead of print.
	summary *summary
	// atOnce is how many runs there are at once.
	atOnce   int
	progress *progress
	expect   *expectation
	record   *recorder
	stderr   io.Writer
	// failed says that something of which stderr tells did not go well.
	failed bool
}

// oneRun is one run with all that came of it.
type oneRun struct {
	number, of int
	resource   *pluginsdk.Resource
	// overrides are what the configuration of a Collector lays over the plugin file for the resource.
	overrides []string
	plugin    *plugin.Plugin
	started   time.Time
	result    run.Result
	out       chain.Result
}

// all runs the plugin the asked number of times against all resources.
func (s *session) all(ctx context.Context, chosen []*pluginsdk.Resource, pause time.Duration) error {
	for n := 1; n <= s.times; n++ {
		if n > 1 && !wait.For(ctx, pause) {
			return errInterrupted
		}
		if err := s.round(ctx, n, chosen); err != nil {
			return err
		}
	}
	if s.times == 1 && s.scope.Transforms != "" {
		fmt.Fprintln(s.stderr, "panoptes: rates come with the second run: --times 2")
	}
	return nil
}

var errInterrupted = errors.New("interrupted")

// round runs the plugin once against each resource, and takes the results in their order.
func (s *session) round(ctx context.Context, number int, chosen []*pluginsdk.Resource) error {
	ended := make([]chan oneRun, len(chosen))
	next := make(chan int, len(chosen))
	for i := range chosen {
		ended[i] = make(chan oneRun, 1)
		next <- i
	}
	close(next)
	var all sync.WaitGroup
	defer all.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for range s.atOnce {
		all.Go(func() {
			for i := range next {
				if ctx.Err() != nil {
					return
				}
				ended[i] <- s.one(ctx, number, chosen[i])
			}
		})
	}
	failed := 0
	for i, r := range chosen {
		s.progress.show(i, len(chosen), failed, r.ID)
		var run oneRun
		select {
		case run = <-ended[i]:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			return errInterrupted
		}
		if run.result.Outcome.Failed() {
			failed++
		}
		if err := s.take(ctx, run); err != nil {
			return err
		}
	}
	s.progress.end()
	if s.summary != nil {
		return s.summary.end()
	}
	return nil
}

// one runs the plugin once. It is safe for concurrent use, unless runs are recorded.
func (s *session) one(ctx context.Context, number int, r *pluginsdk.Resource) oneRun {
	o := oneRun{number: number, of: s.times, resource: r, overrides: s.plugin.Explain(r), started: time.Now()}
	o.plugin, _ = s.plugin.Against(r)
	o.result = s.runner.Run(ctx, run.Request{Plugin: o.plugin, Config: o.plugin.File.Config, Resource: r, Clock: s.record.clock(o.started)})
	return o
}

// take makes of a run what a Collector makes of it, and shows it. The error is not about the plugin.
func (s *session) take(ctx context.Context, r oneRun) (err error) {
	if r.out, err = s.rates.Process(ctx, s.scope, r.result.Groups); err != nil {
		return err
	}
	s.complain(r)
	s.expect.note(r)
	if err := s.record.run(r.plugin, r.started, r); err != nil {
		return fmt.Errorf("record: %w", err)
	}
	if s.summary != nil {
		s.summary.runs = append(s.summary.runs, r)
		return nil
	}
	return s.print.run(r)
}

// complain says on stderr what did not go well.
func (s *session) complain(r oneRun) {
	if r.result.Outcome.Failed() {
		s.failed = true
		s.tellFailure(r)
	}
	for _, g := range r.result.Groups {
		if text := string(g.AppendJSON(nil)); s.runner.Clean(text) != text {
			fmt.Fprintf(s.stderr, "panoptes: run %d%s: group %q has a secret in it, which goes to consumers as it is\n", r.number, against(r.resource), g.Type)
		}
	}
	for _, drop := range r.result.Dropped {
		// A group that was returned twice is no mistake: Panoptes' set keeps one of them as well.
		s.failed = s.failed || drop.Reason != run.DropDuplicate
		if s.isFirst(r, drop.Err) {
			fmt.Fprintf(s.stderr, "panoptes: run %d%s: dropped (%s): %s\n", r.number, against(r.resource), drop.Reason, term.Message(drop.Err.Error()))
		}
	}
	if losses := chain.Losses(r.out.Report, true); losses != "" {
		s.failed = true
		fmt.Fprintf(s.stderr, "panoptes: run %d against %q: data points dropped: %s\n", r.number, r.resource.ID, term.Cell(losses))
	}
	if changes := chain.Losses(r.out.Report, false); changes != "" {
		fmt.Fprintf(s.stderr, "panoptes: run %d against %q: data points changed: %s\n", r.number, r.resource.ID, term.Cell(changes))
	}
}

// tellFailure writes one block about a failed run: what a Collector would log, and where in the plugin it came from.
func (s *session) tellFailure(r oneRun) {
	if !s.isFirst(r, r.result.Err) {
		return
	}
	fmt.Fprintf(s.stderr, "panoptes: run %d%s: %s: %s\n", r.number, against(r.resource), r.result.Outcome, term.Message(r.result.Err.Error()))
	var raised *run.PluginError
	if errors.As(r.result.Err, &raised) && raised.Traceback != "" {
		fmt.Fprintln(s.stderr, term.Block(raised.Traceback))
	}
}

// isFirst says whether an error is to be told: of many resources with the same one, the first tells it.
func (s *session) isFirst(r oneRun, err error) bool {
	return s.summary == nil || err == nil || s.summary.first(r.resource, err.Error())
}

// against names the resource of a run, where there is one.
func against(r *pluginsdk.Resource) string {
	if r == noResource {
		return ""
	}
	return fmt.Sprintf(" against %q", r.ID)
}

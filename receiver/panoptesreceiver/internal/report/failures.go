package report

import (
	"errors"
	"hash/maphash"
	"strings"
	"sync"

	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/schedule"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// failures knows which tasks fail, so that the log tells when one begins to, when it fails in another way, and when it
// recovers, but not at each run; and, where many tasks of a plugin do so for one reason, in one line a minute for all of
// them. Metrics count every run.
type failures struct {
	logger *zap.Logger
	digest *logs.Digest

	mu      sync.Mutex
	tasks   map[failureKey]failure
	failing map[*Plugin]int      // tasks by plugin
	checks  map[failureKey]uint8 // states that are not OK
}

type failureKey struct {
	plugin   *Plugin
	resource pluginsdk.Identity
}

type failure struct {
	kind uint64 // hash of outcome and error text without its numbers
	runs int    // that failed in a row
}

func newFailures(logger *zap.Logger, digest *logs.Digest) *failures {
	return &failures{logger: logger, digest: digest, tasks: map[failureKey]failure{}, failing: map[*Plugin]int{}, checks: map[failureKey]uint8{}}
}

// note takes the result of a run.
func (f *failures) note(s *Subject, result *run.Result) {
	if result.Outcome == run.OutcomeCanceled {
		return // the Collector stops: that says nothing about the plugin
	}
	key := s.key()
	if !result.Outcome.Failed() {
		if runs := f.recovered(key); runs > 0 {
			f.digest.Note("recovered\x00"+s.Plugin.Name, func(held int) {
				f.logger.Info("Plugin runs again", f.fields(s, held, zap.Int("failed_runs", runs))...)
			})
		}
		return
	}
	if !f.failed(key, kindOf(result)) {
		return
	}
	f.digest.Note(causeOf(s, result), func(held int) {
		fields := f.fields(s, held, zap.String("outcome", string(result.Outcome)), zap.Error(result.Err),
			zap.String("next", nextStep(result, s.Version.Kind)), zap.Duration("runs_every", s.Version.Interval))
		if text := traceback(result.Err); text != "" {
			fields = append(fields, zap.String("traceback", text))
		}
		f.logger.Error("Plugin failed", fields...)
	})
}

// fields name a task, and say how many others the line is about, and how many of the plugin fail now.
func (f *failures) fields(s *Subject, held int, more ...zap.Field) []zap.Field {
	fields := append([]zap.Field{zap.String("plugin", s.Plugin.Name), zap.String("resource", s.Resource.ID)}, more...)
	if held > 0 {
		fields = append(fields, zap.Int("others", held))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := f.failing[s.Plugin]; n > 1 || held > 0 {
		fields = append(fields, zap.Int("failing_resources", n))
	}
	return fields
}

// causeOf is the same for the failures that share one line of the log: those of a version of a plugin that ended in the same
// way, with the same type of exception where there is one.
func causeOf(s *Subject, result *run.Result) string {
	cause := string(result.Outcome) + "\x00" + s.Plugin.Name + "\x00" + s.Version.Version
	if raised, ok := errors.AsType[*run.PluginError](result.Err); ok {
		cause += "\x00" + raised.Type
	}
	return cause
}

// failed notes a failure, and says whether it is another one than before.
func (f *failures) failed(key failureKey, kind uint64) (changed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	before, ok := f.tasks[key]
	f.tasks[key] = failure{kind: kind, runs: before.runs + 1}
	if !ok {
		f.failing[key.plugin]++
	}
	return !ok || before.kind != kind
}

// recovered notes a success, and returns the number of failures before it.
func (f *failures) recovered(key failureKey) (runs int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	runs = f.tasks[key].runs
	f.drop(key)
	return runs
}

// drop forgets a task. The lock is held.
func (f *failures) drop(key failureKey) {
	if _, ok := f.tasks[key]; !ok {
		return
	}
	delete(f.tasks, key)
	if f.failing[key.plugin]--; f.failing[key.plugin] == 0 {
		delete(f.failing, key.plugin)
	}
}

// forget drops what is known of a task that is no more.
func (f *failures) forget(key failureKey) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.drop(key)
	delete(f.checks, key)
}

// forgetPlugin drops what is known of a plugin that is no more.
func (f *failures) forgetPlugin(p *Plugin) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for key := range f.tasks {
		if key.plugin == p {
			f.drop(key)
		}
	}
	for key := range f.checks {
		if key.plugin == p {
			delete(f.checks, key)
		}
	}
}

var kindSeed = maphash.MakeSeed()

// kindOf is the same for errors that differ in numbers alone: times, process ids, counts.
func kindOf(result *run.Result) uint64 {
	text := []byte(result.Outcome)
	if result.Err != nil {
		for _, c := range []byte(result.Err.Error()) {
			if c < '0' || c > '9' {
				text = append(text, c)
			}
		}
	}
	return maphash.Bytes(kindSeed, text)
}

// nextStep tells the reader of the log what to do.
func nextStep(result *run.Result, kind plugin.Kind) string {
	var raised *run.PluginError
	switch {
	case errors.Is(result.Err, schedule.ErrGaveWay):
		return "look at what the resource does, and at the places for runs (status page, panoptes top): they were short, and other runs waited"
	case errors.As(result.Err, &raised) && strings.Contains(strings.ToLower(raised.Type), "timeout"):
		return "look at the resource: it did not answer the plugin in time; the plugin says for how long it waits"
	}
	o := result.Outcome
	if kind == plugin.KindProcess || kind == plugin.KindExec {
		if next := programSteps[o]; next != "" {
			return next
		}
	}
	switch o {
	case run.OutcomeTimeout:
		return "make the plugin faster, or raise execute_frequency: a run may take 1.25 times that"
	case run.OutcomeWrongType:
		return "let run() return a PanoptesMetricsGroupSet, or None where there is nothing to say"
	case run.OutcomeRejected:
		return "fix the module: it loaded before, so look at what it imports"
	case run.OutcomeCrashed:
		return "look at the log lines of the worker before this one; it is started again"
	case run.OutcomeTooLarge:
		return "return fewer groups in one run"
	case run.OutcomeProtocol:
		return "something wrote to the worker's own channel: the plugin must leave file descriptors alone that it did not open"
	case run.OutcomeUnavailable:
		return "set python.interpreter to a Python 3.8 or later that can be started"
	case run.OutcomeBusy:
		return "let the plugin return when its context ends"
	default: // raised, panicked
		return "fix the plugin: a change is taken without restart"
	}
}

// programSteps are the next steps that are others for plugins that are programs.
var programSteps = map[run.Outcome]string{
	run.OutcomeRejected:    "fix what the error names: the program, or the plugin file's args",
	run.OutcomeCrashed:     "look at what the program said last; it is started again",
	run.OutcomeProtocol:    "let the program write nothing but messages to its stdout, and everything else to stderr",
	run.OutcomeUnavailable: "look at why the program does not start; it is tried again, with growing pauses",
	run.OutcomeBusy:        "let the program end when it is sent TERM",
}

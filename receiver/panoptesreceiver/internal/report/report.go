// Package report says what runs came to: in the receiver's metrics and its log, in the pipeline of logs, in the component's
// status, and on status pages.
//
// A Report is safe for concurrent use: each of its parts has a lock of its own. The lock of the failures may be taken while
// that of the digest is held; no other two are held together.
package report

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/group/attrs"
	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/run/runlog"
	"github.com/panoptes-otel/panoptes-otel/internal/schedule"
	"github.com/panoptes-otel/panoptes-otel/internal/status"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver/internal/batch"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver/internal/metadata"
)

// Reasons for which a run is skipped, besides those of the scheduler.
const (
	// ReasonCached: the plugin's last results are younger than its results_cache_age.
	ReasonCached = schedule.Reason("cached")
	// ReasonMoved: the shard is given away, or the lease has ended.
	ReasonMoved = schedule.Reason("moved")
)

// Report says what the runs of one receiver came to. History and Logs are set before anything runs.
type Report struct {
	// Health joins what is wrong into the component's status.
	Health *Health
	// Digest tells in one line a minute of what happens often.
	Digest *logs.Digest
	// History is what status pages show of runs; nil where nobody looks.
	History *History
	// Logs is the way to the pipeline of logs; nil where there is none.
	Logs *batch.Logs

	telemetry *metadata.TelemetryBuilder
	logger    *zap.Logger
	failures  *failures
}

// New returns a Report. The component's status is an error where a share of the runs within a window failed; a share of 0
// means that runs say nothing about it.
func New(telemetry *metadata.TelemetryBuilder, logger *zap.Logger, share float64, window time.Duration) *Report {
	digest := logs.NewDigest()
	return &Report{
		Health: newHealth(share, window), Digest: digest, telemetry: telemetry, logger: logger, failures: newFailures(logger, digest),
	}
}

// Stop logs what is held back.
func (r *Report) Stop() { r.Digest.Stop() }

// Plugin is what is said about a plugin as long as one of its name is there; its versions come and go.
type Plugin struct {
	Name string
	// Attr names the plugin in metrics.
	Attr metric.MeasurementOption

	attrs   pluginAttrs
	speaker *batch.Speaker
	counts  counts
}

// Plugin begins to report about a plugin.
func (r *Report) Plugin(p *plugin.Plugin) *Plugin {
	a := newPluginAttrs(p.Name())
	return &Plugin{
		Name: p.Name(), Attr: a.plugin, attrs: a,
		speaker: &batch.Speaker{
			Scope: attrs.ScopePrefix + p.File.NormalizedName,
			Dropped: func(reason string, lines int) {
				r.telemetry.PanoptesDroppedLogRecords.Add(context.Background(), int64(lines), a.droppedLogs[reason])
			},
		},
	}
}

// Subject is what a run is of: a version of a plugin, and a resource. That of a discovery plugin has no identity.
type Subject struct {
	Plugin   *Plugin
	Version  *plugin.Plugin
	Drops    *Drops // of the version
	Resource *pluginsdk.Resource
}

func (s *Subject) key() failureKey { return failureKey{s.Plugin, s.Resource.Identity()} }

// about is the resource that a line of the log is about, nil for discovery.
func (s *Subject) about() *pluginsdk.Resource {
	if s.Resource.Identity() == (pluginsdk.Identity{}) {
		return nil
	}
	return s.Resource
}

// pluginAttrs are the attribute sets of a plugin's own metrics, made once.
type pluginAttrs struct {
	plugin      metric.MeasurementOption
	outcome     map[run.Outcome]metric.MeasurementOption
	dropped     map[string]metric.MeasurementOption // by reason
	skipped     map[schedule.Reason]metric.MeasurementOption
	droppedLogs map[string]metric.MeasurementOption // by reason
}

func newPluginAttrs(name string) pluginAttrs {
	p := attribute.String("plugin", name)
	set := func(kv ...attribute.KeyValue) metric.MeasurementOption {
		return metric.WithAttributeSet(attribute.NewSet(append(kv, p)...))
	}
	a := pluginAttrs{
		plugin:      set(),
		outcome:     map[run.Outcome]metric.MeasurementOption{},
		dropped:     map[string]metric.MeasurementOption{},
		skipped:     map[schedule.Reason]metric.MeasurementOption{},
		droppedLogs: map[string]metric.MeasurementOption{},
	}
	for _, r := range batch.LogReasons {
		a.droppedLogs[r] = set(attribute.String("reason", r))
	}
	for _, r := range append([]schedule.Reason{ReasonCached, ReasonMoved}, schedule.Reasons...) {
		a.skipped[r] = set(attribute.String("reason", string(r)))
	}
	for _, o := range run.Outcomes {
		a.outcome[o] = set(attribute.String("outcome", string(o)))
	}
	for _, r := range run.DropReasons {
		a.dropped[r] = set(attribute.String("reason", r))
	}
	return a
}

// Begin lets the lines that a run logs be kept, where a status page could show them, and come to the pipeline of logs.
func (r *Report) Begin(s *Subject, request *run.Request) (tail *Tail) {
	if r.History != nil {
		tail = &Tail{}
		request.Log = tail.take
	}
	if r.Logs == nil {
		return tail
	}
	about, lines, keep := s.about(), new(atomic.Int64), request.Log
	request.Log = func(line runlog.Line) {
		if keep != nil {
			keep(line)
		}
		if lines.Add(1) > batch.MaxPerRun {
			s.Plugin.speaker.Dropped(batch.ReasonRunLimit, 1)
			return
		}
		r.Logs.Say(s.Plugin.speaker, about, line)
	}
	return tail
}

// Ended takes what a run came to, before its results are handed on.
func (r *Report) Ended(ctx context.Context, s *Subject, result *run.Result) {
	r.telemetry.PanoptesRuns.Add(ctx, 1, s.Plugin.attrs.outcome[result.Outcome])
	r.telemetry.PanoptesRunDuration.Record(ctx, result.Duration.Seconds(), s.Plugin.Attr)
	if result.CPU > 0 {
		r.telemetry.PanoptesRunCPUTime.Record(ctx, result.CPU.Seconds(), s.Plugin.Attr)
	}
	if result.PeakMemory > 0 {
		r.telemetry.PanoptesRunPeakMemory.Record(ctx, result.PeakMemory, s.Plugin.Attr)
	}
	r.failures.note(s, result)
	r.Health.note(result)
	if r.Logs != nil && result.Outcome.Failed() && result.Outcome != run.OutcomeCanceled {
		r.Logs.Fail(s.Plugin.speaker, s.about(), result.RunID, batch.Failure{Outcome: result.Outcome, Err: result.Err})
	}
	r.noteCheck(s, result)
	r.dropped(ctx, s, result.Dropped)
}

// Run is a run whose results have been handed on.
type Run struct {
	*Subject
	Task     schedule.ID
	Due      time.Time
	Lateness time.Duration
	Started  time.Time
	Interval time.Duration
	Result   *run.Result
	Points   int   // data points that its groups became
	Tail     *Tail // nil: nobody kept its lines

	bytes int
}

// Keep keeps what status pages show of a run.
func (r *Report) Keep(one Run) {
	if r.History != nil {
		one.bytes = jsonBytes(one.Result.Groups)
	}
	one.Plugin.counts.note(&one)
	r.History.note(&one)
}

// Missed counts slots in which a task of a plugin did not run.
func (r *Report) Missed(p *Plugin, slots int64) {
	r.telemetry.PanoptesMissedSlots.Add(context.Background(), slots, p.Attr)
}

// Skipped counts a run that does not take place.
func (r *Report) Skipped(p *Plugin, reason schedule.Reason) {
	r.telemetry.PanoptesSkippedRuns.Add(context.Background(), 1, p.attrs.skipped[reason])
}

// Describe adds to the state of a plugin what its runs came to. tasks are those of the plugin; 0 stands for none.
func (r *Report) Describe(p *Plugin, tasks []schedule.ID, s *status.Plugin) {
	c := &p.counts
	s.Runs, s.FailedRuns, s.Points, s.Bytes = c.runs.Load(), c.failed.Load(), c.points.Load(), c.bytes.Load()
	s.Busy, s.CPU = time.Duration(c.busy.Load()).Seconds(), time.Duration(c.cpu.Load()).Seconds()
	s.LastFailure = c.last.Load()
	s.Series = r.History.series(p, tasks)
}

// Forget drops what is known of the failures of a task that is no more.
func (r *Report) Forget(p *Plugin, resource pluginsdk.Identity) {
	r.failures.forget(failureKey{p, resource})
}

// ForgetPlugin drops what is known of the failures of a plugin that is no more.
func (r *Report) ForgetPlugin(p *Plugin) { r.failures.forgetPlugin(p) }

// traceback is the plugin's own part of an error; "" where it has none.
func traceback(err error) string {
	if raised, ok := errors.AsType[*run.PluginError](err); ok {
		return raised.Traceback
	}
	return ""
}

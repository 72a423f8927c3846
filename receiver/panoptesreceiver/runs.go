package panoptesreceiver

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/store"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/schedule"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver/internal/report"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver/internal/tasks"
)

// run runs one task and hands over what it returned. The scheduler calls it, from many goroutines.
func (r *panoptesReceiver) run(ctx context.Context, one schedule.Run[tasks.Target]) schedule.Result {
	l, res := one.Value.Plugin, one.Value.Resource
	v := l.Current()
	request := v.Request(res)
	if r.runners.Busy(request.Plugin, res) {
		r.missed(one.Value, 1) // an earlier run, given up at its deadline, still goes on
		return schedule.Result{Verdict: schedule.VerdictDead}
	}
	held, ok := r.hold(ctx, one, v)
	if !ok {
		r.skipped(one.Value, report.ReasonMoved)
		return schedule.Result{}
	}
	defer held.end()
	if held != nil {
		ctx = held.ctx
	}
	begun, ok := r.tasks.Begin(one, v)
	if !ok {
		r.skipped(one.Value, report.ReasonCached)
		return schedule.Result{}
	}
	r.telemetry.PanoptesRunLateness.Record(ctx, one.Lateness.Seconds(), l.Report.Attr)
	subject := &report.Subject{Plugin: l.Report, Version: v.Plugin, Drops: &v.Drops, Resource: res}
	tail := r.report.Begin(subject, &request)
	started := time.Now()
	enter, leave := r.room.For()
	defer leave()
	request.Room, request.Begun = enter, one.Begun
	result := r.runners.Run(ctx, request)
	gaveWay(ctx, &result)
	if held.settle(&result) {
		r.telemetry.PanoptesMovedRuns.Add(ctx, 1, l.Report.Attr)
	}
	if len(result.Groups)+len(result.Resources)+len(result.Enrichment) > 0 {
		r.tasks.HadResults(begun)
	}
	r.report.Ended(ctx, subject, &result)
	points := 0
	says := verdict(result)
	switch v.Plugin.Type {
	case plugin.TypeDiscovery:
		r.discovered(ctx, l, result)
		says = schedule.VerdictNone // it says nothing about a resource
	case plugin.TypeEnrichment:
		r.enriched(ctx, l, result)
	default:
		result.Groups = r.withoutEmpty(ctx, one.Value, result.Groups)
		points = r.emit(ctx, v, l, result.Groups)
		r.emitPollingStatus(one.Value, v, request.Plugin.Interval, &result)
	}
	r.report.Keep(report.Run{
		Subject: subject, Task: one.Task, Due: one.Due, Lateness: one.Lateness, Started: started, Interval: request.Plugin.Interval,
		Result: &result, Points: points, Tail: tail,
	})
	return schedule.Result{Verdict: says, Took: result.Duration}
}

// hold notes the begin of a run, where the fleet is shared; nil where it is not. It returns false where the run must not take
// place.
func (r *panoptesReceiver) hold(ctx context.Context, one schedule.Run[tasks.Target], v *tasks.Version) (*heldRun, bool) {
	if r.sharding == nil {
		return nil, true
	}
	n, ok := r.tasks.Shard(one.Value, v)
	if !ok {
		return nil, true // each Collector discovers for itself
	}
	return r.sharding.begin(ctx, n, one.Task)
}

// gaveWay makes a time-out of a run that had to give up its place. One that had no worker yet says nothing.
func gaveWay(ctx context.Context, result *run.Result) {
	if result.Outcome == run.OutcomeCanceled && result.Duration > 0 && errors.Is(context.Cause(ctx), schedule.ErrGaveWay) {
		result.Outcome = run.OutcomeTimeout
		result.Err = fmt.Errorf("no answer after %s, which is much longer than the plugin's runs take: %w",
			result.Duration.Round(time.Millisecond), schedule.ErrGaveWay)
	}
}

// reasonNoPipeline: the receiver stands in no pipeline of metrics.
const reasonNoPipeline = "no_pipeline"

// emit sends groups on, and returns how many data points they became.
func (r *panoptesReceiver) emit(ctx context.Context, v *tasks.Version, l *tasks.Plugin, groups []*pluginsdk.MetricsGroup) (points int) {
	if len(groups) == 0 {
		return 0
	}
	r.telemetry.PanoptesGroups.Add(ctx, int64(len(groups)), l.Report.Attr)
	if r.emitter == nil {
		for _, g := range groups {
			r.droppedPoints(reasonNoPipeline, len(g.Metrics()))
		}
		return 0
	}
	points = r.emitter.Add(&v.Scope, groups)
	r.telemetry.PanoptesDataPoints.Add(ctx, int64(points), l.Report.Attr)
	return points
}

// discovered hands what a discovery plugin found to the store of resources. Where it found nothing, or failed, what it
// found before stays for its time to live, as in Panoptes.
func (r *panoptesReceiver) discovered(ctx context.Context, l *tasks.Plugin, result run.Result) {
	source := l.Source()
	switch {
	case source == nil: // the plugin was removed meanwhile
	case result.Outcome.Failed() && result.Outcome != run.OutcomeCanceled:
		source.Fail(result.Err)
	case len(result.Resources) > 0:
		if r.sets != nil {
			r.publish(ctx, l, source, result.Resources)
		} else {
			source.Set(result.Resources, time.Now())
		}
		r.telemetry.PanoptesDiscoveredResources.Add(ctx, int64(len(result.Resources)), l.Report.Attr)
	}
}

// publishFor bounds how long a resource set may take to be written.
const publishFor = 10 * time.Second

// publish puts what a discovery plugin found where all receivers read it. Where that fails, what was found before stays for
// its time to live.
func (r *panoptesReceiver) publish(ctx context.Context, l *tasks.Plugin, source *store.Source, found []*pluginsdk.Resource) {
	ctx, cancel := context.WithTimeout(ctx, publishFor)
	defer cancel()
	p := l.Current().Plugin
	err := r.sets.Write(ctx, p.File.NormalizedName, p.Version, found)
	if err == nil {
		source.Recovered()
		return
	}
	source.Fail(err)
	r.reloadError("resources")()
	r.report.Digest.Note("publish\x00"+l.Name(), func(held int) {
		r.logger.Error("Cannot publish all discovered resources; what was found before stays for its times to live",
			zap.String("plugin", l.Name()), zap.Int("others", held), zap.Error(err),
			zap.String("next", "look at resources::kafka's brokers, topics and permissions; it is tried again when the plugin runs next"))
	})
}

// enriched stores what an enrichment plugin found out.
func (r *panoptesReceiver) enriched(ctx context.Context, l *tasks.Plugin, result run.Result) {
	if len(result.Enrichment) == 0 {
		return
	}
	if err := r.enrichment.Keep(ctx, result.Enrichment); err != nil {
		r.report.Digest.Note("enrichment\x00"+l.Name(), func(held int) {
			r.logger.Error("Cannot store all of the enrichment", zap.String("plugin", l.Name()), zap.Int("others", held), zap.Error(err),
				zap.String("next", "where the key-value store is full, let plugins keep less, or for less long (enrichment_ttl); where it is a Redis, look at that"))
		})
	}
	r.telemetry.PanoptesEnrichmentGroups.Add(ctx, int64(len(result.Enrichment)), l.Report.Attr)
}

// quickRun is up to where a failed run says nothing about its resource: one that does not answer holds its place.
const quickRun = time.Second

// verdict is what a run says about its resource. A plugin that raises at once is mostly wrong itself; one that raises
// after a while waited for an answer.
func verdict(result run.Result) schedule.Verdict {
	switch result.Outcome {
	case run.OutcomeOK, run.OutcomeNone:
		return schedule.VerdictAlive
	case run.OutcomeTimeout, run.OutcomeBusy:
		return schedule.VerdictDead
	case run.OutcomeRaised, run.OutcomePanicked, run.OutcomeCrashed:
		if result.Duration >= quickRun {
			return schedule.VerdictDead
		}
	case run.OutcomeCanceled:
		return schedule.VerdictNone
	}
	return schedule.VerdictQuick
}

// missed counts slots in which a task did not run. The scheduler calls it, too.
func (r *panoptesReceiver) missed(t tasks.Target, slots int64) {
	r.report.Missed(t.Plugin.Report, slots)
}

// skipped counts runs that do not take place. The scheduler calls it.
func (r *panoptesReceiver) skipped(t tasks.Target, reason schedule.Reason) {
	r.report.Skipped(t.Plugin.Report, reason)
}

// stepped tells that the clock was set. The scheduler calls it.
func (r *panoptesReceiver) stepped(by time.Duration) {
	r.logger.Warn("The system's clock was set, or the system slept; runs keep their distance, and take their places by the new clock from their next run on",
		zap.Duration("by", by))
}

// withoutEmpty takes out the groups without metrics, which have no form in pdata (docs/mapping.md).
func (r *panoptesReceiver) withoutEmpty(ctx context.Context, t tasks.Target, groups []*pluginsdk.MetricsGroup) []*pluginsdk.MetricsGroup {
	kept := groups[:0]
	for _, g := range groups {
		if len(g.Metrics()) > 0 {
			kept = append(kept, g)
			continue
		}
		r.telemetry.PanoptesEmptyGroups.Add(ctx, 1, t.Plugin.Report.Attr)
		r.logger.Debug("Plugin returned a group without metrics, which is not sent",
			zap.String("plugin", t.Plugin.Name()), zap.String("resource", t.Resource.ID), zap.String("group", g.Type))
	}
	return kept
}

// emitPollingStatus sends how a run ended beside what it measured, where that is wanted.
func (r *panoptesReceiver) emitPollingStatus(t tasks.Target, v *tasks.Version, interval time.Duration, result *run.Result) {
	if !r.cfg.PollingStatus || r.emitter == nil || result.Outcome == run.OutcomeCanceled {
		return
	}
	g, err := report.PollingGroup(t.Plugin.Name(), t.Resource, interval, result)
	if err != nil { // a plugin's name that is no value of a dimension
		r.droppedPoints(run.DropInvalid, 1)
		return
	}
	scope := pdata.Scope{Plugin: v.Scope.Plugin, Topics: v.Scope.Topics, Units: report.PollingUnits}
	r.emitter.Add(&scope, []*pluginsdk.MetricsGroup{g})
}

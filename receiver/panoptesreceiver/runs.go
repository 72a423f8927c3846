package panoptesreceiver

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/plugin"
	"github.com/panoptes-otel/panoptes-otel/internal/plugin/pluginfile"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/store"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/schedule"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver/internal/batch"
)

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
	for _, r := range append([]schedule.Reason{reasonCached, reasonMoved}, schedule.Reasons...) {
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

// run runs one task and hands over what it returned. The scheduler calls it, from many goroutines.
func (r *panoptesReceiver) run(ctx context.Context, one schedule.Run[target]) schedule.Result {
	l, res := one.Value.plugin, one.Value.resource
	v := l.current.Load()
	request := v.request(res)
	if r.runners.Busy(request.Plugin, res) {
		r.missed(one.Value, 1) // an earlier run, given up at its deadline, still goes on
		return schedule.Result{Verdict: schedule.VerdictDead}
	}
	held, ok := r.hold(ctx, one, v)
	if !ok {
		r.skipped(one.Value, reasonMoved)
		return schedule.Result{}
	}
	defer held.end()
	if held != nil {
		ctx = held.ctx
	}
	name := nameOfRun(one, v)
	if one.First {
		r.tasks.runs.began(name, one.Due)
	}
	if r.tasks.runs.cached(v.plugin, name) {
		r.skipped(one.Value, reasonCached)
		return schedule.Result{}
	}
	begun := time.Now()
	r.telemetry.PanoptesRunLateness.Record(ctx, one.Lateness.Seconds(), l.attrs.plugin)
	tail := r.tailOf(&request)
	r.listen(&request, l, res)
	started := time.Now()
	result := r.runners.Run(ctx, request)
	gaveWay(ctx, &result)
	if held.settle(&result) {
		r.telemetry.PanoptesMovedRuns.Add(ctx, 1, l.attrs.plugin)
	}
	if len(result.Groups)+len(result.Resources)+len(result.Enrichment) > 0 {
		r.tasks.runs.had(v.plugin, name, begun)
	}
	r.telemetry.PanoptesRuns.Add(ctx, 1, l.attrs.outcome[result.Outcome])
	r.telemetry.PanoptesRunDuration.Record(ctx, result.Duration.Seconds(), l.attrs.plugin)
	r.usage(ctx, l, result)
	r.failures.note(one.Value, v, result)
	r.health.note(result)
	r.say(l, res, result)
	r.noteCheck(one.Value, result)
	r.dropped(ctx, v, one.Value, result.Dropped)
	var out made
	says := verdict(result)
	switch v.plugin.Type {
	case plugin.TypeDiscovery:
		r.discovered(ctx, l, result)
		says = schedule.VerdictNone // it says nothing about a resource
	case plugin.TypeEnrichment:
		r.enriched(ctx, l, result)
	default:
		result.Groups = r.withoutEmpty(ctx, one.Value, result.Groups)
		if r.history != nil {
			out.bytes = jsonBytes(result.Groups)
		}
		out.points = r.emit(ctx, v, l, result.Groups)
		r.emitPollingStatus(one.Value, v, request.Plugin.Interval, &result)
	}
	r.noteRun(endedRun{Run: one, Result: result, started: started, interval: request.Plugin.Interval, made: out, tail: tail})
	return schedule.Result{Verdict: says, Took: result.Duration}
}

// hold notes the begin of a run, where the fleet is shared; nil where it is not. It returns false where the run must not take
// place.
func (r *panoptesReceiver) hold(ctx context.Context, one schedule.Run[target], v *version) (*heldRun, bool) {
	if r.sharding == nil {
		return nil, true
	}
	n := r.tasks.shardOf(one.Value.resource)
	if v.plugin.Type == plugin.TypeDiscovery {
		if !r.tasks.once {
			return nil, true // each Collector discovers for itself
		}
		n = r.tasks.shardOfName(one.Value.plugin.name)
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
func (r *panoptesReceiver) emit(ctx context.Context, v *version, l *loaded, groups []*pluginsdk.MetricsGroup) (points int) {
	if len(groups) == 0 {
		return 0
	}
	r.telemetry.PanoptesGroups.Add(ctx, int64(len(groups)), l.attrs.plugin)
	if r.emitter == nil {
		for _, g := range groups {
			r.droppedPoints(reasonNoPipeline, len(g.Metrics()))
		}
		return 0
	}
	points = r.emitter.Add(&v.scope, groups)
	r.telemetry.PanoptesDataPoints.Add(ctx, int64(points), l.attrs.plugin)
	return points
}

// reasonCached: the plugin's last results are younger than its results_cache_age.
const reasonCached = schedule.Reason("cached")

// nameOfRun is the name of a run's task where it is needed.
func nameOfRun(r schedule.Run[target], v *version) taskName {
	switch {
	case !r.First && v.plugin.File.ResultsCacheAge <= 0:
		return taskName{}
	case v.plugin.Type == plugin.TypeDiscovery:
		return nameOf([]byte(pluginfile.TaskName(v.plugin.File, nil)))
	}
	return nameOf(pluginfile.AppendTaskName(nil, v.plugin.File, r.Value.resource))
}

// request asks for a run of the plugin as it is against a resource.
func (v *version) request(res *pluginsdk.Resource) run.Request {
	request := run.Request{Plugin: v.plugin, Resource: res}
	if p, _ := v.layered.Selected(res); p != v.plugin {
		request.Plugin, request.Config = p, p.File.Config
	}
	return request
}

// usage records what a run cost.
func (r *panoptesReceiver) usage(ctx context.Context, l *loaded, result run.Result) {
	if result.CPU > 0 {
		r.telemetry.PanoptesRunCPUTime.Record(ctx, result.CPU.Seconds(), l.attrs.plugin)
	}
	if result.PeakMemory > 0 {
		r.telemetry.PanoptesRunPeakMemory.Record(ctx, result.PeakMemory, l.attrs.plugin)
	}
}

// discovered hands what a discovery plugin found to the store of resources. Where it found nothing, or failed, what it
// found before stays for its time to live, as in Panoptes.
func (r *panoptesReceiver) discovered(ctx context.Context, l *loaded, result run.Result) {
	source := l.source.Load()
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
		r.telemetry.PanoptesDiscoveredResources.Add(ctx, int64(len(result.Resources)), l.attrs.plugin)
	}
}

// publishFor bounds how long a resource set may take to be written.
const publishFor = 10 * time.Second

// publish puts what a discovery plugin found where all receivers read it. Where that fails, what was found before stays for
// its time to live.
func (r *panoptesReceiver) publish(ctx context.Context, l *loaded, source *store.Source, found []*pluginsdk.Resource) {
	ctx, cancel := context.WithTimeout(ctx, publishFor)
	defer cancel()
	p := l.current.Load().plugin
	err := r.sets.Write(ctx, p.File.NormalizedName, p.Version, found)
	if err == nil {
		source.Mend()
		return
	}
	source.Fail(err)
	r.reloadError("resources")()
	r.failures.digest.Note("publish\x00"+l.name, func(held int) {
		r.logger.Error("Cannot publish all discovered resources; what was found before stays for its times to live",
			zap.String("plugin", l.name), zap.Int("others", held), zap.Error(err),
			zap.String("next", "look at resources::kafka's brokers, topics and permissions; it is tried again when the plugin runs next"))
	})
}

// enriched stores what an enrichment plugin found out.
func (r *panoptesReceiver) enriched(ctx context.Context, l *loaded, result run.Result) {
	if len(result.Enrichment) == 0 {
		return
	}
	if err := r.enrichment.Keep(ctx, result.Enrichment); err != nil {
		r.failures.digest.Note("enrichment\x00"+l.name, func(held int) {
			r.logger.Error("Cannot store all of the enrichment", zap.String("plugin", l.name), zap.Int("others", held), zap.Error(err),
				zap.String("next", "where the key-value store is full, let plugins keep less, or for less long (enrichment_ttl); where it is a Redis, look at that"))
		})
	}
	r.telemetry.PanoptesEnrichmentGroups.Add(ctx, int64(len(result.Enrichment)), l.attrs.plugin)
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
func (r *panoptesReceiver) missed(t target, slots int64) {
	r.telemetry.PanoptesMissedSlots.Add(context.Background(), slots, t.plugin.attrs.plugin)
}

// skipped counts runs that do not take place. The scheduler calls it.
func (r *panoptesReceiver) skipped(t target, reason schedule.Reason) {
	r.telemetry.PanoptesSkippedRuns.Add(context.Background(), 1, t.plugin.attrs.skipped[reason])
}

// stepped tells that the clock was set. The scheduler calls it.
func (r *panoptesReceiver) stepped(by time.Duration) {
	r.logger.Warn("The system's clock was set, or the system slept; runs keep their distance, and take their places by the new clock from their next run on",
		zap.Duration("by", by))
}

// withoutEmpty takes out the groups without metrics, which have no form in pdata (docs/mapping.md).
func (r *panoptesReceiver) withoutEmpty(ctx context.Context, t target, groups []*pluginsdk.MetricsGroup) []*pluginsdk.MetricsGroup {
	kept := groups[:0]
	for _, g := range groups {
		if len(g.Metrics()) > 0 {
			kept = append(kept, g)
			continue
		}
		r.telemetry.PanoptesEmptyGroups.Add(ctx, 1, t.plugin.attrs.plugin)
		r.logger.Debug("Plugin returned a group without metrics, which is not sent",
			zap.String("plugin", t.plugin.name), zap.String("resource", t.resource.ID), zap.String("group", g.Type))
	}
	return kept
}

// dropped counts what was taken out of a result, and logs each kind of it once a version of the plugin.
func (r *panoptesReceiver) dropped(ctx context.Context, v *version, t target, drops []run.Drop) {
	for _, d := range drops {
		r.telemetry.PanoptesDroppedGroups.Add(ctx, int64(1+d.More), t.plugin.attrs.dropped[d.Reason])
		if !v.drops.first(d) {
			continue
		}
		if d.Reason == run.DropNotFetched {
			r.logger.Warn("A device did not answer all that a plugin asks of it; what is missing is counted from now on",
				zap.String("plugin", t.plugin.name), zap.String("resource", t.resource.ID), zap.String("group", d.Group),
				zap.String("metric", d.Metric), zap.Error(d.Err))
		} else {
			r.logger.Warn("Plugin returned data that breaks a rule; it is dropped, and counted from now on",
				zap.String("plugin", t.plugin.name), zap.String("resource", t.resource.ID), zap.String("group", d.Group),
				zap.String("metric", d.Metric), zap.String("reason", d.Reason), zap.Error(d.Err),
				zap.String("next", "fix the plugin as the error says: a change is taken without restart"))
		}
	}
}

// droppedPoints counts data points that did not reach the pipeline.
func (r *panoptesReceiver) droppedPoints(reason string, n int) {
	r.telemetry.PanoptesDroppedDataPoints.Add(context.Background(), int64(n),
		metric.WithAttributeSet(attribute.NewSet(attribute.String("reason", reason))))
}

// traceback is the plugin's own part of an error, for the log.
func traceback(err error) []zap.Field {
	var raised *run.PluginError
	if errors.As(err, &raised) && raised.Traceback != "" {
		return []zap.Field{zap.String("traceback", raised.Traceback)}
	}
	return nil
}

package panoptesreceiver

import (
	"context"
	"sync/atomic"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver/receiverhelper"

	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/run/runlog"
	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver/internal/batch"
)

// pluginLogs is what plugins log, on its way to a pipeline of logs.
type pluginLogs struct {
	next    consumer.Logs // nil where the receiver stands in no such pipeline
	emitter *batch.Logs   // from Start on, where there is next
}

// startPluginLogs opens the way to the pipeline of logs, if there is one.
func (r *panoptesReceiver) startPluginLogs(obs *receiverhelper.ObsReport) {
	if r.pluginLogs.next == nil {
		return
	}
	r.pluginLogs.emitter = batch.NewLogs(batch.LogsSettings{
		Next: r.pluginLogs.next, Obs: obs, Mapping: pdata.Options{ServiceIdentity: r.cfg.ServiceIdentity},
		MaxDelay: r.cfg.Emit.MaxDelay, Logger: r.logger,
	})
}

// droppedLogs counts lines of a plugin that did not reach the pipeline.
func (r *panoptesReceiver) droppedLogs(l *loaded, reason string, lines int) {
	r.telemetry.PanoptesDroppedLogRecords.Add(context.Background(), int64(lines), l.attrs.droppedLogs[reason])
}

// listen lets a run's lines come to the pipeline of logs, beside whoever takes them already.
func (r *panoptesReceiver) listen(request *run.Request, l *loaded, res *pluginsdk.Resource) {
	if r.pluginLogs.emitter == nil {
		return
	}
	res = resourceOrNone(res)
	said, other := new(atomic.Int64), request.Log
	request.Log = func(line runlog.Line) {
		if other != nil {
			other(line)
		}
		if said.Add(1) > batch.MaxPerRun {
			l.speaker.Dropped(batch.ReasonRunLimit, 1)
			return
		}
		r.pluginLogs.emitter.Say(l.speaker, res, line)
	}
}

// say puts a line for a run that failed beside those of the plugin.
func (r *panoptesReceiver) say(l *loaded, res *pluginsdk.Resource, result run.Result) {
	if r.pluginLogs.emitter != nil && result.Outcome.Failed() && result.Outcome != run.OutcomeCanceled {
		r.pluginLogs.emitter.Fail(l.speaker, resourceOrNone(res), result.RunID, batch.Failure{Outcome: result.Outcome, Err: result.Err})
	}
}

// resourceOrNone is the resource that a line is about, nil for discovery.
func resourceOrNone(res *pluginsdk.Resource) *pluginsdk.Resource {
	if res == noResource {
		return nil
	}
	return res
}

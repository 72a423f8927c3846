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
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver/internal/logemit"
)

// words is what plugins say, on its way to a pipeline of logs.
type words struct {
	next    consumer.Logs    // nil where the receiver stands in no such pipeline
	emitter *logemit.Emitter // from Start on, where there is next
}

// startWords opens the way to the pipeline of logs, if there is one.
func (r *panoptesReceiver) startWords(obs *receiverhelper.ObsReport) {
	if r.words.next == nil {
		return
	}
	r.words.emitter = logemit.New(logemit.Settings{
		Next: r.words.next, Obs: obs, Mapping: pdata.Options{ServiceIdentity: r.cfg.ServiceIdentity},
		MaxDelay: r.cfg.Emit.MaxDelay, Logger: r.logger,
	})
}

// unheard counts lines of a plugin that did not reach the pipeline.
func (r *panoptesReceiver) unheard(l *loaded, reason string, lines int) {
	r.telemetry.PanoptesDroppedLogRecords.Add(context.Background(), int64(lines), l.attrs.unheard[reason])
}

// listen lets a run's lines come to the pipeline of logs, beside whoever takes them already.
func (r *panoptesReceiver) listen(request *run.Request, l *loaded, res *pluginsdk.Resource) {
	if r.words.emitter == nil {
		return
	}
	res = spokenOf(res)
	said, other := new(atomic.Int64), request.Log
	request.Log = func(line runlog.Line) {
		if other != nil {
			other(line)
		}
		if said.Add(1) > logemit.MaxPerRun {
			l.speaker.Dropped(logemit.ReasonRunLimit, 1)
			return
		}
		r.words.emitter.Say(l.speaker, res, line)
	}
}

// say puts a line for a run that failed beside those of the plugin.
func (r *panoptesReceiver) say(l *loaded, res *pluginsdk.Resource, result run.Result) {
	if r.words.emitter != nil && result.Outcome.Failed() && result.Outcome != run.OutcomeCanceled {
		r.words.emitter.Fail(l.speaker, spokenOf(res), result.RunID, logemit.Failure{Outcome: result.Outcome, Err: result.Err})
	}
}

// spokenOf is the resource that a line is about, nil for discovery.
func spokenOf(res *pluginsdk.Resource) *pluginsdk.Resource {
	if res == noResource {
		return nil
	}
	return res
}

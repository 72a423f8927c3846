package panoptesreceiver

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/engine"
	"github.com/panoptes-otel/panoptes-otel/internal/schedule"
	"github.com/panoptes-otel/panoptes-otel/internal/status"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver/internal/tasks"
)

// observe lets the metrics about what is held be read.
func (r *panoptesReceiver) observe() error {
	observe := func(value func() int) metric.Int64Callback {
		return func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(int64(value()))
			return nil
		}
	}
	return errors.Join(
		r.observeSNMP(),
		r.observePlaces(),
		r.telemetry.RegisterPanoptesRunningCallback(observe(r.scheduler.Running)),
		r.telemetry.RegisterPanoptesResourcesUnreachableCallback(observe(r.scheduler.Broken)),
		r.telemetry.RegisterPanoptesTasksCallback(observe(r.scheduler.Len)),
		r.telemetry.RegisterPanoptesPluginsCallback(observe(func() int { plugins, _ := r.tasks.Counts(); return plugins })),
		r.telemetry.RegisterPanoptesResourcesCallback(observe(func() int { _, resources := r.tasks.Counts(); return resources })),
	)
}

// classNames are what classes are called in metrics and on pages, and classSettings what bounds their places.
var (
	classNames    = [...]string{tasks.ClassGo: "go", tasks.ClassPython: "python", tasks.ClassProcess: "process", tasks.ClassExec: "exec", tasks.ClassSNMP: "snmp"}
	classSettings = [...]string{
		tasks.ClassGo: settingAll, tasks.ClassPython: "python::max_workers", tasks.ClassProcess: settingAll, tasks.ClassExec: "processes::max_exec", tasks.ClassSNMP: "",
	}
)

// settingAll bounds the runs of all classes together.
const settingAll = "max_concurrent_runs"

// classAttrs are the attribute sets of classes.
var classAttrs = func() (sets [len(classNames)]metric.MeasurementOption) {
	for i, name := range classNames {
		sets[i] = metric.WithAttributeSet(attribute.NewSet(attribute.String("class", name)))
	}
	return sets
}()

// places tells how many places for runs there are, in use, and wanted, by class, and then of each plugin whose runs wait as no more of
// that one may go on at once.
func (r *panoptesReceiver) places() []status.Places {
	usage := r.scheduler.Usage()
	all := make([]status.Places, len(usage))
	for i, u := range usage {
		all[i] = status.Places{
			Class: classNames[i], Places: u.Places, Used: u.Used, Wanted: u.Wanted, Short: u.Short, Setting: classSettings[i],
		}
		if u.Common {
			all[i].Setting = settingAll
		}
	}
	for _, s := range r.tasks.Shortages() {
		all = append(all, status.Places{
			Class: classNames[s.Class], Plugin: s.Plugin, Places: s.Places, Used: s.Used, Wanted: s.Wanted, Short: true, Setting: s.Setting,
		})
	}
	return all
}

// observePlaces lets the metrics about places be read.
func (r *panoptesReceiver) observePlaces() error {
	observe := func(value func(schedule.Usage) int) metric.Int64Callback {
		return func(_ context.Context, o metric.Int64Observer) error {
			for i, u := range r.scheduler.Usage() {
				o.Observe(int64(value(u)), classAttrs[i])
			}
			return nil
		}
	}
	return errors.Join(
		r.telemetry.RegisterPanoptesPlacesCallback(observe(func(u schedule.Usage) int { return u.Places })),
		r.telemetry.RegisterPanoptesPlacesUsedCallback(observe(func(u schedule.Usage) int { return u.Used })),
		r.telemetry.RegisterPanoptesPlacesWantedCallback(observe(func(u schedule.Usage) int { return u.Wanted })),
	)
}

// droppedOverflow: packets came faster than they were taken, so the system had no room for them.
const droppedOverflow = "overflow"

// observeSNMP lets the metrics about SNMP be read.
func (r *panoptesReceiver) observeSNMP() error {
	count := func(of func(engine.Counters) uint64) metric.Int64Callback {
		return func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(int64(of(r.snmp.Counters())))
			return nil
		}
	}
	sent := metric.WithAttributeSet(attribute.NewSet(attribute.String("direction", "sent")))
	received := metric.WithAttributeSet(attribute.NewSet(attribute.String("direction", "received")))
	return errors.Join(
		r.telemetry.RegisterPanoptesSnmpPacketsCallback(func(_ context.Context, o metric.Int64Observer) error {
			all := r.snmp.Counters()
			o.Observe(int64(all.Sent), sent)
			o.Observe(int64(all.Received), received)
			return nil
		}),
		r.telemetry.RegisterPanoptesSnmpDroppedPacketsCallback(func(_ context.Context, o metric.Int64Observer) error {
			all := r.snmp.Counters()
			all.Dropped[droppedOverflow] = all.Overflows
			for reason, n := range all.Dropped {
				if n > 0 {
					o.Observe(int64(n), metric.WithAttributeSet(attribute.NewSet(attribute.String("reason", reason))))
				}
			}
			return nil
		}),
		r.telemetry.RegisterPanoptesSnmpRetriesCallback(count(func(c engine.Counters) uint64 { return c.Retries })),
		r.telemetry.RegisterPanoptesSnmpUnansweredCallback(count(func(c engine.Counters) uint64 { return c.GivenUp })),
		r.telemetry.RegisterPanoptesSnmpInFlightCallback(count(func(c engine.Counters) uint64 { return uint64(c.InFlight) })),
	)
}

// reloadError returns what counts a broken change.
func (r *panoptesReceiver) reloadError(source string) func() {
	attrs := metric.WithAttributeSet(attribute.NewSet(attribute.String("source", source)))
	return func() { r.telemetry.PanoptesReloadErrors.Add(context.Background(), 1, attrs) }
}

// droppedPoints counts data points that did not reach the pipeline.
func (r *panoptesReceiver) droppedPoints(reason string, n int) {
	r.telemetry.PanoptesDroppedDataPoints.Add(context.Background(), int64(n),
		metric.WithAttributeSet(attribute.NewSet(attribute.String("reason", reason))))
}

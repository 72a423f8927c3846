package panoptesreceiver

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
	"github.com/panoptes-otel/panoptes-otel/internal/logs"
	"github.com/panoptes-otel/panoptes-otel/internal/resource"
	"github.com/panoptes-otel/panoptes-otel/internal/resource/store"
	"github.com/panoptes-otel/panoptes-otel/internal/run"
	"github.com/panoptes-otel/panoptes-otel/internal/run/child"
	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi"
	"github.com/panoptes-otel/panoptes-otel/internal/run/hostapi/kv"
	"github.com/panoptes-otel/panoptes-otel/internal/run/snmp/engine"
	"github.com/panoptes-otel/panoptes-otel/internal/run/workers"
	"github.com/panoptes-otel/panoptes-otel/internal/schedule"
	"github.com/panoptes-otel/panoptes-otel/internal/scratch"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver/internal/batch"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver/internal/metadata"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver/internal/plugindir"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver/internal/report"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver/internal/resourcekeys"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver/internal/sources"
	"github.com/panoptes-otel/panoptes-otel/receiver/panoptesreceiver/internal/tasks"
)

// shutdownGrace is how long Shutdown waits for runs under way, so that what they return is not lost. Longer ones are
// ended: a service manager would soon end the whole Collector.
const shutdownGrace = 10 * time.Second

// panoptesReceiver joins the parts: plugins and resources tell which tasks there are, the scheduler runs them, the emitter
// sends what they return.
type panoptesReceiver struct {
	set        receiver.Settings
	cfg        *Config
	next       consumer.Metrics // nil where the receiver stands in no pipeline of metrics
	pluginLogs consumer.Logs    // nil where it stands in no pipeline of logs
	logger     *zap.Logger
	telemetry  *metadata.TelemetryBuilder
	report     *report.Report

	// From Start to Shutdown.
	runners    *run.Runner
	room       run.Room
	snmp       *engine.Engine
	emitter    *batch.Metrics // nil where there is no next
	scheduler  *schedule.Scheduler[tasks.Target]
	tasks      *tasks.Tasks
	store      *store.Store
	kv         *kv.Store // nil where keys are kept outside of the Collector, in shared
	shared     hostapi.Shared
	enrichment hostapi.Enrichment
	known      hostapi.Resources // what plugins can read
	keeping    *keeping
	// resourceKeys is nil where nothing is shared.
	resourceKeys *resourcekeys.Keys
	sharding     *sharding
	sets         *sources.SetWriter // of what plugins discover; nil where that stays here
	publisher    *sources.Publisher // of what sources list; nil where that stays here
	plugins      *plugindir.Plugins
	hide         []func()           // take the receiver off the boards
	snapshots    *scratch.Folder    // of copied modules
	cancel       context.CancelFunc // of what goes on in the background
	background   sync.WaitGroup
	stop         sync.Once
	stopped      error
}

func newReceiver(set receiver.Settings, cfg *Config) (*panoptesReceiver, error) {
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	logger := logs.WithoutStacks(set.Logger)
	return &panoptesReceiver{
		set: set, cfg: cfg, logger: logger, telemetry: telemetry, room: run.NewRoom(),
		report: report.New(telemetry, logger, cfg.Status.FailingShare, cfg.Status.Window),
	}, nil
}

// Start implements component.Component. Plugins and resources are loaded in the background: one that hangs while it is
// loaded must not hold up the Collector.
func (r *panoptesReceiver) Start(ctx context.Context, host component.Host) error {
	plugins, err := r.pluginSettings()
	if err != nil {
		return err
	}
	obs, err := receiverhelper.NewObsReport(receiverhelper.ObsReportSettings{ReceiverID: r.set.ID, ReceiverCreateSettings: r.set})
	if err != nil {
		return err
	}
	if plugins.SnapshotDir, err = r.openRunners(host); err != nil {
		return err
	}
	pressure := r.startEmitter(obs)
	r.startPluginLogs(obs)
	if err := r.openTasks(pressure); err != nil {
		return err
	}
	if err := r.observe(); err != nil {
		return err
	}
	providers, err := r.openSources(ctx, host)
	if err != nil {
		return err
	}
	if err := r.join(host); err != nil {
		return err
	}
	if err := r.openStorage(ctx, host); err != nil {
		return err
	}
	if r.sharding != nil {
		r.restoreEnrichment()
	}
	plugins.Changed, plugins.Check = r.tasks.SetPlugins, r.runners.Load
	r.plugins = plugindir.NewPlugins(plugins)
	r.show(host)
	r.report.Health.Attach(host)
	r.scheduler.Start()
	r.goOn(providers)
	return nil
}

// SNMPPlaces is how many runs that poll by SNMP may be under way. Each costs a goroutine; what is sent is bounded elsewhere.
const SNMPPlaces = 4096

// openTasks makes the store of resources, the scheduler and its tasks, of which there are none yet.
func (r *panoptesReceiver) openTasks(pressure func() time.Duration) error {
	rules, err := r.cfg.Plugins.Rules()
	if err != nil {
		return err
	}
	resources, err := r.cfg.Resources.storeSettings()
	if err != nil {
		return err
	}
	resources.Logger, resources.Changed, resources.Left = r.logger, r.resourcesChanged, r.resourcesLeft
	resources.Refused = r.reloadError("resources")
	r.store = store.New(resources)
	r.scheduler = schedule.New(schedule.Settings[tasks.Target]{
		MaxConcurrent: r.cfg.MaxConcurrentRuns,
		Classes: []schedule.Class{
			tasks.ClassGo:      {Places: r.cfg.MaxConcurrentRuns},
			tasks.ClassPython:  {Places: r.cfg.workers() * workers.RunsPerWorker, Ahead: workers.RunsPerWorker},
			tasks.ClassProcess: {Places: r.cfg.MaxConcurrentRuns},
			tasks.ClassExec:    {Places: r.cfg.Processes.MaxExec},
			tasks.ClassSNMP:    {Places: SNMPPlaces, Apart: true},
		},
		Breaker: schedule.Breaker{
			Failures: r.cfg.Breaker.Failures, Backoff: r.cfg.Breaker.Backoff, MaxBackoff: r.cfg.Breaker.MaxBackoff,
		},
		Run: r.run, Missed: r.missed, Skipped: r.skipped, Pressure: pressure, Stepped: r.stepped,
	})
	limits := r.cfg.Limits
	r.tasks = tasks.New(tasks.Settings{
		Scheduler: r.scheduler, Report: r.report, Runner: r.runners, Store: r.store, Rules: rules, Logger: r.logger,
		PerResource: limits.PerResource, PerEndpoint: limits.PerEndpoint, PerPlugin: limits.PerPlugin,
	})
	return nil
}

// goOn starts what goes on in the background until Shutdown.
func (r *panoptesReceiver) goOn(providers []resource.Provider) {
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	if r.keeping != nil {
		r.background.Go(func() { r.keeping.run(ctx) })
	}
	r.background.Go(func() { r.report.Health.Run(ctx) })
	r.background.Go(func() { r.report.WatchPlaces(ctx, r.places, r.scheduler.Len) })
	r.background.Go(func() { child.SweepOrphans(ctx, r.orphan) })
	if r.resourceKeys != nil {
		r.background.Go(func() { r.resourceKeys.Run(ctx) })
	}
	for _, one := range providers {
		r.background.Go(func() { one.Run(ctx, r.store) })
	}
	if r.publisher != nil {
		r.background.Go(func() { r.publisher.Run(ctx, r.store) })
	}
	r.background.Go(func() { r.store.Run(ctx) })
	r.background.Go(func() { r.plugins.Run(ctx) })
	r.background.Go(func() { r.watchWarnings(ctx) })
}

// startPluginLogs opens the way to the pipeline of logs, if there is one.
func (r *panoptesReceiver) startPluginLogs(obs *receiverhelper.ObsReport) {
	if r.pluginLogs == nil {
		return
	}
	r.report.Logs = batch.NewLogs(batch.LogsSettings{
		Next: r.pluginLogs, Obs: obs, Mapping: pdata.Options{ServiceIdentity: r.cfg.ServiceIdentity},
		MaxDelay: r.cfg.Emit.MaxDelay, Logger: r.logger,
	})
}

// startEmitter opens the way to the pipeline of metrics, and returns what says how much the pipeline holds it up. Without
// such a pipeline runs go on for the sake of what plugins say and discover, and their groups are dropped and counted.
func (r *panoptesReceiver) startEmitter(obs *receiverhelper.ObsReport) (pressure func() time.Duration) {
	if r.next == nil {
		r.logger.Warn("The receiver stands in no pipeline of metrics: plugins run, and what they measure is dropped",
			zap.String("next", "list the receiver under service::pipelines::metrics, too"))
		return nil
	}
	r.emitter = batch.NewMetrics(batch.MetricsSettings{
		Next: r.next, Obs: obs, Mapping: pdata.Options{ServiceIdentity: r.cfg.ServiceIdentity},
		MaxDelay: r.cfg.Emit.MaxDelay, MaxPoints: r.cfg.Emit.MaxPoints, Logger: r.logger, Dropped: r.droppedPoints,
	})
	return r.emitter.Pressure
}

// Shutdown implements component.Component: nothing new starts, runs under way may end, and what they return is sent.
func (r *panoptesReceiver) Shutdown(ctx context.Context) error {
	r.stop.Do(func() { r.stopped = r.shutdown(ctx) })
	return r.stopped
}

func (r *panoptesReceiver) shutdown(ctx context.Context) error {
	defer r.telemetry.Shutdown()
	r.report.Health.Attach(nil)
	for _, hide := range r.hide {
		hide()
	}
	r.sharding.quit()
	ctx, cancel := context.WithTimeout(ctx, shutdownGrace)
	defer cancel()
	var errs []error
	if r.cancel != nil {
		r.cancel()
		errs = append(errs, r.awaitBackground(ctx))
	}
	if r.emitter != nil {
		r.emitter.Hurry()
		defer context.AfterFunc(ctx, r.emitter.Abandon)()
	}
	if r.scheduler != nil {
		r.scheduler.Stop(ctx)
	}
	if r.emitter != nil {
		r.emitter.Stop()
	}
	r.closeWriters()
	r.report.Stop()
	if r.runners != nil {
		// The grace is for runs; workers get their own moment to end.
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
		defer cancel()
		errs = append(errs, r.runners.Close(last))
		child.Sweep(r.orphan)
	}
	if r.snmp != nil {
		errs = append(errs, r.snmp.Close())
	}
	if r.keeping != nil {
		r.tasks.Stop()
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
		defer cancel()
		errs = append(errs, r.keeping.close(last))
	}
	if r.report.Logs != nil {
		r.report.Logs.Stop() // workers have ended, so no line comes any more
	}
	if r.snapshots != nil {
		errs = append(errs, r.snapshots.Close())
	}
	return errors.Join(errs...)
}

// awaitBackground waits for what goes on in the background, half of the time that there is: a file system that does not answer
// must not keep runs from ending well.
func (r *panoptesReceiver) awaitBackground(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, shutdownGrace/2)
	defer cancel()
	ended := make(chan struct{})
	go func() {
		r.background.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return errors.New("plugins or resources are still being read: a file system does not answer, or a list is very large")
	}
}

package panoptesreceiver

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/schedule"
	"github.com/panoptes-otel/panoptes-otel/internal/status"
)

const (
	// capacityEvery is how often the places are looked at.
	capacityEvery = 10 * time.Second
	// capacityLooks is at how many looks in a row places must be short before that is said.
	capacityLooks = 3
	// capacityRepeat is how often it is said again while they are.
	capacityRepeat = time.Minute
	// lateTasks is the share of all tasks that must wait for a place for the component's status to be an error.
	lateTasks = 0.5
)

// classNames are what classes are called in metrics and on pages, and classSettings what bounds their places.
var (
	classNames    = [...]string{classGo: "go", classPython: "python", classProcess: "process", classExec: "exec", classSNMP: "snmp"}
	classSettings = [...]string{
		classGo: settingAll, classPython: "python::max_workers", classProcess: settingAll, classExec: "processes::max_exec", classSNMP: "",
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

// places tells how many places for runs there are, in use, and wanted, by class.
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
	for _, err := range []error{
		r.telemetry.RegisterPanoptesPlacesCallback(observe(func(u schedule.Usage) int { return u.Places })),
		r.telemetry.RegisterPanoptesPlacesUsedCallback(observe(func(u schedule.Usage) int { return u.Used })),
		r.telemetry.RegisterPanoptesPlacesWantedCallback(observe(func(u schedule.Usage) int { return u.Wanted })),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}

// capacity says when runs wait for places. It belongs to one goroutine.
type capacity struct {
	short [len(classNames)]int // looks in a row
	said  [len(classNames)]time.Time
}

// watchCapacity looks at the places from time to time, until ctx ends.
func (r *panoptesReceiver) watchCapacity(ctx context.Context) {
	ticker := time.NewTicker(capacityEvery)
	defer ticker.Stop()
	var c capacity
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			r.health.set(troublePlaces, c.look(r.places(), r.scheduler.Len(), now, r.logger))
		}
	}
}

// look logs which places are short, once a minute. The error says that most tasks wait for one.
func (c *capacity) look(all []status.Places, tasks int, now time.Time, logger *zap.Logger) error {
	waiting := 0
	var worst status.Places
	for i, p := range all {
		if !p.Short {
			c.short[i], c.said[i] = 0, time.Time{}
			continue
		}
		c.short[i]++
		if c.short[i] < capacityLooks {
			continue
		}
		waits := p.Wanted - p.Used
		waiting += waits
		if waits > worst.Wanted-worst.Used {
			worst = p
		}
		if now.Sub(c.said[i]) < capacityRepeat {
			continue
		}
		c.said[i] = now
		logger.Warn("Runs wait for a place", zap.String("class", p.Class), zap.Int("places", p.Places), zap.Int("wanted", p.Wanted),
			zap.String("next", nextPlaces(p)))
	}
	if tasks == 0 || float64(waiting) < lateTasks*float64(tasks) {
		return nil
	}
	return fmt.Errorf("%d of %d tasks are late, as all places for runs of %s plugins are taken: %s", waiting, tasks, worst.Class, nextPlaces(worst))
}

// nextPlaces says what to do where places are short.
func nextPlaces(p status.Places) string {
	next := "see which plugin's runs take long (panoptes top), or let plugins run less often"
	if p.Setting == "" {
		return next
	}
	return "raise " + p.Setting + ", or " + next
}

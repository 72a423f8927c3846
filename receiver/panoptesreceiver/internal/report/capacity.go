package report

import (
	"context"
	"fmt"
	"maps"
	"time"

	"go.uber.org/zap"

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

// shortage is how long places have been short.
type shortage struct {
	looks  int       // in a row
	logged time.Time // zero: not yet
}

// WatchPlaces looks at the places for runs from time to time, until ctx ends. tasks returns how many tasks there are.
func (r *Report) WatchPlaces(ctx context.Context, places func() []status.Places, tasks func() int) {
	ticker := time.NewTicker(capacityEvery)
	defer ticker.Stop()
	c := capacity{}
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			r.Health.Set(problemPlaces, c.look(places(), tasks(), now, r.logger))
		}
	}
}

// capacity says when runs wait for places, by whose they are. It belongs to one goroutine.
type capacity map[string]shortage

// look logs which places are short, once a minute. The error says that most tasks wait for one.
func (c capacity) look(all []status.Places, tasks int, now time.Time, logger *zap.Logger) error {
	waiting := 0
	var worst status.Places
	full := map[string]bool{} // by whose they are
	for _, p := range all {
		if !p.Short {
			continue
		}
		of := p.Of()
		full[of] = true
		short := c[of]
		short.looks++
		c[of] = short
		if short.looks < capacityLooks {
			continue
		}
		waits := p.Wanted - p.Used
		if class := (status.Places{Class: p.Class}); p.Plugin != "" && full[class.Of()] {
			waits = 0 // they are counted with their class
		}
		waiting += waits
		if waits > worst.Wanted-worst.Used {
			worst = p
		}
		if now.Sub(short.logged) < capacityRepeat {
			continue
		}
		c[of] = shortage{short.looks, now}
		fields := []zap.Field{zap.String("class", p.Class), zap.Int("places", p.Places), zap.Int("wanted", p.Wanted), zap.String("next", p.Next())}
		if p.Plugin != "" {
			fields = append(fields, zap.String("plugin", p.Plugin))
		}
		logger.Warn("Runs wait for a place", fields...)
	}
	maps.DeleteFunc(c, func(of string, _ shortage) bool { return !full[of] })
	if tasks == 0 || float64(waiting) < lateTasks*float64(tasks) {
		return nil
	}
	return fmt.Errorf("%d of %d tasks are late, as all places for runs of %s are taken: %s", waiting, tasks, worst.Of(), worst.Next())
}

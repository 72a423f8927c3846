package report

import (
	"context"
	"fmt"
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

// shortage is how long the places of a class of plugins have been short.
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

// capacity says when runs wait for places, by class. It belongs to one goroutine.
type capacity map[string]shortage

// look logs which places are short, once a minute. The error says that most tasks wait for one.
func (c capacity) look(all []status.Places, tasks int, now time.Time, logger *zap.Logger) error {
	waiting := 0
	var worst status.Places
	for _, p := range all {
		if !p.Short {
			delete(c, p.Class)
			continue
		}
		short := c[p.Class]
		short.looks++
		c[p.Class] = short
		if short.looks < capacityLooks {
			continue
		}
		waits := p.Wanted - p.Used
		waiting += waits
		if waits > worst.Wanted-worst.Used {
			worst = p
		}
		if now.Sub(short.logged) < capacityRepeat {
			continue
		}
		c[p.Class] = shortage{short.looks, now}
		logger.Warn("Runs wait for a place", zap.String("class", p.Class), zap.Int("places", p.Places), zap.Int("wanted", p.Wanted),
			zap.String("next", p.Next()))
	}
	if tasks == 0 || float64(waiting) < lateTasks*float64(tasks) {
		return nil
	}
	return fmt.Errorf("%d of %d tasks are late, as all places for runs of %s plugins are taken: %s", waiting, tasks, worst.Class, worst.Next())
}

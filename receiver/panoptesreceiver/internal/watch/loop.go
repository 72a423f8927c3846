// Package watch scans files when they may have changed, and says when what they became has lasted long enough to count.
package watch

import (
	"context"
	"time"

	"go.uber.org/zap"
)

// Loop has files scanned: at the start, when the system tells of a change in what is watched, when somebody asks, and every
// interval, since not every file system tells. All methods except Do belong to the goroutine of Run, which scans.
type Loop struct {
	pace
	watcher *watcher
	logger  *zap.Logger
	do      chan func()
}

// NewLoop returns a Loop. settle is how long a change must last before it counts.
func NewLoop(interval, settle time.Duration, logger *zap.Logger) *Loop {
	return &Loop{pace: pace{interval: interval, settle: settle}, logger: logger, do: make(chan func())}
}

// Run scans until ctx ends. For the first scan settle is 0: there is nothing yet to be kept.
func (l *Loop) Run(ctx context.Context, scan func(settle time.Duration)) {
	l.watcher = newWatcher(l.logger)
	defer l.watcher.close()
	timer := time.NewTimer(0)
	defer timer.Stop()
	scan(0)
	for {
		timer.Reset(time.Until(l.next))
		select {
		case <-ctx.Done():
			return
		case e := <-l.watcher.events():
			if l.watcher.matters(e) {
				l.Changed()
			}
		case err := <-l.watcher.errors():
			l.watcher.warn(err)
			l.Changed()
		case f := <-l.do:
			f()
		case <-timer.C:
			scan(l.settle)
		}
	}
}

// Do has Run call f, unless ctx ends before. It may be called from any goroutine except Run's.
func (l *Loop) Do(ctx context.Context, f func()) {
	select {
	case l.do <- f:
	case <-ctx.Done():
	}
}

// Begin notes that a scan begins, and says whether it is one of the interval.
func (l *Loop) Begin(now time.Time) (periodic bool) { return l.begin(now) }

// By asks for a scan at t, unless there is one before. The zero time asks for none.
func (l *Loop) By(t time.Time) { l.by(t) }

// Changed asks for a scan since something may have changed.
func (l *Loop) Changed() { l.changed(time.Now()) }

// Watch asks the system for changes to what is named, and to nothing else.
func (l *Loop) Watch(w What) {
	if l.watcher.watch(w) {
		l.Changed() // see what came in between
	}
}

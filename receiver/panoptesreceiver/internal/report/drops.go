package report

import (
	"context"
	"sync"

	"go.uber.org/zap"

	"github.com/panoptes-otel/panoptes-otel/internal/run"
)

// Drops remembers which kinds of drops of a version of a plugin were logged. The zero value has none.
type Drops struct {
	mu    sync.Mutex
	kinds map[dropKind]struct{}
}

type dropKind struct{ group, metric, reason string }

// maxDropKinds bounds Drops: names may come from data.
const maxDropKinds = 100

// first says whether a drop is of a new kind.
func (l *Drops) first(d run.Drop) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	kind := dropKind{d.Group, d.Metric, d.Reason}
	if _, ok := l.kinds[kind]; ok || len(l.kinds) >= maxDropKinds {
		return false
	}
	if l.kinds == nil {
		l.kinds = map[dropKind]struct{}{}
	}
	l.kinds[kind] = struct{}{}
	return true
}

// dropped counts what was taken out of a result, and logs each kind of it once a version of the plugin.
func (r *Report) dropped(ctx context.Context, s *Subject, drops []run.Drop) {
	for _, d := range drops {
		r.telemetry.PanoptesDroppedGroups.Add(ctx, int64(1+d.More), s.Plugin.attrs.dropped[d.Reason])
		if !s.Drops.first(d) {
			continue
		}
		fields := []zap.Field{
			zap.String("plugin", s.Plugin.Name), zap.String("resource", s.Resource.ID), zap.String("group", d.Group), zap.String("metric", d.Metric),
		}
		if d.Reason == run.DropNotFetched {
			r.logger.Warn("A device did not answer all that a plugin asks of it; what is missing is counted from now on",
				append(fields, zap.Error(d.Err))...)
		} else {
			r.logger.Warn("Plugin returned data that breaks a rule; it is dropped, and counted from now on",
				append(fields, zap.String("reason", d.Reason), zap.Error(d.Err),
					zap.String("next", "fix the plugin as the error says: a change is taken without restart"))...)
		}
	}
}

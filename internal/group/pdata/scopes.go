package pdata

import (
	"math"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// Walker reads groups out of pdata one scope at a time, for callers that read some scopes themselves. Groups of one
// resource share it, so Resource comes before its scopes. It is not safe for concurrent use.
type Walker struct {
	w *walker
}

// NewWalker returns a Walker with the settings of Groups.
func NewWalker(o FromOptions) *Walker {
	if o.DefaultInterval <= 0 || o.DefaultInterval > math.MaxInt32 {
		o.DefaultInterval = DefaultInterval
	}
	return &Walker{newWalker(o)}
}

// Resource begins a resource: the scopes that follow belong to it.
func (w *Walker) Resource(r pcommon.Resource) {
	w.w.resource = readResource(r.Attributes(), &w.w.opts.Defaults)
}

// Scope calls visit for each group of a scope, in order, and returns its error, which ends the scope.
func (w *Walker) Scope(sm pmetric.ScopeMetrics, visit func(Group) error) error {
	w.w.beginScope(sm.Scope())
	for _, m := range sm.Metrics().All() {
		w.w.metric(m)
	}
	return w.w.endScope(visit)
}

// Report returns what was dropped or degraded since the last call, and starts counting anew.
func (w *Walker) Report() Report {
	r := w.w.tally.report()
	w.w.tally = tally{}
	return r
}

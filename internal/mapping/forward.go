package mapping

import (
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// Scope is what is known of the plugin that made a group.
type Scope struct {
	// Plugin is the plugin's normalized name.
	Plugin string
	// Transforms is the text of its [transforms], one "K = rate:T:names" a line; "" where it has none.
	Transforms string
	// Topics is the text of its [topics] processed; "" where it has none.
	Topics string
}

// Options are the settings of a Builder.
type Options struct {
	// ServiceIdentity adds service.namespace, service.name and service.instance.id to each resource.
	ServiceIdentity bool
}

// Builder joins metrics groups into pdata. It is not safe for concurrent use.
type Builder struct {
	opts   Options
	md     pmetric.Metrics
	points int
	tally  tally
}

// NewBuilder returns an empty Builder.
func NewBuilder(opts Options) *Builder { return &Builder{opts: opts, md: pmetric.NewMetrics()} }

// Add adds a group and returns the number of data points it became. Values that pdata cannot hold are dropped, see
// Dropped; a group without any value left adds nothing. The group may be used again afterwards.
func (b *Builder) Add(_ Scope, _ *pluginsdk.MetricsGroup) (points int) { return 0 }

// Points is the number of data points since the last Take.
func (b *Builder) Points() int { return b.points }

// Dropped returns what was dropped or degraded since the last call, and starts counting anew.
func (b *Builder) Dropped() Report {
	r := b.tally.report()
	b.tally = tally{}
	return r
}

// Take returns what was added since the last Take. The caller owns it.
func (b *Builder) Take() pmetric.Metrics {
	md := b.md
	b.md, b.points = pmetric.NewMetrics(), 0
	return md
}

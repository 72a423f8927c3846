package status

import "go.opentelemetry.io/collector/component"

// Names of the links that stages tell of.
const (
	LinkTransforms = "transforms"
	LinkExporter   = "exporter"
	// LinkPipeline is what is known of exporters that tell of no plugin: whether what stands behind a stage took the data.
	LinkPipeline = "pipeline"
)

// Stage is a component behind receivers that knows what became of the data of a plugin.
type Stage struct {
	ID component.ID
	// Name is that of its links: LinkTransforms, LinkExporter or LinkPipeline.
	Name string
	// Link says what became of the data of the plugin of a normalized name since the Collector started: Unknown where none came. It may be
	// called from any goroutine, and leaves out the link's name.
	Link func(plugin string) Link
}

// ShowStage shows a stage on the boards of a host, until remove is called. shown says whether there is any board.
func ShowStage(host component.Host, s *Stage) (remove func(), shown bool) {
	var removes []func()
	for _, b := range Boards(host.GetExtensions()) {
		removes = append(removes, b.AddStage(s))
	}
	return func() {
		for _, remove := range removes {
			remove()
		}
	}, len(removes) > 0
}

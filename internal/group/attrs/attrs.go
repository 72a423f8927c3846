// Package attrs holds the attribute names by which receiver, processor and exporter understand each other
// (docs/mapping.md). They are part of the data format: changing one breaks pipelines.
package attrs

// Resource attributes. A field that is null in Panoptes has no attribute.
const (
	ResourceSite              = "panoptes.resource.site"
	ResourceClass             = "panoptes.resource.class"
	ResourceSubclass          = "panoptes.resource.subclass"
	ResourceType              = "panoptes.resource.type"
	ResourceID                = "panoptes.resource.id"
	ResourceEndpoint          = "panoptes.resource.endpoint"
	ResourcePlugin            = "panoptes.resource.plugin"
	ResourceCreationTimestamp = "panoptes.resource.creation_timestamp"
	// ResourceMetadataPrefix is followed by the metadata key.
	ResourceMetadataPrefix = "panoptes.resource.metadata."
)

// Identity of a resource for OpenTelemetry back ends (OpenTelemetry semantic conventions, "Service").
const (
	ServiceNamespace  = "service.namespace"
	ServiceName       = "service.name"
	ServiceInstanceID = "service.instance.id"
)

// Scope attributes, and the prefix of the scope's name, which is followed by the plugin's normalized name.
const (
	GroupType     = "panoptes.metrics_group.type"
	GroupInterval = "panoptes.metrics_group.interval"
	// GroupPlainNames is true where the names of metrics have no type in front.
	GroupPlainNames = "panoptes.metrics_group.plain_names"
	// PluginName is the plugin's name as its file gives it, where that is not the normalized one.
	PluginName       = "panoptes.plugin.name"
	PluginTransforms = "panoptes.plugin.transforms"
	PluginTopics     = "panoptes.plugin.topics"
	CounterWidths    = "panoptes.counter.widths"
	ScopePrefix      = "panoptes/"
)

// Attributes of log records: the number of the run, which all records of a run have; how it ended, on the record of a run
// that failed; the name of the plugin's own logger.
const (
	RunID      = "panoptes.run.id"
	RunOutcome = "panoptes.run.outcome"
	Logger     = "panoptes.logger"
)

// Attributes of log records by OpenTelemetry's semantic conventions ("Exceptions", "General logs").
const (
	ExceptionType       = "exception.type"
	ExceptionMessage    = "exception.message"
	ExceptionStacktrace = "exception.stacktrace"
	LogIOStream         = "log.iostream"
)

// RateSuffix ends the name of a metric that is the rate of the counter before it. Metric names have no dots, so it is
// unambiguous inside a scope that carries the group type.
const RateSuffix = ".rate"

// RateUnit is the unit of a rate (UCUM).
const RateUnit = "1/s"

package pluginsdk

// Describer is what a plugin has that says which groups it makes. What Run returns is then checked against it, units
// reach the pipeline, and panoptes plugin docs prints it. A plugin file with a section [contract] counts before it.
type Describer interface {
	// Describe is called when the plugin is loaded. It must always return the same.
	Describe() Contract
}

// Contract is the groups that a plugin makes. It has none of another type.
type Contract struct {
	Groups []GroupContract `json:"groups"`
}

// GroupContract is what groups of one type have: all of the dimensions and no others, and none but these metrics, any of
// which may be missing.
type GroupContract struct {
	Type        string              `json:"type"`
	Description string              `json:"description,omitempty"`
	Metrics     []MetricContract    `json:"metrics,omitempty"`
	Dimensions  []DimensionContract `json:"dimensions,omitempty"`
}

// MetricContract is one metric.
type MetricContract struct {
	Name string `json:"name"`
	// Type is "gauge" or "counter".
	Type string `json:"type"`
	// Unit is a UCUM unit, as in OpenTelemetry: "By", "s", "1" for a share, "{packet}".
	Unit string `json:"unit,omitempty"`
	// Min and Max bound the value; nil is no bound.
	Min         *float64 `json:"min,omitempty"`
	Max         *float64 `json:"max,omitempty"`
	Description string   `json:"description,omitempty"`
}

// DimensionContract is one dimension.
type DimensionContract struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
}

// Bound is the address of a number, for MetricContract.
func Bound(n float64) *float64 { return &n }

package panoptesjsonexporter

import (
	"github.com/panoptes-otel/panoptes-otel/internal/exporterkit"
	"github.com/panoptes-otel/panoptes-otel/internal/kafkaclient"
)

// unsupported names the settings of the shared blocks that would have no effect, or the wrong one.
func (c *Config) unsupported() []error {
	queue := exporterkit.CheckQueue(c.Queue, "min_size and flush_timeout bound a batch")
	return append(kafkaclient.Unsupported(&c.Client), queue)
}

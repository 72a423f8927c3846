package panoptesjsonexporter

import (
	"errors"
	"fmt"

	"github.com/panoptes-otel/panoptes-otel/internal/kafkaclient"
)

// unsupported names the settings of the shared blocks that would have no effect, or the wrong one.
func (c *Config) unsupported() []error {
	var errs []error
	refuse := func(refused bool, reason string) {
		if refused {
			errs = append(errs, errors.New(reason))
		}
	}
	if c.Queue.HasValue() && c.Queue.Get().Batch.HasValue() {
		n := c.Queue.Get().Batch.Get().MaxSize
		refuse(n > 0, fmt.Sprintf("sending_queue::batch::max_size (%d) cannot be used: it cuts metrics groups apart; "+
			"min_size and flush_timeout bound a batch without", n))
	}
	return append(errs, kafkaclient.Unsupported(&c.Client)...)
}

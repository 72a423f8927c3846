package exporterkit

import (
	"fmt"
	"time"

	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/exporter/exporterhelper"

	"github.com/panoptes-otel/panoptes-otel/internal/group/pdata"
)

// ResourceDefaults holds the resource fields of metrics that never were Panoptes' and whose attributes do not tell them.
// An empty field stands for the built-in default (docs/mapping.md).
type ResourceDefaults struct {
	// Site is the default of resource_site.
	Site string `mapstructure:"site"`
	// Class is the default of resource_class.
	Class string `mapstructure:"class"`
	// Subclass is the default of resource_subclass.
	Subclass string `mapstructure:"subclass"`
	// Type is the default of resource_type.
	Type string `mapstructure:"type"`
	// ID is the default of resource_id.
	ID string `mapstructure:"id"`
	// Endpoint is the default of resource_endpoint.
	Endpoint string `mapstructure:"endpoint"`
}

// Rates is the number type of rates in groups.
type Rates string

// The number types of rates.
const (
	RatesInt    Rates = "int"
	RatesDouble Rates = "double"
)

// UnmarshalText reads "int" or "double".
func (r *Rates) UnmarshalText(text []byte) error {
	switch t := Rates(text); t {
	case RatesInt, RatesDouble:
		*r = t
		return nil
	default:
		return fmt.Errorf("unknown number type of rates %q: expected %q or %q", t, RatesInt, RatesDouble)
	}
}

// CheckQueue refuses the setting of a queue that would cut groups apart; instead says what bounds a batch without.
func CheckQueue(queue configoptional.Optional[exporterhelper.QueueBatchConfig], instead string) error {
	if queue.HasValue() && queue.Get().Batch.HasValue() {
		if n := queue.Get().Batch.Get().MaxSize; n > 0 {
			return fmt.Errorf("sending_queue::batch::max_size (%d) cannot be used: it cuts metrics groups apart; %s without", n, instead)
		}
	}
	return nil
}

// Mapping is how pdata are read with these settings. An interval of 0 stands for the built-in default.
func Mapping(rates Rates, defaults *ResourceDefaults, interval time.Duration) pdata.FromOptions {
	return pdata.FromOptions{
		DoubleRates:     rates == RatesDouble,
		DefaultInterval: int(interval / time.Second),
		Defaults:        pdata.ResourceDefaults(*defaults),
	}
}

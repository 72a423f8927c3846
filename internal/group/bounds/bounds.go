// Package bounds limits what one metrics group may have, so that what a device or a script answers costs no more than it
// may: each dimension is compared, hashed and sent with each metric of its group.
package bounds

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

const (
	// DefaultDimensions is the most dimensions of a group where nothing else is said.
	DefaultDimensions = 128
	// NameBytes is the longest name of a type, a metric or a dimension.
	NameBytes = 1 << 10
	// ValueBytes is the longest value of a dimension.
	ValueBytes = 16 << 10
)

// Err is what the errors of this package wrap.
var Err = errors.New("too much")

// Bounds are the limits of a group. The zero value has the defaults.
type Bounds struct {
	// Dimensions is the most dimensions of a group; 0 takes the default.
	Dimensions int
}

// MaxDimensions is the most dimensions of a group.
func (b Bounds) MaxDimensions() int { return cmp.Or(b.Dimensions, DefaultDimensions) }

// TooMany is the error of a group that has n dimensions, which are too many.
func (b Bounds) TooMany(n int) error {
	return fmt.Errorf("%w: %d dimensions, limit is %d", Err, n, b.MaxDimensions())
}

// Check says which limit a group is over. Its metrics it leaves to Metric.
func (b Bounds) Check(g *pluginsdk.MetricsGroup) error {
	if len(g.Type) > NameBytes {
		return tooLong("type of the group", g.Type, len(g.Type), NameBytes)
	}
	return b.Labels(g.Dimensions())
}

// Labels is Check for the dimensions alone.
func (b Bounds) Labels(dimensions []pluginsdk.Dimension) error {
	if len(dimensions) > b.MaxDimensions() {
		return b.TooMany(len(dimensions))
	}
	for i := range dimensions {
		d := &dimensions[i]
		if len(d.Name) > NameBytes {
			return tooLong("name of dimension", d.Name, len(d.Name), NameBytes)
		}
		if len(d.Value) > ValueBytes {
			return tooLong("value of dimension", d.Name, len(d.Value), ValueBytes)
		}
	}
	return nil
}

// Metric says whether the name of a metric is too long.
func Metric(name string) error {
	if len(name) > NameBytes {
		return tooLong("name of metric", name, len(name), NameBytes)
	}
	return nil
}

func tooLong(what, name string, n, limit int) error {
	return fmt.Errorf("%w: the %s %.40q has %d bytes, limit is %d", Err, what, name, n, limit)
}

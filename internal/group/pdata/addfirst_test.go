package pdata

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// TestAddFirst makes the same of groups whether it is known what follows or not.
func TestAddFirst(t *testing.T) {
	resource := &pluginsdk.Resource{Site: "s", Class: "c", Subclass: "d", Type: "t", ID: "i", Endpoint: "e"}
	var groups []*pluginsdk.MetricsGroup
	for i := range 3 * mostRoom {
		g, err := pluginsdk.NewMetricsGroup(resource, []string{"a", "a", "b"}[i/(mostRoom+9)%3], time.Minute)
		require.NoError(t, err)
		require.NoError(t, g.AddDimension("row", strconv.Itoa(i)))
		require.NoError(t, g.AddGauge("x", float64(i)))
		require.NoError(t, g.AddCounter("y"+strconv.Itoa(i%2), uint64(i)))
		groups = append(groups, g)
	}
	one, other := NewBuilder(Options{}), NewBuilder(Options{})
	for i, g := range groups {
		assert.Equal(t, one.Add(Scope{Plugin: "p"}, g), other.AddFirst(Scope{Plugin: "p"}, groups[i:]))
	}
	assert.Equal(t, one.Take(), other.Take())
}

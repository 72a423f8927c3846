package filter

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

func TestFit(t *testing.T) {
	t.Parallel()
	for text, fits := range map[string]bool{
		`resource_class = "network"`: true,
		`resource_class = "network" AND resource_type IN ("junos", "eos") AND resource_metadata.model LIKE "MX_80%"`: true,
		`resource_class = "network" AND NOT resource_site = "dc2"`:                                                   true,
		`resource_type = "a" OR resource_type = "b"`:                                                                 true,
		`resource_site != "dc1"`:                      false,
		`resource_id = "router1"`:                     true,
		`resource_id = "router2"`:                     false,
		`NOT (resource_id = "router1")`:               false,
		`resource_class = "a" AND resource_class="b"`: false,
	} {
		f, err := Parse(text)
		require.NoError(t, err)
		r := &pluginsdk.Resource{Site: "dc1", Class: "system", ID: "router1", Endpoint: "router1"}
		require.Equal(t, fits, f.Fit(r), text)
		require.Equal(t, fits, f.Match(r), text)
		require.Equal(t, "router1", r.ID)
	}
}

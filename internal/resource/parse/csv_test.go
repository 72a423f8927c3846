package parse

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/panoptes-otel/panoptes-otel/pluginsdk"
)

// TestMinimal: an id and an endpoint are enough where there are defaults, in each format.
func TestMinimal(t *testing.T) {
	t.Parallel()
	defaults := *Minimal
	defaults.Site, defaults.Metadata = "dc1", pluginsdk.Metadata{}.Set("os", "linux").Set("rack", "r1")
	for format, doc := range map[Format]string{
		FormatJSON:      `[{"resource_id": "web1", "resource_endpoint": "10.0.0.1", "resource_class": "web", "resource_metadata": {"rack": "r2"}}]`,
		FormatJSONLines: `{"resource_id": "web1", "resource_endpoint": "10.0.0.1", "resource_class": "web", "resource_metadata": {"rack": "r2"}}`,
		FormatYAML:      "- {resource_id: web1, resource_endpoint: 10.0.0.1, resource_class: web, resource_metadata: {rack: r2}}",
		FormatCSV:       "resource_id,resource_endpoint,resource_class,resource_metadata.rack\nweb1,10.0.0.1,web,r2\n",
	} {
		got, warnings, err := Parse(format, []byte(doc), &defaults)
		require.NoError(t, err)
		require.Empty(t, warnings)
		require.Len(t, got, 1)
		r := got[0]
		assert.Equal(t, pluginsdk.Identity{Site: "dc1", Class: "web", Subclass: "host", Type: "generic", ID: "web1"}, r.Identity())
		assert.Equal(t, "10.0.0.1", r.Endpoint)
		assert.Equal(t, "panoptes_otelcol", r.Plugin)
		for key, want := range map[string]string{"os": "linux", "rack": "r2"} {
			value, _ := r.Metadata.Get(key)
			assert.Equal(t, want, value, key)
		}
		seconds, ok := r.CreationTimestamp.Seconds()
		assert.True(t, ok && seconds > 1e9, "it begins now")
	}
	_, warnings, err := Parse(FormatJSON, []byte(`[{"resource_id": "web1"}]`), Minimal)
	require.NoError(t, err)
	require.Len(t, warnings, 1)
	require.ErrorContains(t, warnings[0], "resource_endpoint must be")
}

func TestCSV(t *testing.T) {
	t.Parallel()
	doc := "\ufeffresource_id, resource_endpoint ,resource_site,resource_creation_timestamp\r\n# a comment\r\n\r\n" +
		"\"a, b\",10.0.0.1,dc1,1512629517.03\r\nshort\r\nc,10.0.0.3,,\r\nd,,dc1,\r\n"
	got, warnings, err := Parse(FormatCSV, []byte(doc), Minimal)
	require.NoError(t, err)
	require.Equal(t, "a, b c", ids(got))
	assert.Equal(t, "1512629517.03", got[0].CreationTimestamp.String())
	assert.Equal(t, "default", got[1].Site)
	require.Len(t, warnings, 2)
	require.EqualError(t, warnings[0], "line 5: resource is left out: it has 1 cell, there are 4 columns")
	require.ErrorContains(t, warnings[1], `line 7: resource ("d") is left out: resource_endpoint must be`)

	for doc, want := range map[string]string{
		"resource_id,site\n":            `line 1: column "site": expected a field such as resource_id`,
		"resource_id,resource_id\n":     `line 1: column "resource_id" comes twice`,
		"resource_metadata.\n":          `column "resource_metadata."`,
		"resource_id\n\"never closed\n": "line 2",
	} {
		_, _, err := Parse(FormatCSV, []byte(doc), Minimal)
		require.ErrorContains(t, err, want)
	}
	got, warnings, err = Parse(FormatCSV, nil, Minimal)
	require.NoError(t, err)
	require.Empty(t, got)
	require.Empty(t, warnings)
	assert.Equal(t, FormatCSV, FormatOf("hosts.CSV"))
}

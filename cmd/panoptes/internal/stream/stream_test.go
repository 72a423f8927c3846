package stream

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/exit"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/term"
)

const withRate = `{"metrics_group_type": "example", "metrics_group_interval": 2, "metrics_group_creation_timestamp": 1600000000.5, ` +
	`"metrics_group_schema_version": "0.2", "resource": {"resource_site": "local", "resource_class": "c", "resource_subclass": "s", ` +
	`"resource_type": "t", "resource_id": "i", "resource_endpoint": "e", "resource_metadata": {"_resource_ttl": "900"}, ` +
	`"resource_creation_timestamp": 1, "resource_plugin": null}, "metrics": [` +
	`{"metric_creation_timestamp": 1600000000.5, "metric_name": "n", "metric_value": 50, "metric_type": "counter"}, ` +
	`{"metric_creation_timestamp": 1600000000.5, "metric_name": "n", "metric_value": 7, "metric_type": "gauge"}, ` +
	`{"metric_creation_timestamp": 1600000000.5, "metric_name": "g", "metric_value": 0.5, "metric_type": "gauge"}], ` +
	`"dimensions": [{"dimension_name": "cpu_no", "dimension_value": "all"}]}`

func record(value string) *kgo.Record {
	return &kgo.Record{Topic: "local-processed", Partition: 3, Offset: 17, Key: []byte("c:s:t"), Value: []byte(value)}
}

func TestMessage(t *testing.T) {
	t.Parallel()
	require.Equal(t, `local-processed  partition 3  offset 17  key c:s:t  rates n=7/s
{
  "metrics_group_type": "example",
  "metrics_group_interval": 2,
  "metrics_group_creation_timestamp": 1600000000.5,
  "metrics_group_schema_version": "0.2",
  "resource": {"resource_site": "local", "resource_class": "c", "resource_subclass": "s", "resource_type": "t", "resource_id": "i", "resource_endpoint": "e", "resource_metadata": {"_resource_ttl": "900"}, "resource_creation_timestamp": 1, "resource_plugin": null},
  "metrics": [
    {"metric_creation_timestamp": 1600000000.5, "metric_name": "n", "metric_value": 50, "metric_type": "counter"},
    {"metric_creation_timestamp": 1600000000.5, "metric_name": "n", "metric_value": 7, "metric_type": "gauge"},
    {"metric_creation_timestamp": 1600000000.5, "metric_name": "g", "metric_value": 0.5, "metric_type": "gauge"}
  ],
  "dimensions": [
    {"dimension_name": "cpu_no", "dimension_value": "all"}
  ]
}
`, string(Read(record(withRate)).Append(nil, term.Style{})))
}

func TestMessageColours(t *testing.T) {
	t.Parallel()
	out := string(Read(record(withRate)).Append(nil, term.Style{Color: true}))
	rate := `{"metric_creation_timestamp": 1600000000.5, "metric_name": "n", "metric_value": 7, "metric_type": "gauge"}`
	require.Contains(t, out, "\x1b[36m"+rate+"\x1b[0m", "the rate stands out as a whole")
	require.Equal(t, 2, strings.Count(out, "\x1b[36m"), "on the first line and in the JSON, nowhere else")
}

func TestMessageThatIsNoGroup(t *testing.T) {
	t.Parallel()
	m := Read(record("\x1b[2Jnonsense"))
	require.Nil(t, m.Group)
	require.Empty(t, m.Rates())
	out := string(m.Append(nil, term.Style{}))
	require.Contains(t, out, `"\x1b[2Jnonsense"`)
	require.NotContains(t, out, "\x1b")
	require.Contains(t, string(Read(record(`{"a": 1}`)).Append(nil, term.Style{})), "no metrics group: metrics_group_type must be given\n{\n  \"a\": 1\n}\n")
}

func TestParseFrom(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]kgo.Offset{
		"start": kgo.NewOffset().AtStart(),
		"end":   kgo.NewOffset().AtEnd(),
		"-20":   kgo.NewOffset().AtEnd().Relative(-20),
	} {
		got, err := ParseFrom(text)
		require.NoError(t, err)
		require.Equal(t, want.String(), got.String())
	}
	for _, text := range []string{"", "5", "0", "-", "-x", "START"} {
		_, err := ParseFrom(text)
		require.ErrorContains(t, err, "unknown --from")
		require.Equal(t, exit.Usage, exit.Code(err))
	}
}

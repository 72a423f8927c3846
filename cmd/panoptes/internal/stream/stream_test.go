package stream

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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

// read returns the messages of a record.
func read(t *testing.T, value string) (all []Message) {
	t.Helper()
	require.NoError(t, NewReader().Each(record(value), func(m Message) error {
		all = append(all, m)
		return nil
	}))
	return all
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
`, string(read(t, withRate)[0].Append(nil, term.Style{})))
}

func TestMessageColours(t *testing.T) {
	t.Parallel()
	out := string(read(t, withRate)[0].Append(nil, term.Style{Color: true}))
	rate := `{"metric_creation_timestamp": 1600000000.5, "metric_name": "n", "metric_value": 7, "metric_type": "gauge"}`
	require.Contains(t, out, "\x1b[36m"+rate+"\x1b[0m", "the rate stands out as a whole")
	require.Equal(t, 2, strings.Count(out, "\x1b[36m"), "on the first line and in the JSON, nowhere else")
}

func TestMessageThatIsNoGroup(t *testing.T) {
	t.Parallel()
	m := read(t, "\x1b[2Jnonsense")[0]
	require.Nil(t, m.Group)
	require.Empty(t, Rates(m.Group))
	out := string(m.Append(nil, term.Style{}))
	require.Contains(t, out, `"\x1b[2Jnonsense"`)
	require.NotContains(t, out, "\x1b")
	require.Contains(t, string(read(t, `{"a": 1}`)[0].Append(nil, term.Style{})), "no metrics group: resource (at byte 8): must be given\n{\n  \"a\": 1\n}\n")
}

func TestRecordOfSeveral(t *testing.T) {
	t.Parallel()
	errStop := errors.New("stop")
	for text, want := range map[string][]string{
		withRate + "\n" + withRate:                 {withRate, withRate},
		"[" + withRate + ", {}, " + withRate + "]": {withRate, "{}", withRate},
		"":   nil,
		"[]": nil,
	} {
		var got []string
		for _, m := range read(t, text) {
			require.Equal(t, m.Group == nil, m.Err != nil)
			got = append(got, string(m.Text))
		}
		require.Equal(t, want, got)
	}
	calls := 0
	require.ErrorIs(t, NewReader().Each(record(withRate+withRate), func(Message) error { calls++; return errStop }), errStop)
	require.Equal(t, 1, calls)
	tooLong := record(strings.Repeat(" ", 16<<20+1))
	require.ErrorIs(t, NewReader().Each(tooLong, func(m Message) error {
		calls++
		require.ErrorContains(t, m.Err, "16777217 bytes")
		return errStop
	}), errStop)
	require.Equal(t, 2, calls)
}

func TestParseFrom(t *testing.T) {
	t.Parallel()
	now := time.Unix(1600000000, 0)
	for text, want := range map[string]From{
		"start":                Start(),
		"end":                  {offset: kgo.NewOffset().AtEnd()},
		"-20":                  {offset: kgo.NewOffset().AtEnd().Relative(-20)},
		"-0":                   {offset: kgo.NewOffset().AtEnd()},
		"0":                    {offset: kgo.NewOffset().At(0)},
		"8000000000":           {offset: kgo.NewOffset().At(8000000000)},
		"1m30s":                {since: now.Add(-90 * time.Second)},
		"2020-09-13T12:26:40Z": {since: now.UTC()},
	} {
		got, err := ParseFrom(text, now)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, text := range []string{"", "-", "-x", "START", "-5m", "0s", "1969-01-01T00:00:00Z", "2020-09-13"} {
		_, err := ParseFrom(text, now)
		require.ErrorContains(t, err, "unknown --from")
		require.Equal(t, exit.Usage, exit.Code(err))
	}
}

func TestConnectionIsChecked(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty")
	require.NoError(t, os.WriteFile(empty, []byte("\r\n"), 0o600))
	for want, c := range map[string]Connection{
		"--brokers must not have empty parts": {Brokers: []string{"a:1", ""}},
		"load tls: ca_file: ":                 {Brokers: []string{"a:1"}, CAFile: filepath.Join(dir, "none.pem")},
		"give --brokers, or --config":         {},
		`unknown --sasl-mechanism "": expected one of ["PLAIN" "SCRAM-SHA-256" "SCRAM-SHA-512" "OAUTHBEARER"]`: {Brokers: []string{"a:1"}, User: "u"},
		"--sasl-mechanism OAUTHBEARER needs --sasl-token-file":                                                 {Brokers: []string{"a:1"}, Mechanism: "OAUTHBEARER"},
		"--sasl-token-file has no effect with --sasl-mechanism PLAIN":                                          {Brokers: []string{"a:1"}, Mechanism: "PLAIN", TokenFile: "t"},
		"--config has TLS and login":                                                                           {Configs: []string{"c.yaml"}, TLS: true},
		"has 0 exporters panoptes_json, expected one":                                                          {Configs: []string{"yaml:receivers:"}},
		"exporters::panoptes_json: topics: ":                                                                   {Configs: []string{"yaml:exporters::panoptes_json::topics::site: false"}},
		"gets its token from an extension, which does not run here: give --sasl-token-file": {Configs: []string{
			"yaml:exporters::panoptes_json::auth::sasl: {mechanism: OAUTHBEARER, oauthbearer_token_source: oauth2client}",
		}},
		`unknown --sasl-mechanism "GSSAPI"`:                     {Brokers: []string{"a:1"}, User: "u", Mechanism: "GSSAPI"},
		"--sasl-mechanism PLAIN needs --sasl-user":              {Brokers: []string{"a:1"}, Mechanism: "PLAIN"},
		"give --sasl-password-file, or set PANOPTES_SASL_PASSW": {Brokers: []string{"a:1"}, Mechanism: "PLAIN", User: "u"},
		"--sasl-password-file: open ":                           {Brokers: []string{"a:1"}, Mechanism: "PLAIN", User: "u", PasswordFile: filepath.Join(dir, "none")},
		"is empty":                                              {Brokers: []string{"a:1"}, Mechanism: "PLAIN", User: "u", PasswordFile: empty},
	} {
		t.Setenv(PasswordVariable, "")
		_, err := Open(t.Context(), Source{Connection: c})
		require.ErrorContains(t, err, want)
		require.Equal(t, exit.Usage, exit.Code(err))
	}
}

package discover

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	t.Parallel()
	job, err := parse(t, `
scrape_interval: 30s
basic_auth: {username: u, password: of_the_targets}
static_configs: [{targets: [a, b], labels: {x: y}}]
dns_sd_configs: [{names: [sw.example.com], type: A, port: 161, refresh_interval: 1h}, {names: [_snmp._udp.example.com]}]
http_sd_configs: [{url: "http://u:p4ssword@h/list?key=t0ken", authorization: {type: Bearer, credentials: bearertoken}}]
relabel_configs: [{source_labels: [x], regex: (.+), target_label: z, replacement: $1}]
`)
	require.NoError(t, err)
	assert.Equal(t, []string{"basic_auth", "scrape_interval"}, job.Ignored)
	var keys []string
	for _, e := range job.entries {
		keys = append(keys, e.key+" "+e.interval.String())
	}
	assert.Equal(t, []string{"dns_sd_configs::0 1h0m0s", "dns_sd_configs::1 0s", "http_sd_configs::0 0s", "static_configs::0 0s"}, keys)
	assert.Equal(t, "(secret) (secret) (secret) Bearer", job.secrets.Clean("p4ssword t0ken bearertoken Bearer"))
}

func TestParseErrors(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		text string
		want []string
	}{
		"nothing":  {"{}", []string{"there are no targets: name at least one of static_configs, consul_sd_configs"}},
		"unknown":  {"{static_config: []}", []string{"static_config: unknown key"}},
		"not here": {"{marathon_sd_configs: []}", []string{"marathon_sd_configs: this Collector is built without it; it has consul_sd_configs, dns_sd_configs"}},
		"no list":  {"{static_configs: {targets: [a]}}", []string{"static_configs: it must be a list"}},
		"all at once": {
			`{dns_sd_configs: [{names: [a], type: X}, {}], http_sd_configs: [{url: "http://h/", ur: x}], relabel_configs: [{action: kept}, {}], file_sd_configs: [null]}`,
			[]string{
				"dns_sd_configs::0: ", "file_sd_configs::0: empty or null section in file_sd_configs", "http_sd_configs::0: ", "field ur not found",
				"relabel_configs::0: unknown relabel action \"kept\"", "relabel_configs::1: relabel configuration for replace action requires",
			},
		},
		"secret": {`{http_sd_configs: [{url: "http://h/", basic_auth: {username: u, password: [hush-hush]}}]}`, []string{"http_sd_configs::0: "}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := parse(t, tt.text)
			for _, want := range tt.want {
				require.ErrorContains(t, err, want)
			}
			assert.NotContains(t, err.Error(), "hush-hush")
		})
	}
}

//go:build e2e && kafka

package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// setsYAML has a receiver that sends resource sets, and one that reads them.
const setsYAML = `
receivers:
  panoptes/sends:
    plugins: {directories: [DIR/none]}
    resources:
      files: [DIR/resources/*.json]
      inline: [{resource_site: SITE, resource_id: host2, resource_endpoint: 127.0.0.2, resource_class: system, resource_subclass: host, resource_type: generic, resource_plugin: Inventory}]
      publish: {brokers: [BROKERS], interval: 1s}
  panoptes/reads:
    plugins: {directories: [DIR/plugins], settle: 200ms}
    resources: {kafka: {brokers: [BROKERS], topics: [SITE-resources]}}
    python: {max_workers: 1, runtime_dir: DIR/runtime}
exporters:
  panoptes_json: {brokers: [BROKERS]}
service:
  pipelines:
    metrics: {receivers: [panoptes/sends, panoptes/reads], exporters: [panoptes_json]}
  telemetry: {metrics: {level: none}}
`

// readSets reads a topic with kafka-python, as Panoptes' own consumers do, until it has seen a set of each plugin. It prints the last ones.
const readSets = `
import json, sys
from kafka import KafkaConsumer

sets = {}
for message in KafkaConsumer(sys.argv[2], bootstrap_servers=sys.argv[1].split(','), auto_offset_reset='earliest', enable_auto_commit=False, consumer_timeout_ms=60000):
    plugin, version, signature = message.key.decode().split(':')
    sets[plugin] = json.loads(message.value)
    if len(sets) == 2:
        break
print(json.dumps(sets))
`

// TestResourceSetsForOthers: the resources of a receiver reach consumers that are not ours, and receivers of ours.
func TestResourceSetsForOthers(t *testing.T) {
	t.Parallel()
	python := pythonWith(t, "kafka-python==3.0.12")
	for name, variable := range map[string]string{"today": "PANOPTES_TEST_BROKERS", "of old": "PANOPTES_TEST_OLD_BROKERS"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seeds := os.Getenv(variable)
			require.NotEmpty(t, seeds, "%s is not set: run this test with scripts/test-kafka", variable)
			p := prepare(t, seeds)
			client, err := kgo.NewClient(kgo.SeedBrokers(seeds))
			require.NoError(t, err)
			defer client.Close()
			made, err := kadm.NewClient(client).CreateTopics(t.Context(), 2, 1, nil, p.site+"-resources", p.site+"-processed")
			require.NoError(t, err)
			require.NoError(t, made.Error())
			require.NoError(t, os.Mkdir(filepath.Join(p.dir, "none"), 0o755))
			p.plugin(t, "numbering", conf("numbering", "0.1", ""), numberingPlugin)
			write(t, filepath.Join(p.dir, "collector.yaml"), strings.NewReplacer("DIR", p.dir, "BROKERS", seeds, "SITE", p.site).Replace(setsYAML))
			p.start(t)

			out, err := exec.CommandContext(t.Context(), python, "-c", readSets, seeds, p.site+"-resources").Output()
			require.NoError(t, err, "%s", out)
			var sets map[string]struct {
				Resources []json.RawMessage `json:"resources"`
				At        float64           `json:"resource_set_creation_timestamp"`
				Version   string            `json:"resource_set_schema_version"`
			}
			require.NoError(t, json.Unmarshal(out, &sets), "%s", out)
			require.Len(t, sets, 2)
			for _, set := range sets {
				require.Len(t, set.Resources, 1)
				require.Equal(t, "0.1", set.Version)
				require.Greater(t, set.At, 1.7e9)
			}
			require.JSONEq(t, resourceJSON(p.site), string(sets["plugin_discovery_from_json_file"].Resources[0]))
			require.Contains(t, string(sets["Inventory"].Resources[0]), `"resource_id": "host2"`)

			polled := map[string]bool{}
			consume(t, seeds, p.site+"-processed").until(t, "groups of both", func(r *kgo.Record) bool {
				for _, id := range []string{"host1", "host2"} {
					if strings.Contains(string(r.Value), `"resource_id": "`+id+`"`) {
						polled[id] = true
					}
				}
				return len(polled) == 2
			})
		})
	}
}

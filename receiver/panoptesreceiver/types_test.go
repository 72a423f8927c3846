package panoptesreceiver

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// A JSON-file discovery plugin as the tutorial's.
const discoveryModule = `import json, os
from yahoo_panoptes.discovery.panoptes_discovery_plugin import PanoptesDiscoveryPlugin
from yahoo_panoptes.framework.resources import PanoptesResource, PanoptesResourceSet


class Discovery(PanoptesDiscoveryPlugin):
    def run(self, context):
        resources = PanoptesResourceSet()
        path = os.path.join(os.path.dirname(os.path.realpath(__file__)), context.config['main']['config_file'])
        with open(path) as f:
            for entry in json.load(f):
                resources.add(PanoptesResource.resource_from_dict(entry))
        return resources
`

const enrichmentModule = `from yahoo_panoptes.enrichment.enrichment_plugin import PanoptesEnrichmentPlugin
from yahoo_panoptes.framework.enrichment import (
    PanoptesEnrichmentGroup, PanoptesEnrichmentGroupSet, PanoptesEnrichmentSchemaValidator, PanoptesEnrichmentSet)


class Validator(PanoptesEnrichmentSchemaValidator):
    schema = {'enrichment_label': {'type': 'dict', 'schema': {'speed': {'type': 'integer'}}}}


class Enrichment(PanoptesEnrichmentPlugin):
    def run(self, context):
        group = PanoptesEnrichmentGroup('ports', Validator(), int(context.config['main']['enrichment_ttl']), 60)
        group.add_enrichment_set(PanoptesEnrichmentSet('eth0', {'speed': 40}))
        groups = PanoptesEnrichmentGroupSet(context.data)
        groups.add_enrichment_group(group)
        return groups
`

const readsEnrichment = `
        speed = context.enrichment.get_enrichment_value('self', 'ports', 'eth0')['speed']
        group.add_metric(PanoptesMetric('m', speed + 2, PanoptesMetricType.GAUGE))
        return groups
`

// opensStores opens the stores of resources and of enrichment by itself, as a plugin of Panoptes may.
const opensStores = `
        from yahoo_panoptes.framework.context import PanoptesContext
        from yahoo_panoptes.framework.enrichment import PanoptesEnrichmentCacheKeyValueStore
        from yahoo_panoptes.framework.resources import PanoptesResourcesKeyValueStore, PanoptesResourceStore
        own = PanoptesContext(key_value_store_class_list=[PanoptesResourcesKeyValueStore, PanoptesEnrichmentCacheKeyValueStore])
        known = PanoptesResourceStore(own).get_resources(plugin_name=context.data.resource_plugin)
        assert [str(r) for r in known] == [str(context.data)], known
        store = own.get_kv_store(PanoptesEnrichmentCacheKeyValueStore)
        assert store.find_keys('*') == ['localhost:ports'] and '"speed"' in store.get('localhost:ports')
        group.add_metric(PanoptesMetric('m', 43, PanoptesMetricType.GAUGE))
        return groups
`

// discovery puts a discovery plugin into the bench, which lists the given resources.
func (b *bench) discovery(ids ...string) {
	b.list(ids...)
	b.write("plugins/finds.py", discoveryModule)
	b.write("plugins/finds.panoptes-plugin", "[Core]\nName = finds\nModule = finds\n[main]\nexecute_frequency = 1\nconfig_file = found.json\n")
}

func (b *bench) list(ids ...string) {
	var all []string
	for _, id := range ids {
		all = append(all, resourceWith(id, `"resource_creation_timestamp":1512629517.5`))
	}
	b.write("plugins/found.json", "["+strings.Join(all, ",")+"]")
}

// TestDiscoveryPlugin: what a discovery plugin finds is polled beside what files list, and leaves when it is found no
// more; finding nothing, or failing, takes nothing away.
func TestDiscoveryPlugin(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.python("good", module(returnValue))
	b.discovery("found1", "found2")
	b.start()
	for _, id := range []string{"localhost", "found1", "found2"} {
		b.until(id, func(p point) bool { return p.resource == id })
	}
	b.list("found2")
	b.line("Resources changed", "dropped:1")
	b.write("plugins/found.json", "[]")
	b.write("plugins/found.json", "{")
	b.line("Plugin failed", "finds", "JSONDecodeError")
	b.until("found2", func(p point) bool { return p.resource == "found2" })
	assert.Positive(t, b.sum("panoptes_discovered_resources", "plugin=finds"))
	assert.EqualValues(t, 3, b.sum("panoptes_tasks"))
}

// TestEnrichment: what an enrichment plugin finds out is there for polling plugins.
func TestEnrichment(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.write("plugins/knows.py", enrichmentModule)
	b.write("plugins/knows.panoptes-plugin", conf("knows", "knows")+"enrichment_ttl = 300\n")
	b.write("plugins/reads.py", module(readsEnrichment))
	b.write("plugins/reads.panoptes-plugin", conf("reads", "reads")+"[enrichment]\npreload = self:ports\n")
	b.write("plugins/opens.py", module(opensStores))
	b.write("plugins/opens.panoptes-plugin", conf("opens", "opens"))
	b.start()
	b.until("enrichment", func(p point) bool { return p.scope == "panoptes/reads" && p.value == 42 })
	b.until("stores", func(p point) bool { return p.scope == "panoptes/opens" && p.value == 43 })
	assert.Positive(t, b.sum("panoptes_enrichment_groups", "plugin=knows"))
}

"""Writes the time into enrichment."""
from yahoo_panoptes.enrichment.enrichment_plugin import PanoptesEnrichmentPlugin
from yahoo_panoptes.enrichment.schema.heartbeat import PanoptesHeartbeatEnrichmentGroup
from yahoo_panoptes.framework.enrichment import PanoptesEnrichmentGroupSet, PanoptesEnrichmentSet


class PluginHeartbeatEnrichment(PanoptesEnrichmentPlugin):
    def run(self, context):
        conf = context.config['main']
        group = PanoptesHeartbeatEnrichmentGroup(enrichment_ttl=int(conf['enrichment_ttl']),
                                                 execute_frequency=int(conf['execute_frequency']))
        beat = PanoptesEnrichmentSet('heartbeat')
        beat.add('timestamp', float(conf['beat']))
        group.add_enrichment_set(beat)
        results = PanoptesEnrichmentGroupSet(context.data)
        results.add_enrichment_group(group)
        return results

"""Lookups for this device and for its site, in one result."""
from yahoo_panoptes.enrichment.enrichment_plugin import PanoptesEnrichmentPlugin
from yahoo_panoptes.enrichment.schema.neighbor_lookup import PanoptesBridgeLookupEnrichmentGroup, \
    PanoptesDeviceLookupEnrichmentGroup
from yahoo_panoptes.framework.enrichment import PanoptesEnrichmentGroupSet, PanoptesEnrichmentMultiGroupSet, \
    PanoptesEnrichmentSet
from yahoo_panoptes.framework.resources import PanoptesResource


class PluginLookup(PanoptesEnrichmentPlugin):
    def run(self, context):
        ttl = int(context.config['main']['enrichment_ttl'])
        frequency = int(context.config['main']['execute_frequency'])
        device = context.data
        bridges = PanoptesBridgeLookupEnrichmentGroup(ttl, frequency)
        bridges.add_enrichment_set(PanoptesEnrichmentSet('00:0A', {'resource_id': device.resource_id,
                                                                   'port_id_map': {'1': 'eth1'}}))
        of_device = PanoptesEnrichmentGroupSet(device)
        of_device.add_enrichment_group(bridges)
        site = PanoptesResource(device.resource_site, 'site', 'site', 'site', 'site_' + device.resource_site, 'none',
                                resource_plugin='Lookup Enrichment')
        devices = PanoptesDeviceLookupEnrichmentGroup(ttl, frequency)
        devices.add_enrichment_set(PanoptesEnrichmentSet(device.resource_id, {
            'ipv4': ['192.0.2.1'], 'ipv6': [], 'source_resource_id': device.resource_id}))
        of_site = PanoptesEnrichmentGroupSet(site)
        of_site.add_enrichment_group(devices)
        results = PanoptesEnrichmentMultiGroupSet()
        results.add_enrichment_group_set(of_device)
        results.add_enrichment_group_set(of_site)
        return results

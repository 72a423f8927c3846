"""Tells the generic SNMP polling plugin what to poll."""
from cached_property import threaded_cached_property

from yahoo_panoptes.framework.enrichment import PanoptesEnrichmentSet
from yahoo_panoptes.plugins.enrichment.generic.snmp.plugin_enrichment_generic_snmp import \
    PanoptesEnrichmentGenericSNMPPlugin

BASE = '.1.3.6.1.4.1.99999.3.1'


class VendorGenericEnrichment(PanoptesEnrichmentGenericSNMPPlugin):
    @threaded_cached_property
    def names(self):
        return {row.index: self.decode_bytes(row.value) for row in self._snmp_connection.bulk_walk(
            BASE + '.1', max_repetitions=self._snmp_max_repetitions)}

    def _build_oids_map(self):
        self._oids_map = {
            'cpu_name': {'method': 'static', 'values': self.names},
            'cpu_util': {'method': 'bulk_walk', 'oid': BASE + '.2'},
            'temperature': {'method': 'get', 'oid': BASE + '.9.0'},
        }

    def _build_metrics_groups_conf(self):
        self._metrics_groups = [
            {'group_name': 'cpu', 'dimensions': {'cpu_name': 'cpu_name.$index', 'cpu_type': "'ctrl'"},
             'metrics': {'cpu_util': 'cpu_util.$index'}},
            {'group_name': 'environment', 'dimensions': {}, 'metrics': {
                'temperature_f': {'value': 'temperature', 'type': 'float',
                                  'transform': 'lambda x: round((x * 1.8) + 32, 2)'},
                'cpus_up': "len([(x,y) for (x,y) in cpu_util.items() if x in cpu_name and y not in ['0']])"}},
        ]

    def get_enrichment(self):
        self._build_oids_map()
        self._build_metrics_groups_conf()
        self.enrichment_group.add_enrichment_set(PanoptesEnrichmentSet(
            self.device_fqdn, {'oids': self.oids_map, 'metrics_groups': self.metrics_groups}))
        self.enrichment_group_set.add_enrichment_group(self.enrichment_group)
        return self.enrichment_group_set

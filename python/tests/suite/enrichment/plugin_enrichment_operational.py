"""Vendor, model and version from sysDescr."""
import re

from yahoo_panoptes.enrichment.enrichment_plugin import PanoptesEnrichmentPlugin, PanoptesEnrichmentPluginError
from yahoo_panoptes.enrichment.schema.operational import PanoptesOperationalEnrichmentGroup
from yahoo_panoptes.framework.enrichment import PanoptesEnrichmentGroupSet, PanoptesEnrichmentSet
from yahoo_panoptes.framework.plugins.base_snmp_plugin import PanoptesSNMPBaseEnrichmentPlugin

DESCRIPTION = re.compile(r'^(?P<device_vendor>\w+) (?P<device_model>\S+) .* version (?P<device_os_version>\S+)$')


class PluginOperational(PanoptesSNMPBaseEnrichmentPlugin, PanoptesEnrichmentPlugin):
    def get_results(self):
        text = self._snmp_connection.get(oid='.1.3.6.1.2.1.1.1.0').value
        match = DESCRIPTION.match(text)
        if not match:
            raise PanoptesEnrichmentPluginError('cannot read the description "%s"' % text)
        known = PanoptesEnrichmentSet(self.host, dict(match.groupdict(), device_polling_status=0, sysdescr=text))
        group = PanoptesOperationalEnrichmentGroup(self.enrichment_ttl, self.execute_frequency)
        group.upsert_metadata('source', 'sysDescr')
        group.add_enrichment_set(known)
        results = PanoptesEnrichmentGroupSet(self.resource)
        results.add_enrichment_group(group)
        return results

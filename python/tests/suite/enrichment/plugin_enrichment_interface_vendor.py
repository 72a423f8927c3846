"""A vendor's names for parents of interfaces."""
from yahoo_panoptes.plugins.enrichment.interface.plugin_enrichment_interface import PluginEnrichmentInterface


class VendorInterfaceEnrichment(PluginEnrichmentInterface):
    def get_parent_interface_name(self, index):
        name = self.get_interface_name(index)
        return name.split('.')[0] if '.' in name else self._MISSING_VALUE_STRING

    def get_parent_interface_port_speed(self, index):
        parent = self.get_parent_interface_name(index)
        for other in set(key.rpartition('.')[2] for key in self._enrichments_map):
            if self.get_interface_name(other) == parent:
                return self.get_port_speed(other)
        return self._MISSING_METRIC_VALUE

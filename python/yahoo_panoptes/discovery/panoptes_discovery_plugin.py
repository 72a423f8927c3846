"""The base class of discovery plugins."""
import abc

from yahoo_panoptes.framework.exceptions import PanoptesDiscoveryPluginError
from yahoo_panoptes.framework.plugins.panoptes_base_plugin import PanoptesBasePlugin


class PanoptesDiscoveryPlugin(PanoptesBasePlugin):
    """Derive from this and define run(context), which returns a PanoptesResourceSet."""

    @abc.abstractmethod
    def run(self, context):
        raise NotImplementedError

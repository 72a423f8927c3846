"""The base class of polling plugins."""
from __future__ import annotations

import abc
from typing import Any

from yahoo_panoptes.framework.exceptions import (
    PanoptesPluginConfigurationError,
    PanoptesPollingPluginConfigurationError,
    PanoptesPollingPluginError,
)
from yahoo_panoptes.framework.plugins.panoptes_base_plugin import PanoptesBasePlugin, PanoptesPluginInfo


class PanoptesPollingPluginInfo(PanoptesPluginInfo):
    """A polling plugin as its file describes it."""

    @property
    def resource_filter(self) -> str:
        """PanoptesPollingPluginConfigurationError if the file says none."""
        try:
            return self.details.get('main', 'resource_filter')
        except Exception as e:
            raise PanoptesPollingPluginConfigurationError(
                'No resource filter specified or error in parsing resource filter for plugin {}: {}'.format(
                    self.name, e))


class PanoptesPollingPlugin(PanoptesBasePlugin):
    """Derive from this and define run(context), which returns a PanoptesMetricsGroupSet."""

    @abc.abstractmethod
    def run(self, context: Any) -> Any:
        raise NotImplementedError

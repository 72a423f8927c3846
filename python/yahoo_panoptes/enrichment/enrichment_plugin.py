"""The base class of enrichment plugins."""
from __future__ import annotations

import abc
from typing import Any

from yahoo_panoptes.framework.exceptions import (
    PanoptesEnrichmentPluginConfigurationError,
    PanoptesEnrichmentPluginError,
    PanoptesPollingPluginError,
)
from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin, PanoptesPollingPluginInfo


class PanoptesEnrichmentPluginInfo(PanoptesPollingPluginInfo):
    """An enrichment plugin as its file describes it."""


class PanoptesEnrichmentPlugin(PanoptesPollingPlugin):
    """Derive from this and define run(context), which returns a PanoptesEnrichmentGroupSet."""

    @abc.abstractmethod
    def run(self, context: Any) -> Any:
        raise NotImplementedError

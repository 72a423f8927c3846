"""The base class of discovery plugins."""
from __future__ import annotations

import abc
from typing import Any

from yahoo_panoptes.framework.exceptions import PanoptesDiscoveryPluginError
from yahoo_panoptes.framework.plugins.panoptes_base_plugin import PanoptesBasePlugin


class PanoptesDiscoveryPlugin(PanoptesBasePlugin):
    """Derive from this and define run(context), which returns a PanoptesResourceSet."""

    @abc.abstractmethod
    def run(self, context: Any) -> Any:
        raise NotImplementedError

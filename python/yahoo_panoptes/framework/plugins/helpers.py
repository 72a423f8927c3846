"""Times that follow from a plugin's frequency."""
from __future__ import annotations

from yahoo_panoptes.framework import const
from yahoo_panoptes.framework.plugins.panoptes_base_plugin import PanoptesPluginInfo, PanoptesPluginInfoValidators
from yahoo_panoptes.framework.validators import check


def expires(plugin: PanoptesPluginInfo) -> int:
    """Seconds after which a run that has not begun is dropped."""
    return _times(plugin, const.PLUGIN_AGENT_PLUGIN_EXPIRES_MULTIPLE)


def time_limit(plugin: PanoptesPluginInfo) -> int:
    """Seconds after which a run is ended."""
    return _times(plugin, const.PLUGIN_AGENT_PLUGIN_TIME_LIMIT_MULTIPLE)


def _times(plugin: PanoptesPluginInfo, multiple: float) -> int:
    check(PanoptesPluginInfoValidators.valid_plugin_info_class(plugin),
          'plugin must be an instance of PanoptesPluginInfo')
    return int(round(plugin.execute_frequency * multiple))

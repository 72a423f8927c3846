"""Plugins that come with the package, and what plugins share."""
import pkgutil

# Other distributions may add modules.
__path__ = pkgutil.extend_path(__path__, __name__)

# Plugin files name these modules as their Module; one of that name beside the plugin file comes first.
BUILT_IN = {
    'plugin_discovery_from_json_file': 'yahoo_panoptes.plugins.discovery.plugin_discovery_from_json_file',
    'plugin_enrichment_interface': 'yahoo_panoptes.plugins.enrichment.interface.plugin_enrichment_interface',
    'plugin_polling_ping': 'yahoo_panoptes.plugins.polling.generic.plugin_polling_ping',
}

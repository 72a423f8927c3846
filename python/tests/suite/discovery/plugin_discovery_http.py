"""Reads the devices of a site from an inventory."""
import requests

from yahoo_panoptes.discovery.panoptes_discovery_plugin import PanoptesDiscoveryPlugin, PanoptesDiscoveryPluginError
from yahoo_panoptes.framework.resources import PanoptesResource, PanoptesResourceSet


class PluginInventory(PanoptesDiscoveryPlugin):
    def run(self, context):
        resources = PanoptesResourceSet()
        response = requests.get(context.config['main']['url'] + '/inventory', timeout=5)
        if response.status_code != 200:
            raise PanoptesDiscoveryPluginError('inventory answered %d' % response.status_code)
        for device in response.json():
            resource = PanoptesResource(resource_site=device['site'], resource_class='network',
                                        resource_subclass=device['role'], resource_type=device['vendor'],
                                        resource_id=device['name'], resource_endpoint=device['address'],
                                        resource_plugin='Inventory Discovery',
                                        resource_ttl=int(context.config['main']['resource_ttl']))
            for key, value in device.get('tags', {}).items():
                resource.add_metadata(key, value)
            resources.add(resource)
        return resources

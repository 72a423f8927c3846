"""Discovers the resources that a JSON file lists; see docs/panoptes/runtime.md section 10."""
from __future__ import annotations

import json
import os
import sys
from typing import Any

from yahoo_panoptes.discovery.panoptes_discovery_plugin import PanoptesDiscoveryPlugin, PanoptesDiscoveryPluginError
from yahoo_panoptes.framework.plugins.context import PanoptesPluginContext
from yahoo_panoptes.framework.resources import PanoptesResource, PanoptesResourceSet


class PluginDiscoveryJSONFile(PanoptesDiscoveryPlugin):
    """``main.config_file`` names the file; a relative path starts at the folder of the plugin's module, or at that of
    the plugin file where the module is this one."""

    def run(self, context: PanoptesPluginContext) -> PanoptesResourceSet:
        file = self._path(context)
        try:
            with open(file, encoding='utf-8') as opened:
                entries = json.load(opened)
        except Exception as e:
            raise PanoptesDiscoveryPluginError(
                'Error while attempting to parse JSON from file {}: {}'.format(file, repr(e)))
        resources = PanoptesResourceSet()
        failed = 0
        for entry in entries:
            try:
                resources.add(_resource(entry))
            except Exception as e:
                context.logger.debug('Error while creating a resource from %r: %s', entry, repr(e))
                failed += 1
        context.logger.info('Tried to read %d resources from %s, %d failed', len(entries), file, failed)
        if not resources:
            message = 'Error during lookup for PanoptesResource from file {}.'.format(file)
            context.logger.error(message)
            raise PanoptesDiscoveryPluginError(message)
        return resources

    def _path(self, context: PanoptesPluginContext) -> str:
        module = os.path.realpath(sys.modules[type(self).__module__].__file__ or '')
        folder = os.path.dirname(module)
        if module == os.path.realpath(__file__):
            # The package lies in an archive or among installed packages, where nobody puts files; [Core] module is
            # the plugin file's folder and the text of its Module.
            folder = os.path.dirname(context.config['Core'].get('module', '')) or folder
        return os.path.join(folder, context.config['main']['config_file'])


def _resource(entry: dict[str, Any]) -> PanoptesResource:
    timestamp = entry['resource_creation_timestamp']
    # Text, as in Panoptes' tutorial, is the number it spells: consumers expect one.
    return PanoptesResource.resource_from_dict(dict(entry, resource_creation_timestamp=float(timestamp or 0)))

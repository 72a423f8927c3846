"""A plugin that is a package."""
from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin

from .parser import parse


class PluginPackage(PanoptesPollingPlugin):
    def run(self, context):
        return parse(context, 'a=1;b=2.5')

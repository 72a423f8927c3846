"""Memory gauges; values in KiB become bytes."""
import os
import re

from yahoo_panoptes.framework.metrics import *
from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin

LINE = re.compile(r'^(?P<name>\w+):\s+(?P<value>\d+) kB$')
WANTED = {'MemTotal': 'total', 'MemFree': 'free', 'Cached': 'cached'}


class PluginMemory(PanoptesPollingPlugin):
    def __init__(self):
        self._group_set = PanoptesMetricsGroupSet()
        super(PluginMemory, self).__init__()

    def run(self, context):
        group = PanoptesMetricsGroup(context.data, 'memory', int(context.config['main']['execute_frequency']))
        used = 0
        for line in open(os.path.join(os.path.dirname(__file__), 'meminfo.txt')):
            match = LINE.match(line.strip())
            if match and match.group('name') in WANTED:
                value = int(match.group('value')) * 1024
                used += value if match.group('name') == 'MemTotal' else -value
                group.add_metric(PanoptesMetric(WANTED[match.group('name')], value, PanoptesMetricType.GAUGE))
        group.add_metric(PanoptesMetric('used', used, PanoptesMetricType.GAUGE))
        self._group_set.add(group)
        return self._group_set

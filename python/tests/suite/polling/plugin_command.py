"""Runs a program and reads what it prints."""
import subprocess
import sys

from yahoo_panoptes.framework.metrics import PanoptesMetric, PanoptesMetricDimension, PanoptesMetricsGroup, \
    PanoptesMetricsGroupSet, PanoptesMetricType
from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin

PROGRAM = 'print("eth0 10 20"); print("eth1 30 40")'


class PluginCommand(PanoptesPollingPlugin):
    def run(self, context):
        results = PanoptesMetricsGroupSet()
        output = subprocess.check_output([sys.executable, '-c', PROGRAM], universal_newlines=True)
        for line in output.splitlines():
            name, received, sent = line.split()
            group = PanoptesMetricsGroup(context.data, 'nic', int(context.config['main']['execute_frequency']))
            group.add_dimension(PanoptesMetricDimension('interface', name))
            group.add_metric(PanoptesMetric('received', int(received), PanoptesMetricType.COUNTER))
            group.add_metric(PanoptesMetric('sent', int(sent), PanoptesMetricType.COUNTER))
            results.add(group)
        return results

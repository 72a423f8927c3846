import os

from yahoo_panoptes.framework.metrics import (
    PanoptesMetric, PanoptesMetricsGroup, PanoptesMetricsGroupSet, PanoptesMetricType)
from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin


class Pid(PanoptesPollingPlugin):
    def run(self, context):
        # here
        group = PanoptesMetricsGroup(context.data, 'pid', 60)
        group.add_metric(PanoptesMetric('pid', os.getpid(), PanoptesMetricType.GAUGE))
        groups = PanoptesMetricsGroupSet()
        groups.add(group)
        return groups

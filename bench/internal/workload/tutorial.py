from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin
from yahoo_panoptes.framework.metrics import PanoptesMetricsGroupSet, PanoptesMetricsGroup, PanoptesMetric, \
    PanoptesMetricDimension, PanoptesMetricType


class PluginPollingTutorial(PanoptesPollingPlugin):
    def __init__(self):
        super(PluginPollingTutorial, self).__init__()
        self._groups = PanoptesMetricsGroupSet()

    def populateMetricsGroupSetWithTimeSeries(self):
        group = PanoptesMetricsGroup(self._device, 'example', self._interval)
        group.add_dimension(PanoptesMetricDimension('cpu_no', '5'))
        group.add_metric(PanoptesMetric('cpu_utilization', 0.3, PanoptesMetricType.GAUGE))
        group.add_metric(PanoptesMetric('context_switch_count', 50, PanoptesMetricType.COUNTER))
        self._groups.add(group)

    def run(self, context):
        self._device = context.data
        self._interval = int(context.config['main']['execute_frequency'])
        context.logger.info('Going to poll device "%s"' % self._device.resource_endpoint)
        self.populateMetricsGroupSetWithTimeSeries()
        context.logger.info('Done polling device, %d groups' % len(self._groups))
        return self._groups

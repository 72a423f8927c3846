"""Uses all that groups can do with dimensions."""
from yahoo_panoptes.framework.metrics import PanoptesMetric, PanoptesMetricDimension, PanoptesMetricsGroup, \
    PanoptesMetricsGroupSet, PanoptesMetricSet, PanoptesMetricType
from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin


class PluginDimensions(PanoptesPollingPlugin):
    def run(self, context):
        template = PanoptesMetricsGroup(context.data, 'vip', int(context.config['main']['execute_frequency']))
        template.add_dimension(PanoptesMetricDimension('port', '80'))
        template.add_dimension(PanoptesMetricDimension('state', 'unknown'))
        metrics = PanoptesMetricSet()
        metrics.add(PanoptesMetric('connections', 5, PanoptesMetricType.GAUGE))
        metrics.add(PanoptesMetric('connections', 500, PanoptesMetricType.COUNTER))
        first, second = PanoptesMetricsGroupSet(), PanoptesMetricsGroupSet()
        for port, results in (('80', first), ('443', second)):
            group = template.copy(retain_timestamp=False)
            group.upsert_dimension(PanoptesMetricDimension('port', port))
            if group.contains_dimension_by_name('state') and port == '443':
                group.delete_dimension_by_name('state')
            for metric in metrics:
                group.add_metric(metric)
            assert group.get_dimension_by_name('port').value == port
            results.add(group)
        return first + second



from yahoo_panoptes.framework.metrics import PanoptesMetricsGroupSet, PanoptesMetricsGroup, PanoptesMetric, \
    PanoptesMetricDimension, PanoptesMetricType
from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin


class Link(PanoptesPollingPlugin):
    def run(self, context):
        resource = context.data
        found = ask(resource.resource_endpoint, resource.resource_id)  # noqa: F821: link.py stands before this
        group = PanoptesMetricsGroup(resource, found['type'], int(context.config['main']['execute_frequency']))
        for name, value in found['dimensions'].items():
            group.add_dimension(PanoptesMetricDimension(name, value))
        for name, value in found['counters'].items():
            group.add_metric(PanoptesMetric(name, value, PanoptesMetricType.COUNTER))
        for name, value in found['gauges'].items():
            group.add_metric(PanoptesMetric(name, value, PanoptesMetricType.GAUGE))
        groups = PanoptesMetricsGroupSet()
        groups.add(group)
        return groups

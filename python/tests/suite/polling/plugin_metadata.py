"""Polls what the resource itself says, and about another resource."""
from yahoo_panoptes.framework.metrics import PanoptesMetric, PanoptesMetricDimension, PanoptesMetricsGroup, \
    PanoptesMetricsGroupSet, PanoptesMetricType
from yahoo_panoptes.framework.resources import PanoptesResource
from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin


class PluginMetadata(PanoptesPollingPlugin):
    def run(self, context):
        device = context.data
        interval = int(context.config['main']['execute_frequency'])
        results = PanoptesMetricsGroupSet()
        group = PanoptesMetricsGroup(device, 'asset', interval)
        group.add_dimension(PanoptesMetricDimension('model', device.resource_metadata.get('model', 'unknown')))
        group.add_metric(PanoptesMetric('ttl', int(device.resource_ttl), PanoptesMetricType.GAUGE))
        results.add(group)
        child = PanoptesResource(resource_site=device.resource_site, resource_class='network', resource_subclass='slot',
                                 resource_type='linecard', resource_id=device.resource_id + '/1',
                                 resource_endpoint=device.resource_endpoint, resource_plugin='Resource Metadata')
        child.add_metadata('slot', '1')
        part = PanoptesMetricsGroup(child, 'asset', interval)
        part.add_metric(PanoptesMetric('present', 1, PanoptesMetricType.GAUGE))
        results.add(part)
        return results

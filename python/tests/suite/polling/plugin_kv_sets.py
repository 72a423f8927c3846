"""Remembers in a set which devices were ever seen."""
from yahoo_panoptes.framework.metrics import PanoptesMetric, PanoptesMetricsGroup, PanoptesMetricsGroupSet, \
    PanoptesMetricType
from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin


class PluginKVSets(PanoptesPollingPlugin):
    def run(self, context):
        kv = context.kv
        kv.set_add('seen_devices', context.data.resource_id)
        kv.set_add('seen_devices', 'another')
        kv.set('seen:' + context.data.resource_id, 'yes')
        kv.set('seen:gone', 'yes')
        kv.delete('seen:gone')
        group = PanoptesMetricsGroup(context.data, 'seen', int(context.config['main']['execute_frequency']))
        group.add_metric(PanoptesMetric('devices', len(kv.set_members('seen_devices')), PanoptesMetricType.GAUGE))
        group.add_metric(PanoptesMetric('keys', len(kv.find_keys('seen:*')), PanoptesMetricType.GAUGE))
        results = PanoptesMetricsGroupSet()
        results.add(group)
        return results

"""Keeps the last value in the key-value store and reports the difference."""
from yahoo_panoptes.framework.metrics import PanoptesMetric, PanoptesMetricsGroup, PanoptesMetricsGroupSet, \
    PanoptesMetricType
from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin

KEY = 'kv_delta:{}:last'


class PluginKVDelta(PanoptesPollingPlugin):
    def run(self, context):
        key = KEY.format(context.data.resource_id)
        now = int(context.config['main']['step'])
        last = context.kv.getset(key, str(now + int(context.kv.get(key) or 0)), expire=3600)
        group = PanoptesMetricsGroup(context.data, 'delta', int(context.config['main']['execute_frequency']))
        group.add_metric(PanoptesMetric('first_run', int(last is None), PanoptesMetricType.GAUGE))
        group.add_metric(PanoptesMetric('total', int(context.kv.get(key)), PanoptesMetricType.COUNTER))
        group.add_metric(PanoptesMetric('ttl_is_set', int(0 < context.kv.ttl(key) <= 3600), PanoptesMetricType.GAUGE))
        results = PanoptesMetricsGroupSet()
        results.add(group)
        return results

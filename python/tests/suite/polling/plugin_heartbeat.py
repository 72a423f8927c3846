"""Reads what the heartbeat enrichment wrote."""
from yahoo_panoptes.framework.enrichment import PanoptesEnrichmentCacheError
from yahoo_panoptes.framework.metrics import PanoptesMetric, PanoptesMetricsGroup, PanoptesMetricsGroupSet, \
    PanoptesMetricType
from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin


class PluginHeartbeat(PanoptesPollingPlugin):
    def run(self, context):
        try:
            beat = context.enrichment.get_enrichment_value('self', 'heartbeat_ns', 'heartbeat')['timestamp']
        except PanoptesEnrichmentCacheError as e:
            context.logger.warning('no heartbeat: %s', e)
            beat = -1
        group = PanoptesMetricsGroup(context.data, 'heartbeat', int(context.config['main']['execute_frequency']))
        group.add_metric(PanoptesMetric('status', 1, PanoptesMetricType.GAUGE))
        group.add_metric(PanoptesMetric('heartbeat_enrichment_timestamp', beat, PanoptesMetricType.GAUGE))
        results = PanoptesMetricsGroupSet()
        results.add(group)
        return results

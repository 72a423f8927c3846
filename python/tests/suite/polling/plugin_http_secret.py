"""Sends a token from the secrets store."""
import requests

from yahoo_panoptes.framework.metrics import PanoptesMetric, PanoptesMetricsGroup, PanoptesMetricsGroupSet, \
    PanoptesMetricType
from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin, PanoptesPollingPluginError


class PluginHTTPSecret(PanoptesPollingPlugin):
    def run(self, context):
        token = context.secrets.get_by_site('api_token', context.data.resource_site)
        if not token:
            raise PanoptesPollingPluginError('no api_token for site "%s"' % context.data.resource_site)
        response = requests.get(context.config['main']['url'] + '/private', headers={'Authorization': 'Bearer ' + token},
                                timeout=5)
        group = PanoptesMetricsGroup(context.data, 'api', int(context.config['main']['execute_frequency']))
        group.add_metric(PanoptesMetric('http_status', response.status_code, PanoptesMetricType.GAUGE))
        group.add_metric(PanoptesMetric('sessions', response.json().get('sessions', -1), PanoptesMetricType.GAUGE))
        result = PanoptesMetricsGroupSet()
        result.add(group)
        return result

"""Polls a JSON API with requests."""
import json

import requests
from requests.exceptions import HTTPError, RequestException

from yahoo_panoptes.framework.metrics import (PanoptesMetric, PanoptesMetricDimension, PanoptesMetricsGroup,
                                              PanoptesMetricsGroupSet, PanoptesMetricType)
from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin


class PluginHTTPJSON(PanoptesPollingPlugin):
    def __init__(self):
        self._plugin_context = None
        self._logger = None
        super(PluginHTTPJSON, self).__init__()

    def run(self, context):
        self._plugin_context = context
        self._logger = context.logger
        results = PanoptesMetricsGroupSet()
        url = context.config['main']['url'] + '/price'
        try:
            response = requests.get(url, params={'currency': 'USD'}, timeout=int(context.config['main']['timeout']))
            response.raise_for_status()
            price = json.loads(response.text)
        except (HTTPError, RequestException, ValueError) as e:
            self._logger.error('API call to %s failed: %s' % (url, repr(e)))
            return results
        group = PanoptesMetricsGroup(context.data, 'price', int(context.config['main']['execute_frequency']))
        group.add_dimension(PanoptesMetricDimension('currency', price['currency']))
        group.add_metric(PanoptesMetric('rate', float(price['rate']), PanoptesMetricType.GAUGE))
        results.add(group)
        return results

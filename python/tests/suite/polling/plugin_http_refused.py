"""A server that is not there: the status tells of it."""
import requests
from urllib3.exceptions import ConnectTimeoutError

from yahoo_panoptes.framework.metrics import PanoptesMetricsGroupSet
from yahoo_panoptes.plugins.polling.utilities.polling_status import DEVICE_METRICS_STATES, PanoptesPollingStatus
from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin


class PluginHTTPRefused(PanoptesPollingPlugin):
    def run(self, context):
        status = PanoptesPollingStatus(context.data, int(context.config['main']['execute_frequency']), context.logger,
                                       ping=False)
        try:
            requests.get('http://127.0.0.1:9/', timeout=2)
            status.handle_success('http')
        except (requests.exceptions.RequestException, ConnectTimeoutError) as e:
            status.handle_exception('http', e)
        if status.device_status != DEVICE_METRICS_STATES.SUCCESS:
            context.logger.warning('%s (%s) is not well', status.device_name, status.device_type)
        results = PanoptesMetricsGroupSet()
        results.add(status.device_status_metrics_group)
        return results

"""Measures how fast a TCP port of a host answers, as a class of Panoptes' own API. Each run executes this file anew."""
import socket
import time

from yahoo_panoptes.framework.metrics import (
    PanoptesMetric, PanoptesMetricDimension, PanoptesMetricsGroup, PanoptesMetricsGroupSet, PanoptesMetricType)
from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin


class {{.Class}}(PanoptesPollingPlugin):
    def run(self, context):
        # context.data is what to look at: .resource_endpoint, .resource_id, .resource_site. context.config is the plugin file.
        port = context.config['main']['port']
        started = time.time()
        try:
            socket.create_connection((context.data.resource_endpoint, int(port)), timeout=2).close()
            up = 1
        except (OSError, ValueError) as error:
            context.logger.debug('port {}: {}'.format(port, error))
            up = 0
        # context.kv survives runs; neither self nor global variables do.
        key = 'tries:' + context.data.resource_id
        tries = int(context.kv.get(key) or 0) + 1
        context.kv.set(key, str(tries))

        group = PanoptesMetricsGroup(context.data, '{{.Name}}', int(context.config['main']['execute_frequency']))
        group.add_dimension(PanoptesMetricDimension('port', port))
        group.add_metric(PanoptesMetric('up', up, PanoptesMetricType.GAUGE))
        group.add_metric(PanoptesMetric('answer_time', time.time() - started, PanoptesMetricType.GAUGE))
        group.add_metric(PanoptesMetric('tries', tries, PanoptesMetricType.COUNTER))
        groups = PanoptesMetricsGroupSet()
        groups.add(group)
        return groups

"""Prints, logs and starts a thread, as plugins do."""
import logging
import sys
import threading

from yahoo_panoptes.framework.metrics import PanoptesMetric, PanoptesMetricsGroup, PanoptesMetricsGroupSet, \
    PanoptesMetricType
from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin

RUNS = 0
log = logging.getLogger(__name__)


class PluginChatty(PanoptesPollingPlugin):
    runs = 0

    def run(self, context):
        global RUNS
        RUNS += 1
        PluginChatty.runs += 1
        print('polling "{}"'.format(context.data))
        sys.stderr.write('to the standard error\n')
        log.warning('by a logger of its own')
        context.logger.debug('config is %s', dict(context.config))
        found = []
        thread = threading.Thread(target=lambda: found.append(42))
        thread.start()
        thread.join()
        group = PanoptesMetricsGroup(context.data, 'chatty', int(context.config['main']['execute_frequency']))
        group.add_metric(PanoptesMetric('answer', found[0], PanoptesMetricType.GAUGE))
        group.add_metric(PanoptesMetric('module_runs', RUNS, PanoptesMetricType.COUNTER))
        group.add_metric(PanoptesMetric('class_runs', self.runs, PanoptesMetricType.COUNTER))
        results = PanoptesMetricsGroupSet()
        results.add(group)
        return results

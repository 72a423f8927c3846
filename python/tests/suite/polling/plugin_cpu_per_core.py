"""Per-core CPU counters from a file like /proc/stat."""
import os

from yahoo_panoptes.framework.metrics import PanoptesMetricsGroupSet, PanoptesMetricsGroup, PanoptesMetricDimension, \
    PanoptesMetricType, PanoptesMetric
from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin

FIELDS = ['user', 'nice', 'system', 'idle']


class CPUPerCore(PanoptesPollingPlugin):
    def run(self, context):
        conf = context.config
        results = PanoptesMetricsGroupSet()
        path = os.path.join(os.path.dirname(os.path.abspath(__file__)), conf['main']['stat_file'])
        with open(path) as stat:
            for line in stat:
                parts = line.split()
                if not parts or not parts[0].startswith('cpu') or parts[0] == 'cpu':
                    continue
                group = PanoptesMetricsGroup(context.data, 'cpu', int(conf['main']['execute_frequency']))
                group.add_dimension(PanoptesMetricDimension('cpu_no', parts[0][3:]))
                for name, value in zip(FIELDS, parts[1:]):
                    group.add_metric(PanoptesMetric(name, int(value), PanoptesMetricType.COUNTER))
                results.add(group)
        context.logger.info('%s has %d cores', context.data.resource_endpoint, len(results))
        return results

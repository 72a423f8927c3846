"""Context switches, time per CPU and load of this machine, from /proc.

Written as plugins for Panoptes are. Edit it while it runs: the next run takes the change.
"""
from yahoo_panoptes.framework.metrics import (
    PanoptesMetric,
    PanoptesMetricDimension,
    PanoptesMetricsGroup,
    PanoptesMetricsGroupSet,
    PanoptesMetricType,
)
from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin

# The columns of a cpu line of /proc/stat, in hundredths of a second since boot.
CPU_COLUMNS = ('cpu_user_time', 'cpu_nice_time', 'cpu_system_time', 'cpu_idle_time')


class PluginPollingMachine(PanoptesPollingPlugin):
    def run(self, context):
        interval = int(context.config['main']['execute_frequency'])
        groups = PanoptesMetricsGroupSet()

        def new_group(cpu_no):
            group = PanoptesMetricsGroup(context.data, 'example', interval)
            group.add_dimension(PanoptesMetricDimension('cpu_no', cpu_no))
            return group

        everything = new_group('all')
        with open('/proc/loadavg') as loadavg:
            load = float(loadavg.read().split()[0])
        everything.add_metric(PanoptesMetric('cpu_load', load, PanoptesMetricType.GAUGE))

        with open('/proc/stat') as stat:
            for line in stat:
                name, values = line.split()[0], line.split()[1:]
                if name == 'ctxt':
                    everything.add_metric(
                        PanoptesMetric('context_switch_count', int(values[0]), PanoptesMetricType.COUNTER))
                elif name.startswith('cpu') and name != 'cpu':
                    cpu = new_group(name[len('cpu'):])
                    for column, value in zip(CPU_COLUMNS, values):
                        cpu.add_metric(PanoptesMetric(column, int(value), PanoptesMetricType.COUNTER))
                    groups.add(cpu)

        groups.add(everything)
        context.logger.debug('read {} groups'.format(len(groups)))
        return groups

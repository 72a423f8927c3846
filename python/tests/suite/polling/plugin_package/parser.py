"""Reads what the device says."""
from yahoo_panoptes.framework.metrics import PanoptesMetric, PanoptesMetricsGroup, PanoptesMetricsGroupSet, \
    PanoptesMetricType


def parse(context, text):
    group = PanoptesMetricsGroup(context.data, 'parsed', int(context.config['main']['execute_frequency']))
    for pair in text.split(';'):
        name, value = pair.split('=')
        group.add_metric(PanoptesMetric(name, float(value) if '.' in value else int(value), PanoptesMetricType.GAUGE))
    groups = PanoptesMetricsGroupSet()
    groups.add(group)
    return groups

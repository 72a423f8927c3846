from __future__ import absolute_import, unicode_literals

import abc

import six
from six.moves import range
from six.moves.urllib.parse import urlparse
from past.builtins import basestring

from yahoo_panoptes.framework.metrics import PanoptesMetric, PanoptesMetricDimension, PanoptesMetricsGroup, \
    PanoptesMetricsGroupSet, PanoptesMetricType
from yahoo_panoptes.framework.utilities.helpers import is_python_2
from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin


@six.add_metaclass(abc.ABCMeta)
class Table(object):
    @abc.abstractmethod
    def rows(self):
        pass


class Queues(Table):
    def rows(self):
        return {'q{}'.format(i): i * 10 for i in range(3)}


class PluginSixStyle(PanoptesPollingPlugin):
    def run(self, context):
        interval = int(context.config['main']['execute_frequency'])
        results = PanoptesMetricsGroupSet()
        for name, depth in six.iteritems(Queues().rows()):
            assert isinstance(name, six.string_types) and isinstance(depth, six.integer_types)
            assert isinstance(name, basestring) and isinstance(b'x', basestring)
            group = PanoptesMetricsGroup(context.data, 'queue', interval)
            group.add_dimension(PanoptesMetricDimension('queue', six.text_type(name)))
            group.add_dimension(PanoptesMetricDimension('host', urlparse('http://broker:5672/').hostname))
            group.add_metric(PanoptesMetric('depth', depth, PanoptesMetricType().GAUGE))
            group.add_metric(PanoptesMetric('python2', int(is_python_2() or six.PY2), PanoptesMetricType.GAUGE))
            results.add(group)
        return results

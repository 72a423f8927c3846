# -*- coding: utf-8 -*-
from __future__ import absolute_import, division, print_function, unicode_literals
from future import standard_library
standard_library.install_aliases()
from builtins import object, str
import json
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

from past.utils import old_div

from yahoo_panoptes.framework.metrics import PanoptesMetricsGroupSet, PanoptesMetricsGroup, PanoptesMetric, \
    PanoptesMetricType
from yahoo_panoptes.plugins.polling.utilities.polling_status import PanoptesPollingStatus
from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin


class Pools(object):
    def __init__(self, raw):
        self.members = raw['members']

    def share_up(self):
        up = len([m for m in self.members if m['state'] == str('up')])
        return old_div(100 * up, len(self.members))


class PluginOldURL(PanoptesPollingPlugin):
    def run(self, context):
        frequency = int(context.config['main']['execute_frequency'])
        status = PanoptesPollingStatus(resource=context.data, execute_frequency=frequency, logger=context.logger,
                                       ping=False, metric_name='pool_polling_status')
        result = PanoptesMetricsGroupSet()
        try:
            url = context.config['main']['url'] + '/pools?' + urlencode({'name': 'web'})
            pools = Pools(json.loads(urlopen(url, timeout=5).read().decode('utf-8')))
            group = PanoptesMetricsGroup(context.data, 'pool', frequency)
            group.add_metric(PanoptesMetric('share_up_pct', pools.share_up(), PanoptesMetricType.GAUGE))
            result.add(group)
            status.handle_success('pools')
        except URLError as e:
            status.handle_exception('pools', e)
        result.add(status.device_status_metrics_group)
        return result

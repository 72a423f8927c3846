"""What Panoptes itself answered to the same input."""
import json
import logging
import unittest
from decimal import Decimal
from unittest import mock

from support import rows

from yahoo_panoptes.framework import metrics as m
from yahoo_panoptes.framework.resources import PanoptesResource

TYPES = {'gauge': 0, 'counter': 1}


def resource(build):
    if not isinstance(build, dict) or 'resource_site' not in build:
        return build
    arguments = dict(build)
    metadata = arguments.pop('metadata', {})
    made = PanoptesResource(**arguments)
    for key, value in metadata.items():
        made.add_metadata(key, value)
    return made


def value(row):
    if 'value_python' in row:
        return eval(row['value_python'], {'Decimal': Decimal})
    return row['value']


def type_(row):
    kind = row['type']
    return TYPES.get(kind, kind) if isinstance(kind, str) else kind


def build_group(build):
    with mock.patch.object(m, 'time', lambda: build['now']), \
            mock.patch('yahoo_panoptes.framework.resources.time', lambda: build['now']):
        group = m.PanoptesMetricsGroup(
            resource(build['resource']), build['group_type'], build['interval'], build['creation_timestamp'])
        for row in build['dimensions']:
            group.add_dimension(m.PanoptesMetricDimension(row['name'], row['value']))
        for row in build.get('upsert_dimensions', []):
            group.upsert_dimension(m.PanoptesMetricDimension(row['name'], row['value']))
        for row in build['metrics']:
            group.add_metric(m.PanoptesMetric(row['name'], value(row), type_(row), row.get('ts')))
        return group


def unordered(text):
    group = json.loads(text)
    for key in ('metrics', 'dimensions'):
        group[key].sort(key=lambda item: json.dumps(item, sort_keys=True))
    return json.dumps(group)


class MetricsGroupJSON(unittest.TestCase):
    def test_rows(self):
        count = 0
        for row in rows('metrics_group_json.jsonl'):
            count += 1
            with self.subTest(row['name']):
                if 'error' in row:
                    with self.assertRaises(Exception) as caught:
                        build_group(row['build']).json
                    error = caught.exception
                    self.assertEqual(row['error'], '{}: {}'.format(type(error).__name__, error))
                    continue
                got = build_group(row['build']).json
                if row['raw_order_deterministic']:
                    self.assertEqual(row['raw'], got)
                else:
                    self.assertEqual(unordered(row['raw']), unordered(got))
        self.assertGreater(count, 70)


class GroupSet(unittest.TestCase):
    def setUp(self):
        # What the set drops is logged; here that is many.
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)

    def test_rows(self):
        for row in rows('group_set.jsonl'):
            with self.subTest(row['name']):
                groups = m.PanoptesMetricsGroupSet()
                added = []
                for spec in row['added']:
                    group = m.PanoptesMetricsGroup(
                        PanoptesResource('s', 'c', 'u', 't', spec['resource_id'], spec['resource_endpoint'], 1.5,
                                         spec['resource_plugin']),
                        spec['group_type'], spec['interval'])
                    for metric in spec['metrics']:
                        group.add_metric(m.PanoptesMetric(*metric))
                    for dimension in spec['dimensions']:
                        group.add_dimension(m.PanoptesMetricDimension(*dimension))
                    groups.add(group)
                    added.append(group)
                self.assertEqual(row['len'], len(groups))
                kept = [i for i, group in enumerate(added) if any(group is member for member in groups)]
                self.assertEqual(row['kept_indexes'], kept)


if __name__ == '__main__':
    unittest.main()

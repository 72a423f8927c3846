"""The API plugins see: texts of assertions, equality, sets, stores."""
import json
import logging
import os
import pickle
import subprocess
import sys
import time
import unittest
from unittest import mock

from support import RESOURCE, Folder

from yahoo_panoptes.framework import const
from yahoo_panoptes.framework import exceptions as e
from yahoo_panoptes.framework.context import PanoptesContext
from yahoo_panoptes.framework.metrics import (
    PanoptesMetric, PanoptesMetricDimension, PanoptesMetricSet, PanoptesMetricsGroup, PanoptesMetricsGroupEncoder,
    PanoptesMetricsGroupSet, PanoptesMetricType, PanoptesMetricValidators)
from yahoo_panoptes.framework.plugins.context import PanoptesPluginContext, PanoptesPluginWithEnrichmentContext
from yahoo_panoptes.framework.plugins.helpers import expires, time_limit
from yahoo_panoptes.framework.plugins.panoptes_base_plugin import PanoptesBasePlugin
from yahoo_panoptes.framework.resources import (
    PanoptesResource, PanoptesResourceSet, PanoptesResourceStore, PanoptesResourcesKeyValueStore)
from yahoo_panoptes.framework.utilities import helpers, ping
from yahoo_panoptes.framework.utilities.key_value_store import PanoptesKeyValueStore
from yahoo_panoptes.framework.utilities.secrets import PanoptesSecretsStore
from yahoo_panoptes.framework.validators import PanoptesValidators as V
from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin, PanoptesPollingPluginInfo

KEY = ('plugin|test_plugin|site|test_site|class|test_class|subclass|test_subclass|type|test_type|id|test_id|'
       'endpoint|test_endpoint')


def resource(**changes):
    return PanoptesResource.resource_from_dict(dict(RESOURCE, **changes))


class Case(unittest.TestCase):
    def asserts(self, text, function, *args, **kwargs):
        with self.assertRaises(AssertionError) as caught:
            function(*args, **kwargs)
        self.assertEqual(text, str(caught.exception))


class Exceptions(Case):
    def test_arguments(self):
        error = e.PanoptesMetricsNullException('msg', 1, named=2)
        self.assertEqual((('msg', 1), "PanoptesMetricsNullException('msg', 1)"), (error.args, repr(error)))
        self.assertTrue(issubclass(e.PanoptesPingTimeoutException, e.PanoptesPingException))
        self.assertFalse(issubclass(e.PanoptesPingRequestException, e.PanoptesPingException))
        self.assertEqual(BaseException, e.PanoptesKeyValueStoreException.__bases__[0])

    def test_assertions_survive_optimisation(self):
        subprocess.run([sys.executable, '-B', '-O', '-c', (
            'import sys; sys.path.insert(0, {!r})\n'
            'from yahoo_panoptes.framework.metrics import PanoptesMetric\n'
            'try: PanoptesMetric("m", True, 0)\n'
            'except AssertionError: sys.exit(0)\n'
            'sys.exit(1)').format(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))], check=True)


class Validators(Case):
    def test_all(self):
        for expected, got in (
                (True, V.valid_logger(logging.getLogger())), (False, V.valid_logger(1)),
                (None, V.valid_callback(None)), (True, V.valid_callback(len)),
                (True, V.valid_hashable_object(None)), (False, V.valid_hashable_object([])),
                (False, V.valid_port(True)), (True, V.valid_port(65535)), (False, V.valid_port(65536)),
                (True, V.valid_number(1j)), (False, V.valid_number(True)), (False, V.valid_number('1')),
                (False, V.valid_nonzero_integer(0)), (True, V.valid_positive_integer(0)),
                (False, V.valid_positive_integer(True)), (False, V.valid_nonempty_string(b'x')),
                (True, V.valid_none_or_string(None)), (False, V.valid_none_or_nonempty_string('')),
                (False, V.valid_readable_path(None)), (False, V.valid_readable_file('/nowhere')),
                (True, V.valid_readable_path('/')), (True, V.valid_readable_file(__file__)),
                (True, V.valid_nonempty_iterable_of_strings(['a'])),
                (False, V.valid_nonempty_iterable_of_strings('a')),
                (False, V.valid_nonempty_iterable_of_strings(['a', ''])),
                (False, V.valid_nonempty_iterable_of_strings([])),
                (True, V.valid_timestamp(time.time())), (False, V.valid_timestamp(time.time() + 120)),
                (False, V.valid_timestamp('1')), (True, V.valid_numeric_snmp_oid('.1.3.x')),
                (False, V.valid_numeric_snmp_oid('1.3'))):
            self.assertEqual(expected, got)
        self.assertRaises(TypeError, V.valid_numeric_snmp_oid, None)


class Resources(Case):
    def test_assertions(self):
        good = ['s', 'c', 'u', 't', 'i', 'e']
        texts = ['resource_site must be a non-empty str', 'resource_class must be a non-empty str',
                 'resource_subclass must be a non-empty', 'resource_type must be a non-empty str',
                 'resource_id must be a non-empty str', 'resource_endpoint must be a non-empty str']
        for i, text in enumerate(texts):
            for bad in ('', None, 1, b'x'):
                self.asserts(text, PanoptesResource, *(good[:i] + [bad] + good[i + 1:]))
        self.asserts('resource_plugin must be None or a non-empty str', PanoptesResource, *good, resource_plugin='')
        for bad in ('900', True, 0, 1.5):
            self.asserts('resource_ttl must be an integer greater than 0', PanoptesResource, *good, resource_ttl=bad)

    def test_identity(self):
        one, other = resource(), resource(resource_endpoint='other')
        self.assertEqual(one, other)
        self.assertEqual(2, len({one, other}))
        self.assertNotEqual(one, resource(resource_id='x'))
        self.assertEqual((KEY, KEY, '604800'), (str(one), repr(one), one.resource_ttl))
        self.assertEqual([True, False, False],
                         [one < resource(resource_id='zz'), one < resource(), one.__lt__(1)])
        self.assertEqual(RESOURCE, json.loads(one.json))
        self.assertIs(one.raw, one._PanoptesResource__data)
        with self.assertRaises(TypeError) as caught:
            str(resource(resource_plugin=None))
        self.assertEqual('sequence item 1: expected str instance, NoneType found', str(caught.exception))

    def test_metadata(self):
        r = resource()
        r.add_metadata('os_name', 'x')
        r.add_metadata('os_name', 'y')
        self.assertEqual({'_resource_ttl': '604800', 'os_name': 'y'}, dict(r.resource_metadata))
        self.asserts('key must be a non-empty str or unicode', r.add_metadata, '', 'x')
        self.asserts('value must be a non-empty str or unicode', r.add_metadata, 'x', None)
        with self.assertRaisesRegex(ValueError, r'metadata key "1" has to match pattern: \(letter\|"_"\)'):
            r.add_metadata('1', 'x')
        with self.assertRaisesRegex(ValueError, r'metadata value "a\|b" cannot contain \|'):
            r.add_metadata('x', 'a|b')

    def test_from_dict(self):
        self.asserts('resource_dict must be a dict', PanoptesResource.resource_from_dict, [])
        for key in RESOURCE:
            with self.assertRaises(KeyError):
                PanoptesResource.resource_from_dict({k: v for k, v in RESOURCE.items() if k != key})
        self.assertEqual('604800', resource(resource_metadata={}).resource_ttl)
        self.assertRaises(ValueError, resource, resource_metadata={'_resource_ttl': 'x'})

    def test_set(self):
        resources = PanoptesResourceSet()
        self.assertFalse(resources)
        self.assertRaises(StopIteration, next, resources)
        self.asserts('resource must an instance of PanoptesResource', resources.add, 1)
        self.assertRaises(KeyError, resources.remove, resource())
        resources.add(resource())
        resources.add(resource(resource_site='b'))
        self.assertEqual(['b', 'test_site'], sorted(resources.get_resources_by_site()))
        self.assertIn(next(resources), resources.resources)
        self.assertEqual(['resource_set_creation_timestamp', 'resource_set_schema_version', 'resources'],
                         sorted(json.loads(resources.json)))
        with self.assertRaisesRegex(AssertionError, 'not more than 7 days old or more than 60 seconds'):
            resources.resource_set_creation_timestamp = 1
        resources.resource_set_creation_timestamp = int(time.time())

    def test_store(self):
        context = PanoptesContext(key_value_store_class_list=[PanoptesResourcesKeyValueStore])
        store = PanoptesResourceStore(context)
        kept = resource(resource_creation_timestamp='1512629517.03121',
                        resource_metadata={'_resource_ttl': '900', 'os': 'x y'})
        store.add_resource('signature', kept)
        back = store.get_resource(kept.serialization_key)
        self.assertEqual(1512629517.03, back.resource_creation_timestamp)
        self.assertEqual(kept.resource_metadata, back.resource_metadata)
        kv = context.get_kv_store(PanoptesResourcesKeyValueStore)
        self.assertEqual('timestamp|1512629517.03121|meta._resource_ttl|900|meta.os|x y|', kv.get(str(kept)))
        self.assertEqual(900, kv.ttl(str(kept)))
        self.assertEqual(1, len(store.get_resources(site='test_site', plugin_name='test_plugin')))
        self.assertEqual(0, len(store.get_resources(site='test_site')))
        kv.set(str(kept), 'timestamp|1512629517|meta._resource_ttl|900|')
        self.assertEqual(1512629517.0, store.get_resource(str(kept)).resource_creation_timestamp)
        store.delete_resource('signature', kept)
        with self.assertRaisesRegex(e.PanoptesResourceError, 'No resource found for key "plugin'):
            store.get_resource(str(kept))
        kv.set('x', 'y')
        with self.assertRaisesRegex(e.PanoptesResourceError, 'Resource key "x" does not match pattern'):
            store.get_resource('x')


class Metrics(Case):
    def group(self, group_type='t', interval=60, metrics=(), dimensions=(), **changes):
        group = PanoptesMetricsGroup(resource(**changes), group_type, interval)
        for metric in metrics:
            group.add_metric(PanoptesMetric(*metric))
        for dimension in dimensions:
            group.add_dimension(PanoptesMetricDimension(*dimension))
        return group

    def test_metric(self):
        metric = PanoptesMetric('m', 5, PanoptesMetricType.COUNTER, 1.23456)
        self.assertEqual(('PanoptesMetric[m|5|COUNTER|1.235]', 'm|5|1'), (repr(metric), str(metric)))
        self.assertEqual('{"metric_creation_timestamp": 1.235, "metric_name": "m", "metric_type": "counter", '
                         '"metric_value": 5}', metric.json)
        self.assertEqual(metric, PanoptesMetric('m', 5.0, 1))
        self.assertNotEqual(hash(metric), hash(PanoptesMetric('m', 5.0, 1)))
        self.assertNotEqual(metric, PanoptesMetric('m', 5, 0))
        self.assertLess(PanoptesMetric('a', 5, 0), metric)
        self.assertIs(int, type(PanoptesMetric('m', 5, True).metric_type))

    def test_dimension(self):
        dimension = PanoptesMetricDimension('a', 'b')
        self.assertEqual(('PanoptesMetricDimension[a|b]', 'a|b', '{"dimension_name": "a", "dimension_value": "b"}'),
                         (repr(dimension), str(dimension), dimension.json))
        self.assertEqual(dimension, PanoptesMetricDimension('a', 'b'))
        self.asserts('dimension value for dimension "a" must be non-empty str or unicode, is type <class \'int\'>',
                     PanoptesMetricDimension, 'a', 1)

    def test_dimensions_of_a_group(self):
        group = self.group(dimensions=[('b', '1'), ('a', '2')])
        self.assertEqual(['a', 'b'], [dimension.name for dimension in group.dimensions])
        group.upsert_dimension(PanoptesMetricDimension('a', '3'))
        group.upsert_dimension(PanoptesMetricDimension('c', '4'))
        self.assertEqual('3', group.get_dimension_by_name('a').value)
        self.assertIsNone(group.get_dimension_by_name('x'))
        group.delete_dimension_by_name('a')
        group.delete_dimension_by_name('a')
        self.assertEqual((False, True),
                         (group.contains_dimension_by_name('a'), group.contains_dimension_by_name('c')))
        text = "dimension name must be non-empty str or unicode, is type <class 'NoneType'>"
        for function in (group.get_dimension_by_name, group.contains_dimension_by_name,
                         group.delete_dimension_by_name):
            self.asserts(text, function, None)
        self.asserts('dimension must be instance of PanoptesMetricDimension', group.add_dimension, None)
        self.asserts('metric must be an instance of PanoptesMetric', group.add_metric, None)

    def test_copy_and_flatten(self):
        group = self.group(metrics=[('m', 1, 0, 5), ('m', 2, 1, 6)], dimensions=[('a', '1')])
        copy = group.copy()
        self.assertEqual((group, group.json), (copy, copy.json))
        self.assertIs(group.metrics[0], copy.metrics[0])
        with mock.patch('yahoo_panoptes.framework.metrics.time', lambda: 7.00049):
            self.assertEqual(7.0, group.copy(retain_timestamp=False).creation_timestamp)
        data = json.loads(group.json)
        self.assertEqual({'a': '1'}, PanoptesMetricsGroup.flatten_dimensions(data['dimensions']))
        self.assertEqual({'gauge': {'m': {'value': 1, 'timestamp': 5}}, 'counter': {'m': {'value': 2, 'timestamp': 6}}},
                         PanoptesMetricsGroup.flatten_metrics(data['metrics']))
        self.assertRaises(KeyError, PanoptesMetricsGroup.flatten_metrics, [dict(data['metrics'][0], metric_type='x')])
        self.assertEqual(group, pickle.loads(pickle.dumps(group)))

    def test_repr(self):
        group = PanoptesMetricsGroup(resource(), 't', 60, 5)
        group.add_metric(PanoptesMetric('m', 1, 0, 2))
        self.assertEqual('PanoptesMetricsGroup[resource:' + KEY + ',interval:60,schema_version:0.2,group_type:t,'
                         'creation_timestamp:5,dimensions:[],metrics:[PanoptesMetric[m|1|GAUGE|2]]]', repr(group))
        groups = PanoptesMetricsGroupSet()
        groups.add(group)
        self.assertEqual('PanoptesMetricsGroupSet[' + repr(group) + ']', repr(groups))

    def test_equality_and_hash(self):
        metrics = [('m%d' % i, i, 0) for i in range(20)]
        one, other = self.group(metrics=metrics), self.group(metrics=reversed(metrics))
        self.assertEqual((one, hash(one)), (other, hash(other)))
        self.assertNotEqual(one, self.group('u', metrics=metrics))
        self.assertNotEqual(one, self.group('t', 61, metrics=metrics))
        empty, same = self.group('t'), self.group('u', 61)
        self.assertEqual((empty, hash(empty)), (same, hash(same)))
        self.assertNotEqual(empty, self.group('t', dimensions=[('a', 'b')]))

    def test_set(self):
        groups, empty = PanoptesMetricsGroupSet(), PanoptesMetricsGroupSet()
        self.assertFalse(groups)
        self.asserts('metrics_group must be an instance of PanoptesMetricsGroup', groups.add, None)
        group = self.group(metrics=[('m', 1, 0)])
        groups.add(group)
        groups.add(group)
        with self.assertLogs('panoptes', 'WARNING') as logs:
            groups.add(self.group(metrics=[('m', 1, 0)]))
        self.assertIn('equals one that is in the set already', logs.output[0])
        self.assertEqual(1, len(logs.output))
        self.assertEqual([1, 1, 0], [len(groups + empty), len(empty + groups), len(empty + empty)])
        with self.assertRaisesRegex(TypeError, "Unsupported type for addition: <class 'list'>"):
            groups + []
        self.assertIs(group, next(groups))
        self.assertIs(group, groups.next())
        group.add_metric(PanoptesMetric('later', 1, 0))
        self.assertEqual([group], list(groups))
        self.assertRaises(KeyError, groups.remove, self.group())

    def test_metric_set(self):
        metrics = PanoptesMetricSet()
        self.asserts('metric must be an instance of PanoptesMetric', metrics.add, 1)
        metrics.add(PanoptesMetric('m', 1, 0, 2))
        self.assertEqual('PanoptesMetricSet[PanoptesMetric[m|1|GAUGE|2]]', repr(metrics))
        self.assertEqual(1, len(metrics + PanoptesMetricSet()))

    def test_validators_and_encoder(self):
        self.assertIsNone(PanoptesMetricValidators.valid_panoptes_resource(None))
        self.assertEqual('', PanoptesMetricValidators.valid_panoptes_metric(''))
        self.assertTrue(PanoptesMetricValidators.valid_panoptes_metric_type(True))
        group = self.group()
        self.assertEqual(group.json, json.dumps(group, cls=PanoptesMetricsGroupEncoder))

    def test_not_finite_is_written_as_python_does(self):
        self.assertIn('"metric_value": NaN', self.group(metrics=[('m', float('nan'), 0)]).json)


class Stores(Case):
    def test_key_value_store(self):
        context = PanoptesContext()
        kv = PanoptesKeyValueStore(context, 'n')
        self.assertTrue(kv.set('a', '1'))
        self.assertEqual(('1', 604800), (kv.get('a'), kv.ttl('a')))
        kv.set('b', '2', expire=None)
        self.assertEqual((-1, -2), (kv.ttl('b'), kv.ttl('x')))
        self.assertEqual(['1', None], [kv.getset('a', '3', expire=5), kv.getset('c', '4')])
        self.assertEqual(['a', 'b', 'c'], sorted(kv.find_keys('*')))
        self.assertEqual(['a', 'b'], sorted(kv.find_keys('[a-b]')))
        self.assertEqual(['c'], kv.find_keys('[^ab]'))
        self.assertRaises(TypeError, kv.find_keys)
        kv.delete('a')
        self.assertIsNone(kv.get('a'))
        kv.set_add('s', 'x')
        kv.set_add('s', 'x')
        self.assertEqual(({'x'}, set()), (kv.set_members('s'), kv.set_members('t')))
        self.assertIsNone(PanoptesKeyValueStore(context, 'other').get('b'))
        for text, function, arguments in (
                ('key must be a non-empty str', kv.get, ('',)), ('key must be a non-empty str', kv.set, (1, 'x')),
                ('key value be a non-empty str', kv.set, ('a', 1)),
                ('expire must be an integer greater than zero', kv.set, ('a', '1', True)),
                ('expire must be an integer greater than zero', kv.getset, ('a', '1', None)),
                ('key must be a non-empty str or unicode', kv.delete, (None,)),
                ('set_name must be a non-empty str', kv.set_members, ('',)),
                ('member must be a non-empty str', kv.set_add, ('s', ''))):
            self.asserts(text, function, *arguments)

    def test_expiry(self):
        kv = PanoptesKeyValueStore(PanoptesContext(), 'n')
        module = 'yahoo_panoptes.framework.utilities.key_value_store.monotonic'
        with mock.patch(module, lambda: 100):
            kv.set('a', '1', expire=5)
        with mock.patch(module, lambda: 104):
            self.assertEqual(('1', 1), (kv.get('a'), kv.ttl('a')))
        with mock.patch(module, lambda: 105):
            self.assertEqual((None, []), (kv.get('a'), kv.find_keys('*')))

    def test_secrets(self):
        context = PanoptesContext()
        secrets = PanoptesSecretsStore(context)
        context.key_value_backend.set(const.SECRETS_MANAGER_KEY_VALUE_NAMESPACE, 'c:dc1', 'one', None)
        context.key_value_backend.set(const.SECRETS_MANAGER_KEY_VALUE_NAMESPACE, 'c:default', 'two', None)
        self.assertEqual(['one', 'two', None, None], [
            secrets.get_by_site('c', 'dc1'), secrets.get_by_site('c', 'dc2'),
            secrets.get_by_site('c', 'dc2', fallback_to_default=False), secrets.get_by_site('d', 'dc1')])
        self.assertEqual('one', secrets.get('c:dc1'))
        self.assertEqual([None] * 4, [secrets.set('a', 'b'), secrets.delete('a'), secrets.set_add('a', 'b'),
                                      secrets.set_members('a')])
        self.asserts('secret_name must be a non-empty str or unicode', secrets.get_by_site, '', 'x')
        self.asserts('site must be a non-empty str or unicode', secrets.get_by_site, 'x', None)
        self.asserts('fallback_to_default must be a boolean', secrets.get_by_site, 'x', 'y', 1)


class Contexts(Case):
    def test_plugin_context(self):
        context = PanoptesContext(key_value_store_class_list=[PanoptesSecretsStore])
        kv, secrets = PanoptesKeyValueStore(context, 'n'), context.get_kv_store(PanoptesSecretsStore)
        plugin_context = PanoptesPluginWithEnrichmentContext(context, 'l', {}, kv, secrets, 'data', 'enrichment')
        self.assertEqual(('data', 'enrichment', {}, set()), (
            plugin_context.data, plugin_context.enrichment, plugin_context.config, plugin_context.sites))
        self.assertIs(logging.getLogger('l'), plugin_context.logger)
        self.assertEqual((5, 'panoptes.pem'), (plugin_context.snmp['timeout'],
                                               plugin_context.x509['x509_cert_filename']))
        good = [context, 'l', {}, kv, secrets]
        for i, text in enumerate((
                'panoptes_context must be an instance of PanoptesContext', 'logger_name must be a non-empty str',
                'config must be a dict', 'key_value_store must be an instance of PanoptesKeyValueStore',
                'secrets_store must be an instance of PanoptesKeyValueStore')):
            self.asserts(text, PanoptesPluginContext, *(good[:i] + [None] + good[i + 1:]))
        with self.assertRaisesRegex(e.PanoptesContextError, 'No Key Value Store based on class '):
            context.get_kv_store(PanoptesKeyValueStore)

    def test_abstract(self):
        for cls in (PanoptesBasePlugin, PanoptesPollingPlugin):
            with self.assertRaisesRegex(TypeError, "Can't instantiate abstract class"):
                cls()


class PluginInfo(Folder):
    def test_times_and_config(self):
        info = PanoptesPollingPluginInfo('Tutorial Plugin', os.path.join(self.folder, 'mod'))
        info.details.read_string('[main]\nexecute_frequency = 30\nresource_filter = x\n')
        self.assertEqual((60, 38), (expires(info), time_limit(info)))
        self.assertEqual(('Tutorial_Plugin', 'x', '30', 0), (
            info.normalized_name, info.resource_filter, info.config['main']['execute_frequency'], info.moduleMtime))
        info.data = PanoptesResource('local', 'tutorial', 'host', 'generic', 'tutorial_device', 'localhost',
                                     resource_plugin='plugin_discovery_from_json_file')
        self.assertEqual('3221e556fca9b9bd99d669e46052debd', info.signature)
        with self.assertRaisesRegex(e.PanoptesPluginConfigurationError, 'No Panoptes Context associated'):
            info.panoptes_context
        with self.assertRaisesRegex(AssertionError, 'plugin must be an instance of PanoptesPluginInfo'):
            expires(None)


class Helpers(Case):
    def test_vectors(self):
        for expected, got in (
                ('a__b', helpers.normalize_plugin_name('a_b')), ('__x', helpers.normalize_plugin_name('\u00e9 x')),
                ('01:AB', helpers.transform_octet_to_mac(b'\x01\xab')),
                ('01:AB', helpers.transform_octet_to_mac('\x01\xab')), ('', helpers.transform_octet_to_mac(b'')),
                ('00:0A:10:FF', helpers.transform_dotted_decimal_to_mac('0.10.16.255')),
                ('00:213', helpers.transform_dotted_decimal_to_mac('0.531')),
                ('fe80::e86:10ff:fef3:871e',
                 helpers.transform_index_ipv6_address('254.128.0.0.0.0.0.0.14.134.16.255.254.243.135.30')),
                ('2001:4998:58:ce03::1',
                 helpers.transform_index_ipv6_address('32.1.73.152.0.88.206.3.0.0.0.0.0.0.0.1')),
                (97.88, helpers.convert_celsius_to_fahrenheit(36.6)),
                (23, helpers.convert_netmask_to_cidr('255.255.254.0')),
                ({'p_a': 'b', 'p_c': 'd'}, helpers.convert_kv_str_to_dict('a|b|c|d', 'p')),
                ({}, helpers.convert_kv_str_to_dict('a|b|c', 'p')),
                ([('a', [1, 2]), ('b', 3)], helpers.ordered({'b': 3, 'a': [2, 1]})),
                ('unknown-1-2-3-4', helpers.unknown_hostname('1.2.3.4')),
                (4, helpers.get_ip_version('1')), (6, helpers.get_ip_version('::1'))):
            self.assertEqual(expected, got)
        self.assertRaises(TypeError, helpers.transform_octet_to_mac, None)
        with self.assertRaisesRegex(ValueError, '^x$'):
            helpers.get_ip_version('x')
        self.asserts('plugin_name must be a non-empty str', helpers.normalize_plugin_name, '')
        self.asserts('ips should be a list', helpers.get_hostnames, 'x', 1)
        self.asserts('timeout should be an int greater than zero', helpers.get_hostnames, [], 0)
        self.asserts('hostnames should be a list', helpers.resolve_hostnames, 'x', 1)

    def test_lookups(self):
        def by_address(ip):
            if ip == '::1':
                raise OSError
            return ('UNKNOWN-x' if ip == '10.0.0.2' else 'name', [], [])
        with mock.patch('socket.gethostbyaddr', by_address):
            self.assertEqual({'10.0.0.1': 'name', '10.0.0.2': 'unknown-10-0-0-2', '::1': 'unknown---1'},
                             helpers.get_hostnames(['10.0.0.1', '10.0.0.2', '::1'], 5))
        with mock.patch('socket.gethostbyname', lambda name: '1.2.3.4'):
            self.assertEqual([('a', '1.2.3.4'), ('b', '1.2.3.4')], helpers.resolve_hostnames(['a', 'b'], 5))

    def test_capture(self):
        with helpers.CaptureStdOut() as lines:
            print('a\nb')
        self.assertEqual(['a', 'b'], lines)
        self.assertRegex(helpers.get_client_id('p'), r'^[0-9a-f-]{36}_p_.+_\d+$')


class Pings(Case):
    GOOD = ('PING x\n\n--- x ping statistics ---\n4 packets transmitted, 3 received, 25% packet loss, time 3005ms\n'
            'rtt min/avg/max/mdev = 0.026/0.030/0.036/0.007 ms\n')
    LOST = ('PING x\n\n--- x ping statistics ---\n2 packets transmitted, 0 received, +2 errors, 100% packet loss, '
            'time 1001ms\n\n')

    def test_parsed(self):
        with mock.patch('subprocess.check_output', return_value=self.GOOD) as run:
            got = ping.PanoptesPingConnectionFactory.get_ping_connection(resource(), count=4, timeout=9)
        self.assertEqual(['/bin/ping', '-c', '4', '-w', '9', 'test_endpoint'], run.call_args[0][0])
        self.assertEqual((4, 3, 25.0, 3.0, 0.026, 0.03, 0.036, 0.007), (
            got.packets_transmitted, got.packets_received, got.packet_loss_pct, got.execution_time,
            got.round_trip_min, got.round_trip_avg, got.round_trip_max, got.round_trip_stddev))
        self.assertEqual(4, json.loads(got.response)['packets_transmitted'])

    def test_failures(self):
        def failing(error):
            return mock.patch('subprocess.check_output', side_effect=error)
        with failing(subprocess.CalledProcessError(1, 'ping', self.LOST)):
            with self.assertRaisesRegex(e.PanoptesPingTimeoutException, 'Ping timed out with response: .*100.0'):
                ping.PanoptesPingDirect(2)
        with failing(subprocess.CalledProcessError(2, 'ping', 'unknown host')):
            with self.assertRaisesRegex(e.PanoptesPingException, 'unknown host'):
                ping.PanoptesPingDirect()
        with failing(OSError('no ping')):
            with self.assertRaisesRegex(e.PanoptesPingException, 'no ping'):
                ping.PanoptesPingDirect()
        with mock.patch('subprocess.check_output', return_value='nothing'):
            self.assertIsNone(ping.PanoptesPingDirect().packets_transmitted)
        self.asserts('count must be integer > 0', ping.PanoptesPingDirect, 0)
        self.asserts('hostname must be nonempty string', ping.PanoptesPingDirect, hostname='')
        self.asserts('timeout must be integer > 0', ping.PanoptesPingDirect, timeout='1')


if __name__ == '__main__':
    unittest.main()

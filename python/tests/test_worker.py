"""The worker over real pipes: protocol, stores, logs, limits."""
import json
import os
import signal
import subprocess
import sys
import unittest
import zipfile

import support
from support import RESOURCE, Folder, HostError, Worker, metrics_of


class Protocol(Folder):
    def test_initialize_describe_shutdown(self):
        module = self.plugin('return None')
        with Worker() as worker:
            self.assertEqual((1, {'concurrency': 4}), tuple(
                worker.initialized[key] for key in ('protocol_version', 'capabilities')))
            self.assertEqual({'type': 'polling'}, worker.describe(module))
            self.assertEqual({}, worker.request('shutdown'))
            self.assertEqual(0, worker.process.wait())

    def test_from_a_zip_and_as_a_module(self):
        path = os.path.join(self.folder, 'panoptes.zip')
        with zipfile.ZipFile(path, 'w') as archive:
            for folder, _, files in os.walk(support.PYTHON):
                for name in files:
                    file = os.path.join(folder, name)
                    if name.endswith('.py') and not folder.endswith('tests'):
                        archive.write(file, os.path.relpath(file, support.PYTHON))
        module = self.plugin('import six\nreturn one(context.data, m=1)')
        path_to_package = dict(os.environ, PYTHONPATH=support.PYTHON)
        for command, env in (([sys.executable, '-B', '-u', path], None),
                             ([sys.executable, '-B', '-m', 'panoptes_worker'], path_to_package)):
            with Worker(command, cwd=self.folder, env=env) as worker:
                self.assertEqual({'m': 1}, metrics_of(worker.run(module)))

    def test_faults(self):
        with Worker(initialize=False) as worker:
            def fails(code, text, line=None, method=None, params=None):
                if line is not None:
                    worker.send_raw(line)
                else:
                    worker.start(method, params)
                error = worker.read()['error']
                self.assertEqual(code, error['code'])
                self.assertIn(text, error['message'])
            fails(-32700, 'parse', b'{"jsonrpc"\n')
            fails(-32700, 'parse', b'\xff\xfe\n')
            fails(-32700, 'parse', b'[' * 100000 + b'\n')
            fails(-32600, 'must be an object', b'[]\n')
            fails(-32600, 'method must be a string', b'{"id": 1, "method": 5}\n')
            fails(-32700, '16777216', b'x' * (16 * 1024 * 1024 + 10) + b'\n')
            fails(-32601, 'unknown method "nothing"', method='nothing')
            fails(-32002, 'initialize must come first', method='run', params={})
            worker.request('initialize', {'unknown': 'field'})
            fails(-32602, 'params must be an object', method='run')
            fails(-32602, 'plugin must be an object', method='run', params={'run_id': 1})
            fails(-32602, 'type must be one of discovery, enrichment, polling', method='describe',
                  params={'plugin': {'name': 'x', 'module': 'y'}, 'type': 'dance'})
            fails(-32602, 'resource_id', method='run', params=worker.run_params(
                'm', resource={k: v for k, v in RESOURCE.items() if k != 'resource_id'}))
            fails(-32602, 'unknown log level', method='initialize', params={'log_level': 'loud'})
            worker.send({'method': 'unknown_notification'})
            worker.send({'id': 99, 'result': 'for nobody'})
            worker.send_raw(b'\n \n')
            self.assertEqual({}, worker.request('shutdown'))

    def test_end_of_input(self):
        module = self.plugin('return None')
        with Worker() as worker:
            worker.start('run', worker.run_params(module))
            worker.process.stdin.close()
            self.assertEqual('none', worker.read()['result']['outcome'])
            self.assertEqual(0, worker.process.wait())

    def test_end_of_input_frees_who_waits_for_the_host(self):
        module = self.plugin('context.kv.get("a")')
        with Worker() as worker:
            worker.answers['kv.get'] = lambda params: worker.process.stdin.close()
            worker.start('run', worker.run_params(module))
            with self.assertRaises(ValueError):  # the answer cannot be written
                worker.read()
            self.assertEqual('raised', worker.read()['result']['outcome'])
            self.assertEqual(0, worker.process.wait())

    def test_describe_rejected(self):
        self.write('bad.py', 'def f(:\n')
        with Worker() as worker:
            with self.assertRaises(HostError) as caught:
                worker.describe(os.path.join(self.folder, 'bad'))
            error = caught.exception.error
            self.assertEqual((-32001, 'import_error', 1), (error['code'], error['data']['kind'], error['data']['line']))
            self.assertIn('SyntaxError', error['data']['traceback'])

    def test_queued_requests_keep_their_order(self):
        module = self.plugin('return one(context.data, v=int(context.kv.get("a")))')
        with Worker() as worker:
            ids = [worker.start('run', worker.run_params(module)) for _ in range(5)]
            worker.answers['kv.get'] = lambda params: {'value': str(len(worker.calls))}
            self.assertEqual([1, 2, 3, 4, 5], [metrics_of(worker.wait(id))['v'] for id in ids])

    def test_cancel_takes_back_what_has_not_begun(self):
        waiting = self.plugin('context.kv.get("wait")\nreturn one(context.data, m=1)')
        with Worker() as worker:
            ids = []

            def cancel(params):
                if not ids[1:]:
                    ids.extend(worker.start('run', worker.run_params(waiting, run_id=n)) for n in (8, 9))
                    for run_id in (7, 8, 'none'):  # of these only 8 waits
                        worker.send({'method': 'cancel', 'params': {'run_id': run_id}})
                    self.assertEqual((ids[1], -32800), cancelled(worker))
                return {'value': None}

            def cancelled(worker):
                answer = worker.read()
                return answer['id'], answer['error']['code']

            worker.answers['kv.get'] = cancel
            ids.append(worker.start('run', worker.run_params(waiting, run_id=7)))
            self.assertEqual(7, worker.wait(ids[0])['run_id'])
            self.assertEqual(9, worker.wait(ids[2])['run_id'])

    def test_cancel_is_seen_while_a_run_takes_long(self):
        sleeps = self.plugin('import time\nwhile not context.config["main"].get("x"): time.sleep(0.01)')
        plain = self.plugin('return one(context.data, m=1)', 'plain')
        with Worker() as worker:
            worker.start('run', worker.run_params(sleeps, run_id=7))
            second = worker.start('run', worker.run_params(plain, run_id=8))
            worker.send({'method': 'cancel', 'params': {'run_id': 8}})
            with self.assertRaises(HostError) as caught:
                worker.wait(second)
            self.assertEqual(-32800, caught.exception.error['code'])


class Results(Folder):
    def test_group(self):
        module = self.plugin('''
            groups = one(context.data, b=1, a=0.5)
            group = next(groups)
            group.add_metric(PanoptesMetric('a', 2 ** 70, PanoptesMetricType.COUNTER, 12.3456))
            group.add_dimension(PanoptesMetricDimension('d', '\\u00e9\\ud800'))
            return groups''')
        with Worker() as worker:
            result = worker.run(module, run_id='x')
        group = result['groups'][0]
        self.assertEqual(['metrics_group_type', 'metrics_group_interval', 'metrics_group_creation_timestamp',
                          'metrics_group_schema_version', 'metrics', 'dimensions'], list(group))
        self.assertEqual(('x', 'ok', []), tuple(result[key] for key in ('run_id', 'outcome', 'dropped')))
        self.assertEqual([('a', 0.5, 'gauge'), ('a', 2 ** 70, 'counter'), ('b', 1, 'gauge')], [
            (metric['metric_name'], metric['metric_value'], metric['metric_type']) for metric in group['metrics']])
        self.assertEqual(12.346, group['metrics'][1]['metric_creation_timestamp'])
        self.assertEqual([{'dimension_name': 'd', 'dimension_value': '\u00e9\ud800'}], group['dimensions'])
        self.assertGreaterEqual(result['cpu_seconds'], 0)

    def test_resource_is_left_out_only_if_equal(self):
        module = self.plugin('''
            from yahoo_panoptes.framework.resources import PanoptesResource
            same = PanoptesResource.resource_from_dict(dict(context.data.raw))
            groups = one(context.data, m=1) + one(same, n=1)
            if context.config['main'].get('change'):
                context.data.add_metadata('added', 'x')
            other = PanoptesResource.resource_from_dict(dict(context.data.raw, resource_endpoint='elsewhere'))
            return groups + one(other, o=1)''')
        with Worker() as worker:
            plain = worker.run(module)['groups']
            changed = worker.run(module, config={'main': {'change': '1'}})['groups']
        self.assertEqual([('m', None), ('n', None), ('o', 'elsewhere')], sorted(
            (group['metrics'][0]['metric_name'], group.get('resource', {}).get('resource_endpoint'))
            for group in plain))
        self.assertEqual([('m', 'x'), ('n', None), ('o', 'x')], sorted(
            (group['metrics'][0]['metric_name'],
             group.get('resource', {}).get('resource_metadata', {}).get('added')) for group in changed))

    def test_what_cannot_be_sent_is_dropped(self):
        module = self.plugin('''
            groups = one(context.data, good=1, nan=float('nan'), inf=float('-inf'), imaginary=1j,
                         huge=1 << 14000)
            next(groups).add_metric(PanoptesMetric('late', 1, 0, float('inf')))
            stamp = PanoptesMetricsGroup(context.data, 'stamp', 60, object())
            groups.add(stamp)
            from yahoo_panoptes.framework.resources import PanoptesResource
            odd = PanoptesResource('s', 'c', 'u', 't', 'other', 'e', 1.5, 'p')
            odd.resource_metadata['x'] = object()
            groups.add(PanoptesMetricsGroup(odd, 'odd', 60))
            groups.metrics_groups.add('text')
            return groups''')
        with Worker() as worker:
            result = worker.run(module)
        self.assertEqual('ok', result['outcome'])
        self.assertEqual({'good': 1}, metrics_of(result))
        self.assertEqual(1, len(result['groups']))
        self.assertEqual(
            [('', '', 'not_a_group'), ('odd', '', 'not_serialisable'), ('stamp', '', 'not_serialisable'),
             ('t', 'huge', 'not_serialisable'), ('t', 'imaginary', 'not_serialisable'), ('t', 'inf', 'not_finite'), ('t', 'late', 'not_finite'),
             ('t', 'nan', 'not_finite')],
            sorted((drop.get('group', ''), drop.get('metric', ''), drop['reason']) for drop in result['dropped']))
        self.assertIn('1j of type complex', [drop['message'] for drop in result['dropped'] if drop.get('metric') == 'imaginary'][0])

    def test_too_large(self):
        module = self.plugin('''
            groups = one(context.data, m=1)
            next(groups).add_dimension(PanoptesMetricDimension('d', 'x' * (17 << 20)))
            return groups''')
        with Worker() as worker:
            result = worker.run(module)
            self.assertEqual(('raised', [], 'ResultTooLarge'), (
                result['outcome'], result['groups'], result['error']['type']))
            self.assertRegex(result['error']['message'], r'the result has 17\d{6} bytes \(1 groups\), the limit is 16777216')
            nearly = self.plugin('''
                groups = one(context.data, m=1)
                next(groups).add_dimension(PanoptesMetricDimension('d', 'x' * (15 << 20)))
                return groups''')
            self.assertEqual(15 << 20, len(worker.run(nearly)['groups'][0]['dimensions'][0]['dimension_value']))

    def test_order_is_fixed(self):
        module = self.plugin('''
            groups = PanoptesMetricsGroupSet()
            for i in range(30):
                group = PanoptesMetricsGroup(context.data, 't%d' % (i % 3), 60)
                group.add_dimension(PanoptesMetricDimension('n', '%02d' % i))
                group.add_metric(PanoptesMetric('m', i, 0))
                groups.add(group)
            return groups''')
        with Worker() as worker:
            keys = [(group['metrics_group_type'], group['dimensions'][0]['dimension_value'])
                    for group in worker.run(module)['groups']]
        self.assertEqual(sorted(keys), keys)


class Context(Folder):
    def test_what_plugins_see(self):
        module = self.plugin('''
            assert context.config['main']['execute_frequency'] == '60'
            assert context.config['absent'] == {} and context.config.get('x') is None and 'absent' in context.config
            assert context.sites == {'dc1'} and context.enrichment is None
            assert context.snmp['community'] == 'c' and context.snmp['port'] == 161
            assert context.x509['x509_cert_filename'] == 'y'
            assert str(context.data).startswith('plugin|test_plugin|site|test_site')
            context.snmp['community'] = 'spoilt'
            context.sites.add('spoilt')
            context.config['main']['execute_frequency'] = 'spoilt'
            return one(context.data, m=1)''')
        with Worker(context={'sites': ['dc1'], 'snmp': {'community': 'c'}, 'x509': {'x509_cert_filename': 'y'}}) as w:
            for _ in range(2):
                self.assertEqual({'m': 1}, metrics_of(w.run(module)))

    def test_stores(self):
        module = self.plugin('''
            kv = context.kv
            assert kv.get('a') == 'b' and kv.get('none') is None
            assert kv.set('a', 'b', expire=None) is True
            kv.set('a', 'b')
            assert kv.getset('a', 'c', expire=5) == 'old'
            assert kv.ttl('a') == -1
            assert sorted(kv.find_keys('*')) == ['x', 'y']
            kv.delete('a')
            kv.set_add('s', 'm')
            assert kv.set_members('s') == {'m'}
            assert kv.namespace == 'panoptes:plugins_kv'
            assert context.secrets.get_by_site('n', 'dc1') == 'secret'
            assert context.secrets.get_by_site('n', 'dc2', fallback_to_default=False) is None
            assert context.secrets.get('n:dc1') == 'secret'
            try:
                kv.get('')
            except AssertionError as e:
                assert str(e) == 'key must be a non-empty str'
            return one(context.data, m=1)''')
        with Worker() as worker:
            worker.answers = {
                'kv.get': lambda p: {'value': 'b' if p['key'] == 'a' else None},
                'kv.set': lambda p: {}, 'kv.delete': lambda p: {}, 'kv.set_add': lambda p: None,
                'kv.getset': lambda p: {'value': 'old'}, 'kv.ttl': lambda p: {'ttl': -1},
                'kv.find_keys': lambda p: {'keys': ['x', 'y']}, 'kv.set_members': lambda p: {'members': ['m', 'm']},
                'secrets.get': lambda p: {'value': 'secret' if p['site'] == 'dc1' else None},
            }
            result = worker.run(module)
            self.assertEqual('ok', result['outcome'], result)
            self.assertEqual([
                ('kv.get', {'key': 'a'}), ('kv.get', {'key': 'none'}),
                ('kv.set', {'key': 'a', 'value': 'b', 'expire': None}),
                ('kv.set', {'key': 'a', 'value': 'b', 'expire': 604800}),
                ('kv.getset', {'key': 'a', 'value': 'c', 'expire': 5}), ('kv.ttl', {'key': 'a'}),
                ('kv.find_keys', {'pattern': '*'}), ('kv.delete', {'key': 'a'}),
                ('kv.set_add', {'name': 's', 'member': 'm'}), ('kv.set_members', {'name': 's'}),
                ('secrets.get', {'name': 'n', 'site': 'dc1', 'fallback': True}),
                ('secrets.get', {'name': 'n', 'site': 'dc2', 'fallback': False}),
                ('secrets.get', {'name': 'n', 'site': 'dc1', 'fallback': False}),
            ], worker.calls)

    def test_snmp_and_enrichment_come_from_the_host(self):
        module = self.plugin('''
            from yahoo_panoptes.framework.utilities.snmp import host
            answer = host.ask('snmp.get', {'oids': ['.1.2']})
            speed = context.enrichment.get_enrichment_value('self', 'ports', 'eth0')['speed']
            return one(context.data, m=int(answer['values'][0]), speed=speed)''')
        config = {'Core': {'name': 'x'}, 'main': {'execute_frequency': '60'}, 'enrichment': {'preload': 'self:ports'}}
        with Worker() as worker:
            worker.answers = {
                'snmp.get': lambda params: {'types': 'INTEGER', 'values': ['7']},
                'enrichment.get': lambda params: {'enrichment': {
                    params['namespace']: {'data': {'eth0': {'speed': 40}}, 'metadata': {}}}},
            }
            self.assertEqual({'m': 7, 'speed': 40}, metrics_of(worker.run(module, config=config)))
            del worker.answers['snmp.get']
            self.assertIn('snmp.get', worker.run(module, config=config)['error']['message'])

    def test_discovery_and_enrichment_results(self):
        self.write('finds.py', '''
from yahoo_panoptes.discovery.panoptes_discovery_plugin import PanoptesDiscoveryPlugin
from yahoo_panoptes.framework.resources import PanoptesResource, PanoptesResourceSet
class D(PanoptesDiscoveryPlugin):
    def run(self, context):
        assert context.data is None
        found = PanoptesResourceSet()
        for id in ('b', 'a'):
            found.add(PanoptesResource('s', 'c', 'u', 't', id, 'e', 1.5, 'p'))
        return found
''')
        with Worker() as worker:
            params = worker.run_params(os.path.join(self.folder, 'finds'), type='discovery')
            del params['resource']
            result = worker.request('run', params)
            self.assertEqual('ok', result['outcome'], result)
            self.assertEqual(['a', 'b'], [resource['resource_id'] for resource in result['resources']])

    def test_host_refuses(self):
        module = self.plugin('context.kv.get("a")')
        with Worker() as worker:
            result = worker.run(module)  # the host of this test knows no kv.get
            self.assertEqual(('raised', 'PanoptesBaseException'), (result['outcome'], result['error']['type']))
            self.assertIn('kv.get', result['error']['message'])

    def test_from_many_threads(self):
        module = self.plugin('''
            from concurrent.futures import ThreadPoolExecutor
            def work(i):
                context.logger.info('thread %d', i)
                return int(context.kv.get(str(i)))
            with ThreadPoolExecutor(8) as pool:
                got = list(pool.map(work, range(200)))
            assert got == list(range(200)), got
            return one(context.data, m=sum(got))''')
        with Worker() as worker:
            worker.answers['kv.get'] = lambda params: {'value': params['key']}
            self.assertEqual({'m': 19900}, metrics_of(worker.run(module, run_id=5)))
            lines = [log for log in worker.logs if log['message'].startswith('thread ')]
            self.assertEqual((200, {5}), (len(lines), {log['run_id'] for log in lines}))


class Logs(Folder):
    def test_where_they_come_from(self):
        module = self.plugin('''
            import logging
            context.logger.debug('a %s', 'b')
            logging.getLogger('library').warning('careful')
            logging.getLogger('library').debug('not sent')
            logging.getLogger('panoptes.other').critical('dead')
            try:
                1 / 0
            except ZeroDivisionError:
                context.logger.exception('oops \\u00e9 \\udcff')
            context.logger.error('bad %d', 'arguments')
            context.logger.info('x' * 100000)
            print('printed')
            print('y' * 100000)
            return None''')
        with Worker() as worker:
            worker.run(module, run_id=3)
            sent = [(log['level'], log.get('logger') or log['stream'], log['message']) for log in worker.logs]
            name = 'panoptes.yahoo_panoptes.polling.polling_plugin_agent'
            self.assertEqual([
                ('debug', name + '.polling_plugins', 'a b'), ('warning', 'library', 'careful'),
                ('critical', 'panoptes.other', 'dead'), ('error', name + '.polling_plugins', 'oops \u00e9 \udcff'),
            ], sent[:4])
            self.assertEqual({3}, {log['run_id'] for log in worker.logs})
            self.assertIn('ZeroDivisionError', worker.logs[3]['exception'])
            self.assertNotIn('exception', worker.logs[0])
            self.assertIn('bad %d (cannot format it', sent[4][2])
            self.assertRegex(sent[5][2], r'x\.\.\. \(34464 characters more\)$')
            self.assertEqual(('warning', name, 'Plugin did not return any results'), sent[-1])
            self.assertIn(('info', 'stdout', 'printed'), sent)
            self.assertIn(('info', 'stdout', 'y' * 32768 + '...'), sent)

    def test_texts_are_cut_by_bytes(self):
        module = self.plugin("""
            import logging
            context.logger.info('\\u20ac' * 40000)
            logging.getLogger('n' * 5000).warning('named')
            raise type('E' * 5000, (ValueError,), {})('\\U0001f600' * 1000000)""")
        with Worker() as worker:
            result = worker.run(module)
        first = worker.logs[0]['message']
        self.assertRegex(first, '^\u20ac+\\.\\.\\. \\([0-9]+ characters more\\)$')
        self.assertEqual(40000, first.count('\u20ac') + int(first.split('(')[1].split()[0]))
        self.assertRegex(worker.logs[1]['logger'], '^n+\\.\\.\\. \\([0-9]+ characters more\\)$')
        error = result['error']
        for text, most in [(first, 65536), (worker.logs[1]['logger'], 256), (error['message'], 65536), (error['type'], 256),
                           (error['traceback'], 65536)] + [(log.get('exception', ''), 65536) for log in worker.logs]:
            self.assertLessEqual(len(text.encode()), most + 40)

    def test_a_call_that_is_too_long(self):
        module = self.plugin('context.kv.set("a", "x" * (17 << 20))')
        with Worker() as worker:
            error = worker.run(module)['error']
            self.assertRegex(error['message'], r'kv.set: the call has 17\d{6} bytes, the limit is 16777216')
            self.assertEqual([], worker.calls)

    def test_tracebacks_have_no_frames_of_the_package(self):
        module = self.plugin("""
            try:
                PanoptesMetric('load', 'abc', 0)
            except AssertionError:
                context.logger.exception('caught')
                raise ValueError('again')""")
        with Worker() as worker:
            error = worker.run(module)['error']
        for text in (error['traceback'], [log['exception'] for log in worker.logs if log['message'] == 'caught'][0]):
            self.assertNotIn('metrics.py', text)
            self.assertIn("PanoptesMetric('load', 'abc', 0)", text)
            self.assertIn('metric_value must be number', text)
        self.assertIn('that of metric "load" is \'abc\' of type str', text)
        self.assertIn('During handling of the above exception', error['traceback'])
        with Worker() as worker:
            error = worker.run(self.plugin("PanoptesMetric('load', 'abc', 0)"))['error']
        self.assertEqual('metric_value must be number: that of metric "load" is \'abc\' of type str', error['message'])

    def test_what_the_result_says_as_well(self):
        for body, lines in (
                ('raise ValueError', ['Failed to execute plugin:', 'Plugin did not return any results']),
                ('context.logger.error("own")\nreturn 5', ['Plugin returned an unexpected result type: "int"']),
                ('return None', ['Plugin did not return any results']),
                ('return one(context.data, m=1)', ['Plugin returned a result set with 1 members'])):
            with self.subTest(body), Worker() as worker:
                worker.run(self.plugin(body))
                self.assertEqual(lines, [log['message'] for log in worker.logs if log.get('in_result')])

    def test_level(self):
        module = self.plugin('context.logger.info("i"); context.logger.warning("w"); return one(context.data, m=1)')
        with Worker(log_level='warning') as worker:
            worker.run(module)
            self.assertEqual(['w'], [log['message'] for log in worker.logs])

    def test_thread_that_is_left_behind(self):
        module = self.plugin('''
            import threading
            def later():
                if context.kv.get('wait'):
                    context.logger.info('late')
                    context.kv.get('logged')
            threading.Thread(target=later).start()
            return one(context.data, m=1)''')
        second = self.plugin('context.kv.get("second")\nreturn one(context.data, m=2)', 'second')
        with Worker() as worker:
            held = []
            worker.answers = {'kv.get': lambda params: {'value': None}}
            # Answers the thread of run 1 only while run 2 is on.
            worker.start('run', worker.run_params(module, run_id=1))
            got = {}
            while 'result' not in got or not held:
                message = json.loads(worker.process.stdout.readline().decode())
                if message.get('method') == 'kv.get':
                    held.append(message['id'])
                elif 'result' in message:
                    got = message
            self.assertEqual(['threads'], [reason['reason'] for reason in got['result']['retire']])
            id = worker.start('run', worker.run_params(second, run_id=2))
            message = {}
            while message.get('method') != 'kv.get':
                message = json.loads(worker.process.stdout.readline().decode())
            worker.send({'id': held[0], 'result': {'value': 'x'}})
            late = json.loads(worker.process.stdout.readline().decode())
            self.assertEqual(('late', 1), (late['params']['message'], late['params']['run_id']))
            asked = json.loads(worker.process.stdout.readline().decode())
            worker.send({'id': asked['id'], 'result': {'value': None}})
            worker.send({'id': message['id'], 'result': {'value': None}})
            self.assertEqual({'m': 2}, metrics_of(worker.wait(id)))


if __name__ == '__main__':
    unittest.main()

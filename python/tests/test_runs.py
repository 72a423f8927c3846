"""What comes of a run, whatever a plugin does in it."""
import os
import sys
import textwrap
import unittest

from support import HEAD, RESOURCE, Folder, Worker, metrics_of, rows

# Around the bodies of the recorded plugins.
RECORDED = HEAD + textwrap.dedent('''
    COUNT = 0

    class P(PanoptesPollingPlugin):
        def __init__(self):
            self.n = 0

        def run(self, context):
            global COUNT
            COUNT += 1
            self.n += 1
    ''')

# Rows about scheduling, configuration, enrichment and sending, which are the host's.
NOT_OURS = ('not due', 'results_cache_age', '  ... second run', 'broken config', 'message send fails')


class Recorded(Folder):
    def test_rows(self):
        count = 0
        for row in rows('runner.jsonl'):
            if row['name'].startswith(NOT_OURS):
                continue
            count += 1
            self.write('mod.py', RECORDED + row['plugin_body'])
            with self.subTest(row['name']), Worker() as worker:
                for run in row['runs']:
                    del worker.logs[:]
                    result = worker.run(os.path.join(self.folder, 'mod'))
                    self.assertEqual(run['sent'], len(result['groups']))
                    self.assertEqual(run['metrics'], [
                        [[metric['metric_name'], metric['metric_value']] for metric in group['metrics']]
                        for group in result['groups']])
                    expected = [line for line in run['log'] if 'No enrichment data' not in line]
                    self.assertEqual(expected, worker.log_lines())
        self.assertGreater(count, 8)


class Outcomes(Folder):
    def test_each(self):
        for body, outcome, more in (
                ('return PanoptesMetricsGroupSet()', 'ok', {'groups': []}),
                ('return one(context.data)', 'ok', {}),
                ('return None', 'none', {}), ('pass', 'none', {}),
                ('return [1]', 'wrong_type', {'result_type': 'list'}),
                ('return next(one(context.data))', 'wrong_type', {'result_type': 'PanoptesMetricsGroup'}),
                ('yield 1', 'wrong_type', {'result_type': 'generator'}),
                ('return False', 'wrong_type', {'result_type': 'bool'}),
                ('raise SystemExit(3)', 'raised', {'type': 'SystemExit'}),
                ('import sys; sys.exit()', 'raised', {'type': 'SystemExit'}),
                ('raise KeyboardInterrupt()', 'raised', {'type': 'KeyboardInterrupt'}),
                ('raise GeneratorExit()', 'raised', {'type': 'GeneratorExit'}),
                ('def f(): f()\nf()', 'raised', {'type': 'RecursionError'}),
                ('raise ValueError("x" * 10000000)', 'raised', {'type': 'ValueError'}),
                ('raise ValueError("\\udc80\\u00e9")', 'raised', {'message': '\udc80\u00e9'}),
                ('class E(Exception):\n    def __str__(self): raise KeyError\nraise E()', 'raised', {'type': 'E'}),
                ('class E(BaseException):\n    __repr__ = __str__ = None\nraise E()', 'raised', {'type': 'E'})):
            with self.subTest(body), Worker() as worker:
                result = worker.run(self.plugin(body))
                self.assertEqual(outcome, result['outcome'], result)
                for key, value in more.items():
                    self.assertEqual(value, result['error'][key] if 'error' in result else result[key])
                if outcome == 'raised':
                    self.assertIn('plugin.py", line ', result['error']['traceback'])
                    self.assertNotIn('panoptes_worker', result['error']['traceback'])
                self.assertEqual('ok', worker.run(self.plugin('return one(context.data, m=1)', 'next'))['outcome'])

    def test_rejected(self):
        self.write('mod.py', 'import no_such_module\n')
        with Worker() as worker:
            result = worker.run(os.path.join(self.folder, 'mod'))
            self.assertEqual(('rejected', 'import_error', 1), (
                result['outcome'], result['error']['kind'], result['error']['line']))
            self.assertIn('no_such_module', result['error']['traceback'])
            self.assertIn('Unable to load plugin', worker.log_lines()[0])
            self.write('mod.py', HEAD + 'class P(PanoptesPollingPlugin):\n    def run(self, context): pass\n')
            self.assertEqual('none', worker.run(os.path.join(self.folder, 'mod'))['outcome'])

    def test_change_takes_effect(self):
        with Worker() as worker:
            for value in range(3):
                self.assertEqual({'m': value}, metrics_of(worker.run(
                    self.plugin('return one(context.data, m={})'.format(value)))))

    def test_as_in_the_tutorial(self):
        # A result set made in the constructor must not live on; a method nobody calls is not called.
        self.write('tutorial.py', HEAD + textwrap.dedent('''
            class P(PanoptesPollingPlugin):
                def __init__(self):
                    self._groups = PanoptesMetricsGroupSet()

                def populatedMetricsGroupSetWithTimeSeries(self, resource):
                    raise RuntimeError

                def run(self, context):
                    interval = int(context.config['main']['execute_frequency'])
                    group = PanoptesMetricsGroup(context.data, 'example', interval)
                    group.add_dimension(PanoptesMetricDimension('cpu_no', '5'))
                    group.add_metric(PanoptesMetric('cpu_load', 0.3, PanoptesMetricType.GAUGE))
                    group.add_metric(PanoptesMetric('context_switch_count', 50, PanoptesMetricType.COUNTER))
                    context.logger.info('{} {} {}'.format(context.data, len(self._groups), group.json))
                    self._groups.add(group)
                    return self._groups
            '''))
        with Worker() as worker:
            for _ in range(2):
                result = worker.run(os.path.join(self.folder, 'tutorial'))
                self.assertEqual((1, {'cpu_load': 0.3, 'context_switch_count': 50}),
                                 (len(result['groups']), metrics_of(result)))


CHECK = '''
    import locale, logging, os, random, signal, socket, sys, threading
    groups = one(context.data, cwd=int(os.getcwd() == '{cwd}'),
        environ=int('PANOPTES_TEST' not in os.environ and 'PATH' in os.environ),
        term=int(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL), alarm=signal.alarm(0),
        path=int('/spoilt' not in sys.path and len(sys.path) > 2), recursion=sys.getrecursionlimit(),
        stdout=int(sys.stdout.fileno() == 1 and sys.__stdout__ is sys.stdout), stderr=int(sys.stderr.fileno() == 2),
        handlers=len(logging.getLogger().handlers) + len(logging.getLogger('panoptes').handlers)
            + len(context.logger.handlers),
        timeout=int(socket.getdefaulttimeout() is None), locale=int(locale.setlocale(locale.LC_ALL) == {locale!r}),
        umask=os.umask(0o22), argv=len(sys.argv))
    context.logger.debug('still heard')
    print('still printed')
    return groups
'''


class Misbehaviour(Folder):
    SPOILERS = {
        'cwd': 'import os; os.chdir("/")',
        'cwd removed': 'import os, tempfile; d = tempfile.mkdtemp(); os.chdir(d); os.rmdir(d)',
        'environ': 'import os; os.environ["PANOPTES_TEST"] = "1"; del os.environ["PATH"]; '
                   'os.environ["TZ"] = "Asia/Tokyo"',
        'environ replaced': 'import os; os.environ = {}',
        'signals': 'import signal; signal.signal(signal.SIGTERM, lambda *a: None); '
                   'signal.signal(signal.SIGINT, signal.SIG_IGN)',
        'alarm': 'import signal; signal.signal(signal.SIGALRM, lambda *a: 1 / 0); signal.alarm(1)',
        'timer': 'import signal\ndef f(*a): raise KeyboardInterrupt\nsignal.signal(signal.SIGALRM, f)\n'
                 'signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)\nreturn one(context.data, m=1)',
        'path': 'import sys; sys.path.insert(0, "/spoilt"); sys.path = ["/spoilt"]',
        'stdout': 'import sys, io; sys.stdout = io.StringIO(); sys.stderr = None; sys.stdin = None',
        'stdout closed': 'import sys; sys.stdout.close(); sys.stderr.close()',
        'stdout detached': 'import sys, os; os.write(1, b\'{"jsonrpc": "2.0", "id": 1, "result": {}}\\n\')',
        'stdin': 'import sys; assert sys.stdin.read() == ""',
        'child reads stdin': 'import subprocess; assert subprocess.check_output(["cat"]) == b""',
        'child writes stdout': 'import subprocess; subprocess.check_call(["sh", "-c", "echo from a child"])',
        'logging handlers': 'import logging, sys\nfor l in (logging.getLogger(), logging.getLogger("panoptes"), '
                            'context.logger):\n    l.handlers[:] = [logging.NullHandler(), logging.NullHandler()]\n'
                            '    l.setLevel(100); l.propagate = False; l.disabled = True\n'
                            'logging.disable(logging.CRITICAL)',
        'logging config': 'import logging.config; logging.config.dictConfig('
                          '{"version": 1, "disable_existing_loggers": True})',
        'recursion': 'import sys; sys.setrecursionlimit(100)',
        'socket': 'import socket; socket.setdefaulttimeout(0.001)',
        'locale': 'import locale\nfor name in ("C.UTF-8", "POSIX", "C"):\n    locale.setlocale(locale.LC_ALL, name)',
        'random': 'import random; random.seed(1)',
        'umask': 'import os; os.umask(0o777)',
        'argv': 'import sys; del sys.argv[:]',
        'gc': 'import gc; gc.disable(); gc.set_threshold(1)',
        'trace': 'import sys; sys.settrace(lambda *a: None); sys.setprofile(lambda *a: None)',
        'print': 'import builtins; builtins.print = None; builtins.open = None',
        'exit': 'import sys; sys.exit("bye")',
        'import of main': 'import __main__; __main__.__dict__.clear()',
        'thread exit': 'import threading, sys\nt = threading.Thread(target=sys.exit); t.start(); t.join()',
        'thread raises': 'import threading\nt = threading.Thread(target=lambda: 1 / 0); t.start(); t.join()',
        'fork returns': 'import os\nif os.fork() == 0: return one(context.data, child=1)\nos.wait()',
        'fork exits': 'import os, sys\nif os.fork() == 0: sys.exit(3)\nassert os.WEXITSTATUS(os.wait()[1]) == 1',
        'fork logs': 'import os\nif os.fork() == 0:\n    context.logger.error("in the child"); os._exit(0)\nos.wait()',
        'multiprocessing': 'import multiprocessing\nwith multiprocessing.get_context("fork").Pool(2) as pool:\n'
                           '    assert pool.map(abs, [-1, -2]) == [1, 2]',
        'unprintable': 'print("\\udc80 \\u00e9", end="")',
        'module': 'import sys; sys.modules[__name__] = None',
        'many prints': 'print("y" * 200000)',
    }

    def test_the_next_run_is_as_ever(self):
        cwd = os.path.realpath(os.getcwd())
        import locale
        probe = self.plugin('import locale\nraise RuntimeError(locale.setlocale(locale.LC_ALL))', 'probe')
        with Worker() as worker:
            check = self.plugin(CHECK.format(
                cwd=cwd, locale=worker.run(probe)['error']['message']), 'check')
            before = metrics_of(worker.run(check))
            self.assertEqual([1] * 8, [before[key] for key in (
                'cwd', 'environ', 'term', 'path', 'stdout', 'stderr', 'timeout', 'locale')])
            self.assertEqual((0, 2), (before['alarm'], before['handlers']))
            for name, body in self.SPOILERS.items():
                with self.subTest(name):
                    result = worker.run(self.plugin(body, 'spoiler'), run_id='spoiler')
                    self.assertEqual('spoiler', result['run_id'])
                    if 'assert' in body:
                        self.assertEqual('none', result['outcome'], result.get('error'))
                    del worker.logs[:]
                    result = worker.run(check, run_id='check')
                    self.assertEqual(('check', 'ok'), (result['run_id'], result['outcome']), result.get('error'))
                    self.assertEqual(before, metrics_of(result))
                    said = [log['message'] for log in worker.logs]
                    self.assertEqual((1, 1), (said.count('still heard'), said.count('still printed')))
            worker.request('shutdown')
            self.assertEqual(0, worker.process.wait())
            self.assertIn('from a child', worker.stderr)

    def test_death_is_seen(self):
        with Worker() as worker:
            with self.assertRaises(EOFError):
                worker.run(self.plugin('import os; os._exit(7)'))
            self.assertEqual(7, worker.process.wait())

    def test_threads_do_not_hinder_the_end(self):
        with Worker() as worker:
            result = worker.run(self.plugin('''
                import threading
                threading.Thread(target=threading.Event().wait).start()
                return one(context.data, m=1)'''))
            self.assertEqual('threads', result['retire'][0]['reason'])
            worker.request('shutdown')
            self.assertEqual(0, worker.process.wait())

    def test_a_thread_that_changes_the_result(self):
        with Worker() as worker:
            result = worker.run(self.plugin('''
                import threading
                groups = PanoptesMetricsGroupSet()
                def add(i=0):
                    while True:
                        i += 1
                        group = PanoptesMetricsGroup(context.data, 't%d' % (i % 1000), 60)
                        groups.metrics_groups.add(group)
                        groups.metrics_groups.discard(group)
                threading.Thread(target=add, daemon=True).start()
                return groups'''))
            self.assertEqual('ok', result['outcome'])

    def test_children_do_not_hold_the_stream(self):
        # A program that lives on must not keep the host from seeing the end of the worker.
        with Worker() as worker:
            result = worker.run(self.plugin('''
                import os
                child = os.fork()
                if child == 0:
                    import threading
                    threading.Event().wait()
                return one(context.data, m=child)'''))
            worker.request('shutdown')
            self.assertEqual(b'', worker.process.stdout.read())
            os.kill(metrics_of(result)['m'], 9)


if __name__ == '__main__':
    unittest.main()

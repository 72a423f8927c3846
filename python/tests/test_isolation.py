"""What a plugin changes for the whole process is as before in the next run, or the worker says that it is to be replaced."""
import os
import resource
import subprocess
import sys
import textwrap
import unittest

from support import HEAD, RUNTIME, Folder, HostError, Worker, metrics_of

from panoptes_worker.suspicion import CLEAN, LIBRARIES, PATCHES, Suspicion

# What a plugin does, and an expression of which the next plugin finds the same value as before.
CHANGES = {
    'event loop': ('import asyncio; asyncio.run(asyncio.sleep(0))',
                   '__import__("asyncio").get_event_loop().run_until_complete(answer())'),
    'closed event loop': ('import asyncio; asyncio.get_event_loop().close()',
                          '__import__("asyncio").get_event_loop().run_until_complete(answer())'),
    'event loop policy': ('import asyncio\nclass P(asyncio.DefaultEventLoopPolicy): pass\nasyncio.set_event_loop_policy(P())',
                          'type(__import__("asyncio").get_event_loop_policy()).__name__'),
    'warnings': ('import warnings; warnings.simplefilter("error")', '[f[0] for f in __import__("warnings").filters]'),
    'warnings replaced': ('import warnings; warnings.catch_warnings(record=True).__enter__(); warnings.resetwarnings()',
                          '[f[0] for f in __import__("warnings").filters]'),
    'captured warnings': ('import logging; logging.captureWarnings(True)', '__import__("warnings").showwarning.__module__'),
    'tls': ('import ssl; ssl._create_default_https_context = ssl._create_unverified_context',
            '__import__("ssl")._create_default_https_context.__name__'),
    'tls in a function': ('def f():\n    import ssl\n    ssl.create_default_context = ssl._create_unverified_context\nf()',
                          '__import__("ssl").create_default_context.__name__'),
    'tls by another name': ('import ssl\ndef f(m):\n    m._create_default_https_context = ssl._create_unverified_context\nf(ssl)',
                            '__import__("ssl")._create_default_https_context.__name__'),
    'tls of an imported module': ('def f():\n    import importlib\n    s = importlib.import_module("ssl")\n'
                                  '    s._create_default_https_context = s._create_unverified_context\nf()',
                                  '__import__("ssl")._create_default_https_context.__name__'),
    'tls by a text': ('import timeit; timeit.timeit("import ssl; ssl._create_default_https_context = 1", number=1)',
                      'str(__import__("ssl")._create_default_https_context)[:5]'),
    'umask by a text': ('import timeit; timeit.timeit("import os; os.umask(0)", number=1)', '__import__("os").umask(0o22)'),
    'opener': ('import urllib.request as u; u.install_opener(u.build_opener())', '__import__("urllib.request").request._opener'),
    'decimal': ('import decimal; decimal.getcontext().prec = 3', '__import__("decimal").getcontext().prec'),
    'decimal defaults': ('import decimal; decimal.DefaultContext.prec = 3', '__import__("decimal").Context().prec'),
    'sockets': ('import socket; socket.getaddrinfo = lambda *a: []; socket.socket = None', '__import__("socket").getaddrinfo.__name__'),
    'json': ('import json; json.JSONEncoder.default = lambda self, o: "x"; json.dumps = repr',
             '(__import__("json").JSONEncoder.default.__module__, __import__("json").dumps.__name__)'),
    'constants': ('import http.client; http.client._MAXHEADERS = 7; http.client.HTTPConnection.debuglevel = 1',
                  '(__import__("http.client").client._MAXHEADERS, str(__import__("http.client").client.HTTPConnection.debuglevel))'),
    'names that are added': ('import socket; setattr(socket, "_mine", 1)', 'hasattr(__import__("socket"), "_mine")'),
    'modules replaced': ('import sys, types; sys.modules["json"] = types.ModuleType("json")', '__import__("json").loads("1")'),
    'package': ('import yahoo_panoptes.framework.metrics as m; m.METRICS_GROUP_SCHEMA_VERSION = "9"',
                '__import__("yahoo_panoptes.framework.metrics").framework.metrics.METRICS_GROUP_SCHEMA_VERSION'),
    'time': ('import time; time.sleep = time.time = lambda *a: 0.0', 'time.time() > 1e9'),
    'builtins': ('import builtins; builtins.len = lambda x: 5', 'len("")'),
    'mask': ('import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])',
             'len(__import__("signal").pthread_sigmask(__import__("signal").SIG_BLOCK, []))'),
    'open files': ('import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (100, resource.getrlimit(7)[1]))',
                   '__import__("resource").getrlimit(__import__("resource").RLIMIT_NOFILE)[0]'),
    'hooks of sys': ('import sys; sys.excepthook = sys.displayhook = print', 'sys.excepthook.__name__'),
    'finders': ('import sys; sys.meta_path.insert(0, None); sys.path_hooks.clear()', '(len(sys.meta_path), len(sys.path_hooks))'),
    'switch interval': ('import sys; sys.setswitchinterval(1)', 'sys.getswitchinterval()'),
    'gc': ('import gc; gc.set_threshold(5); gc.callbacks.append(print); gc.set_debug(gc.DEBUG_SAVEALL)',
           '(__import__("gc").get_threshold(), __import__("gc").callbacks, __import__("gc").get_debug())'),
    'stack size': ('import threading; threading.stack_size(1 << 20)', '__import__("threading").stack_size()'),
    'thread hooks': ('import threading; threading.excepthook = print; threading.settrace(print); threading.settrace(None)',
                     '__import__("threading").excepthook.__name__'),
    'log levels': ('import logging; logging.addLevelName(20, "NOTE")', '__import__("logging").getLevelName(20)'),
    'log records': ('import logging; logging.setLogRecordFactory(lambda *a, **k: logging.LogRecord(*a, **k))\n'
                    'logging.setLoggerClass(type("L", (logging.Logger,), {}))',
                    '(__import__("logging").getLogRecordFactory().__name__, __import__("logging").getLoggerClass().__name__)'),
    'start method': ('import multiprocessing; multiprocessing.set_start_method("forkserver")',
                     '__import__("multiprocessing").get_start_method(allow_none=True)'),
    'error handlers': ('import codecs; codecs.register_error("replace", lambda e: ("", e.end))',
                       'b"\\xff".decode("ascii", "replace") == chr(0xfffd)'),
    'csv': ('import csv; csv.field_size_limit(5); csv.register_dialect("x")',
            '(__import__("csv").field_size_limit(), __import__("csv").list_dialects())'),
    'faulthandler': ('import faulthandler; faulthandler.disable()', '__import__("faulthandler").is_enabled()'),
    'tracemalloc': ('import tracemalloc; tracemalloc.start()', '__import__("tracemalloc").is_tracing()'),
    'temporary folder': ('import tempfile; tempfile.tempdir = "/nowhere"', '__import__("tempfile").gettempdir()'),
    'at exit': ('import atexit; atexit.register(print)', '__import__("atexit")._ncallbacks()'),
    'processors': ('import os; os.sched_setaffinity(0, [sorted(os.sched_getaffinity(0))[0]])',
                   'sorted(__import__("os").sched_getaffinity(0))'),
    'how streams write': ('import sys; sys.stdout.reconfigure(encoding="latin-1", errors="strict"); sys.stderr.reconfigure(line_buffering=False)',
                          '(sys.stdout.encoding, sys.stdout.errors, sys.stderr.line_buffering)'),
    'input that is closed': ('import sys; sys.stdin.close()', 'sys.stdin.read()'),
    'a method of a stream': ('import sys; sys.stdout.write = len', '"write" in vars(sys.stdout)'),
    'descriptors that do not wait': ('import os; os.set_blocking(1, False); os.set_blocking(2, False)',
                                     '(__import__("os").get_blocking(1), __import__("os").get_blocking(2))'),
    'variables of logging': ('import logging; logging.logThreads = False; logging.lastResort = logging._defaultFormatter = None; '
                             'logging.root = logging.RootLogger(7)',
                             '(lambda l: (l.logThreads, l.lastResort is None, l._defaultFormatter is None, l.root.level))(__import__("logging"))'),
    'names in builtins': ('import gettext; gettext.install("x")', 'hasattr(__import__("builtins"), "_")'),
    'name of the thread': ('import threading; threading.current_thread().name = "mine"', '__import__("threading").current_thread().name'),
    'profiler': ('import cProfile; cProfile.Profile().enable()', 'sys.getprofile()'),
    'warnings that come once': ('import warnings; warnings.simplefilter("once"); warnings.warn("x")',
                                'len(__import__("warnings").onceregistry)'),
    'names in builtins by the module': ('__builtins__["len"] = lambda x: 5', 'len("")'),
    'names in builtins by a text': ('globals()["__builtins__"]["len"] = lambda x: 5', 'len("")'),
    'names in builtins by a frame': ('import sys; sys._getframe().f_builtins["len"] = lambda x: 5', 'len("")'),
    'names of a module by a function': ('import json; json.dumps.__globals__["_default_encoder"] = None', '__import__("json").dumps({})'),
    'names of the main module': ('import __main__; __main__.mine = 1; del __main__.__spec__',
                                 '(lambda m: (hasattr(m, "mine"), hasattr(m, "__spec__")))(__import__("__main__"))'),
    'the main module': ('import sys, types; sys.modules["__main__"] = types.ModuleType("mine")', '__import__("__main__").__name__'),
    'the module sys': ('import sys, types; sys.modules["sys"] = types.ModuleType("mine")', '__import__("sys").__name__'),
    'finders of paths': ('import sys; sys.path_importer_cache["/mine"] = object()', '"/mine" in sys.path_importer_cache'),
    'programs of multiprocessing': ('import multiprocessing.spawn as s; s.set_executable("/mine")',
                                    '__import__("multiprocessing.spawn").spawn.get_executable()'),
    'domain of gettext': ('import gettext; gettext.textdomain("mine")', '__import__("gettext").textdomain()'),
    'the time zone': ('import os, time; os.environ["TZ"] = "Asia/Tokyo"; time.tzset()', 'time.tzname'),
    'the time zone alone': ('import os, time; os.environ["TZ"] = "Asia/Tokyo"; time.tzset(); del os.environ["TZ"]', 'time.tzname'),
    'the path of time zones': ('import sys\nif sys.version_info > (3, 9):\n    import zoneinfo; zoneinfo.reset_tzpath(["/mine"])',
                               'getattr(sys.modules.get("zoneinfo"), "TZPATH", ())'),
    'tracing of memory': ('import _tracemalloc; _tracemalloc.start(1)', '__import__("_tracemalloc").is_tracing()'),
    'who inherits descriptors': ('import os; os.set_inheritable(1, False); os.set_inheritable(2, False)',
                                 '[__import__("os").get_inheritable(n) for n in range(3)]'),
    'logging turned off': ('import logging; logging.disable(logging.CRITICAL)', '__import__("logging").root.manager.disable'),
    'the log of all': ('import logging; logging.basicConfig(force=True, level=50); logging.root.addFilter(print)',
                       '(lambda r: (r.level, len(r.handlers), r.filters))(__import__("logging").root)'),
    'the manager of loggers': ('import logging; logging.Logger.manager.setLoggerClass(type("L", (logging.Logger,), {}))',
                               '__import__("logging").Logger.manager.loggerClass'),
    'timeout of sockets': ('import socket; socket.setdefaulttimeout(1)', '__import__("socket").getdefaulttimeout()'),
    'recursion': ('import sys; sys.setrecursionlimit(100)', 'sys.getrecursionlimit()'),
    'digits of numbers': ('import sys; sys.set_int_max_str_digits(0)', 'sys.get_int_max_str_digits()'),
    'tracebacks': ('import sys; sys.tracebacklimit = 0', 'hasattr(sys, "tracebacklimit")'),
    'folder, mode and variables': ('import os; os.chdir("/"); os.umask(0); os.environ["MINE"] = "1"',
                                   '(lambda os: (os.getcwd(), os.environ.get("MINE"), os.umask(0o22)))(__import__("os"))'),
    'locale': ('import locale; locale.setlocale(locale.LC_ALL, "C")', '__import__("locale").setlocale(__import__("locale").LC_ALL)'),
    'alarms': ('import signal; signal.signal(signal.SIGALRM, print); signal.setitimer(signal.ITIMER_REAL, 3600)',
               '(lambda s: (s.getsignal(s.SIGALRM), s.getitimer(s.ITIMER_REAL)))(__import__("signal"))'),
    'children that nobody waits for': ('import signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN)',
                                       '__import__("signal").getsignal(__import__("signal").SIGCHLD)'),
    'wake-ups': ('import os, signal; r, w = os.pipe(); os.set_blocking(w, False); signal.set_wakeup_fd(w); os.close(r); os.close(w)',
                 '__import__("signal").set_wakeup_fd(-1)'),
    'a handler of faulthandler': ('import faulthandler, signal; faulthandler.register(signal.SIGUSR1, file=2)',
                                  '__import__("faulthandler").unregister(__import__("signal").SIGUSR1)'),
    'paths and arguments': ('import sys; sys.path.insert(0, "/mine"); sys.argv.append("mine")', '("/mine" in sys.path, sys.argv)'),
    'a function of importlib': ('import importlib; importlib.import_module = None', '__import__("importlib").import_module.__name__'),
    'coroutines': ('import sys; sys.set_coroutine_origin_tracking_depth(5)', 'sys.get_coroutine_origin_tracking_depth()'),
}

PROBE = HEAD + textwrap.dedent('''
    import sys, time

    async def answer():
        return 5

    class P(PanoptesPollingPlugin):
        def run(self, context):
            raise ValueError(repr({expression}))
    ''')


class Neighbours(Folder):
    def test_the_next_plugin_finds_what_was(self):
        with Worker() as worker:
            for name, (change, expression) in CHANGES.items():
                with self.subTest(name):
                    self.write('probe.py', PROBE.format(expression=expression))
                    before = self._probe(worker)
                    result = worker.run(self.plugin(change, 'change'))
                    self.assertEqual('none', result['outcome'], result)
                    self.assertNotIn('retire', result)
                    self.assertEqual(before, self._probe(worker))

    def _probe(self, worker):
        error = worker.run(os.path.join(self.folder, 'probe'))['error']
        self.assertEqual('ValueError', error['type'], error)
        return error['message']

    def test_what_a_module_does_when_it_is_loaded(self):
        self.write('lab.py', 'import ssl\nssl._create_default_https_context = ssl._create_unverified_context\n' + HEAD)
        with Worker() as worker:
            with self.assertRaises(HostError):
                worker.describe(os.path.join(self.folder, 'lab'))
            self.write('probe.py', PROBE.format(expression='__import__("ssl")._create_default_https_context.__name__'))
            self.assertEqual("'create_default_context'", self._probe(worker))

    def test_random_numbers_are_no_ones_choice(self):
        module = self.plugin('import random\nfirst = random.random()\nrandom.seed(1)\nraise ValueError(first)')
        with Worker() as worker:
            self.assertEqual(3, len({worker.run(module)['error']['message'] for _ in range(3)}))

    def test_a_library_that_replaces_names(self):
        # It remembers that it did, so that putting back is not enough.
        self.write('site/patcher.py', '''
            import socket
            done = []
            def apply():
                if not done:
                    done.append(1)
                    socket.create_connection = create_connection
            def create_connection(*args): pass
            '''.replace('\n            ', '\n'))
        module = self.plugin('import patcher; patcher.apply()')
        with Worker(env=None, command=_command(self.folder + '/site')) as worker:
            result = worker.run(module)
            self.assertEqual([{'reason': 'patched', 'detail': 'socket.create_connection (by patcher)'}], result['retire'])
            self.assertNotIn('retire', worker.run(module))


def _command(folder):
    """A worker that finds modules in this folder, too."""
    return [sys.executable, '-B', '-u', '-c', 'import sys; sys.path[:0] = {!r}; from panoptes_worker.__main__ import main; '
            'main()'.format([RUNTIME, folder])]


REASONS = {
    'threads': 'import threading; threading.Thread(target=threading.Event().wait, daemon=True).start()',
    'children': 'import subprocess; subprocess.Popen(["sleep", "1"])',
    'descriptors': 'import http; http.kept = open("/etc/passwd")',
    'limits': 'import resource; resource.setrlimit(resource.RLIMIT_NPROC, (12345, 12345))',
    'priority': 'import os; os.nice(7)',
    'identity': 'import os; os.setpgid(0, os.getppid())',
}

# Left as well, but done with at the end of the run, or soon after it.
HARMLESS = (
    'from concurrent.futures import ThreadPoolExecutor; list(ThreadPoolExecutor(3).map(abs, [1, 2]))',
    'import threading, time; threading.Thread(target=time.sleep, args=(0.005,)).start()',
    'import subprocess; subprocess.Popen(["true"])',
    'class A: pass\na = A(); a.a = a; a.file = open("/etc/passwd")',
    'import multiprocessing\nwith multiprocessing.get_context("spawn").Pool(1) as pool: assert pool.map(abs, [-1]) == [1]',
    'import multiprocessing\nwith multiprocessing.get_context("forkserver").Pool(1) as pool: assert pool.map(abs, [-1]) == [1]',
    'import multiprocessing.shared_memory as m\ns = m.SharedMemory(create=True, size=10); s.close(); s.unlink()',
    'import asyncio\nasyncio.new_event_loop(); asyncio.set_event_loop(asyncio.new_event_loop())',
    'import socket; socket.socketpair()',
)


class Leftovers(Folder):
    def test_reasons(self):
        after = self.plugin('return one(context.data, m=1)', 'after')
        for code, body in REASONS.items():
            with self.subTest(code), Worker(capabilities={'retire': True}) as worker:
                behind = []

                def answer(params):
                    behind.append(worker.start('run', worker.run_params(after, run_id=8)))
                    return {'value': None}

                worker.answers['kv.get'] = answer
                result = worker.run(self.plugin('context.kv.get("x")\n' + body), run_id=7)
                found = result.get('retire', [])
                if not found and code in ('priority', 'identity', 'limits') and os.geteuid() == 0:
                    continue  # root puts that back
                self.assertEqual([code], [reason['reason'] for reason in found], result)
                self.assertTrue(found[0]['detail'])
                # What the host had sent meanwhile is given back rather than run, and so is what comes.
                with self.assertRaises(HostError) as caught:
                    worker.wait(behind[0])
                self.assertEqual(-32800, caught.exception.error['code'])
                with self.assertRaises(HostError):
                    worker.describe(after)
                worker.request('shutdown')

    def test_registered_for_good(self):
        for body in ('sys.addaudithook(lambda *event: None)', 'os.register_at_fork(before=len)', 'codecs.register(lambda name: None)',
                     'codecs.unregister(len)'):
            with self.subTest(body), Worker() as worker:
                result = worker.run(self.plugin('import codecs, os, sys; ' + body))
                self.assertEqual(['patched'], [reason['reason'] for reason in result.get('retire', [])], result)

    def test_what_abstract_classes_stand_for(self):
        for body, reasons in (('import numbers; numbers.Number.register(str)', ['patched']),
                              ('import collections.abc; collections.abc.Sized.register(int)', ['patched']),
                              ('import collections.abc; collections.abc.Sized.register(type("Own", (), {}))', [])):
            with self.subTest(body), Worker() as worker:
                result = worker.run(self.plugin(body))
                self.assertEqual(reasons, [reason['reason'] for reason in result.get('retire', [])], result)

    @unittest.skipUnless(os.path.exists('/proc/self/oom_score_adj'), 'Linux alone has it')
    def test_how_the_system_treats_it(self):
        with Worker() as worker:
            result = worker.run(self.plugin('with open("/proc/self/oom_score_adj", "w") as file: file.write("900")'))
            self.assertEqual(['priority'], [reason['reason'] for reason in result.get('retire', [])], result)

    def test_standard_descriptors(self):
        # The number of descriptors is as before, or less.
        for body in ('os.close(2)', 'os.close(0)', 'os.dup2(os.open("/dev/null", os.O_WRONLY), 1); os.close(os.open("/", 0) - 1)'):
            with self.subTest(body), Worker() as worker:
                result = worker.run(self.plugin('import os, sys; ' + body))
                self.assertIn('descriptors', [reason['reason'] for reason in result.get('retire', [])], result)

    def test_a_host_that_does_not_replace_workers(self):
        with Worker() as worker:
            self.assertIn('retire', worker.run(self.plugin(REASONS['descriptors'])))
            self.assertEqual({'m': 1}, metrics_of(worker.run(self.plugin('return one(context.data, m=1)'))))

    def test_harmless(self):
        left = list(HARMLESS)
        for _ in range(3):  # a busy machine can take longer to end a thread than the worker waits
            with Worker(capabilities={'retire': True}) as worker:
                while left:
                    result = worker.run(self.plugin(left[0]))
                    self.assertEqual('none', result['outcome'], (left[0], result))
                    if 'retire' in result:
                        break
                    left.pop(0)
        self.assertEqual([], left, result)

    def test_a_descriptor_that_replaced_another(self):
        # The number of descriptors alone does not tell.
        module = self.plugin('''
            import os
            first, second = os.open('/etc/passwd', 0), os.open('/etc/passwd', 0)
            os.close(first)''')
        with Worker() as worker:
            self.assertEqual('descriptors', worker.run(module)['retire'][0]['reason'])

    def test_no_descriptor_is_left(self):
        # The result is as good as before; the worker is replaced.
        module = self.plugin('''
            import http, os
            http.kept = []
            try:
                while True:
                    http.kept.append(os.open('/etc/passwd', 0))
            except OSError:
                pass''')
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, limits)
        resource.setrlimit(resource.RLIMIT_NOFILE, (600, limits[1]))  # the worker's
        with Worker(capabilities={'retire': True}) as worker:
            result = worker.run(module)
            self.assertEqual('none', result['outcome'], result)
            self.assertIn('descriptors', [reason['reason'] for reason in result['retire']], result)

    def test_descriptors_of_libraries(self):
        # What no object of Python has, such as the socket that a library keeps to a name service.
        module = self.plugin('import socket; socket.socket().detach()')
        with Worker() as worker:
            self.assertEqual([False] * 8 + [True], ['retire' in worker.run(module) for _ in range(9)])


# What the next plugin finds changed: docs/security.md says that these are not isolated. It finds a library, lab_library, too.
SHARED = {
    'the code of a function': ('import json; json.dumps.__code__ = (lambda obj, **options: "mine").__code__', '__import__("json").dumps({})'),
    'an entry of a dictionary': ('import http.client; http.client.responses[200] = "mine"',
                                 '__import__("http.client").client.responses[200]'),
    'a module that nobody had imported': ('import smtplib; smtplib.SMTP.helo = lambda self: None', '__import__("smtplib").SMTP.helo.__name__'),
    'a logger of another name': ('import logging; logging.getLogger("lab").disabled = True', '__import__("logging").getLogger("lab").disabled'),
    'what a library keeps': ('import lab_library; lab_library.settings["retries"] = 7', '__import__("lab_library").settings'),
    'variables that os.environ does not know': (
        'import os; os.putenv("PANOPTES_LEFT", "mine")',
        '__import__("subprocess").check_output(["sh", "-c", "echo $PANOPTES_LEFT"])'),
    'a name that is hidden': ('import ssl; getattr(ssl, "__di".__add__("ct__"))["OP_ALL"] = 0', 'int(__import__("ssl").OP_ALL)'),
}


class Shared(Folder):
    def test_what_is_not_isolated(self):
        self.write('site/lab_library.py', 'settings = {"retries": 1}')
        for name, (change, expression) in SHARED.items():
            with self.subTest(name), Worker(command=_command(self.folder + '/site')) as worker:
                self.write('probe.py', PROBE.format(expression=expression))
                before = worker.run(os.path.join(self.folder, 'probe'))['error']['message']
                self.assertNotIn('retire', worker.run(self.plugin(change, 'change')))
                self.assertNotEqual(before, worker.run(os.path.join(self.folder, 'probe'))['error']['message'])


class Codes(unittest.TestCase):
    def test_suspicion(self):
        for level, *sources in (
                (CLEAN, 'import json, os', 'def f(self, c):\n self.x = 1; self._y.z = c; c.d = 2; self.n += 1', 'from . import x',
                 'import decimal\ndecimal.getcontext().prec = 3', 'def f(c):\n import ssl\n c.x = ssl', 'import six, panoptes'),
                (LIBRARIES, 'import requests', 'def f():\n from numpy.linalg import norm'),
                (PATCHES, 'import ssl\nssl.x = 1', 'import ssl\ndef f():\n ssl.x = 1', 'def f():\n import ssl\n ssl.x = 1',
                 'from http import client as c\nc.HTTPConnection.debuglevel = 1', 'import http.client\nhttp.client.x += 1',
                 'import ssl\ndel ssl.x', 'import ssl\nsetattr(ssl, "x", 1)', 'def f():\n import ssl\n def g(): ssl.x = 1',
                 'class A:\n def f(self, v):\n  import json\n  json.JSONEncoder.default = v', 'import os\nos.nice(1)',
                 'def f(v):\n from a import b, c\n c.x = v', 'import sys\nsys.modules["x"] = 1')):
            for source in sources:
                with self.subTest(source):
                    self.assertEqual(level, Suspicion(compile(source, 'x', 'exec')).level)

    def test_assignments_to_anything(self):
        for unsure, *sources in (
                (False, 'import ssl\nx = 1', 'class A:\n def f(self):\n  self.x = self.y = 1\n  self.n += 1'),
                (True, 'import ssl\ndef f():\n s = ssl\n s.x = 1', 'def f(m):\n m.x = 1', 'class A:\n def f(self):\n  self.m.x = 1',
                 'def f():\n [ssl][0].x = 1', 'def f():\n g().x = 1', 'def f():\n for m in (ssl,): del m.x', 'class A:\n def f(self, d):\n  d[1] += 1\n  d.x = 1', 'def f(m):\n m.x += 1')):
            for source in sources:
                with self.subTest(source):
                    self.assertEqual(unsure, Suspicion(compile(source, 'x', 'exec')).unsure)

    def test_processes(self):
        self.assertTrue(Suspicion(compile('def f():\n import subprocess', 'x', 'exec')).starts)
        self.assertFalse(Suspicion(compile('import json', 'x', 'exec')).starts)

    def test_system(self):
        for system, *sources in (
                (False, 'import json', 'from time import time\ndef f(c):\n c.logger.info(time())', 'from yahoo_panoptes.framework import metrics'),
                (True, 'import os', 'from os import umask', 'def f(c):\n import six as s\n s.sys.x', 'open("x")', 'def f(c):\n getattr(c, "x")',
                 'import subprocess', 'def f(s):\n s.close()', 'def f():\n return lambda: print(input())')):
            for source in sources:
                with self.subTest(source):
                    self.assertEqual(system, Suspicion(compile(source, 'x', 'exec')).system)

    def test_many_names(self):
        # Behind the number 255 the byte code of an import has two operations.
        source = '\n'.join('a{0} = b{0}'.format(number) for number in range(300)) + '\nimport requests'
        self.assertEqual({'requests'}, Suspicion(compile(source, 'x', 'exec')).libraries)


if __name__ == '__main__':
    unittest.main()

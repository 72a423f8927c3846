"""What the tests share. Run them with ``python3 -m unittest discover -s python/tests``."""
import atexit
import compileall
import json
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import threading
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = os.path.dirname(HERE)
VECTORS = os.path.join(os.path.dirname(PYTHON), 'testdata', 'vectors')

sys.dont_write_bytecode = True
if PYTHON not in sys.path:
    sys.path.insert(0, PYTHON)


def _compiled():
    """A copy of the package with its code compiled, once for all the workers that the tests start; it goes with them."""
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    copy = os.path.join(folder, 'python')
    shutil.copytree(PYTHON, copy, ignore=shutil.ignore_patterns('tests', 'build', '__pycache__'))
    compileall.compile_dir(copy, quiet=2)
    return copy


RUNTIME = _compiled()

# Seconds after which a worker that says nothing has failed the test; nothing waits for so long otherwise.
PATIENCE = 60

RESOURCE = {
    'resource_site': 'test_site', 'resource_class': 'test_class', 'resource_subclass': 'test_subclass',
    'resource_type': 'test_type', 'resource_id': 'test_id', 'resource_endpoint': 'test_endpoint',
    'resource_metadata': {'_resource_ttl': '604800'}, 'resource_creation_timestamp': 1512629517.03,
    'resource_plugin': 'test_plugin',
}

HEAD = textwrap.dedent('''\
    from yahoo_panoptes.framework.metrics import (
        PanoptesMetric, PanoptesMetricDimension, PanoptesMetricsGroup, PanoptesMetricsGroupSet, PanoptesMetricType)
    from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin

    def one(resource, **values):
        groups = PanoptesMetricsGroupSet()
        group = PanoptesMetricsGroup(resource, 't', 60)
        for name, value in values.items():
            group.add_metric(PanoptesMetric(name, value, PanoptesMetricType.GAUGE))
        groups.add(group)
        return groups
    ''')


def rows(file):
    """The rows of a file of vectors."""
    with open(os.path.join(VECTORS, file), encoding='utf-8') as lines:
        return [json.loads(line) for line in lines if line.strip()]


def indent(body):
    return textwrap.indent(textwrap.dedent(body), ' ' * 8)


class Folder(unittest.TestCase):
    """A test with a folder of its own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = os.path.realpath(folder.name)

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'wb') as file:
            file.write(text if isinstance(text, bytes) else text.encode('utf-8', 'surrogatepass'))
        return path

    def plugin(self, body, name='plugin'):
        """Writes a module whose plugin has this body of run(), and returns the path of the module."""
        head = HEAD + '\nclass P(PanoptesPollingPlugin):\n    def run(self, context):\n'
        self.write(name + '.py', head + indent(body))
        return os.path.join(self.folder, name)


class HostError(Exception):
    def __init__(self, error):
        super().__init__(error.get('message'))
        self.error = error


class Worker:
    """A worker process, and the host's side of the protocol."""

    def __init__(self, command=None, initialize=True, context=None, **options):
        command = command or [sys.executable, '-B', '-u', RUNTIME]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        cwd=options.pop('cwd', None), env=options.pop('env', None),
                                        pass_fds=options.pop('pass_fds', ()))
        self._watch = threading.Timer(PATIENCE, self.process.kill)
        self._watch.daemon = True
        self._watch.start()
        self._stderr = b''
        self._stderr_reader = threading.Thread(target=self._read_stderr, daemon=True)
        self._stderr_reader.start()
        self._id = 0
        self.logs = []
        self.calls = []
        # {method: function(params) -> result or Exception}
        self.answers = {}
        if initialize:
            self.initialized = self.request('initialize', dict(
                options, protocol_version=1, host={'name': 'test', 'version': '0'}, context=context or {}))

    def _read_stderr(self):
        for line in self.process.stderr:
            self._stderr += line

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.process.stdin.close()
        self._watch.cancel()
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self._stderr_reader.join()
        self.process.stderr.close()

    @property
    def stderr(self):
        """All that was written to the standard error, to be read when the process has ended."""
        self.process.wait()
        self._stderr_reader.join()
        return self._stderr.decode('utf-8', 'replace')

    def send_raw(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def send(self, message):
        self.send_raw(json.dumps(dict(message, jsonrpc='2.0')).encode() + b'\n')

    def start(self, method, params=None):
        self._id += 1
        message = {'id': self._id, 'method': method}
        if params is not None:
            message['params'] = params
        self.send(message)
        return self._id

    def read_line(self):
        return self.process.stdout.readline()

    def read(self):
        """The next message that is an answer; logs are kept and calls answered on the way."""
        while True:
            line = self.read_line()
            if not line:
                raise EOFError('the worker has ended: ' + self.stderr)
            message = json.loads(line.decode('ascii'))
            if message.get('method') == 'log':
                self.logs.append(message['params'])
            elif 'method' in message:
                self.calls.append((message['method'], message['params']))
                try:
                    result = self.answers[message['method']](message['params'])
                except Exception as e:
                    self.send({'id': message['id'], 'error': {'code': -1, 'message': str(e)}})
                else:
                    self.send({'id': message['id'], 'result': result})
            else:
                return message

    def wait(self, id):
        answer = self.read()
        if answer['id'] != id:
            raise AssertionError('answer %r is not to request %r' % (answer, id))
        if 'error' in answer:
            raise HostError(answer['error'])
        return answer['result']

    def request(self, method, params=None):
        return self.wait(self.start(method, params))

    def run_params(self, module, run_id=None, **changes):
        plugin = {'name': changes.pop('name', 'Test Plugin'), 'normalized_name': 'Test_Plugin', 'version': '1',
                  'signature': 's', 'module': module, 'directory': os.path.dirname(module), 'file': '', 'mtime': 0}
        params = {'run_id': self._id + 1 if run_id is None else run_id, 'plugin': plugin, 'type': 'polling',
                  'resource': RESOURCE, 'deadline': 1e12,
                  'config': {'Core': {'name': 'Test Plugin'}, 'main': {'execute_frequency': '60'}}}
        params.update(changes)
        return params

    def run(self, module, sys_path=False, sys_path_source=None, **changes):
        params = self.run_params(module, **changes)
        if sys_path:
            params['plugin'].update(sys_path=os.path.dirname(module), sys_path_source=sys_path_source)
        return self.request('run', params)

    def describe(self, module):
        return self.request('describe', {'plugin': self.run_params(module)['plugin'], 'type': 'polling'})

    def log_lines(self, least='warning'):
        levels = ['debug', 'info', 'warning', 'error', 'critical']
        return ['{}: {}'.format(log['level'].upper(), log['message']) for log in self.logs
                if levels.index(log['level']) >= levels.index(least)]


def metrics_of(result):
    """{name: value} of all metrics of a result."""
    return {metric['metric_name']: metric['metric_value']
            for group in result['groups'] for metric in group['metrics']}

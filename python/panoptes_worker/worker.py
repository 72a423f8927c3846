"""The loop of the worker process: requests of the host in, answers out, one at a time and in their order.

Plugins run in the main thread, because only there may they set signal handlers and alarms.
"""
import gc
import os
import platform
import select
import signal
import sys
import threading
import time
import traceback

sys.dont_write_bytecode = True

from yahoo_panoptes.framework.context import use_host
from yahoo_panoptes.framework.utilities.snmp import host as snmp_host

from panoptes_worker import channel as rpc
from panoptes_worker import leftovers, logs, requirements, stdio, usage
from panoptes_worker.loader import ANY, BASES, Loader, Rejected
from panoptes_worker.runs import Host, Runner, packages_of
from panoptes_worker.state import ProcessState

PROTOCOL_VERSION = 1

# Runs the host may have under way here at once: one that is on, the others ready to begin without waiting for it.
CONCURRENCY = 4

# Seconds that what has begun may still take once the host has closed its end.
GRACE_AFTER_EOF = 5.0


class InvalidParams(Exception):
    """The host sent something that a method cannot work with."""


class Worker:
    def __init__(self, incoming, outgoing, shadow=None):
        self._channel = rpc.Channel(incoming, outgoing, shadow)
        self._handler = logs.HostHandler(self._channel)
        self._logging = logs.Logging(self._handler)
        self._loader = Loader()
        self._runner = Runner(self._loader)
        self._incoming = incoming
        self._host = None
        self._streams = {}
        self._state = None
        self._own_threads = 1
        self._methods = {
            'initialize': self._initialize,
            'describe': self._describe,
            'run': self._run,
        }
        self._running = False
        self._growth = usage.Growth()
        # Why this process is to be replaced, and whether the host does that.
        self._reasons = []
        self._host_retires = False

    # Requests

    def serve(self, watch=True):
        """Answers until the host asks for the end, or ends itself. watch ends the process where a plugin hangs while
        the host goes, for systems that do not end it themselves."""
        signal.signal(signal.SIGINT, self._on_interrupt)
        self.take_streams()
        self._channel.start()
        if watch and hasattr(select, 'poll'):
            threading.Thread(target=self._watch, name=rpc.THREADS[2], daemon=True).start()
        self._own_threads = threading.active_count()
        self._handler.own_threads = self._own_threads
        while True:
            request = self.next()
            if request is None:
                return
            if request['method'] == 'shutdown':
                self._channel.answer(request['id'], {})
                return
            self.handle(request)

    # The parts of serve(), for a rehearsal without threads and signals.

    def take_streams(self):
        """Has what is printed go to the host."""
        for descriptor, name in ((1, 'stdout'), (2, 'stderr')):
            stream = self._make_stream(descriptor)
            setattr(sys, name, stream)
            setattr(sys, '__{}__'.format(name), stream)
        self._state = ProcessState(self._make_stream, self._loader.belongs)

    def next(self):
        """Waits for a request; None at the end of the stream."""
        return self._channel.next()

    def _make_stream(self, descriptor):
        lines = stdio.Lines(descriptor, 'stdout' if descriptor == 1 else 'stderr', self._handler.printed)
        self._streams[descriptor] = lines
        return stdio.text(lines)

    def _watch(self):
        poll = select.poll()
        poll.register(self._incoming, 0)  # the end of the stream alone
        poll.poll()
        time.sleep(GRACE_AFTER_EOF)
        os._exit(0)

    def handle(self, request):
        """Answers a request."""
        id, method = request['id'], request['method']
        handle = self._methods.get(method)
        if handle is None:
            self._channel.fail(id, rpc.METHOD_NOT_FOUND, 'unknown method "{}"'.format(method))
            return
        try:
            if self._reasons and self._host_retires:
                # Also what the host had sent before it knew.
                self._channel.fail(id, rpc.CANCELLED, 'this process is to be replaced: {}'.format(self._reasons[0]))
                return
            if method != 'initialize' and self._host is None:
                self._channel.fail(id, rpc.NOT_INITIALIZED, 'initialize must come first')
                return
            params = request.get('params')
            if not isinstance(params, dict):
                raise InvalidParams('params must be an object')
            handle(id, params)
        except InvalidParams as e:
            self._channel.fail(id, rpc.INVALID_PARAMS, logs.shorten('{}: {}'.format(method, e)))
        except BaseException as e:
            # A fault of ours, or an interruption that a plugin arranged: this request fails, the next is answered.
            self._state.settle()
            text = logs.shorten(traceback.format_exc())
            self._finish()
            self._channel.fail(id, rpc.INTERNAL_ERROR, logs.shorten('{}: {}: {}'.format(method, type(e).__name__, e)),
                               {'traceback': text})

    def close(self):
        """Takes the worker out of the process, where that does not end with it."""
        self._loader.close()
        self._state.close()
        snmp_host.use(None)
        use_host(None)

    def _initialize(self, id, params):
        context = params.get('context') or {}
        if not isinstance(context, dict):
            raise InvalidParams('context must be an object')
        if params.get('log_level'):
            try:
                self._logging.set_level(params['log_level'])
            except ValueError as e:
                raise InvalidParams(str(e))
        self._host = Host(self._channel, context, self._handler.current_run)
        limit = params.get('memory_limit_bytes')
        if isinstance(limit, int) and limit > 0:
            usage.limit_memory(limit)
        capabilities = params.get('capabilities')
        self._host_retires = isinstance(capabilities, dict) and bool(capabilities.get('retire'))
        self._state.begin()
        # What is there now stays for ever; collections need not look at it.
        gc.collect()
        gc.freeze()
        self._channel.answer(id, {
            'protocol_version': PROTOCOL_VERSION,
            'python': platform.python_version(),
            'resident_bytes': usage.resident(),
            'capabilities': {'concurrency': CONCURRENCY},
        })

    def _describe(self, id, params):
        plugin = _plugin(params)
        kind = ANY if params.get('type') == ANY else _kind(params)
        try:
            try:
                warnings = _requirements(plugin)
                loaded = self._loader.load(plugin['name'], plugin['module'], kind, plugin.get('source'),
                                           plugin.get('sys_path'), plugin.get('sys_path_source'), packages_of(plugin))
            finally:
                self._state.settle()
            answer = {'type': loaded.kind}
            if kind not in (ANY, loaded.kind):
                warnings.append('class {} is for {}, which is run as a {} plugin here'.format(
                    loaded.class_name, loaded.kind, kind))
            if warnings:
                answer['warnings'] = warnings
            loaded.unload()
        except Rejected as e:
            self._channel.fail(id, rpc.REJECTED, str(e), e.detail)
        else:
            self._channel.answer(id, answer)
        finally:
            self._recover()

    def _run(self, id, params):
        run_id = params.get('run_id')
        plugin = _plugin(params)
        kind = _kind(params)
        try:
            prepared = self._runner.prepare(self._host, params, plugin, kind)
        except Exception as e:
            raise InvalidParams('{}: {}'.format(type(e).__name__, e))
        self._handler.run_id = run_id
        self._running = True
        try:
            result = self._runner.run(prepared, self._state.settle)
        except BaseException as e:
            self._state.settle()
            # An interruption just before or after the plugin; inside, the runner has taken it.
            result = {'outcome': 'raised', 'error': logs.describe(e), 'groups': [], 'dropped': []}
        self._finish()
        if self._channel.forked:
            # A child that the plugin forked came back from run(); it must not go on as a second worker.
            os._exit(0 if result['outcome'] in ('ok', 'none') else 1)
        self._mark_threads(run_id)
        if self._reasons:
            result['retire'] = self._reasons
        result['run_id'] = run_id
        resident = self._growth.resident(result.get('peak_bytes'))
        if resident:
            result['resident_bytes'] = resident
        try:
            self._send_result(id, result)
        finally:
            self._handler.run_id = None

    def _send_result(self, id, result):
        # The id comes first: the host can tell whose answer it is even where the rest is too long for it.
        line = '{"jsonrpc":"2.0","id":%s,"result":%s}' % (rpc.encode(id), rpc.encode(result))
        if len(line) > rpc.MAX_LINE:
            message = 'the result has {} bytes ({} groups), the limit is {}'.format(
                len(line), len(result['groups']), rpc.MAX_LINE)
            result = {key: value for key, value in result.items() if key not in ('resources', 'enrichment')}
            result.update(outcome='raised', groups=[], dropped=[],
                          error={'type': 'ResultTooLarge', 'message': message, 'traceback': ''})
            line = rpc.encode({'jsonrpc': '2.0', 'id': id, 'result': result})
        self._channel.send_line(line)

    # Around a run

    def _finish(self):
        """Puts right what the run changed. An interruption that comes late may hit this; then it is done again."""
        for _ in range(3):
            try:
                self._recover()
                self._running = False
                return
            except BaseException:
                self._state.settle()
                failure = traceback.format_exc()
        # A plugin broke what this needs; the process is of no more use.
        os.write(2, failure.encode('utf-8', 'backslashreplace'))
        os._exit(1)

    def _recover(self):
        self._reasons = self._state.restore(*self._loader.suspicion())
        registers = self._loader.registers()
        if registers:
            self._reasons.append(leftovers.reason(leftovers.PATCHED, 'registered for good: ' + registers))
        self._logging.restore()
        for lines in self._streams.values():
            lines.finish()

    def _mark_threads(self, run_id):
        """Marks threads that go on although the run is over, for what they log."""
        if threading.active_count() > self._own_threads:
            for thread in threading.enumerate():
                if thread is not threading.main_thread() and thread.name not in rpc.THREADS and not hasattr(
                        thread, 'panoptes_run_id'):
                    thread.panoptes_run_id = run_id

    def _on_interrupt(self, number, frame):
        """Raises in the plugin, as Python does; between runs it is the worker that is meant."""
        if self._running:
            raise KeyboardInterrupt()
        os._exit(130)


def _plugin(params):
    plugin = params.get('plugin')
    if not isinstance(plugin, dict):
        raise InvalidParams('plugin must be an object')
    for key in ('name', 'module'):
        if not isinstance(plugin.get(key), str) or not plugin[key]:
            raise InvalidParams('plugin.{} must be a non-empty string'.format(key))
    for key in ('source', 'sys_path', 'sys_path_source'):
        if not isinstance(plugin.get(key), (str, type(None))):
            raise InvalidParams('plugin.{} must be a string'.format(key))
    packages = plugin.get('packages')
    if not isinstance(packages, (list, type(None))):
        raise InvalidParams('plugin.packages must be a list')
    for package in packages or ():
        if not isinstance(package, dict) or not isinstance(package.get('source'), (str, type(None))):
            raise InvalidParams('plugin.packages must have objects of strings')
        name, path = package.get('name'), package.get('path')
        if not isinstance(name, str) or not all(part.isidentifier() for part in name.split('.')):
            raise InvalidParams('plugin.packages: name must be that of a package, such as a.b, is {!r}'.format(name))
        if not isinstance(path, str) or not path:
            raise InvalidParams('plugin.packages: {} needs a path'.format(name))
    return plugin


def _requirements(plugin):
    """Raises Rejected where something is missing that the plugin's folder requires, and returns what was not checked."""
    folder = plugin.get('directory')
    if not isinstance(folder, str) or not folder:
        return []
    missing, unchecked = requirements.check(folder)
    if missing:
        raise Rejected('requirements', '{}: {}; install what it requires: {}'.format(
            os.path.join(folder, requirements.NAME), '; '.join(missing), requirements.command(folder)))
    return unchecked


def _kind(params):
    kind = params.get('type', 'polling')
    if kind not in BASES:
        raise InvalidParams('type must be one of {}, not {!r}'.format(', '.join(sorted(BASES)), kind))
    return kind


def serve(incoming, outgoing, watch=True, shadow=None):
    """Runs the worker on these descriptors and ends the process."""
    code = 1
    try:
        Worker(incoming, outgoing, shadow).serve(watch)
        code = 0
    except BaseException:
        os.write(2, traceback.format_exc().encode('utf-8', 'backslashreplace'))
    finally:
        # Without waiting for threads that plugins left behind.
        os._exit(code)

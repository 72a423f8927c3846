"""The loop of the worker process: requests of the host in, answers out, one at a time and in their order.

Plugins run in the main thread, because only there may they set signal handlers and alarms.
"""
import gc
import os
import platform
import signal
import sys
import threading
import traceback

sys.dont_write_bytecode = True

from panoptes_worker import channel as rpc
from panoptes_worker import logs
from panoptes_worker.loader import BASES, Loader, Rejected, RunCancelled
from panoptes_worker.runs import Host, Runner
from panoptes_worker.state import ProcessState

PROTOCOL_VERSION = 1


class InvalidParams(Exception):
    """The host sent something that a method cannot work with."""


class Worker:
    def __init__(self, incoming, outgoing):
        self._channel = rpc.Channel(incoming, outgoing, self._notified)
        self._handler = logs.HostHandler(self._channel)
        self._logging = logs.Logging(self._handler)
        self._loader = Loader()
        self._runner = Runner(self._loader)
        self._host = None
        self._state = None
        self._methods = {
            'initialize': self._initialize,
            'describe': self._describe,
            'run': self._run,
        }
        # The reading thread tells of cancelled runs; the main thread works on one run at a time.
        self._cancel_lock = threading.Lock()
        self._cancelled = set()
        self._current = None
        self._interrupts = 0

    # Requests

    def serve(self):
        """Answers until the host asks for the end, or ends itself."""
        signal.signal(signal.SIGINT, self._on_interrupt)
        self._state = ProcessState()
        self._channel.start()
        while True:
            request = self._channel.next()
            if request is None:
                return
            if request['method'] == 'shutdown':
                self._channel.answer(request['id'], {})
                return
            self._answer(request)

    def _answer(self, request):
        id, method = request['id'], request['method']
        handle = self._methods.get(method)
        if handle is None:
            self._channel.fail(id, rpc.METHOD_NOT_FOUND, 'unknown method "{}"'.format(method))
            return
        try:
            if method != 'initialize' and self._host is None:
                self._channel.fail(id, rpc.NOT_INITIALIZED, 'initialize must come first')
                return
            params = request.get('params')
            if not isinstance(params, dict):
                raise InvalidParams('params must be an object')
            handle(id, params)
        except InvalidParams as e:
            self._channel.fail(id, rpc.INVALID_PARAMS, '{}: {}'.format(method, e))
        except BaseException as e:
            # A fault of ours, or an interruption that a plugin arranged: this request fails, the next is answered.
            self._state.settle()
            text = logs.shorten(traceback.format_exc())
            self._finish()
            self._channel.fail(id, rpc.INTERNAL_ERROR, '{}: {}: {}'.format(method, type(e).__name__, e),
                               {'traceback': text})

    def _initialize(self, id, params):
        context = params.get('context') or {}
        if not isinstance(context, dict):
            raise InvalidParams('context must be an object')
        if params.get('log_level'):
            try:
                self._logging.set_level(params['log_level'])
            except ValueError as e:
                raise InvalidParams(str(e))
        self._host = Host(self._channel, context)
        # What is there now stays for ever; collections need not look at it.
        gc.collect()
        if hasattr(gc, 'freeze'):
            gc.freeze()
        self._channel.answer(id, {
            'protocol_version': PROTOCOL_VERSION,
            'name': 'panoptes-python',
            'python': platform.python_version(),
            'pid': os.getpid(),
            'capabilities': {'concurrency': 1},
        })

    def _describe(self, id, params):
        plugin = _plugin(params)
        kind = _kind(params)
        try:
            try:
                loaded = self._loader.load(plugin['name'], plugin['module'], kind, plugin.get('source'))
            finally:
                self._state.settle()
            answer = {'class': loaded.class_name, 'module': loaded.module.__file__}
            if loaded.warnings:
                answer['warnings'] = loaded.warnings
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
        if not self._begin(run_id):
            self._channel.fail(id, rpc.CANCELLED, 'run {} was cancelled before it began'.format(run_id))
            return
        try:
            result = self._runner.run(prepared, self._state.settle)
        except BaseException as e:
            self._state.settle()
            # An interruption just before or after the plugin; inside, the runner has taken it.
            result = {'outcome': 'raised', 'error': logs.describe(e), 'groups': [], 'members': 0, 'dropped': [],
                      'cpu_seconds': 0.0, 'wall_seconds': 0.0}
        self._finish()
        if self._channel.forked:
            # A child that the plugin forked came back from run(); it must not go on as a second worker.
            os._exit(0 if result['outcome'] in ('ok', 'none') else 1)
        threads = self._left_threads(run_id)
        if threads:
            result['threads'] = threads
        result['run_id'] = run_id
        try:
            self._send_result(id, result)
        finally:
            self._handler.run_id = None

    def _send_result(self, id, result):
        line = rpc.encode({'jsonrpc': '2.0', 'id': id, 'result': result})
        if len(line) > rpc.MAX_LINE:
            message = 'the result has {} bytes ({} groups), the limit is {}'.format(
                len(line), len(result.get('groups') or ()), rpc.MAX_LINE)
            self._channel.answer(id, {
                'run_id': result['run_id'], 'outcome': 'raised', 'groups': [], 'members': result.get('members', 0),
                'dropped': [], 'cpu_seconds': result['cpu_seconds'], 'wall_seconds': result['wall_seconds'],
                'error': {'type': 'ResultTooLarge', 'message': message, 'traceback': ''},
            })
            return
        self._channel.send_line(line)

    # Around a run

    def _begin(self, run_id):
        """Marks the run as the current one; False if it has been cancelled."""
        with self._cancel_lock:
            if run_id in self._cancelled:
                self._cancelled.discard(run_id)
                return False
            self._handler.run_id = run_id
            self._current = run_id
            return True

    def _finish(self):
        """Ends the run. A cancellation that comes late may interrupt this; then it is done again."""
        for _ in range(3):
            try:
                self._recover()
                with self._cancel_lock:
                    self._cancelled.discard(self._current)
                    self._current = None
                return
            except BaseException:
                self._state.settle()
                failure = traceback.format_exc()
        # A plugin broke what this needs; the process is of no more use.
        sys.stderr.write(failure)
        os._exit(1)

    def _recover(self):
        self._state.restore()
        self._logging.restore()

    @staticmethod
    def _left_threads(run_id):
        """How many threads go on although the run is over; marks them, for what they log."""
        if threading.active_count() <= 2:  # this one and the reader
            return 0
        left = 0
        for thread in threading.enumerate():
            if thread is threading.main_thread() or thread.name == rpc.READER_NAME:
                continue
            left += 1
            if not hasattr(thread, 'panoptes_run_id'):
                thread.panoptes_run_id = run_id
        return left

    # Cancelling

    def _notified(self, method, params):
        """Called on the reading thread."""
        if method != 'cancel' or not isinstance(params, dict):
            return
        run_id = params.get('run_id')
        if not isinstance(run_id, (int, str)):
            return
        with self._cancel_lock:
            if len(self._cancelled) > 1000:  # of runs that had ended already
                self._cancelled.clear()
            self._cancelled.add(run_id)
            if run_id != self._current:
                return
            self._interrupts += 1
        # Interrupts what waits in the operating system, too.
        if hasattr(signal, 'pthread_kill'):
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        else:
            import _thread
            _thread.interrupt_main()

    def _on_interrupt(self, number, frame):
        """Raises in the plugin if its run was cancelled; this runs on the main thread, between two steps of it."""
        if self._interrupts:
            self._interrupts -= 1
            if self._current is not None and self._current in self._cancelled:
                raise RunCancelled('the run was cancelled')
        elif self._current is not None:
            raise KeyboardInterrupt()
        else:
            os._exit(130)


def _plugin(params):
    plugin = params.get('plugin')
    if not isinstance(plugin, dict):
        raise InvalidParams('plugin must be an object')
    for key in ('name', 'module'):
        if not isinstance(plugin.get(key), str) or not plugin[key]:
            raise InvalidParams('plugin.{} must be a non-empty string'.format(key))
    if not isinstance(plugin.get('source'), (str, type(None))):
        raise InvalidParams('plugin.source must be a string')
    return plugin


def _kind(params):
    kind = params.get('type', 'polling')
    if kind not in BASES:
        raise InvalidParams('type must be one of {}, not {!r}'.format(', '.join(sorted(BASES)), kind))
    return kind


def serve(incoming, outgoing):
    """Runs the worker on these descriptors and ends the process."""
    code = 1
    try:
        Worker(incoming, outgoing).serve()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        # Without waiting for threads that plugins left behind.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)

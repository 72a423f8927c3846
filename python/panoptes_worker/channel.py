"""JSON-RPC 2.0 over two descriptors, one message a line.

A thread of its own reads. So the end of the host is noticed while a plugin hangs, calls that plugins make (from any of
their threads) find their answers, and an exception that a signal handler of a plugin raises can never hit half-way
through a message: Python runs such handlers in the main thread only.
"""
import itertools
import json
import os
import threading
from queue import SimpleQueue

# Bytes in a line, the line feed left out; what the host takes.
MAX_LINE = 16 * 1024 * 1024

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
REJECTED = -32001
NOT_INITIALIZED = -32002
CANCELLED = -32800

# Seconds that what has begun may still take once the host has closed its end.
GRACE_AFTER_EOF = 5.0

READER_NAME = 'panoptes-reader'

encode = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(',', ':')).encode


class RemoteError(Exception):
    """The host answered a call with an error."""

    def __init__(self, method, code, message):
        super().__init__('{}: {} (code {})'.format(method, message, code))
        self.method = method
        self.code = code


class Channel:
    """The connection to the host. All methods may be called from any thread."""

    def __init__(self, incoming, outgoing, notified):
        """notified(method, params) is called on the reading thread for every notification; it must return at once."""
        # The descriptors stay open when these objects go, because a forked child closes them itself (see detach).
        self._reader = open(incoming, 'rb', buffering=1 << 16, closefd=False)
        # A buffer that holds any message makes a write all or nothing: what a signal interrupts stays in the buffer
        # for the next flush. Memory that is not used is not touched.
        self._writer = open(outgoing, 'wb', buffering=MAX_LINE + 2, closefd=False)
        self._descriptors = (incoming, outgoing)
        self._notified = notified
        # Reentrant: a signal handler that logs may interrupt a write of its own thread.
        self._lock = threading.RLock()
        self._requests = SimpleQueue()
        self._waiting = {}
        self._ids = itertools.count(1)
        self._ended = False
        # True in a process forked from the worker, which must not speak to the host.
        self.forked = False
        if hasattr(os, 'register_at_fork'):
            os.register_at_fork(after_in_child=self._detach)

    def start(self):
        threading.Thread(target=self._read, name=READER_NAME, daemon=True).start()

    def next(self):
        """Waits for the next request and returns it, or None when the host has closed the stream."""
        return self._requests.get()

    # Writing

    def send(self, message):
        """Writes one message; ValueError or TypeError if it cannot be said in JSON, with nothing written."""
        self.send_line(encode(message))

    def send_line(self, line):
        """Writes a message that is JSON text already."""
        if self.forked:
            return
        try:
            with self._lock:
                self._writer.write(line.encode('ascii') + b'\n')
                self._writer.flush()
        except OSError:
            # Nobody is left to work for.
            os._exit(0)

    def answer(self, id, result):
        self.send({'jsonrpc': '2.0', 'id': id, 'result': result})

    def fail(self, id, code, message, data=None):
        error = {'code': code, 'message': message}
        if data is not None:
            error['data'] = data
        self.send({'jsonrpc': '2.0', 'id': id, 'error': error})

    def notify(self, method, params):
        self.send({'jsonrpc': '2.0', 'method': method, 'params': params})

    def call(self, method, params):
        """Asks the host and waits for its answer; RemoteError if that is an error or never comes."""
        if self.forked:
            raise RemoteError(method, INTERNAL_ERROR, 'a forked process cannot ask the host')
        id = next(self._ids)
        box = SimpleQueue()
        self._waiting[id] = box
        try:
            if self._ended:
                raise RemoteError(method, INTERNAL_ERROR, 'the host is gone')
            self.send({'jsonrpc': '2.0', 'id': id, 'method': method, 'params': params})
            answer = box.get()
        finally:
            self._waiting.pop(id, None)
        if answer is None:
            raise RemoteError(method, INTERNAL_ERROR, 'the host is gone')
        error = answer.get('error')
        if error is not None:
            if not isinstance(error, dict):
                error = {'message': repr(error)}
            raise RemoteError(method, error.get('code'), error.get('message'))
        return answer.get('result')

    # Reading

    def _read(self):
        readline = self._reader.readline
        while True:
            try:
                line = readline(MAX_LINE + 2)
            except OSError:
                line = b''
            if not line:
                break
            if len(line) > MAX_LINE + 1 and not line.endswith(b'\n'):
                while line and not line.endswith(b'\n'):
                    line = readline(MAX_LINE)
                self.fail(None, PARSE_ERROR, 'line is longer than the limit of {} bytes'.format(MAX_LINE))
                continue
            if not line.isspace():
                self._dispatch(line)
        self._end()

    def _dispatch(self, line):
        try:
            message = json.loads(line)
        except (ValueError, RecursionError) as e:
            self.fail(None, PARSE_ERROR, 'cannot parse the message: {}'.format(e))
            return
        if not isinstance(message, dict):
            self.fail(None, INVALID_REQUEST, 'message must be an object, not {}'.format(type(message).__name__))
            return
        method = message.get('method')
        if method is None:
            # An answer to a call; one that came too late has nobody waiting any more.
            id = message.get('id')
            box = self._waiting.get(id) if isinstance(id, int) else None
            if box is not None:
                box.put(message)
        elif not isinstance(method, str):
            self.fail(message.get('id'), INVALID_REQUEST, 'method must be a string')
        elif 'id' in message:
            self._requests.put(message)
        else:
            self._notified(method, message.get('params') or {})

    def _end(self):
        self._ended = True
        self._requests.put(None)
        for box in list(self._waiting.values()):
            box.put(None)
        # What has come is still answered; but a plugin that hangs must not keep this process alive without a host.
        threading.Event().wait(GRACE_AFTER_EOF)
        os._exit(0)

    def _detach(self):
        self.forked = True
        self._lock = threading.RLock()
        for descriptor in self._descriptors:
            try:
                os.close(descriptor)
            except OSError:
                pass

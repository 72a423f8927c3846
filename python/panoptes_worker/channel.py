"""JSON-RPC 2.0 over two descriptors, one message a line.

Between runs the main thread reads for itself, which saves two switches of threads a run. A thread of its own reads
while a plugin waits for an answer of the host or takes long: so an exception that a signal handler of a plugin raises
can never hit half-way through a message (Python runs such handlers in the main thread only), calls that plugins make
from any of their threads find their answers, and the host can take back runs that have not begun.
"""
import itertools
import json
import mmap
import os
import threading
from collections import deque
from json.encoder import encode_basestring_ascii as quote
from queue import SimpleQueue
from time import monotonic, sleep

# Bytes in a line, the line feed left out; what the host takes.
MAX_LINE = 16 * 1024 * 1024
# Bytes of notifications that may wait for the flusher.
MAX_HELD = 64 * 1024

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
REJECTED = -32001
NOT_INITIALIZED = -32002
CANCELLED = -32800

# Seconds after which a line that was put by is written, and after which a run is a long one.
FLUSH_INTERVAL = 0.05
LONG_RUN = 0.05
# Seconds without work after which the flusher sleeps until there is some.
_REST = 0.5

# Threads of ours, which no plugin left behind.
THREADS = ('panoptes-reader', 'panoptes-flusher', 'panoptes-watch')

_PIECE = 1 << 16


def _encoder():
    made = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(',', ':'))
    if json.encoder.c_make_encoder is None:
        return made.encode
    # What encode() makes anew for each text. Without a record of containers a circular one is a RecursionError.
    inner = json.encoder.c_make_encoder(None, made.default, quote, None, ':', ',', False, False, False)
    return lambda value: ''.join(inner(value, 0))


encode = _encoder()


class Shadow:
    """Lines in memory that this process shares with the one that forked it, which sees them when this one was killed."""

    # Bytes for the lines; what comes after that is not there.
    SIZE = 1 << 14

    def __init__(self):
        self._memory = mmap.mmap(-1, self.SIZE)
        self._end = 4

    def add(self, line):
        """Adds a line of ASCII."""
        data = line.encode('ascii', 'replace') + b'\n'
        begin, self._end = self._end, self._end + len(data)
        if self._end > self.SIZE:
            self._end = begin
            return
        self._memory[begin:self._end] = data
        # Last of all, so that half a line does not count.
        self._memory[:4] = self._end.to_bytes(4, 'little')

    def clear(self):
        """Forgets the lines."""
        if self._end > 4:
            self._end = 4
            self._memory[:4] = _NOTHING

    def left(self):
        """The lines, as bytes, to be asked for once the process is gone."""
        end = min(int.from_bytes(self._memory[:4], 'little'), self.SIZE)
        return self._memory[4:end]

    def close(self):
        self._memory.close()


_NOTHING = bytes(4)


class RemoteError(Exception):
    """The host answered a call with an error."""

    def __init__(self, method, code, message):
        super().__init__('{}: {} (code {})'.format(method, message, code))
        self.method = method
        self.code = code
        self.text = message


class Channel:
    """The connection to the host. next() belongs to the main thread; all else may be called from any thread."""

    def __init__(self, incoming, outgoing, shadow=None):
        self._incoming, self._outgoing = incoming, outgoing
        # A Shadow of what was put by and not written, for whoever finds this process dead.
        self._shadow = shadow
        # A buffer that holds any message makes a write all or nothing: what a signal interrupts stays in the buffer
        # for the next flush. Memory that is not used is not touched. The descriptor stays open when the object goes,
        # because a forked child closes it itself (see _detach).
        self._writer = open(outgoing, 'wb', buffering=MAX_LINE + MAX_HELD, closefd=False)
        self._pieces = []  # of a line that is not complete
        self._size = 0  # bytes in them
        self._overlong = False
        # Reentrant: a signal handler that logs may interrupt a write of its own thread.
        self._write_lock = threading.RLock()
        self._held = []
        self._held_size = 0
        self._requests = deque()
        self._waiting = {}
        self._ids = itertools.count(1)
        self._ended = False
        # Who reads: at most one of these two is true.
        self._turn = threading.RLock()
        self._main_reads = False
        self._thread_reads = False
        self._start_reader = threading.Semaphore(0)
        self._came = SimpleQueue()  # something, for a main thread that does not read
        self._main_waits = False
        # Since when the main thread works; None while it does not.
        self._busy_since = None
        self._work = threading.Event()
        # True in a process forked from the worker, which must not speak to the host.
        self.forked = False

    def start(self):
        """Starts the threads that read and write beside a run. From now on processes that are forked are cut off."""
        if hasattr(os, 'register_at_fork'):
            os.register_at_fork(after_in_child=self._detach)
        for name, target in zip(THREADS, (self._reader, self._flusher)):
            threading.Thread(target=target, name=name, daemon=True).start()

    def next(self):
        """Waits for the next request and returns it, or None when the host has closed the stream."""
        requests = self._requests
        while True:
            if requests:
                request = requests.popleft()
                self._busy_since = monotonic()
                if not self._work.is_set():
                    self._work.set()
                return request
            self._busy_since = None
            if self._held:
                self.flush()
            if self._ended:
                return None
            with self._turn:
                if requests:
                    continue
                self._main_waits = self._thread_reads
                self._main_reads = not self._thread_reads
            if self._main_waits:
                self._came.get()
                self._main_waits = False
                continue
            self._read()
            with self._turn:
                self._main_reads = False
                if self._waiting:  # of threads that plugins left behind
                    self._let_thread_read()

    def withdraw(self, run_id):
        """Takes a run back that has not begun, and says so to the host. One that has begun goes on."""
        for request in list(self._requests):
            params = request.get('params')
            if request['method'] == 'run' and isinstance(params, dict) and params.get('run_id') == run_id:
                try:
                    self._requests.remove(request)
                except ValueError:  # it begins just now
                    return
                self.fail(request['id'], CANCELLED, 'run {} was cancelled before it began'.format(run_id))
                return

    # Writing

    def send(self, message):
        """Writes one message; ValueError, TypeError or RecursionError if it cannot be said in JSON, with nothing
        written."""
        self.send_line(encode(message))

    def send_line(self, line):
        """Writes a message that is JSON text already, and what was put by before it."""
        if not self.forked:
            with self._write_lock:
                self._held.append(line)
                self.flush()

    def put_by(self, line):
        """Has a message written soon: with the next one, or by the flusher."""
        if self.forked:
            return
        with self._write_lock:
            self._held.append(line)
            self._held_size += len(line)
            if self._shadow is not None:
                self._shadow.add(line)
            if self._held_size > MAX_HELD:
                self.flush()
        if not self._work.is_set():
            self._work.set()

    def flush(self):
        """Writes what was put by."""
        with self._write_lock:
            if not self._held or self.forked:
                return
            lines, self._held, self._held_size = self._held, [], 0
            lines.append('')
            try:
                self._writer.write('\n'.join(lines).encode('ascii'))
                self._writer.flush()
                if self._shadow is not None:
                    self._shadow.clear()
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

    def call(self, method, params):
        """Asks the host and waits for its answer; RemoteError if that is an error or never comes."""
        if self.forked:
            raise RemoteError(method, INTERNAL_ERROR, 'a forked process cannot ask the host')
        id = next(self._ids)
        box = SimpleQueue()
        with self._turn:
            self._waiting[id] = box
            if not self._main_reads and not self._thread_reads:
                self._let_thread_read()
        try:
            if self._ended:
                raise RemoteError(method, INTERNAL_ERROR, 'the host is gone')
            line = encode({'jsonrpc': '2.0', 'id': id, 'method': method, 'params': params})
            if len(line) > MAX_LINE:
                raise RemoteError(method, INVALID_PARAMS, 'the call has {} bytes, the limit is {}'.format(len(line), MAX_LINE))
            self.send_line(line)
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

    def _let_thread_read(self):
        """Hands the reading to the thread. The turn is held."""
        self._thread_reads = True
        self._start_reader.release()

    def _reader(self):
        while True:
            self._start_reader.acquire()
            while True:
                with self._turn:
                    long_run = self._busy_since is not None and monotonic() - self._busy_since > LONG_RUN
                    if self._ended or not self._waiting and not long_run:
                        self._thread_reads = False
                        if self._main_waits:
                            self._came.put(None)
                        break
                self._read()
                with self._turn:
                    if self._main_waits and self._requests:
                        self._came.put(None)

    def _flusher(self):
        """Writes what was put by, and has the other thread read while a run takes long."""
        idle = 0
        while True:
            self._work.wait()
            sleep(FLUSH_INTERVAL)
            self.flush()
            since = self._busy_since
            if since is None:
                idle += 1
                if idle > _REST / FLUSH_INTERVAL:
                    self._work.clear()
                    if self._held or self._busy_since is not None:
                        self._work.set()
                continue
            idle = 0
            if monotonic() - since > LONG_RUN:
                with self._turn:
                    if not self._ended and not self._thread_reads and not self._main_reads and (
                            self._busy_since is not None):
                        self._let_thread_read()

    def _read(self):
        """Reads what there is, at least a byte, and passes on the lines in it."""
        try:
            data = os.read(self._incoming, _PIECE)
        except OSError:
            data = b''
        if not data:
            self._end()
            return
        end = data.rfind(b'\n')
        if end < 0:
            self._keep(data)
            return
        lines = data[:end].split(b'\n')
        if self._pieces or self._overlong:
            self._keep(lines[0])
            overlong, self._overlong = self._overlong, False
            lines[0] = b''.join(self._pieces)
            self._pieces, self._size = [], 0
            if overlong:
                lines[0] = b''
                self.fail(None, PARSE_ERROR, 'line is longer than the limit of {} bytes'.format(MAX_LINE))
        for line in lines:
            if line and not line.isspace():
                self._dispatch(line)
        if end + 1 < len(data):
            self._keep(data[end + 1:])

    def _keep(self, piece):
        self._size += len(piece)
        if self._size > MAX_LINE:
            self._overlong = True
            self._pieces = []
        else:
            self._pieces.append(piece)

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
                self._waiting.pop(id, None)
        elif not isinstance(method, str):
            self.fail(message.get('id'), INVALID_REQUEST, 'method must be a string')
        elif 'id' in message:
            self._requests.append(message)
        elif method == 'cancel' and isinstance(message.get('params'), dict):
            self.withdraw(message['params'].get('run_id'))

    def _end(self):
        self._ended = True
        for box in list(self._waiting.values()):
            box.put(None)
        if self._main_waits:
            self._came.put(None)

    def _detach(self):
        self.forked = True
        self._write_lock = threading.RLock()
        for descriptor in {self._incoming, self._outgoing}:
            try:
                os.close(descriptor)
            except OSError:
                pass

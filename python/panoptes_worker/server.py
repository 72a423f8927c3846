"""The fork server: a warm process from which workers are forked, so that one more costs milliseconds and little memory.

The host speaks to it over a socket of packets, one JSON object each:

    {"fork": N}, with two descriptors: the worker's protocol stream and where its standard error goes
    {"signal": PID, "number": N}     to the worker's process group, if the worker has not been reaped
    {"ping": N}                      to see whether it is well
    <- {"ready": PID, "sites": [FOLDER...]}
    <- {"pong": N}
    <- {"forked": N, "pid": PID}     or {"forked": N, "error": TEXT}
    <- {"left": PID, "line": TEXT}   a line of the protocol that a worker which was killed did not come to write
    <- {"exited": PID, "status": N}  wait status; what was left of its process group has been killed

It has one thread only and runs no code of plugins. When the host goes, or on TERM, it kills all workers with what they
started, and ends. When it is killed itself the kernel kills the workers.
"""
import array
import json
import os
import selectors
import signal
import socket
import sys

from panoptes_worker.channel import Shadow

_PR_SET_PDEATHSIG = 1
_MAX_PACKET = 4096


class Server:
    def __init__(self, control):
        self._control = socket.socket(fileno=control)
        self._pid = os.getpid()
        self._prctl = _prctl()
        self._workers = {}  # shadows by number of the process
        self._wake, self._woken = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self._wake, False)

    def run(self):
        """Serves until the host goes. Returns in a worker only: its stream, whether the kernel ends it with the server, and
        its shadow."""
        signal.set_wakeup_fd(self._woken, warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, lambda *_: None)  # what counts is the byte that wakes the loop
        selector = selectors.DefaultSelector()
        selector.register(self._control, selectors.EVENT_READ)
        selector.register(self._wake, selectors.EVENT_READ)
        self._send({'ready': self._pid, 'sites': _sites()})
        while True:
            for key, _ in selector.select():
                if key.fileobj == self._wake:
                    self._woke()
                    continue
                worker = self._message()
                if worker is not None:
                    selector.close()
                    return worker

    def _woke(self):
        try:
            numbers = os.read(self._wake, 4096)
        except BlockingIOError:
            return
        if signal.SIGTERM in numbers:
            self._quit()
        self._reap()

    def _message(self):
        descriptors = array.array('i')
        try:
            data, ancillary, _, _ = self._control.recvmsg(_MAX_PACKET, socket.CMSG_SPACE(2 * descriptors.itemsize))
        except OSError:
            data, ancillary = b'', ()
        if not data:
            self._quit()
        for level, kind, content in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                descriptors.frombytes(content[:len(content) - len(content) % descriptors.itemsize])
        message = json.loads(data)
        if 'fork' in message:
            return self._fork(message['fork'], list(descriptors))
        if 'ping' in message:
            self._send({'pong': message['ping']})
        elif 'signal' in message:
            self._signal(message['signal'], message['number'])
        return None

    def _fork(self, number, descriptors):
        shadow = Shadow()
        try:
            pid = os.fork()
        except OSError as e:
            shadow.close()
            for descriptor in descriptors:
                os.close(descriptor)
            self._send({'forked': number, 'error': str(e)})
            return None
        if pid == 0:
            return self._become_worker(descriptors) + (shadow,)
        for descriptor in descriptors:
            os.close(descriptor)
        try:
            os.setpgid(pid, pid)  # here as well, so that it is done whoever comes first
        except OSError:
            pass
        self._workers[pid] = shadow
        self._send({'forked': number, 'pid': pid})
        return None

    def _become_worker(self, descriptors):
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        try:
            os.setpgid(0, 0)
        except OSError:
            pass
        bound = self._prctl is not None and self._prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) == 0
        if os.getppid() != self._pid:  # it ended before the kernel knew
            os._exit(0)
        self._control.close()
        os.close(self._wake)
        os.close(self._woken)
        stream, stderr = descriptors
        os.dup2(stderr, 1)
        os.dup2(stderr, 2)
        os.close(stderr)
        return stream, bound

    def _signal(self, pid, number):
        if pid in self._workers:
            _kill(pid, number)

    def _reap(self):
        for pid in list(self._workers):
            # As long as it is not reaped it keeps its number, so that no other group can be hit.
            if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                continue
            _kill(pid, signal.SIGKILL)
            _, status = os.waitpid(pid, 0)
            shadow = self._workers.pop(pid)
            if os.WIFSIGNALED(status):
                self._tell(pid, shadow)
            shadow.close()
            self._send({'exited': pid, 'status': status})

    def _tell(self, pid, shadow):
        """Tells the host what a worker that was killed did not come to write."""
        for line in shadow.left().decode('ascii', 'replace').splitlines():
            self._send({'left': pid, 'line': line})

    def _send(self, message):
        packet = json.dumps(message).encode('ascii')
        if len(packet) > _MAX_PACKET:
            return  # a long line, which is lost
        try:
            self._control.send(packet)
        except OSError:
            self._quit()

    def _quit(self):
        for pid in self._workers:
            _kill(pid, signal.SIGKILL)
        os._exit(0)


def _sites():
    """The folders that packages are installed to: the host has new workers forked from a new server when they change."""
    folders = []
    for folder in sys.path:
        if os.path.basename(folder) in ('site-packages', 'dist-packages') and len(folders) < 16:
            folders.append(os.path.abspath(folder))
    return folders


def _kill(group, number):
    try:
        os.killpg(group, number)
    except OSError:
        pass


def _prctl():
    try:
        import ctypes
        return ctypes.CDLL(None, use_errno=True).prctl
    except (ImportError, OSError, AttributeError):  # a Python that was built without it
        return None


def serve(control):
    """Runs the server on this descriptor, and in each process that it forks a worker."""
    os.set_inheritable(control, False)
    from panoptes_worker import stdio, warm, worker
    warm.warm()
    stream, bound, shadow = Server(control).run()
    stream = stdio.lift(stream)
    worker.serve(stream, stream, watch=not bound, shadow=shadow)

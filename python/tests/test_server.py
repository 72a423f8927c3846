"""The fork server, and what a process of ours makes of what it was started with."""
import array
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import unittest
import zipfile

from support import HEAD, PATIENCE, PYTHON, RUNTIME, Folder, Worker, metrics_of

with open(os.path.join(PYTHON, 'panoptes_worker', 'bootstrap.py'), encoding='utf-8') as file:
    BOOTSTRAP = file.read()


class Server:
    """A fork server, and the host's side of its socket."""

    def __init__(self, flags=(), inherited=(), limit=None):
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.control.settimeout(PATIENCE)
        with _archive() as archive:
            command = [sys.executable, *flags, '-B', '-u', '-c', BOOTSTRAP, str(archive.fileno()), '--server', str(theirs.fileno())]
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, pass_fds=[archive.fileno(), theirs.fileno(), *inherited],
                preexec_fn=None if limit is None else lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)))
        theirs.close()
        self._number = 0
        self.others = []

    def __enter__(self):
        try:
            assert self.receive()['ready'] == self.process.pid
        except (OSError, ValueError):
            raise AssertionError(self.process.stderr.read().decode())
        return self

    def __exit__(self, *exception):
        self.control.close()
        self.process.wait()
        self.process.stderr.close()

    def receive(self):
        return json.loads(self.control.recv(4096))

    def answer(self, key, value):
        """The message that answers; others that come meanwhile are kept."""
        while True:
            for message in self.others:
                if message.get(key) == value:
                    self.others.remove(message)
                    return message
            self.others.append(self.receive())

    def ask(self, descriptors=(), **message):
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', descriptors))] if descriptors else []
        self.control.sendmsg([json.dumps(message).encode()], rights)

    def fork(self):
        """A worker: its number, and our end of its protocol."""
        self._number += 1
        ours, theirs = socket.socketpair()
        ours.settimeout(PATIENCE)
        self.ask([theirs.fileno(), 2], fork=self._number)
        theirs.close()
        return self.answer('forked', self._number)['pid'], Connection(ours)


class Connection(Worker):
    """Speaks the protocol over a socket, with a worker that somebody else started."""

    def __init__(self, ours):
        self._id, self.logs, self.calls, self.answers = 0, [], [], {}
        self._socket = ours
        self._lines = ours.makefile('rb')
        self.request('initialize', {'protocol_version': 1})

    def send_raw(self, data):
        self._socket.sendall(data)

    def read_line(self):
        return self._lines.readline()

    def close(self):
        self._lines.close()
        self._socket.close()


def _archive():
    made = tempfile.TemporaryFile()
    with zipfile.ZipFile(made, 'w') as archive:
        for folder, _, files in os.walk(PYTHON):
            for name in files:
                path = os.path.join(folder, name)
                if name.endswith('.py') and '/tests' not in folder[len(PYTHON):]:
                    archive.write(path, os.path.relpath(path, PYTHON))
    made.flush()
    return made


class ForkServer(Folder):
    def test_workers(self):
        module = self.plugin('import os\nreturn one(context.data, pid=os.getpid())')
        with Server() as server:
            pid, worker = server.fork()
            self.assertEqual({'pid': pid}, metrics_of(worker.run(module)))
            worker.request('shutdown')
            self.assertEqual(0, server.answer('exited', pid)['status'])
            worker.close()
            pid, worker = server.fork()
            server.ask(signal=pid, number=signal.SIGKILL)
            self.assertEqual(signal.SIGKILL, server.answer('exited', pid)['status'])
            worker.close()

    def test_it_answers_whatever_goes_on(self):
        # Workers that are being forked, that run and that die, and messages which it does not know.
        spins = self.plugin('import os\ncontext.kv.get("began")\nwhile True: pass')
        dies = self.plugin('import os; os._exit(3)', 'dies')
        with Server() as server:
            busy = []
            for number in range(8):
                server.ask(unknown='message')
                pid, worker = server.fork()
                server.ask(ping=number)
                self.assertEqual({'pong': number}, server.answer('pong', number))
                worker.start('run', worker.run_params(spins if number % 2 else dies))
                busy.append((pid, worker, number % 2))
            for pid, worker, stays in busy:
                if not stays:
                    self.assertEqual(3 << 8, server.answer('exited', pid)['status'])
            server.ask(ping='last')
            server.answer('pong', 'last')
            for pid, worker, stays in busy:
                if stays:
                    server.ask(signal=pid, number=signal.SIGKILL)
                    server.answer('exited', pid)
                worker.close()

    def test_nothing_is_inherited(self):
        module = self.plugin('''
            import os, subprocess
            numbers = subprocess.run(['ls', '/proc/self/fd'], stdout=subprocess.PIPE, close_fds=False).stdout.split()
            try:
                os.fstat(context.config['main'].get('number') and int(context.config['main']['number']))
            except OSError:
                return one(context.data, own=0, inherited=sum(int(number) > 3 for number in numbers))
            return one(context.data, own=1)''')
        with open('/etc/passwd') as secret:
            high = os.dup2(secret.fileno(), 555)
            self.addCleanup(os.close, high)
            for number in (secret.fileno(), high):
                config = {'Core': {'name': 'x'}, 'main': {'execute_frequency': '60', 'number': str(number)}}
                with Server(inherited=[number]) as server:
                    _, worker = server.fork()
                    self.assertEqual({'own': 0, 'inherited': 0}, metrics_of(worker.run(module, config=config)))
                    worker.close()
                with Worker([sys.executable, '-B', '-u', RUNTIME], pass_fds=[number]) as worker:
                    self.assertEqual({'own': 0, 'inherited': 0}, metrics_of(worker.run(module, config=config)))

    def test_processes_that_are_started_anew(self):
        # They get the archive, which lies in no file.
        self.write('mod.py', HEAD + '''
import multiprocessing

def triple(value):
    return value * 3

class P(PanoptesPollingPlugin):
    def run(self, context):
        found = []
        for method in ('spawn', 'forkserver'):
            with multiprocessing.get_context(method).Pool(1) as pool:
                found.append(pool.apply(triple, [5]))
        return one(context.data, m=sum(found))
''')
        with Server(['-I']) as server:
            _, worker = server.fork()
            for _ in range(2):
                result = worker.run(self.folder + '/mod')
                self.assertEqual('ok', result['outcome'], result)
                self.assertEqual({'m': 30}, metrics_of(result))
                self.assertNotIn('retire', result)
            worker.close()

    def test_few_open_files(self):
        module = self.plugin('import csv, html.parser\nreturn one(context.data, m=1)')
        for limit in (600, 64):
            with self.subTest(limit), Server(limit=limit) as server:
                _, worker = server.fork()
                self.assertEqual({'m': 1}, metrics_of(worker.run(module)))
                worker.close()

    def test_isolated_interpreters(self):
        # Nothing of the working directory, the home or the environment is imported.
        for name in ('json', 'csv', 'helper', 'sitecustomize', 'usercustomize'):
            self.write(name + '.py', 'raise SystemExit("not this one")')
        module = self.plugin('import csv, json, sys\nassert "" not in sys.path\ntry:\n    import helper\nexcept ImportError:\n'
                             '    return one(context.data, m=1)')
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.folder)
        with Server(['-I']) as server:
            _, worker = server.fork()
            self.assertEqual({'m': 1}, metrics_of(worker.run(module)))
            worker.close()
        environment = dict(os.environ, PYTHONPATH=self.folder)
        with Worker([sys.executable, '-I', '-B', '-u', RUNTIME], env=environment) as worker:
            self.assertEqual({'m': 1}, metrics_of(worker.run(module)))


if __name__ == '__main__':
    unittest.main()

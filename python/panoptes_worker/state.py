"""Puts right, after each run, what a plugin may have changed for the whole process, and says what cannot be.

What is where: here what the process has of the system (signals, streams, directory, environment), in settings what libraries
have set, in patches what modules and classes hold, in leftovers what cannot be put back.
"""
import builtins
import locale
import os
import signal
import socket
import sys
import threading
import time

from panoptes_worker.leftovers import DESCRIPTORS, PATCHED, Leftovers, reason
from panoptes_worker.patches import shared
from panoptes_worker.settings import Settings
from panoptes_worker.suspicion import CLEAN, PATCHES

try:
    # Without the names that signal wraps around numbers, which cost most of the time that restore takes.
    from _signal import getsignal as _getsignal
    from _signal import pthread_sigmask as _sigmask
except ImportError:
    from signal import getsignal as _getsignal
    _sigmask = getattr(signal, 'pthread_sigmask', None)

_TIMERS = tuple(getattr(signal, name) for name in ('ITIMER_REAL', 'ITIMER_VIRTUAL', 'ITIMER_PROF')
                if hasattr(signal, name))


class ProcessState:
    """The state of the process when this was made; restore() goes back to it. It looks before it changes anything,
    because nearly all runs leave all of it alone.

    What other libraries keep inside themselves is not looked at: it survives, as in Panoptes.
    """

    def __init__(self, make_stream, belongs=None):
        """make_stream(descriptor) makes a standard stream anew where a plugin closed it. belongs(name) tells whether a
        module is the plugin's."""
        self._make_stream = make_stream
        self._leftovers = None
        try:
            self._directory = os.getcwd()
        except OSError:
            self._directory = os.path.abspath(os.sep)
            os.chdir(self._directory)
        self._environ = os.environ
        self._environment = dict(os.environ)
        # Comparing the encoded form is fifty times faster than reading every variable.
        self._raw_environment = dict(getattr(os.environ, '_data', ()))
        self._stdin, self._stdout, self._stderr = sys.stdin, sys.stdout, sys.stderr
        self._numbers = [int(number) for number in signal.valid_signals()]
        self._handlers = [_getsignal(number) for number in self._numbers]
        self._mask = [] if _sigmask is None else list(_sigmask(signal.SIG_BLOCK, []))
        self._files = [_file(descriptor) for descriptor in range(3)]
        self._shapes = _shape(self._stdout), _shape(self._stderr)
        self._thread = threading.main_thread(), threading.main_thread().name
        self._timeout = socket.getdefaulttimeout()
        self._locale = locale.setlocale(locale.LC_ALL)
        self._zone = time.tzname, time.timezone
        self._umask = os.umask(0o022)
        os.umask(self._umask)
        self._builtins = builtins.print, builtins.open, builtins.__import__
        sys.dont_write_bytecode = True
        self._settings = Settings()
        self._patches = shared(belongs)

    def begin(self):
        """From now on what the process has is what it is to have after each run."""
        self.close()
        self._files = [_file(descriptor) for descriptor in range(3)]
        self._leftovers = Leftovers()

    def close(self):
        if self._leftovers is not None:
            self._leftovers.close()

    def settle(self):
        """Ends the timers and signal handlers of a plugin, to be called at once when it has returned: what its handlers
        raise from then on would hit the worker. One that goes off just before that may interrupt this, so it is tried
        again; without a loop, whose edges could be hit as well."""
        try:
            self._signals()
        except BaseException:
            try:
                self._signals()
            except BaseException:
                self._signals()

    def restore(self, suspicion=PATCHES, thoroughly=True, starts=True, system=True):
        """Puts all but signals back, which settle() has done, and returns the reasons to replace the process. The arguments
        say what the plugin may have done, as Loader.suspicion has it."""
        reasons = []
        self._builtins_back()
        if suspicion != CLEAN:
            # First of all: what comes next uses these modules.
            patched = self._patches.look(thoroughly)
            if patched:
                reasons.append(reason(PATCHED, patched))
        self._patches.unset()
        self._streams()
        if system:
            replaced = self._system()
            if replaced:
                reasons.append(reason(DESCRIPTORS, replaced))
        self._settings.restore()
        if suspicion != CLEAN:
            self._settings.restore_named()
        if thoroughly:
            self._settings.restore_rare()
            registered = self._settings.registered()
            if registered:
                reasons.append(reason(PATCHED, 'registered for ' + registered))
        if self._leftovers is not None:
            reasons += self._leftovers.find(suspicion != CLEAN, thoroughly, starts)
        return reasons

    def _system(self):
        """Puts back what the process has of the system, and returns what of the standard descriptors is not."""
        self._directory_and_environment()
        if socket.getdefaulttimeout() != self._timeout:
            socket.setdefaulttimeout(self._timeout)
        if locale.setlocale(locale.LC_ALL) != self._locale:
            locale.setlocale(locale.LC_ALL, self._locale)
        os.umask(self._umask)
        thread, name = self._thread
        if thread.name != name:
            thread.name = name
        return self._standard_descriptors()

    def _builtins_back(self):
        if (builtins.print, builtins.open, builtins.__import__) != self._builtins:
            builtins.print, builtins.open, builtins.__import__ = self._builtins

    def _signals(self):
        for timer in _TIMERS:
            signal.setitimer(timer, 0)
        signal.set_wakeup_fd(-1)
        if _sigmask is not None:
            _sigmask(signal.SIG_SETMASK, self._mask)
        if list(map(_getsignal, self._numbers)) == self._handlers:
            return
        for number, handler in zip(self._numbers, self._handlers):
            # The C library may have taken a handler (None); then there is nothing to compare with.
            if handler is not None and _getsignal(number) is not handler:
                try:
                    signal.signal(number, handler)
                except (OSError, ValueError, TypeError):
                    pass

    def _standard_descriptors(self):
        """Has writing and reading wait as before, and returns which of the standard descriptors are closed or lead elsewhere,
        as text."""
        for descriptor, file in enumerate(self._files):
            now = _file(descriptor)
            if now == file:
                continue
            if now is None or file is None or now[:2] != file[:2]:
                return 'descriptor {} is {}'.format(descriptor, 'closed' if now is None else 'another file')
            os.set_blocking(descriptor, file[2])
            os.set_inheritable(descriptor, file[3])
        return ''

    def _streams(self):
        if self._stdout.closed:
            self._stdout = self._make_stream(1)
            self._settings.keep(stdout=self._stdout, __stdout__=self._stdout)
        if self._stdin is not None and self._stdin.closed:
            self._stdin = open(0, closefd=False)
            self._settings.keep(stdin=self._stdin, __stdin__=self._stdin)
        if self._stderr.closed:
            self._stderr = self._make_stream(2)
            self._settings.keep(stderr=self._stderr, __stderr__=self._stderr)
        if sys.stdout is not self._stdout or sys.__stdout__ is not self._stdout:
            sys.stdout = sys.__stdout__ = self._stdout
        if sys.stderr is not self._stderr or sys.__stderr__ is not self._stderr:
            sys.stderr = sys.__stderr__ = self._stderr
        if sys.stdin is not self._stdin:
            sys.stdin = self._stdin
        if (_shape(self._stdout), _shape(self._stderr)) != self._shapes:
            for stream, (encoding, errors, by_line, at_once, own) in zip((self._stdout, self._stderr), self._shapes):
                stream.reconfigure(encoding=encoding, errors=errors, line_buffering=by_line, write_through=at_once)
                vars(stream).clear()
                vars(stream).update(own)
        try:
            self._stdout.flush()
            self._stderr.flush()
        except (OSError, ValueError):
            pass

    def _directory_and_environment(self):
        try:
            moved = os.getcwd() != self._directory
        except OSError:
            moved = True
        if moved:
            try:
                os.chdir(self._directory)
            except OSError:
                os.chdir(os.path.abspath(os.sep))
        os.environ = self._environ
        if getattr(os.environ, '_data', None) != self._raw_environment or not self._raw_environment:
            for name in set(os.environ) - set(self._environment):
                del os.environ[name]
            for name, value in self._environment.items():
                if os.environ.get(name) != value:
                    os.environ[name] = value
        if (time.tzname, time.timezone) != self._zone and hasattr(time, 'tzset'):
            time.tzset()


def _file(descriptor):
    """Which file a descriptor leads to, whether reading and writing wait, and whether programs inherit it; None where it is
    closed."""
    try:
        status = os.fstat(descriptor)
        return status.st_dev, status.st_ino, _blocking(descriptor), os.get_inheritable(descriptor)
    except OSError:
        return None


# Not there on Windows before Python 3.12.
_blocking = getattr(os, 'get_blocking', lambda descriptor: True)


def _shape(stream):
    """How a stream writes text, and what was put into it."""
    own = getattr(stream, '__dict__', None)
    return (getattr(stream, 'encoding', None), getattr(stream, 'errors', None), getattr(stream, 'line_buffering', None),
            getattr(stream, 'write_through', None), dict(own or {}))

"""Puts right, after each run, what a plugin may have changed for the whole process."""
import builtins
import gc
import locale
import os
import signal
import socket
import sys
import time

try:
    # Without the names that signal.getsignal wraps around numbers, which cost most of the time that restore takes.
    from _signal import getsignal as _getsignal
except ImportError:
    from signal import getsignal as _getsignal

_TIMERS = tuple(getattr(signal, name) for name in ('ITIMER_REAL', 'ITIMER_VIRTUAL', 'ITIMER_PROF')
                if hasattr(signal, name))


class ProcessState:
    """The state of the process when this was made; restore() goes back to it. It looks before it changes anything,
    because nearly all runs leave all of it alone.

    What libraries keep inside themselves is not looked at: it survives, as in Panoptes.
    """

    def __init__(self, make_stream):
        """make_stream(descriptor) makes a standard stream anew where a plugin closed it."""
        self._make_stream = make_stream
        try:
            self._directory = os.getcwd()
        except OSError:
            self._directory = os.path.abspath(os.sep)
            os.chdir(self._directory)
        self._environ = os.environ
        self._environment = dict(os.environ)
        # Comparing the encoded form is fifty times faster than reading every variable.
        self._raw_environment = dict(getattr(os.environ, '_data', ()))
        self._path = sys.path
        self._path_entries = list(sys.path)
        self._arguments = list(sys.argv)
        self._stdin, self._stdout, self._stderr = sys.stdin, sys.stdout, sys.stderr
        self._numbers = [int(number) for number in signal.valid_signals()]
        self._handlers = [_getsignal(number) for number in self._numbers]
        self._recursion_limit = sys.getrecursionlimit()
        self._timeout = socket.getdefaulttimeout()
        self._locale = locale.setlocale(locale.LC_ALL)
        self._umask = os.umask(0o022)
        os.umask(self._umask)
        self._builtins = builtins.print, builtins.open, builtins.__import__
        self._trace, self._profile = sys.gettrace(), sys.getprofile()

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

    def restore(self):
        """Puts all but signals back, which settle() has done."""
        self._streams()
        self._directory_and_environment()
        if sys.path is not self._path or sys.path != self._path_entries:
            self._path[:] = self._path_entries
            sys.path = self._path
        if sys.argv != self._arguments:
            sys.argv[:] = self._arguments
        if sys.getrecursionlimit() != self._recursion_limit:
            sys.setrecursionlimit(self._recursion_limit)
        if socket.getdefaulttimeout() != self._timeout:
            socket.setdefaulttimeout(self._timeout)
        if locale.setlocale(locale.LC_ALL) != self._locale:
            locale.setlocale(locale.LC_ALL, self._locale)
        os.umask(self._umask)
        if not gc.isenabled():
            gc.enable()
        if sys.gettrace() is not self._trace:
            sys.settrace(self._trace)
        if sys.getprofile() is not self._profile:
            sys.setprofile(self._profile)
        if (builtins.print, builtins.open, builtins.__import__) != self._builtins:
            builtins.print, builtins.open, builtins.__import__ = self._builtins
        sys.dont_write_bytecode = True

    def _signals(self):
        for timer in _TIMERS:
            signal.setitimer(timer, 0)
        if list(map(_getsignal, self._numbers)) == self._handlers:
            return
        for number, handler in zip(self._numbers, self._handlers):
            # The C library may have taken a handler (None); then there is nothing to compare with.
            if handler is not None and _getsignal(number) is not handler:
                try:
                    signal.signal(number, handler)
                except (OSError, ValueError, TypeError):
                    pass

    def _streams(self):
        if self._stdout.closed:
            self._stdout = self._make_stream(1)
        if self._stderr.closed:
            self._stderr = self._make_stream(2)
        if sys.stdout is not self._stdout or sys.__stdout__ is not self._stdout:
            sys.stdout = sys.__stdout__ = self._stdout
        if sys.stderr is not self._stderr or sys.__stderr__ is not self._stderr:
            sys.stderr = sys.__stderr__ = self._stderr
        if sys.stdin is not self._stdin:
            sys.stdin = self._stdin
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
            zone = os.environ.get('TZ')
            for name in set(os.environ) - set(self._environment):
                del os.environ[name]
            for name, value in self._environment.items():
                if os.environ.get(name) != value:
                    os.environ[name] = value
            if zone != self._environment.get('TZ') and hasattr(time, 'tzset'):
                time.tzset()

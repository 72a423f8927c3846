"""What a run left behind that nobody can put back: threads, processes, open descriptors, limits, rights.

Each is a reason to replace the worker before it gets another plugin's run. The reasons are a closed list, which
docs/plugin-protocol.md has.
"""
import _thread
import errno
import gc
import os
import signal
import stat
import sys
import threading
from time import monotonic, sleep

try:
    import resource
except ImportError:  # Windows
    resource = None

THREADS, CHILDREN, DESCRIPTORS, LIMITS, PRIORITY, IDENTITY, ROOT, PATCHED = (
    'threads', 'children', 'descriptors', 'limits', 'priority', 'identity', 'root', 'patched')

# Seconds that threads and processes get to end which are about to.
GRACE = 0.05
_PAUSE = 0.002

# Descriptors that libraries in C may keep for themselves, such as a socket to a name service. Nothing of Python knows them.
_LIBRARY_DESCRIPTORS = 8

# Files by which a process changes how the system treats it.
_FILES = ('cgroup', 'oom_score_adj', 'coredump_filter', 'timerslack_ns')

_NAMESPACES = ('cgroup', 'ipc', 'mnt', 'net', 'pid', 'user', 'uts')


def reason(code, detail):
    return {'reason': code, 'detail': detail[:500]}


class Leftovers:
    """What the process had when this was made, with as many threads as belong to it."""

    def __init__(self):
        self._own_threads = _thread._count()
        self._descriptors = Descriptors()
        self._limits = self._soft = None
        if resource is not None:
            self._limits = [(number, resource.getrlimit(number)) for number in _limit_numbers()]
            self._soft = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._priority = _priority()
        self._identity = _identity()
        self._effective = _effective()
        self._rare = _rare()

    def close(self):
        """Closes what this keeps open."""
        self._descriptors.close()

    def find(self, named, thoroughly, starts):
        """The reasons to replace the worker; what can be put back is. With named it looks for limits and rights, thoroughly
        for all of them, with starts for processes."""
        found = []
        if _thread._count() > self._own_threads:
            self._add_threads(found)
        if starts:
            _end_helpers()
            self._add_children(found)
        if thoroughly or named and resource is not None and resource.getrlimit(resource.RLIMIT_NOFILE) != self._soft:
            self._add_limits(found)
        if named and _priority() != self._priority:
            self._add_priority(found)
        if thoroughly and _identity() != self._identity or named and _user() != self._effective[0]:
            self._add_identity(found)
        if thoroughly:
            self._add_rare(found)
        # Last of all: what ended above has closed its own.
        left = self._descriptors.left()
        if left:
            found.append(reason(DESCRIPTORS, left))
        return found

    # Threads and processes

    def _add_threads(self, found):
        end = monotonic() + GRACE
        while _thread._count() > self._own_threads and monotonic() < end:
            sleep(_PAUSE)
        count = _thread._count() - self._own_threads
        if count > 0:
            found.append(reason(THREADS, '{} {}'.format(count, 'thread' if count == 1 else 'threads')))

    @staticmethod
    def _add_children(found):
        if not hasattr(os, 'WNOHANG'):
            return
        end = None
        while True:
            try:
                ended, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if ended:
                continue  # one that nobody waited for
            if end is None:
                end = monotonic() + GRACE
            elif monotonic() > end:
                found.append(reason(CHILDREN, 'processes that it started go on'))
                return
            sleep(_PAUSE)

    # Limits and rights

    def _add_limits(self, found):
        for number, limits in self._limits or ():
            now = resource.getrlimit(number)
            if now == limits:
                continue
            try:
                resource.setrlimit(number, limits)
            except (OSError, ValueError):
                found.append(reason(LIMITS, '{} is {}, was {}'.format(_limit_name(number), now, limits)))

    def _add_priority(self, found):
        now = _priority()
        try:
            os.setpriority(os.PRIO_PROCESS, 0, self._priority)
        except OSError:
            found.append(reason(PRIORITY, 'nice value {}, was {}'.format(now, self._priority)))

    def _add_identity(self, found):
        try:
            os.seteuid(self._effective[0])
            os.setegid(self._effective[1])
        except OSError:
            pass
        if _identity() != self._identity:
            found.append(reason(IDENTITY, 'users, groups and process group are {}, were {}'.format(
                _identity(), self._identity)))

    def _add_rare(self, found):
        for name, value in _rare().items():
            if value != self._rare.get(name):
                code = PRIORITY if name in ('processors', 'scheduler') + _FILES else ROOT
                if name == 'processors':
                    try:
                        os.sched_setaffinity(0, self._rare[name])
                        continue
                    except OSError:
                        pass
                found.append(reason(code, '{} {}, was {}'.format(name, value, self._rare.get(name))))


def _limit_numbers():
    return sorted({getattr(resource, name) for name in dir(resource) if name.startswith('RLIMIT_')})


def _limit_name(number):
    return next(name for name in dir(resource) if name.startswith('RLIMIT_') and getattr(resource, name) == number)


def _priority():
    return os.getpriority(os.PRIO_PROCESS, 0) if hasattr(os, 'getpriority') else 0


_user = getattr(os, 'geteuid', lambda: None)


def _effective():
    return _user(), os.getegid() if hasattr(os, 'getegid') else None


def _identity():
    if not hasattr(os, 'getgroups'):
        return None
    users = os.getresuid() + os.getresgid() if hasattr(os, 'getresuid') else (os.getuid(), os.getgid())
    return users, sorted(os.getgroups()), os.getpgrp()


def _rare():
    """What is where in the system, and on which processors this runs."""
    found = {}
    for name in _FILES:
        try:
            file = os.open('/proc/self/' + name, os.O_RDONLY)
        except OSError:
            continue
        found[name] = os.read(file, 4096)
        os.close(file)
    try:
        root = os.stat('/')
        found['root'] = root.st_dev, root.st_ino
        for name in _NAMESPACES:
            try:
                found['namespace ' + name] = os.readlink('/proc/self/ns/' + name)
            except OSError:
                pass
        if hasattr(os, 'sched_getaffinity'):
            found['processors'] = sorted(os.sched_getaffinity(0))
            found['scheduler'] = os.sched_getscheduler(0)
    except OSError:
        pass
    return found


# The helper processes of multiprocessing, in the order in which they can be ended: the first has the second's pipe.
_HELPERS = (('multiprocessing.forkserver', '_forkserver', '_forkserver_alive_fd', '_forkserver_pid'),
            ('multiprocessing.resource_tracker', '_resource_tracker', '_fd', '_pid'))


def _end_helpers():
    for module, name, descriptor, pid in _HELPERS:
        helper = getattr(sys.modules.get(module), name, None)
        if getattr(helper, pid, None) is not None:
            _end_helper(helper, descriptor, pid)


def _end_helper(helper, descriptor, pid):
    """Ends a helper, which waits for the end of its pipe, so that the next plugin starts its own."""
    try:
        os.close(getattr(helper, descriptor))
    except (OSError, TypeError):
        pass
    number = getattr(helper, pid)
    setattr(helper, descriptor, None)
    setattr(helper, pid, None)
    if hasattr(helper, '_forkserver_address'):
        helper._forkserver_address = None
    end = monotonic() + GRACE
    while monotonic() < end:
        try:
            if os.waitpid(number, os.WNOHANG)[0]:
                return
        except ChildProcessError:
            return
        sleep(_PAUSE)
    # It cleans up names of shared memory that were left; more than this it does not get.
    try:
        os.kill(number, signal.SIGKILL)
        os.waitpid(number, 0)
    except OSError:
        pass


class Descriptors:
    """The descriptors that were open when this was made."""

    def __init__(self):
        self._folder = next((folder for folder in ('/proc/self/fd', '/dev/fd') if os.path.isdir(folder)), None)
        self._open = self._listed()
        self._count = self._counter = None
        self._kept = 0
        if self._folder == '/proc/self/fd':
            try:
                self._counter = os.open(self._folder, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
            except OSError:
                return
            self._counter = _lift(self._counter)
            self._open = self._listed()
            # Linux tells since 6.2 how many there are.
            self._count = os.fstat(self._counter).st_size or None

    def close(self):
        if self._counter is not None:
            os.close(self._counter)
            self._counter = self._count = self._folder = None

    def left(self):
        """What is open now that was not then, as text; "" for nothing."""
        if self._folder is None:
            return ''
        if self._count is not None:
            try:
                if os.fstat(self._counter).st_size == self._count:
                    return ''
            except OSError:
                self._count = None
        more = self._more()
        if more:
            # Objects that refer to each other have theirs until they are collected.
            gc.collect(1)
            if self._more():
                gc.collect()
            more = self._more()
        if self._count is not None:
            self._count = os.fstat(self._counter).st_size
        if not more:
            return ''
        library = [number for number in more if _kept_by_library(number)]
        if len(library) == len(more) and self._kept + len(library) <= _LIBRARY_DESCRIPTORS:
            self._kept += len(library)
            self._open.update(library)
            return ''
        shown = ', '.join('{} -> {}'.format(number, _target(number)) for number in sorted(more)[:3])
        return '{} more than before: {}{}'.format(len(more), shown, '' if len(more) <= 3 else ', ...')

    def _listed(self):
        if self._folder is None:
            return set()
        try:
            names = os.listdir(self._folder)
        except OSError as e:
            if e.errno not in (errno.EMFILE, errno.ENFILE) or resource is None:
                raise
            # The plugin left no descriptor to list them with: all that may be are looked at.
            return {number for number in range(resource.getrlimit(resource.RLIMIT_NOFILE)[0]) if _is_open(number)}
        # One of them was that of the listing.
        return {number for number in map(int, names) if _is_open(number)}

    def _more(self):
        return self._listed() - self._open


def _lift(descriptor):
    from panoptes_worker import stdio
    return stdio.lift(descriptor)


def _is_open(number):
    try:
        os.fstat(number)
        return True
    except OSError:
        return False


def _kept_by_library(number):
    """Whether this is a socket or device that no object of Python has."""
    try:
        mode = os.fstat(number).st_mode
    except OSError:
        return True
    return (stat.S_ISSOCK(mode) or stat.S_ISCHR(mode)) and number not in _held_by_python()


def _held_by_python():
    held = set()
    for value in gc.get_objects():
        try:
            get = getattr(type(value), 'fileno', None)
            if get is not None:
                held.add(get(value))
        except Exception:
            pass
    return held


def _target(number):
    try:
        return os.readlink('/proc/self/fd/{}'.format(number))
    except OSError:
        return '?'

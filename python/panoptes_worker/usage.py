"""What a run costs: processor time and memory."""
import sys
from time import process_time

try:
    import resource
except ImportError:  # Windows
    resource = None

# Bytes by which the peak of memory may be off before it is reset; a reset costs as much as a short run.
TOLERANCE = 4 << 20

# Linux counts in kibibytes, macOS in bytes.
_UNIT = 1 if sys.platform == 'darwin' else 1024


class Usage:
    """Measures one run after the other."""

    def __init__(self):
        self._cpu = 0.0
        self._children = 0.0
        self._floor = self._peak = 0
        self._resettable = True

    def begin(self):
        """A run begins."""
        if resource is not None:
            if not self._floor or self._peak > self._floor + TOLERANCE:
                self._reset()
            self._children = _children()
        self._cpu = process_time()

    def end(self):
        """A run has ended. Returns the seconds of processor time that it took, those of programs that it waited for
        among them, and the most bytes of memory that the process had during it: exactly, or up to TOLERANCE more, or
        where the system cannot tell (None on Windows) the most since the process began."""
        cpu = process_time() - self._cpu
        if resource is None:
            return round(cpu, 6), None
        cpu += _children() - self._children
        self._peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT
        return round(max(0.0, cpu), 6), self._peak

    def _reset(self):
        """Lets the peak begin at what the process has now."""
        if self._resettable:
            try:
                with open('/proc/self/clear_refs', 'w') as file:
                    file.write('5')
            except OSError:
                self._resettable = False
        self._floor = self._peak = max(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT, 1)
        if not self._resettable:
            self._floor = 1 << 62


def _children():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def resident():
    """Bytes of memory that the process has now; 0 where that is not known."""
    try:
        with open('/proc/self/statm', 'rb') as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except (OSError, AttributeError):
        return 0


class Growth:
    """Finds out, without looking after each run, how much memory the process holds."""

    def __init__(self):
        self._seen = 0

    def resident(self, peak):
        """The bytes that the process holds, where the peak of a run says that they may have become more; else 0."""
        if not peak or peak <= self._seen + TOLERANCE:
            return 0
        self._seen = peak
        return resident()


def limit_memory(more):
    """Refuses, on Linux, memory to this process and those that it starts beyond so many bytes more than it has."""
    if resource is None or not sys.platform.startswith('linux'):
        return
    try:
        with open('/proc/self/statm', 'rb') as file:
            has = int(file.read().split()[5]) * resource.getpagesize()
        _, most = resource.getrlimit(resource.RLIMIT_DATA)
        wanted = has + more
        if most == resource.RLIM_INFINITY or wanted < most:
            resource.setrlimit(resource.RLIMIT_DATA, (wanted, most))
    except (OSError, ValueError):
        pass

"""Keeps the protocol's descriptors out of reach of plugins, and makes what they print part of the protocol."""
import io
import os
import sys

# Where the protocol's descriptors are put: beyond those that a plugin closes or writes to by mistake, and too high to
# be given to a file that it opens; the first of these that the limit of open files allows.
_HIGH = (500, 160, 30)

# Bytes of a line that are sent; a mark stands for the rest. The host shows less, so that a secret on the cut is not seen.
MAX_LINE = 32 * 1024


def lift(descriptor):
    """Moves a descriptor out of the way and returns its new number. Programs that plugins start do not inherit it."""
    lifted = None
    for high in _HIGH:
        try:
            import fcntl
            lifted = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, high)
            break
        except (ImportError, OSError, ValueError):  # Windows; or so many are not allowed
            pass
    if lifted is None:
        lifted = os.dup(descriptor)
    os.close(descriptor)
    return lifted


def close_inherited(*own):
    """Closes all descriptors beyond the standard ones that this process was started with, but its own and the archive
    that it is run from: whoever started the host may have left anything open."""
    keep = {0, 1, 2}.union(own)
    folder = next((folder for folder in ('/proc/self/fd', '/dev/fd') if os.path.isdir(folder)), None)
    if folder is None:
        return
    for place in sys.path:
        head, _, number = place.rpartition('/')
        if head == '/proc/self/fd' and number.isdigit():
            keep.add(int(number))
    for number in map(int, os.listdir(folder)):
        if number not in keep:
            try:
                os.close(number)
            except OSError:  # that of the listing
                pass


def take():
    """Moves the protocol away from the standard streams and returns its two descriptors, to read and to write.

    Afterwards descriptor 0 reads nothing, so that a plugin (or a program it starts) that reads its standard input
    cannot eat messages, and descriptor 1 is the standard error, so that what goes there is log text.
    """
    incoming, outgoing = lift(0), lift(1)
    null = os.open(os.devnull, os.O_RDONLY)
    if null != 0:
        os.dup2(null, 0)
        os.close(null)
    else:
        os.set_inheritable(0, True)
    os.dup2(2, 1)
    sys.stdout = sys.__stdout__ = text(open(1, 'wb', closefd=False))
    sys.stderr = sys.__stderr__ = text(open(2, 'wb', closefd=False))
    return incoming, outgoing


def text(raw):
    """A text stream over a binary one that shows any character somehow and writes whole lines."""
    return io.TextIOWrapper(raw, encoding='utf-8', errors='backslashreplace', line_buffering=True)


class Lines(io.RawIOBase):
    """Takes what is printed and passes it on line by line, so that each line is known by its run, however late the
    host reads it. The descriptor of the same purpose stays what it was, for programs that a plugin starts."""

    def __init__(self, descriptor, name, take_line):
        """take_line(name, line) gets each line, decoded, without its end."""
        super().__init__()
        self._descriptor = descriptor
        self.name = '<{}>'.format(name)
        self.mode = 'wb'
        self._stream = name
        self._take_line = take_line
        self._rest = b''

    def fileno(self):
        return self._descriptor

    def writable(self):
        return True

    def write(self, data):
        size = len(data)
        lines = (self._rest + bytes(data)).split(b'\n')
        self._rest = lines.pop()[:MAX_LINE + 1]  # one more tells that it is cut
        for line in lines:
            self._pass_on(line)
        return size

    def finish(self):
        """Passes on what has no end of line."""
        if self._rest:
            rest, self._rest = self._rest, b''
            self._pass_on(rest)

    def _pass_on(self, line):
        if len(line) > MAX_LINE:
            line = line[:MAX_LINE] + b'...'
        line = line.rstrip(b'\r')
        if line and not line.isspace():
            self._take_line(self._stream, line.decode('utf-8', 'backslashreplace'))

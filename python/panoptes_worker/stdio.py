"""Keeps the protocol's streams out of reach of plugins."""
import io
import os
import sys


def take():
    """Moves the protocol away from the standard streams and returns its two descriptors, to read and to write.

    Afterwards descriptor 0 reads nothing, so that a plugin (or a program it starts) that reads its standard input
    cannot eat messages, and descriptor 1 is the standard error, so that prints are log text. The new descriptors are
    not inherited by programs that plugins start.
    """
    incoming = os.dup(0)
    outgoing = os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    sys.stdout = sys.__stdout__ = text(1)
    sys.stderr = sys.__stderr__ = text(2)
    return incoming, outgoing


def text(descriptor):
    """A text stream that shows any character somehow, writes whole lines, and leaves the descriptor open when a plugin
    closes the stream."""
    raw = open(descriptor, 'wb', closefd=False)
    return io.TextIOWrapper(raw, encoding='utf-8', errors='backslashreplace', line_buffering=True)

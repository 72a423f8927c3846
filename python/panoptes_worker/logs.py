"""Sends what plugins log and print to the host."""
import logging
import os
import sys
import threading
import time
import traceback

from panoptes_worker import channel as rpc

AGENTS = {kind: 'panoptes.yahoo_panoptes.{0}.{0}_plugin_agent'.format(kind)
          for kind in ('polling', 'discovery', 'enrichment')}
PLUGINS = {kind: '{}.{}_plugins'.format(agent, kind) for kind, agent in AGENTS.items()}

# Bytes in UTF-8 of one message, and of one traceback, that are sent; the rest is cut. Names and details are shorter.
MAX_TEXT = 64 * 1024
MAX_DETAIL = 2 * 1024
MAX_NAME = 256

# Classes that an exception derives from, which are sent.
_MAX_BASES = 32

# Given as extra with lines which say what the result of the run says as well.
IN_RESULT = {'panoptes_in_result': True}

# Where the package lies, and what of it is no code of plugins.
_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_INTERNAL = tuple(os.path.join(_ROOT, package) + os.sep for package in ('panoptes', 'panoptes_worker', 'yahoo_panoptes'))


def shorten(text, most=MAX_TEXT):
    """The text, cut to so many bytes, with a mark where something is missing."""
    if len(text) * 4 <= most:
        return text
    # Each character has a byte at least.
    data = text[:most + 1].encode('utf-8', 'surrogatepass')
    if len(data) <= most:
        return text
    end = most
    while data[end] & 0xc0 == 0x80:  # in the middle of a character
        end -= 1
    kept = data[:end].decode('utf-8', 'surrogatepass')
    return '{}... ({} characters more)'.format(kept, len(text) - len(kept))


class HostHandler(logging.Handler):
    """Notifies the host of each record, with the run it belongs to."""

    def __init__(self, channel):
        super().__init__()
        self._channel = channel
        # The run that is on, None between runs. The worker sets it.
        self.run_id = None
        # Threads of the worker itself.
        self.own_threads = 1

    def emit(self, record):
        # Nothing that a plugin logs may raise in its face, nor hinder the worker.
        try:
            try:
                message = record.getMessage()
            except Exception as e:
                message = '{} (cannot format it with {}: {})'.format(record.msg, _text(record.args), e)
            parts = []
            if record.exc_info and record.exc_info is not True and record.exc_info[0] is not None:
                parts.append(traceback_text(record.exc_info[1], record.exc_info[2]).rstrip('\n'))
            elif record.exc_text:
                parts.append(record.exc_text)
            if record.stack_info:
                parts.append(record.stack_info)
            self.send(_level(record.levelno), record.name, message, '\n'.join(parts), record.created,
                      hasattr(record, 'panoptes_in_result'))
        except Exception:
            self.handleError(record)

    def send(self, level, name, message, exception='', at=None, in_result=False):
        """Notifies the host of one line, of now or of a time."""
        head = '"level":"{}","logger":{}'.format(level, rpc.quote(shorten(name, MAX_NAME)))
        self._send(head + ',"in_result":true' if in_result else head, message, exception, at)

    def printed(self, stream, line):
        """Notifies the host of a line that was printed."""
        self._send('"level":"info","stream":"{}"'.format(stream), line, '')

    def current_run(self):
        """The run that this thread belongs to: the one that is on, or, of a thread that outlived its run, the run that
        left it behind."""
        if threading.active_count() > self.own_threads:
            return getattr(threading.current_thread(), 'panoptes_run_id', self.run_id)
        return self.run_id

    def _send(self, head, message, exception, at=None):
        if self._channel.forked:
            os.write(2, (message + '\n').encode('utf-8', 'backslashreplace'))
            return
        run_id = self.current_run()
        head += ',"time":%.6f' % (at or time.time())
        if run_id is not None:
            head += ',"run_id":' + rpc.encode(run_id)
        if exception:
            head += ',"exception":' + rpc.quote(shorten(exception))
        self._channel.put_by('{"jsonrpc":"2.0","method":"log","params":{' + head + ',"message":'
                             + rpc.quote(shorten(message)) + '}}')


def _text(value):
    try:
        return repr(value)
    except Exception:
        return 'arguments that cannot be shown'


def _level(number):
    if number >= logging.CRITICAL:
        return 'critical'
    if number >= logging.ERROR:
        return 'error'
    if number >= logging.WARNING:
        return 'warning'
    if number >= logging.INFO:
        return 'info'
    return 'debug'


class PluginLogger(logging.Logger):
    """The logger of plugins. A plain line goes to the host without a record being made of it first, which costs four
    times as much as the line itself; whatever is not plain goes the usual way."""

    host = None  # the HostHandler

    def _log(self, level, msg, args, exc_info=None, extra=None, stack_info=False, stacklevel=1):
        host = self.host
        if exc_info or extra or stack_info or self.filters or self.handlers or type(msg) is not str or (
                not self.propagate or len(args) == 1 and isinstance(args[0], dict)
                or host is None or host.filters or host.level or _PANOPTES.handlers != [host]):
            super()._log(level, msg, args, exc_info, extra, stack_info, stacklevel)
            return
        try:
            message = msg % args if args else msg
        except Exception:
            super()._log(level, msg, args)
            return
        host.send(_level(level), self.name, message)


_PANOPTES = logging.getLogger('panoptes')


def _logger(name):
    """The logger of this name, made a PluginLogger where it is new."""
    usual = logging.getLoggerClass()
    logging.setLoggerClass(PluginLogger)
    try:
        return logging.getLogger(name)
    finally:
        logging.setLoggerClass(usual)


# Variables of logging that a plugin may set for all.
_VARIABLES = ('root', 'lastResort', 'logThreads', 'logProcesses', 'logMultiprocessing', 'logAsyncioTasks', '_defaultFormatter')


class Logging:
    """Sets logging up, and back to that after a run."""

    def __init__(self, handler):
        self._handler = PluginLogger.host = handler
        self._root = logging.getLogger()
        self._variables = [(name, getattr(logging, name)) for name in _VARIABLES if hasattr(logging, name)]
        self._chain = []
        for name in PLUGINS.values():
            ends = [end for end in range(len('panoptes.'), len(name)) if name[end] == '.'] + [len(name)]
            self._chain += [_logger(name[:end]) for end in ends]
        self.level = logging.DEBUG
        # Libraries log much below this that has nothing to do with the plugin.
        self._root_level = logging.INFO
        self.restore()

    def set_level(self, name):
        """Takes debug, info, warning, error or critical; ValueError for another."""
        level = getattr(logging, str(name).upper(), None)
        if not isinstance(level, int) or level <= 0:
            raise ValueError('unknown log level {!r}'.format(name))
        self.level = level
        self._root_level = max(level, logging.INFO)
        self.restore()

    def restore(self):
        """Undoes what a plugin did to the loggers that all plugins share."""
        for name, value in self._variables:
            if getattr(logging, name, None) is not value:
                setattr(logging, name, value)
        handlers = [self._handler]
        for logger, level in ((self._root, self._root_level), (_PANOPTES, self.level)):
            if logger.handlers != handlers:
                logger.handlers[:] = handlers
            if logger.level != level:
                logger.setLevel(level)
            if logger.filters:
                logger.filters[:] = []
            logger.disabled = False
        # Or each record would come twice.
        _PANOPTES.propagate = False
        for logger in self._chain:
            if logger.handlers:
                logger.handlers[:] = []
            if logger.filters:
                logger.filters[:] = []
            if logger.level:
                logger.setLevel(logging.NOTSET)
            logger.disabled = False
            logger.propagate = True
        if self._handler.filters or self._handler.level:
            self._handler.filters[:] = []
            self._handler.setLevel(logging.NOTSET)
        manager = self._root.manager
        manager.disable = logging.NOTSET
        manager.loggerClass = manager.logRecordFactory = None
        logging.raiseExceptions = True


def traceback_text(error, trace):
    """The traceback of an exception, without frames of the package: where in it the plugin's mistake was seen helps nobody.
    Only where there are no others do they stay."""
    try:
        told = traceback.TracebackException(type(error), error, trace)
        _cut(told, set())
        text = ''.join(told.format())
        if sys.version_info < (3, 11):  # from then on Python shows them
            text += ''.join(note + '\n' for note in _notes(error))
        return text
    except BaseException as e:
        return '{}: the traceback cannot be shown: {}\n'.format(type(error).__name__, type(e).__name__)


def _notes(error):
    """What was added to an exception (PEP 678)."""
    notes = getattr(error, '__notes__', None)
    return [note for note in notes if isinstance(note, str)] if isinstance(notes, (list, tuple)) else []


def _cut(told, seen):
    if told is None or id(told) in seen:
        return
    seen.add(id(told))
    frames = [frame for frame in told.stack if not frame.filename.startswith(_INTERNAL)]
    if frames:
        told.stack[:] = frames
    _cut(told.__cause__, seen)
    _cut(told.__context__, seen)
    for inner in getattr(told, 'exceptions', None) or ():
        _cut(inner, seen)


def describe(error, skip=0):
    """An exception as it is sent: type, message and traceback without its skip outermost frames (the worker's own)."""
    trace = error.__traceback__
    for _ in range(skip):
        trace = trace.tb_next if trace is not None else None
    try:
        message = ': '.join([str(error)] + _notes(error))
    except BaseException:
        message = 'cannot be shown: str() of it fails'
    described = {
        'type': shorten(type(error).__name__, MAX_NAME),
        'message': shorten(message),
        'traceback': shorten(traceback_text(error, trace)),
    }
    bases = [shorten(base.__name__, MAX_NAME) for base in type(error).__mro__[1:]
             if base not in (Exception, BaseException, object)]
    if bases:
        described['bases'] = bases[:_MAX_BASES]
    return described

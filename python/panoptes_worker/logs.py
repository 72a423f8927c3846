"""Sends what plugins log to the host."""
import logging
import sys
import threading
import traceback

AGENT_LOGGER = 'panoptes.yahoo_panoptes.polling.polling_plugin_agent'
PLUGIN_LOGGER = AGENT_LOGGER + '.polling_plugins'

# Characters of one message, and of one traceback, that are sent; the rest is cut.
MAX_TEXT = 64 * 1024

_FORMATTER = logging.Formatter()


def shorten(text):
    """The text, cut to a length that can be sent."""
    if len(text) <= MAX_TEXT:
        return text
    return '{}... ({} characters more)'.format(text[:MAX_TEXT], len(text) - MAX_TEXT)


class HostHandler(logging.Handler):
    """Notifies the host of each record, with the run it belongs to."""

    def __init__(self, channel):
        super().__init__()
        self._channel = channel
        # The run that is on, None between runs. The worker sets it.
        self.run_id = None

    def emit(self, record):
        # Nothing that a plugin logs may raise in its face, nor hinder the worker.
        try:
            if self._channel.forked:
                print(record.getMessage(), file=sys.stderr)
                return
            self._channel.notify('log', self._params(record))
        except Exception:
            self.handleError(record)

    def _params(self, record):
        try:
            message = record.getMessage()
        except Exception as e:
            message = '{} (cannot format it with {}: {})'.format(record.msg, _text(record.args), e)
        params = {
            'level': _level(record.levelno),
            'logger': record.name,
            'message': shorten(message),
        }
        # Of a thread that outlived its run, the run that left it behind.
        run_id = getattr(threading.current_thread(), 'panoptes_run_id', self.run_id)
        if run_id is not None:
            params['run_id'] = run_id
        parts = []
        if record.exc_info and record.exc_info is not True and record.exc_info[0] is not None:
            parts.append(_FORMATTER.formatException(record.exc_info))
        elif record.exc_text:
            parts.append(record.exc_text)
        if record.stack_info:
            parts.append(record.stack_info)
        if parts:
            params['exception'] = shorten('\n'.join(parts))
        return params


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


class Logging:
    """Sets logging up, and back to that after a run."""

    def __init__(self, handler):
        self._handler = handler
        self._root = logging.getLogger()
        self._panoptes = logging.getLogger('panoptes')
        self._chain = [logging.getLogger(PLUGIN_LOGGER[:end]) for end in range(len('panoptes.'), len(PLUGIN_LOGGER))
                       if PLUGIN_LOGGER[end] == '.'] + [logging.getLogger(PLUGIN_LOGGER)]
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
        handlers = [self._handler]
        for logger, level in ((self._root, self._root_level), (self._panoptes, self.level)):
            if logger.handlers != handlers:
                logger.handlers[:] = handlers
            if logger.level != level:
                logger.setLevel(level)
            if logger.filters:
                logger.filters[:] = []
            logger.disabled = False
        # Or each record would come twice.
        self._panoptes.propagate = False
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
        if self._root.manager.disable:
            logging.disable(logging.NOTSET)
        logging.raiseExceptions = True


def describe(error, skip=0):
    """An exception as it is sent: type, message and traceback without its skip outermost frames (the worker's own)."""
    trace = error.__traceback__
    for _ in range(skip):
        trace = trace.tb_next if trace is not None else None
    try:
        message = str(error)
    except BaseException:
        message = 'cannot be shown: str() of it fails'
    try:
        lines = traceback.format_exception(type(error), error, trace)
    except BaseException as e:
        lines = ['{}: the traceback cannot be shown: {}\n'.format(type(error).__name__, type(e).__name__)]
    return {
        'type': type(error).__name__,
        'message': shorten(message),
        'traceback': shorten(''.join(lines)),
    }

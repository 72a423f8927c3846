"""Settings that the standard library keeps for the whole process, put back after each run."""
import _abc
import asyncio.events
import atexit
import codecs
import decimal
import faulthandler
import gc
import logging
import signal
import sys
import threading
import warnings

try:
    import _tracemalloc
except ImportError:  # another Python
    _tracemalloc = None
try:
    import csv
except ImportError:  # a Python that was built without it
    csv = None

# Names of Python's own error handlers, which a plugin could replace.
_ERROR_HANDLERS = ('strict', 'ignore', 'replace', 'xmlcharrefreplace', 'backslashreplace', 'namereplace', 'surrogateescape',
                   'surrogatepass')

_DECIMAL_CONTEXTS = ('DefaultContext', 'BasicContext', 'ExtendedContext')
_DECIMAL_SETTINGS = ('prec', 'rounding', 'Emin', 'Emax', 'capitals', 'clamp')


class Settings:
    """What was set when this was made. Runs have contexts of their own (contextvars), in which the settings of decimal
    are, so that these end with them."""

    def __init__(self):
        self._warnings = warnings.filters, list(warnings.filters), warnings.showwarning, _show(), warnings.defaultaction
        # What sys holds: hooks, flags, streams, paths. Lists in it are compared by what they hold.
        self._sys = dict(vars(sys))
        self._lists = [(value, list(value)) for value in (sys.path, sys.argv, sys.meta_path, sys.path_hooks, sys.warnoptions)]
        self._values = [(get, get(), put) for get, put in self._pairs()]
        self._callbacks = list(gc.callbacks)
        self._names = dict(logging._levelToName), dict(logging._nameToLevel)
        self._hooks = _hooks()
        self._faulthandler = faulthandler.is_enabled()
        # What few plugins touch.
        self._handlers = [(name, codecs.lookup_error(name)) for name in _ERROR_HANDLERS]
        self._decimal = [(getattr(decimal, name), [getattr(getattr(decimal, name), setting) for setting in _DECIMAL_SETTINGS],
                          dict(getattr(decimal, name).traps)) for name in _DECIMAL_CONTEXTS]
        self._csv = csv and (csv.field_size_limit(), csv.list_dialects())
        self._tools = _tools()
        self._main = sys.modules['__main__']
        self._main_holds = dict(vars(self._main))
        self._finders = set(map(type, sys.path_importer_cache.values()))
        self._abstract = [(kind, _registered(kind)) for kind in _abstract()]

    @staticmethod
    def _pairs():
        """Functions that say what is set, each with the one that sets it."""
        yield sys.getrecursionlimit, sys.setrecursionlimit
        yield sys.getswitchinterval, sys.setswitchinterval
        yield gc.get_threshold, lambda value: gc.set_threshold(*value)
        yield gc.get_debug, gc.set_debug
        yield gc.isenabled, lambda value: gc.enable() if value else gc.disable()
        yield threading.stack_size, threading.stack_size
        yield sys.gettrace, sys.settrace
        yield sys.getprofile, sys.setprofile
        yield sys.get_asyncgen_hooks, lambda value: sys.set_asyncgen_hooks(*value)
        yield sys.get_coroutine_origin_tracking_depth, sys.set_coroutine_origin_tracking_depth
        if hasattr(sys, 'set_int_max_str_digits'):
            yield sys.get_int_max_str_digits, sys.set_int_max_str_digits
        if hasattr(sys, 'getdlopenflags'):
            yield sys.getdlopenflags, sys.setdlopenflags

    def keep(self, **values):
        """Takes these values of sys for those that it is to have."""
        self._sys.update(values)

    def restore(self):
        """Puts back what any plugin may change on the way. It looks first, as nearly all runs change nothing."""
        for value, items in self._lists:
            if value != items:
                value[:] = items
        if gc.callbacks != self._callbacks:
            gc.callbacks[:] = self._callbacks
        filters, items, shown, shown_inside, action = self._warnings
        if warnings.filters is not filters or filters != items or warnings.showwarning is not shown or (
                _show() is not shown_inside or warnings.defaultaction != action):
            self._restore_warnings()
        if warnings.onceregistry:
            warnings.onceregistry.clear()
        if asyncio.events._event_loop_policy is not None:
            _forget_event_loop()
        if atexit._ncallbacks():
            # This process ends without calling them; kept, they would keep the plugin.
            atexit._clear()
        _forget_start_method()

    def _restore_warnings(self):
        if getattr(logging, '_warnings_showwarning', None) is not None:
            logging.captureWarnings(False)
        filters, items, warnings.showwarning, shown_inside, warnings.defaultaction = self._warnings
        if shown_inside is not None:
            warnings._showwarnmsg_impl = shown_inside
        filters[:] = items
        warnings.filters = filters
        for name in ('_filters_mutated', '_filters_mutated_lock_held'):
            if hasattr(warnings, name):
                getattr(warnings, name)()
                break

    def restore_named(self):
        """Puts back what a plugin has to name in order to change it, or what its libraries may change."""
        self._restore_sys()
        for get, value, put in self._values:
            if get() != value:
                put(value)
        if _hooks() != self._hooks:
            (threading._trace_hook, threading._profile_hook, threading.excepthook, logging._logRecordFactory,
             logging._loggerClass) = self._hooks
        for now, then in zip((logging._levelToName, logging._nameToLevel), self._names):
            if now != then:
                now.clear()
                now.update(then)
        faulthandler.cancel_dump_traceback_later()
        if self._faulthandler:
            faulthandler.enable(file=2)
        if hasattr(faulthandler, 'unregister'):
            for number in (signal.SIGUSR1, signal.SIGUSR2):
                faulthandler.unregister(number)
        if _tracemalloc is not None and _tracemalloc.is_tracing():
            _tracemalloc.stop()
        sys.modules['sys'], sys.modules['__main__'] = sys, self._main
        now = vars(self._main)
        if list(map(id, now.values())) != list(map(id, self._main_holds.values())):
            now.clear()
            now.update(self._main_holds)
        for path, finder in list(sys.path_importer_cache.items()):
            if type(finder) not in self._finders and finder is not None:
                del sys.path_importer_cache[path]
        spawn, gettext = sys.modules.get('multiprocessing.spawn'), sys.modules.get('gettext')
        if spawn is not None:
            spawn.set_executable(sys.executable)
        if gettext is not None:
            gettext._current_domain = 'messages'

    def _restore_sys(self):
        """Puts back what a plugin assigned to attributes of sys."""
        now = vars(sys)
        try:
            if now == self._sys:
                return
        except Exception:  # of an object that a plugin put there
            pass
        for name in [name for name in now if name not in self._sys]:
            del now[name]
        now.update(self._sys)

    def registered(self):
        """The abstract classes for which built-in ones were registered, as text: that cannot be taken back."""
        return ', '.join(kind.__name__ for kind, then in self._abstract if _registered(kind) != then)

    def restore_rare(self):
        """Puts back, at some cost, what libraries do not change."""
        random = sys.modules.get('random')
        if random is not None:
            random.seed()
        for name, handler in self._handlers:
            if codecs.lookup_error(name) is not handler:
                codecs.register_error(name, handler)
        for context, values, traps in self._decimal:
            for setting, value in zip(_DECIMAL_SETTINGS, values):
                setattr(context, setting, value)
            context.traps.update(traps)
        if csv:
            limit, dialects = self._csv
            csv.field_size_limit(limit)
            for name in set(csv.list_dialects()).difference(dialects):
                csv.unregister_dialect(name)
        for tool in set(_tools()).difference(self._tools):
            sys.monitoring.set_events(tool, 0)
            sys.monitoring.free_tool_id(tool)


def _abstract():
    """The abstract classes that all plugins share."""
    for module in ('collections.abc', 'numbers', 'io', 'os', 'contextlib'):
        for kind in vars(sys.modules.get(module, sys)).values():
            if type(kind).__name__ == 'ABCMeta':
                yield kind


def _registered(kind):
    """The built-in classes that count as one of an abstract class. Libraries register their own, which harms nobody."""
    return {found for found in (ref() for ref in _abc._get_dump(kind)[0]) if getattr(found, '__module__', '') == 'builtins'}


def _hooks():
    return (threading._trace_hook, threading._profile_hook, threading.excepthook, logging._logRecordFactory,
            logging._loggerClass)


def _show():
    return getattr(warnings, '_showwarnmsg_impl', None)


def _tools():
    """The numbers of tools that watch what is executed."""
    if not hasattr(sys, 'monitoring'):
        return []
    return [tool for tool in range(6) if sys.monitoring.get_tool(tool) is not None]


def _forget_event_loop():
    """Has the next plugin find asyncio as it is in a new process, where asking for the event loop makes one."""
    events = asyncio.events
    policy, events._event_loop_policy = events._event_loop_policy, None
    loop = getattr(getattr(policy, '_local', None), '_loop', None)
    events._set_running_loop(None)
    try:
        if loop is not None and not loop.is_closed():
            if not loop.is_running():
                loop.close()
            signal.set_wakeup_fd(-1)
    except Exception:
        pass  # whatever it holds is seen as what the run left


def _forget_start_method():
    """Has the next plugin choose how multiprocessing starts processes."""
    context = sys.modules.get('multiprocessing.context')
    if context is not None:
        context._default_context._actual_context = None

"""Finds what plugins replaced in the modules and classes that all plugins share, and puts it back.

The modules are those that were loaded when the Patches were made: much of the standard library, and the package. What lies
inside of an object (an entry of a dictionary, the code of a function) is not looked at.
"""
import builtins
import importlib
import sys
import types

from panoptes_worker.suspicion import STANDARD

# What a plugin may replace by itself, put back without more ado; where there is more, nobody knows what depends on it.
MOST = 12

_GONE = object()

# What the interpreter itself adds and changes.
_IGNORED = frozenset((
    '__warningregistry__', '__annotations__', '__annotations_cache__', '__annotate__', '__annotate_func__', '__doc__', '__dict__',
    '__weakref__', '__abstractmethods__', '_abc_impl', '__static_attributes__', '__firstlineno__', '__parameters__',
    '__builtins__', '__spec__', '__loader__', '__cached__'))

# Variables of modules that stand for "not asked for yet", and are set to what a plugin asked for.
_UNSET = (('urllib.request', '_opener'), ('tempfile', 'tempdir'))

_CODE = (types.FunctionType, types.BuiltinFunctionType, types.MethodType, type, types.ModuleType, staticmethod, classmethod,
         property, types.MethodDescriptorType, types.WrapperDescriptorType, types.GetSetDescriptorType)
_CONSTANTS = (bool, int, float, str, bytes, tuple, frozenset)

# A class that can be changed.
_HEAP_TYPE = 1 << 9

# What plugins and libraries replace mostly, looked at after each run of a plugin that uses libraries.
_FAMILIAR = {
    'ssl': '_create_default_https_context _create_unverified_context create_default_context SSLContext SSLSocket',
    'socket': 'socket getaddrinfo create_connection gethostbyname gethostbyname_ex gethostbyaddr getfqdn gethostname socketpair',
    'json': 'loads load dumps dump JSONEncoder JSONDecoder _default_encoder _default_decoder',
    'time': 'time sleep monotonic perf_counter localtime gmtime strftime time_ns',
    'datetime': 'datetime date timedelta timezone',
    'urllib.request': 'urlopen build_opener install_opener Request getproxies',
    'subprocess': 'Popen run call check_call check_output',
    'threading': 'Thread Lock RLock Event Condition local current_thread excepthook',
    'logging': 'getLogger Logger Handler basicConfig LogRecord',
    'os': 'fork system getcwd chdir getpid urandom path environ kill',
    'select': 'select',
    'warnings': 'showwarning formatwarning warn warn_explicit',
    'builtins': 'print open __import__ getattr setattr isinstance super len',
    'random': 'random Random _inst',
    'zoneinfo': 'ZoneInfo TZPATH',
    'http.client': 'HTTPConnection HTTPSConnection HTTPResponse',
}


class Patches:
    """What modules and classes held when this was made."""

    def __init__(self, belongs=None):
        """belongs(name) tells whether a module is the plugin's."""
        self.belongs = belongs or (lambda name: False)
        for name in _FAMILIAR:
            # What a plugin imports first, it may have replaced before anybody sees it.
            try:
                importlib.import_module(name)
            except ImportError:
                pass
        self._loaded = {}
        # [module or class, what it held, what of that is no longer as it was and may stay so]
        self._holders = []
        for name, module in list(sys.modules.items()):
            if isinstance(module, types.ModuleType) and name not in ('sys', '__main__', __name__):
                self._loaded[name] = module
                self._add(module, name)
        self._unset = [(vars(self._loaded[name]), attribute) for name, attribute in _UNSET if name in self._loaded]
        self._familiar = []
        for name, attributes in _FAMILIAR.items():
            module = self._loaded.get(name)
            if module is not None:
                found = [(attribute, vars(module)[attribute]) for attribute in attributes.split() if attribute in vars(module)]
                self._familiar.append((name, module, vars(module), found))

    def _add(self, module, name):
        held = dict(vars(module))
        self._holders.append([module, held])
        for value in held.values():
            if isinstance(value, type) and value.__module__ == name and value.__flags__ & _HEAP_TYPE:
                self._holders.append([value, dict(vars(value))])

    def unset(self):
        """Has the library choose anew what a plugin may have chosen."""
        for held, attribute in self._unset:
            held[attribute] = None

    def look(self, thoroughly):
        """Puts back what was replaced, and returns what of it must not be trusted, as text; "" if all is well."""
        changed = []
        for name, module, held, found in self._familiar:
            if sys.modules.get(name) is not module:
                changed.append((None, name, module, sys.modules.get(name)))
            for attribute, value in found:
                if held.get(attribute, _GONE) is not value:
                    changed.append((module, attribute, value, held.get(attribute, _GONE)))
        if thoroughly:
            known = {(id(holder), name) for holder, name, _, _ in changed}
            changed += [one for one in self._thoroughly() if (id(one[0]), one[1]) not in known]
        return self._put_back(changed) if changed else ''

    def _thoroughly(self):
        changed = []
        modules = sys.modules
        for name, module in self._loaded.items():
            if modules.get(name) is not module and name not in ('__mp_main__',):
                changed.append((None, name, module, modules.get(name)))
        for pair in self._holders:
            holder, held = pair
            now = vars(holder)
            try:
                if now == held:
                    continue
            except Exception:
                pass
            pair[1] = self._compare(holder, held, dict(now), changed)
        return changed

    def _compare(self, holder, held, now, changed):
        """Adds what was replaced in one module or class, and returns what it is taken to hold from now on."""
        known = dict(now)
        for name, value in held.items():
            new = now.get(name, _GONE)
            if new is value:
                continue
            if name not in _IGNORED and _counts(holder, name, value):
                changed.append((holder, name, value, new))
                known[name] = value
        for name in now.keys() - held.keys():
            if name not in _IGNORED and (holder is builtins or self._is_foreign(now[name])):
                changed.append((holder, name, _GONE, now[name]))
                known.pop(name)
        return known

    def _is_foreign(self, value):
        """Whether a new name in a module or class is none that the library itself adds later."""
        if isinstance(value, types.ModuleType):
            return False
        if isinstance(value, _CODE):
            return _module_of(value).partition('.')[0] not in STANDARD
        return isinstance(value, _CONSTANTS)

    def _put_back(self, changed):
        distrusted = []
        for holder, name, value, new in changed:
            where = name if holder is None else '{}.{}'.format(getattr(holder, '__qualname__', holder.__name__), name)
            try:
                if holder is None:
                    sys.modules[name] = value
                elif value is _GONE:
                    delattr(holder, name)
                else:
                    setattr(holder, name, value)
            except Exception as e:
                distrusted.append('{} ({})'.format(where, type(e).__name__))
                continue
            # A library remembers that it has replaced something, and would not do so again.
            module = _module_of(new)
            root = module.partition('.')[0]
            if new is not _GONE and root and root not in STANDARD and not self.belongs(module):
                distrusted.append('{} (by {})'.format(where, root))
        if len(changed) > MOST and not distrusted:
            distrusted = ['{} names'.format(len(changed))]
        shown = ', '.join(distrusted[:3])
        return shown + ' and {} more'.format(len(distrusted) - 3) if len(distrusted) > 3 else shown


def _counts(holder, name, value):
    """Whether a library never changes this itself: code, and constants. In classes all plain values are."""
    if isinstance(value, _CODE):
        return True
    if not isinstance(value, _CONSTANTS):
        return False
    return isinstance(holder, type) or name.strip('_').isupper()


def _module_of(value):
    """Where a value comes from, "" for plain values."""
    if isinstance(value, types.ModuleType):
        return value.__name__
    if isinstance(value, (staticmethod, classmethod)):
        value = value.__func__
    elif isinstance(value, property):
        value = value.fget
    module = getattr(value, '__module__', None)
    if not isinstance(module, str):
        module = type(value).__module__
    return '' if module == 'builtins' or not isinstance(module, str) else module


_made = None


def shared(belongs=None):
    """The Patches of this process, or of the one that it was forked from: what they remember lies in memory that workers
    share."""
    global _made
    if _made is None:
        _made = Patches()
    if belongs is not None:
        _made.belongs = belongs
    return _made


def renew():
    """Takes what is there now for what is to be."""
    global _made
    _made = None
    return shared()

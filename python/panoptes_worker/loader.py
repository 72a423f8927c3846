"""Finds, executes and picks the class of a plugin's module; see docs/panoptes/runtime.md section 3."""
import importlib.machinery
import importlib.util
import itertools
import linecache
import os
import re
import sys
import traceback
import types

from yahoo_panoptes.discovery.panoptes_discovery_plugin import PanoptesDiscoveryPlugin
from yahoo_panoptes.enrichment.enrichment_plugin import PanoptesEnrichmentPlugin
from yahoo_panoptes.plugins import BUILT_IN
from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin

from panoptes_worker import logs
from panoptes_worker.finder import PREFIX, Beside, Finder, PluginLoader
from panoptes_worker.suspicion import CLEAN, LIBRARIES, PATCHES, Suspicion

# What a class must derive from, strictly, to be a plugin.
BASES = {'polling': PanoptesPollingPlugin, 'discovery': PanoptesDiscoveryPlugin, 'enrichment': PanoptesEnrichmentPlugin}
# Of whatever kind.
ANY = 'any'
# Never a plugin itself, also where it derives from a base.
_ABSTRACT = (PanoptesPollingPlugin, PanoptesDiscoveryPlugin, PanoptesEnrichmentPlugin)

# Compiled files kept; far more than there are plugins, so that all can be dropped when they are exceeded.
_MAX_CODES = 4096


class Rejected(Exception):
    """A plugin's module cannot be used. detail is what the host is told."""

    def __init__(self, kind, message, detail=None, line=None, file=None):
        message = logs.shorten(message)
        super().__init__(message)
        self.kind = kind
        self.detail = {'type': 'PluginRejected', 'message': message, 'traceback': ''}
        self.detail.update(detail or {})
        self.detail['kind'] = kind
        if file:
            self.detail['file'] = logs.shorten(file, logs.MAX_DETAIL)
        if line:
            self.detail['line'] = line


class Loaded:
    """A plugin object and the module it came from, until unload()."""

    def __init__(self, instance, module, is_package, finder):
        self.instance = instance
        self.module = module
        self._is_package = is_package
        self._finder = finder

    @property
    def class_name(self):
        return type(self.instance).__name__

    @property
    def kind(self):
        """What its class makes it. Enrichment plugins are polling plugins as well."""
        for kind in ('discovery', 'enrichment'):
            if isinstance(self.instance, BASES[kind]):
                return kind
        return 'polling'

    def unload(self):
        _forget(self.module.__name__, self._is_package, self._finder)


def _forget(name, is_package, finder):
    sys.modules.pop(name, None)
    finder.remove(name)
    finder.close()
    if is_package:
        for other in [other for other in sys.modules if str(other).startswith(name + '.')]:
            sys.modules.pop(other, None)


class Loader:
    """Loads plugins. Each load executes the module anew; what was compiled is kept until the file changes."""

    def __init__(self):
        self._codes = {}
        # The Suspicions of what was executed since the last load began; the first one is that of the module itself.
        self._executed = []
        self._numbers = itertools.count(1)
        self._finder = Finder(self)
        sys.meta_path.insert(0, self._finder)

    def close(self):
        """Loads nothing any more."""
        sys.meta_path.remove(self._finder)

    def adopt(self, modules):
        """Loads the modules that another process loaded, by their names; modules is what its finder found."""
        self._finder.adopt(modules)

    def load(self, name, path, kind='polling', source=None, folder=None, folder_source=None, packages=()):
        """Executes the module at path (with or without its ``.py``) for the plugin of this name, and makes an object of
        its class, of the given kind or of ANY. With source, the text is that file's, and path is where the module, one
        file, believes itself to be.
        Modules in folder can be imported until unload(), and are forgotten then; with folder_source their text is read
        there. So are those of packages, Besides that stand for packages. Raises Rejected."""
        del self._executed[:]
        built_in = None if source else _built_in(path)
        if built_in or source:
            file, is_package = path if path.endswith('.py') else path + '.py', False
        else:
            file, is_package = _resolve(name, path)
        # A built-in module may lie in an archive, so that it is imported; it keeps nothing from run to run.
        code = compile('from {} import *'.format(built_in), file, 'exec') if built_in else self._compiled(file, source)
        module = types.ModuleType('{}{}_{}'.format(PREFIX, re.sub(r'\W', '_', name), next(self._numbers)))
        _prepare(module, file, is_package, PluginLoader(self, module.__name__, file, source))
        sys.modules[module.__name__] = module
        if not built_in:
            self._finder.add(module.__name__, file, is_package, source)
        self._finder.open(Beside(folder, folder_source) if folder else None, packages)
        try:
            self._execute(code, module, file)
            instance = _instantiate(module, kind, file)
        except BaseException:
            _forget(module.__name__, is_package, self._finder)
            raise
        return Loaded(instance, module, is_package, self._finder)

    def suspicion(self):
        """What the plugin that was loaded last may have done to the process, whether it is to be looked for thoroughly (its
        libraries are suspected of all of it in the first run, and then in ever longer distances), whether it may have
        started processes, and whether it may have changed what the process has of the system."""
        if not self._executed:  # its file does not compile
            return CLEAN, False, False, False
        first = self._executed[0]
        first.runs += 1
        at_distance = first.runs & first.runs - 1 == 0
        level, starts, system, unsure = CLEAN, False, False, False
        for executed in self._executed:
            level = max(level, executed.level)
            starts = starts or executed.starts
            system = system or executed.system
            unsure = unsure or executed.unsure
        if level == PATCHES:
            return PATCHES, True, True, True
        if level == LIBRARIES and any(name in sys.modules for executed in self._executed for name in executed.libraries):
            return LIBRARIES, at_distance, True, True
        if unsure:
            return LIBRARIES, at_distance, starts, system or at_distance
        # Code can hide from its names what it does.
        return LIBRARIES if at_distance else CLEAN, False, starts, system or at_distance

    def registers(self):
        """What the plugin that was loaded last may have registered that cannot be taken back, as text; "" for nothing."""
        return ', '.join(sorted({executed.registers for executed in self._executed if executed.registers}))

    def belongs(self, name):
        """Whether a module of this name is a plugin's, or one of those beside it."""
        return name.startswith(PREFIX) or self._finder.found(name)

    def _compiled(self, file, source=None):
        try:
            code = self.code(file, source)
        except BaseException as e:
            detail = logs.describe(e, skip=3)
            if isinstance(e, SyntaxError):
                raise Rejected('import_error', '{}:{}: {}'.format(e.filename or file, e.lineno or 0, detail['message']),
                               detail, line=e.lineno, file=e.filename or file) from None
            raise Rejected('import_error', 'cannot compile {}: {}: {}'.format(file, detail['type'], detail['message']),
                           detail, file=file) from None
        return code

    def code(self, file, source=None):
        """The compiled file, with the text of source where one is given; compiled again if size, time or place on disk
        differ from last time."""
        place = source or file
        known = self._codes.get(place)
        if known is not None and known[0] == _version(file, os.stat(place)):
            self._executed.append(known[2])
            return known[1]
        with open(place, 'rb') as opened:
            # Of the very file that is read; a change in between is seen next time.
            version = _version(file, os.fstat(opened.fileno()))
            text = opened.read()
        if source:
            _show_in_tracebacks(file, text)
        else:
            linecache.cache.pop(file, None)
        code = compile(text, file, 'exec', dont_inherit=True)
        if len(self._codes) >= _MAX_CODES:
            self._codes.clear()
        self._codes[place] = version, code, Suspicion(code)
        self._executed.append(self._codes[place][2])
        return code

    @staticmethod
    def _execute(code, module, file):
        try:
            exec(code, module.__dict__)
        except BaseException as e:
            detail = logs.describe(e, skip=1)
            at_file, line = _position(e, file)
            raise Rejected('import_error', '{}:{}: {}: {}'.format(at_file, line, detail['type'], detail['message']),
                           detail, line=line, file=at_file) from None


def _version(file, status):
    return file, status.st_mtime_ns, status.st_size, status.st_ino, status.st_dev


def _show_in_tracebacks(file, text):
    """Has tracebacks show these lines for the file, whatever lies there by now."""
    try:
        lines = importlib.util.decode_source(text).splitlines(True)
    except (SyntaxError, UnicodeError):
        return
    # Without a time of modification the lines are not compared with the disk.
    linecache.cache[file] = len(text), None, lines, file


def _built_in(path):
    """The module of the package that stands for one that plugin files name without having it."""
    stem = path[:-3] if path.endswith('.py') else path
    module = BUILT_IN.get(os.path.basename(stem))
    return module if module and not os.path.exists(stem) and not os.path.exists(stem + '.py') else None


def _resolve(name, path):
    """The file of the module and whether it is that of a package."""
    if not os.path.isdir(path):
        for file in (path + '.py', path):
            if file.endswith('.py') and os.path.isfile(file):
                return file, False
    else:
        init = os.path.join(path, '__init__.py')
        if os.path.isfile(init):
            return init, True
        if os.path.isfile(path + '.py'):
            return path + '.py', False
    missing = 'neither {}.py nor {} is there'.format(path, os.path.join(path, '__init__.py'))
    if path.endswith('.py'):
        missing = 'the file is gone'
    raise Rejected('module_missing', 'plugin "{}": cannot find the module "{}": {}'.format(name, path, missing))


def _prepare(module, file, is_package, loader):
    name = module.__name__
    spec = importlib.machinery.ModuleSpec(name, loader, origin=file, is_package=is_package)
    spec.has_location = True
    module.__spec__ = spec
    module.__loader__ = loader
    module.__file__ = file
    module.__package__ = name if is_package else ''
    if is_package:
        module.__path__ = [os.path.dirname(file)]
        spec.submodule_search_locations = module.__path__


def _position(error, file):
    """File and line that an error at import is about: where the syntax is wrong, else the plugin's own innermost."""
    if isinstance(error, SyntaxError) and error.filename:
        return error.filename, error.lineno
    line = None
    for frame, at in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_filename == file:
            line = at
    return file, line or 0


def candidates(module, bases):
    """The plugin classes of the module, best first: its own before imported ones, derived before what they derive
    from, then by name (capitals first)."""
    names = {}
    for name, value in vars(module).items():
        # The bases of a class are looked at rather than asked: asking an abstract base costs ten times as much.
        if isinstance(value, type) and value not in _ABSTRACT and any(base in value.__mro__ for base in bases):
            if value not in names or name < names[value]:
                names[value] = name
    if len(names) < 2:
        return list(names)

    def rank(cls):
        descendants = sum(other is not cls and cls in other.__mro__ for other in names)
        return cls.__module__ != module.__name__, descendants, names[cls]
    return sorted(names, key=rank)


def _instantiate(module, kind, file):
    bases = [BASES[kind]] if kind != ANY else [PanoptesPollingPlugin, PanoptesDiscoveryPlugin]
    classes = candidates(module, bases)
    if not classes:
        raise Rejected('no_class', '{}: no class in it derives from {}, and no function has the decorator @check of panoptes'.format(
            file, ' or '.join(base.__name__ for base in bases)), file=file)
    first = None
    for cls in classes:
        try:
            return cls()
        except BaseException as e:
            if first is None:
                detail = logs.describe(e, skip=1)
                first = Rejected('constructor', '{}: cannot create an object of class {}: {}: {}'.format(
                    file, cls.__name__, detail['type'], detail['message']), detail, file=file)
    raise first

"""Finds the modules of plugins: each plugin's own, the submodules of those that are packages, modules beside the plugin, and those of a
folder that stands for a package."""
import importlib.machinery
import importlib.util
import os
import sys

from panoptes_worker import spawned

PREFIX = 'yapsy_loaded_plugin_'


class PluginLoader(importlib.machinery.SourceFileLoader):
    """Loads one module, with its compiled code kept, from a file or a copy of it."""

    def __init__(self, codes, fullname, path, source=None):
        """codes is the Loader that keeps compiled code."""
        super().__init__(fullname, path)
        self._codes = codes
        self._source = source

    def get_code(self, fullname):
        return self._codes.code(self.path, self._source)

    def get_data(self, path):
        # The module's own text, which tracebacks and inspect ask for, is that of the copy; its data lie where they are.
        return super().get_data(self._source if self._source and path == self.path else path)


class Beside:
    """A folder whose modules a plugin can import, by their own names or as those of a package."""

    def __init__(self, folder, source=None, package=None):
        """With source the text of the modules is read there, and they believe themselves to be in folder."""
        self.folder = folder
        self.source = source
        self.package = package

    def source_of(self, file):
        """Where the text of a file is read, if not in it."""
        if self.source is None:
            return None
        inside = os.path.relpath(file, self.folder)
        return None if inside.startswith(os.pardir) else os.path.join(self.source, inside)

    def described(self):
        return [self.folder, self.source, self.package]


class Finder:
    """A finder of the import system. What it found beside a plugin is forgotten with close()."""

    def __init__(self, codes):
        self._codes = codes
        self._plugins = {}
        self._beside = self._package = None
        self._found = set()

    def add(self, name, file, is_package, source):
        """Finds this module from now on, which is a plugin's own."""
        self._plugins[name] = [file, is_package, source]

    def remove(self, name):
        self._plugins.pop(name, None)

    def open(self, beside=None, package=None):
        """Finds the modules of two Besides as well, until close(): by their own names, and as those of a package."""
        self.close()
        self._beside, self._package = beside, package

    def close(self):
        self._beside = self._package = None
        if self._found:
            for name in self._found:
                module = sys.modules.pop(name, None)
                parent, _, tail = name.rpartition('.')
                parent = sys.modules.get(parent)
                if parent is not None and getattr(parent, tail, None) is module:
                    delattr(parent, tail)
            self._found.clear()

    def found(self, name):
        """Whether this is a module that was found beside the plugin."""
        return name in self._found

    def modules(self):
        """What this finds, for adopt()."""
        return {'plugins': self._plugins, 'beside': self._beside and self._beside.described(),
                'package': self._package and self._package.described()}

    def adopt(self, modules):
        """Finds what another one found."""
        self._plugins.update(modules['plugins'])
        self._beside = modules['beside'] and Beside(*modules['beside'])
        self._package = modules['package'] and Beside(*modules['package'])

    def find_spec(self, fullname, path=None, target=None):
        own = self._plugins.get(fullname)
        if own is not None:
            file, is_package, source = own
            return self._spec(fullname, file, [os.path.dirname(file)] if is_package else None, source)
        if fullname in spawned.STARTERS:
            spawned.prepare(self)
            return None
        if fullname.startswith(PREFIX):
            return self._in_folders(fullname, path or (), None)
        if self._package is not None and (fullname + '.').startswith(self._package.package.partition('.')[0] + '.'):
            return self._in_package(fullname, path)
        if path is None:
            return self._in_folders(fullname, [self._beside.folder], self._beside) if self._beside is not None else None
        return self._in_folders(fullname, path, self._beside) if fullname.partition('.')[0] in self._found else None

    def _in_folders(self, fullname, folders, beside):
        tail = fullname.rpartition('.')[2]
        for folder in folders:
            base = os.path.join(folder, tail)
            for file, search in ((os.path.join(base, '__init__.py'), [base]), (base + '.py', None)):
                source = beside.source_of(file) if beside is not None else None
                if os.path.isfile(source or file):
                    if beside is not None:
                        self._found.add(fullname)
                    return self._spec(fullname, file, search, source)
        return None

    def _in_package(self, fullname, path):
        """A module of the package that the folder stands for, the package itself, or one above it that there is not."""
        mapped = self._package
        if fullname == mapped.package:
            inside = []
        elif fullname.startswith(mapped.package + '.'):
            inside = fullname[len(mapped.package) + 1:].split('.')
        elif mapped.package.startswith(fullname + '.'):
            return None if self._elsewhere(fullname, path) else self._namespace(fullname, [])
        else:
            return None
        if not inside and self._elsewhere(fullname, path):
            return None  # its modules are added to it
        base = os.path.join(mapped.folder, *inside)
        for file, search in ((os.path.join(base, '__init__.py'), [base]), (base + '.py' if inside else '', None)):
            source = file and mapped.source_of(file)
            if file and os.path.isfile(source or file):
                self._found.add(fullname)
                return self._spec(fullname, file, search, source)
        if os.path.isdir(mapped.source_of(base) or base):
            return self._namespace(fullname, [base])
        return None

    def _elsewhere(self, fullname, path):
        """Whether the module is found by others."""
        return any(finder.find_spec(fullname, path) for finder in sys.meta_path
                   if finder is not self and hasattr(finder, 'find_spec'))

    def _namespace(self, fullname, folders):
        self._found.add(fullname)
        spec = importlib.machinery.ModuleSpec(fullname, None, is_package=True)
        spec.submodule_search_locations = folders
        return spec

    def _spec(self, fullname, file, search, source):
        return importlib.util.spec_from_file_location(
            fullname, file, loader=PluginLoader(self._codes, fullname, file, source), submodule_search_locations=search)

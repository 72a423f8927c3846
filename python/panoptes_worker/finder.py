"""Finds the modules of plugins: each plugin's own, the submodules of those that are packages, modules beside the plugin, and those of
folders that stand for packages."""
import importlib.machinery
import importlib.util
import os
import sys
import types

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
        self._beside, self._packages = None, ()
        self._found = set()

    def add(self, name, file, is_package, source):
        """Finds this module from now on, which is a plugin's own."""
        self._plugins[name] = [file, is_package, source]

    def remove(self, name):
        self._plugins.pop(name, None)

    def open(self, beside=None, packages=()):
        """Finds the modules of Besides as well, until close(): of one by their own names, of others as those of packages."""
        self.close()
        self._beside, self._packages = beside, tuple(packages)

    def close(self):
        self._beside, self._packages = None, ()
        found, self._found = self._found, set()
        for name in found:
            module = sys.modules.pop(name, None)  # None: its import failed
            parent, _, tail = name.rpartition('.')
            parent = sys.modules.get(parent)
            if isinstance(parent, types.ModuleType) and module is not None and vars(parent).get(tail) is module:
                del vars(parent)[tail]

    def found(self, name):
        """Whether this is a module that was found beside the plugin."""
        return name in self._found

    def modules(self):
        """What this finds, for adopt()."""
        return {'plugins': self._plugins, 'beside': self._beside and self._beside.described(),
                'packages': [package.described() for package in self._packages]}

    def adopt(self, modules):
        """Finds what another one found."""
        self._plugins.update(modules['plugins'])
        self._beside = modules['beside'] and Beside(*modules['beside'])
        self._packages = tuple(Beside(*described) for described in modules['packages'])

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
        top = fullname.partition('.')[0]
        mapped = [m for m in self._packages if m.package.partition('.')[0] == top]
        if path is None:
            spec = self._in_folders(fullname, [self._beside.folder], self._beside) if self._beside is not None else None
            return spec or self._in_packages(mapped, fullname, path)
        spec = self._in_packages(mapped, fullname, path)
        if spec is None and top in self._found and self._beside is not None:
            inside = [folder for folder in path if (folder + os.sep).startswith(self._beside.folder + os.sep)]
            spec = self._in_folders(fullname, inside, self._beside)
        return spec

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

    def _in_packages(self, packages, fullname, path):
        """A module of packages that folders stand for, such a package itself, or one above it that there is not. A package that is
        there without them is kept, and their modules are added to it."""
        folders, above = [], False
        for mapped in packages:
            if mapped.package.startswith(fullname + '.'):
                above = True
                continue
            if not (fullname + '.').startswith(mapped.package + '.'):
                continue
            inside = fullname[len(mapped.package) + 1:].split('.') if fullname != mapped.package else []
            base = os.path.join(mapped.folder, *inside)
            for file, search in ((os.path.join(base, '__init__.py'), [base]), (base + '.py' if inside else '', None)):
                source = file and mapped.source_of(file)
                if file and os.path.isfile(source or file):
                    if search and self._elsewhere(fullname, path, packages=True):
                        return None
                    self._found.add(fullname)
                    return self._spec(fullname, file, search, source)
            if os.path.isdir(mapped.source_of(base) or base):
                folders.append(base)
        if not folders and not above or self._elsewhere(fullname, path):
            return None
        return self._namespace(fullname, folders)

    def _elsewhere(self, fullname, path, packages=False):
        """Whether the module, or only a package, is found by others."""
        if fullname.rpartition('.')[0] in self._found:
            return False  # they would look in the same folder
        for finder in sys.meta_path:
            spec = finder is not self and hasattr(finder, 'find_spec') and finder.find_spec(fullname, path)
            if spec and (spec.submodule_search_locations is not None or not packages):
                return True
        return False

    def _namespace(self, fullname, folders):
        self._found.add(fullname)
        spec = importlib.machinery.ModuleSpec(fullname, None, is_package=True)
        spec.submodule_search_locations = folders
        return spec

    def _spec(self, fullname, file, search, source):
        return importlib.util.spec_from_file_location(
            fullname, file, loader=PluginLoader(self._codes, fullname, file, source), submodule_search_locations=search)

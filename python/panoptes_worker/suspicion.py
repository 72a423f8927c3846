"""Tells from the code of a plugin what has to be looked at after its runs.

To compare all that a plugin can replace in the standard library takes a third of a millisecond and touches pages that
workers share otherwise. The code of most plugins cannot replace anything there: it names nothing that does, and assigns to
no attribute of what it imports. Libraries that it imports may, whenever they are called, and so may code that hides from its names
what it does: hence what is replaced mostly is looked at after the first run of each plugin, and then in ever longer distances.
"""
import dis
import os
import sys
import types

# Nothing to look at, some of it each time and all of it now and then, all of it each time.
CLEAN, LIBRARIES, PATCHES = range(3)

# Names by which code replaces what is not its own, or changes what the whole process has.
_NAMES = frozenset('''
    setattr delattr vars __dict__ __setattr__ __code__ __defaults__ __kwdefaults__ __bases__ exec eval __import__ modules reload
    ctypes cffi monkey mock patch patch_all inject_into_ssl install_as_MySQLdb
    setrlimit prlimit nice setpriority sched_setaffinity sched_setscheduler sched_setparam chroot unshare setns prctl
    setuid seteuid setreuid setresuid setgid setegid setregid setresgid setgroups initgroups setpgid setpgrp setsid
    setrecursionlimit setswitchinterval set_threshold set_debug disable stack_size settrace setprofile set_asyncgen_hooks
    set_coroutine_origin_tracking_depth set_int_max_str_digits setLogRecordFactory setLoggerClass addLevelName captureWarnings
    cProfile Profile install textdomain register unregister set_executable set_inheritable path_importer_cache reset_tzpath
    __builtins__ f_builtins f_globals __globals__ loggerClass logRecordFactory
    faulthandler tracemalloc _tracemalloc seed setstate field_size_limit register_dialect unregister_dialect register_error monitoring setdlopenflags
'''.split())

# Names by which code may change what the process has of the system: descriptors, streams, directory, environment, locale and the like.
_SYSTEM = frozenset('''
    getattr open fdopen close closerange dup dup2 dup3 set_blocking fcntl ioctl lockf detach stdin stdout stderr __stdin__ __stdout__ __stderr__
    redirect_stdout redirect_stderr redirect_stdin umask chdir fchdir environ environb putenv unsetenv setlocale setdefaulttimeout
    current_thread main_thread getLogger attrgetter methodcaller input fileno posix nt os sys locale calendar make_archive
'''.split())

# The same as texts, by which code may get there.
_TEXTS = ('__builtins__', '/proc/self/', '/sys/fs/cgroup')

# Names by which code registers for good what Python calls from then on.
_FOR_GOOD = frozenset(('addaudithook', 'register_at_fork', '_register_atexit'))
_CODECS = frozenset(('register', 'unregister'))

# Packages of ours, beside the standard library.
_OWN = frozenset(('panoptes', 'yahoo_panoptes', 'panoptes_worker', 'six', 'past', 'future', 'cached_property', 'yapsy',
                  'cerberus', 'yahoo_panoptes_snmp', '__future__'))

# Modules that start processes.
_STARTERS = frozenset(('os', 'posix', 'subprocess', '_posixsubprocess', 'multiprocessing', 'concurrent', 'asyncio', 'pty',
                       'importlib', 'pdb', 'doctest', 'runpy'))


def _numbers(*names):
    return frozenset(dis.opmap[name] for name in names if name in dis.opmap)


_STORES = _numbers('STORE_ATTR', 'DELETE_ATTR')
# What doubles an object so as to read an attribute of it and to write it, as += does.
_DOUBLES = _numbers('DUP_TOP', 'COPY')
_FROM_GLOBALS = _numbers('LOAD_GLOBAL', 'LOAD_NAME')
# What stands between an attribute and the name that it is of.
_BETWEEN = _numbers('LOAD_ATTR', 'EXTENDED_ARG', 'CACHE')
_IMPORT = dis.opmap['IMPORT_NAME']


def _standard():
    """The names of the modules of the standard library."""
    known = getattr(sys, 'stdlib_module_names', None)
    if known is not None:
        return known
    names = set(sys.builtin_module_names)
    folder = os.path.dirname(os.__file__)
    for place in (folder, os.path.join(folder, 'lib-dynload')):
        try:
            names.update(name.partition('.')[0] for name in os.listdir(place))
        except OSError:
            pass
    return frozenset(names - {'site-packages', 'dist-packages'})


STANDARD = _standard()


class Suspicion:
    """What the code of one file may do."""

    __slots__ = ('level', 'libraries', 'starts', 'runs', 'registers', 'system', 'unsure')

    def __init__(self, code):
        self.level = CLEAN
        self.runs = 0
        # The packages that it imports which are neither the standard library's nor ours.
        self.libraries = set()
        # Whether it imports what starts processes.
        self.starts = False
        # Whether it may change what the process has of the system.
        self.system = False
        # Whether it assigns to an attribute of what may be anything: of another variable than self and cls, or of no variable.
        self.unsure = False
        # What it may register that cannot be taken back, as text; "" for nothing.
        self.registers = ''
        self._look(code, frozenset())
        self.system = self.system or self.starts  # a process has the same standard descriptors
        if self.level < LIBRARIES and self.libraries:
            self.level = LIBRARIES

    def _look(self, code, imported):
        """imported has the names that functions around this one import."""
        operations = code.co_code[::2]
        stores = not _STORES.isdisjoint(operations)
        for_good = _FOR_GOOD.intersection(code.co_names)
        if for_good or 'codecs' in code.co_names and not _CODECS.isdisjoint(code.co_names):
            self.registers = ', '.join(sorted(for_good)) or 'codecs.register'
        if not _SYSTEM.isdisjoint(code.co_names):
            self.system = True
        if not _NAMES.isdisjoint(code.co_names) or stores and _assigns_to_global(operations):
            self.level = PATCHES
        if _IMPORT in operations:
            self._imports(code)
            if code.co_flags & _OPTIMIZED:
                imported |= set(_imported_names(code))
        if stores:
            for target in _assigned(code):
                if target in imported:
                    self.level = PATCHES
                self.unsure = self.unsure or target not in _OBJECTS
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                self._look(constant, imported)
            elif isinstance(constant, str) and constant.startswith(_TEXTS):
                self.level = PATCHES

    def _imports(self, code):
        text, high = code.co_code, 0
        for at in range(0, len(text), 2):
            number = text[at + 1] | high
            high = number << 8 if text[at] == dis.EXTENDED_ARG else 0
            if text[at] == _IMPORT:
                root = code.co_names[number].partition('.')[0]
                if root in _STARTERS:
                    self.starts = True
                elif root and root not in STANDARD and root not in _OWN:
                    self.libraries.add(root)


# Variables of a plugin's own objects.
_OBJECTS = frozenset(('self', 'cls'))

# Set in the code of functions, whose variables have numbers.
_OPTIMIZED = 1


def _assigns_to_global(operations):
    """Whether there is an assignment to an attribute of something global, such as an imported module or a class in it."""
    for at, operation in enumerate(operations):
        if operation in _STORES or operation in _DOUBLES:
            at -= 1
            while at >= 0 and operations[at] in _BETWEEN:
                at -= 1
            if at >= 0 and operations[at] in _FROM_GLOBALS:
                return True
    return False


def _imported_names(code):
    """The variables that import statements of a function set."""
    importing = False
    for instruction in dis.get_instructions(code):
        if instruction.opname.startswith('STORE_') and importing:
            value = instruction.argval
            yield value[0] if isinstance(value, tuple) else value
        importing = instruction.opname in ('IMPORT_NAME', 'IMPORT_FROM', 'EXTENDED_ARG')


def _assigned(code):
    """The variables to whose attributes something is assigned; None for what is no variable."""
    variable, doubled, added_to = None, False, 0
    for instruction in dis.get_instructions(code):
        if instruction.opcode in _STORES:
            if added_to:  # as += does in the end, of which the variable was told
                added_to -= 1
            else:
                yield variable
        elif doubled and instruction.opname == 'LOAD_ATTR':
            added_to += 1
            yield variable
        if instruction.opname not in ('EXTENDED_ARG', 'CACHE'):
            doubled = instruction.opcode in _DOUBLES
        if doubled:
            continue
        if instruction.opname in ('LOAD_ATTR', 'LOAD_METHOD'):
            variable = None if variable in _OBJECTS else variable  # what an object holds may be shared
        if instruction.opname in ('LOAD_ATTR', 'LOAD_METHOD', 'EXTENDED_ARG', 'CACHE'):
            continue
        value = instruction.argval
        variable = value[-1] if isinstance(value, tuple) and value else value
        if not instruction.opname.startswith(('LOAD_FAST', 'LOAD_DEREF', 'LOAD_CLOSURE', 'STORE_FAST_LOAD_FAST')):
            variable = None

"""Has the modules of plugins be there in processes that multiprocessing starts anew (its start methods spawn and forkserver).

Such a process finds what it is to run by the name of its module. It gets the archive as an open descriptor, and with the first
thing that it is sent the names and files of the plugin's modules.
"""
import json
import os
import sys

# Modules of multiprocessing that start processes, each imported when the first one is wanted.
STARTERS = frozenset('multiprocessing.popen_' + name for name in ('spawn_posix', 'spawn_win32', 'forkserver'))

_CODE = '''\
import sys
if {root!r} not in sys.path:
    sys.path.insert(0, {root!r})
from panoptes_worker import spawned
spawned.install({modules!r})
'''

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class _Preparation:
    """Runs code where it is unpickled."""

    def __init__(self, code):
        self._code = code

    def __reduce__(self):
        return exec, (self._code, {})


def prepare(finder):
    """Tells processes that are started from now on of the modules that the finder has then."""
    from multiprocessing import spawn, util
    if hasattr(spawn, 'panoptes_finder'):
        spawn.panoptes_finder = finder
        return
    spawn.panoptes_finder = finder
    get_preparation_data, spawnv_passfds = spawn.get_preparation_data, util.spawnv_passfds

    def with_modules(name):
        data = get_preparation_data(name)
        data['panoptes'] = _Preparation(_CODE.format(root=_ROOT, modules=json.dumps(spawn.panoptes_finder.modules())))
        return data

    def with_archive(path, args, passfds):
        head, _, number = _ROOT.rpartition('/')
        if head == '/proc/self/fd' and number.isdigit():
            passfds = sorted({*passfds, int(number)})
        return spawnv_passfds(path, args, passfds)

    spawn.get_preparation_data, util.spawnv_passfds = with_modules, with_archive


def install(modules):
    """Has the import system find these modules, in a process that was started anew."""
    sys.dont_write_bytecode = True
    from panoptes_worker.loader import Loader
    Loader().adopt(json.loads(modules))

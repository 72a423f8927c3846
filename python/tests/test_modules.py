"""What a plugin's module is to Python: data beside it, reload, processes that are started anew; and folders that stand for packages."""
import os
import shutil
import sys
import unittest

from support import HEAD, RUNTIME, Folder, HostError, Worker, metrics_of

DATA = HEAD + '''
import importlib, importlib.resources, inspect, pkgutil, sys

VALUE = 1

class P(PanoptesPollingPlugin):
    def run(self, context):
        assert pkgutil.get_data(__name__, 'data.txt') == b'd'
        package = __spec__.submodule_search_locations
        if sys.version_info >= (3, 12) or package and hasattr(importlib.resources, 'files'):
            assert importlib.resources.files(__name__).joinpath('data.txt').read_text() == 'd'
        if package:
            assert importlib.resources.read_text(__name__, 'data.txt') == 'd'
        assert 'VALUE = 1' in inspect.getsource(inspect.getmodule(P))
        global VALUE
        VALUE = 2
        assert importlib.reload(sys.modules[__name__]).VALUE == 1
        assert importlib.util.find_spec(__name__).origin == __file__
        return one(context.data, m=1)
'''


class Data(Folder):
    def test_package(self):
        self.write('mypkg/__init__.py', DATA)
        self.write('mypkg/data.txt', 'd')
        with Worker() as worker:
            for _ in range(2):
                result = worker.run(self.folder + '/mypkg')
                self.assertEqual('ok', result['outcome'], result)

    def test_module_and_its_copy(self):
        module = self.write('place/mod.py', 'raise SystemExit("not the copy")')
        self.write('place/data.txt', 'd')
        copy = self.write('copy.py', DATA)
        with Worker() as worker:
            params = worker.run_params(module[:-3])
            params['plugin']['source'] = copy
            result = worker.request('run', params)
            self.assertEqual('ok', result['outcome'], result)


SPAWN = HEAD + '''
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
import helper
from helper import Shape

FACTOR = 3

def times(value):
    return value * FACTOR * helper.ONE

class P(PanoptesPollingPlugin):
    def run(self, context):
        method = multiprocessing.get_context(context.config['main']['method'])
        with method.Pool(2) as pool:
            assert pool.map(times, [1, 2]) == [3, 6]
            assert pool.map(helper.times, [1, 2]) == [7, 14]
            assert pool.apply(Shape(5).area) == 25
        with ProcessPoolExecutor(1, mp_context=method) as pool:
            return one(context.data, m=pool.submit(times, 4).result())
'''


class Processes(Folder):
    def test_functions_of_plugins(self):
        self.write('helper.py', 'ONE = 1\ndef times(value): return value * 7\nclass Shape:\n    def __init__(self, side): self.side = side\n'
                   '    def area(self): return self.side ** 2\n')
        self.write('mod.py', SPAWN)
        with Worker(capabilities={'retire': True}) as worker:
            for method in ('spawn', 'forkserver', 'fork', 'spawn'):
                with self.subTest(method):
                    result = worker.run(self.folder + '/mod', sys_path=True, config={
                        'Core': {'name': 'x'}, 'main': {'execute_frequency': '60', 'method': method}})
                    self.assertEqual('ok', result['outcome'], result)
                    self.assertEqual({'m': 12}, metrics_of(result))
                    self.assertNotIn('retire', result)

    def test_in_a_package(self):
        self.write('pkg/__init__.py', HEAD + '''
import multiprocessing
from .work import triple

class P(PanoptesPollingPlugin):
    def run(self, context):
        with multiprocessing.get_context('spawn').Pool(1) as pool:
            return one(context.data, m=pool.apply(triple, [5]))
''')
        self.write('pkg/work.py', 'def triple(value): return value * 3\n')
        with Worker() as worker:
            self.assertEqual({'m': 15}, metrics_of(worker.run(self.folder + '/pkg')))


POLL = HEAD + '''
from yahoo_panoptes.plugins.polling.napalm.base import Base, NAME
from yahoo_panoptes.plugins.polling.napalm.drivers.eos import SPEED
from yahoo_panoptes.plugins.polling import napalm

class P(Base):
    def run(self, context):
        assert napalm.base.NAME == NAME and Base.__module__ == 'yahoo_panoptes.plugins.polling.napalm.base'
        return one(context.data, m=len(NAME), speed=SPEED)
'''

PACKAGES = ('yahoo_panoptes', 'yahoo_panoptes.consumers', 'yahoo_panoptes.plugins', 'yahoo_panoptes.plugins.polling',
            'yahoo_panoptes.plugins.enrichment', 'yahoo_panoptes.plugins.discovery', 'yahoo_panoptes.utilities')


class SitePackages(Folder):
    def test_each_namespace(self):
        """Another distribution has modules in the packages that Panoptes declares as namespaces, with __init__.py or without."""
        lines = []
        for at, package in enumerate(PACKAGES):
            folder = 'site/' + package.replace('.', '/')
            if at % 2:
                self.write(folder + '/__init__.py', '')
            self.write(folder + '/ours_{}/__init__.py'.format(at), 'VALUE = {}'.format(at))
            lines.append('from {}.ours_{} import VALUE as v{}'.format(package, at, at))
        body = '\n'.join(lines) + '\nreturn one(context.data, m=' + ' + '.join('v%d' % at for at in range(len(PACKAGES))) + ')'
        with Worker(_command(self.folder + '/site')) as worker:
            result = worker.run(self.plugin(body))
            self.assertEqual('ok', result['outcome'], result)
            self.assertEqual({'m': 21}, metrics_of(result))

    def test_a_namespace_that_was_there_first(self):
        """What pip installs of such a distribution may make the package before anything is imported."""
        self.write('site/yahoo_panoptes/plugins/polling/early.py', 'VALUE = 5')
        command = _command(self.folder + '/site', 'import types; m = sys.modules["yahoo_panoptes"] = types.ModuleType("yahoo_panoptes"); '
                           'm.__path__ = ["{}/site/yahoo_panoptes"]; '.format(self.folder))
        with Worker(command) as worker:
            self.assertEqual({'m': 5}, metrics_of(worker.run(self.plugin(
                'from yahoo_panoptes.plugins.polling.early import VALUE\nreturn one(context.data, m=VALUE)'))))


def _command(folder, before=''):
    return [sys.executable, '-B', '-u', '-c', 'import sys; {}sys.path[:0] = {!r}; from panoptes_worker.__main__ import main; '
            'main()'.format(before, [RUNTIME, folder])]


class MappedFolders(Folder):
    def _site(self, folder):
        self.write(folder + '/base.py', 'from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin\nNAME = "nap"\n'
                   'class Base(PanoptesPollingPlugin):\n    pass\n')
        self.write(folder + '/drivers/eos.py', 'from ..base import NAME\nSPEED = len(NAME) * 10\n')
        self.write(folder + '/poll.py', POLL)

    def _run(self, worker, package='yahoo_panoptes.plugins.polling.napalm', name='poll'):
        params = worker.run_params(self.folder + '/site/' + name)
        params['plugin']['packages'] = [{'name': package, 'path': self.folder + '/site'}]
        return worker.request('run', params)

    def test_a_folder_that_stands_for_a_package(self):
        self._site('site')
        with Worker() as worker:
            for with_init in (False, True):
                if with_init:
                    self.write('site/__init__.py', 'from .base import NAME\n')
                for name in ('nap', 'napalm'):
                    # Loaded afresh each time.
                    base = os.path.join(self.folder, 'site/base.py')
                    with open(base) as file:
                        text = file.read()
                    self.write('site/base.py', text.replace('"nap"', '"{}"'.format(name)).replace('"napalm"', '"{}"'.format(name)))
                    result = self._run(worker)
                    self.assertEqual('ok', result['outcome'], result)
                    self.assertEqual({'m': len(name), 'speed': len(name) * 10}, metrics_of(result))
            # Forgotten for the next one.
            result = worker.run(self.plugin('import yahoo_panoptes.plugins.polling as p\nassert not hasattr(p, "napalm")\nfrom '
                                            'yahoo_panoptes.plugins.polling import napalm'))
            self.assertEqual('ImportError', result['error']['type'])

    def test_one_that_cannot_be_imported(self):
        """It fails the plugin that imports it, by its own reason, and no other one."""
        self._site('site')
        names = ['broken{}'.format(number) for number in range(20)]  # which are forgotten in any order
        for name in names:
            self.write('site/{}.py'.format(name), 'import not_there')
        tried = ''.join('try:\n    import yahoo_panoptes.plugins.polling.napalm.{}\nexcept ImportError:\n    pass\n'.format(name) for name in names)
        self.write('site/other.py', HEAD + tried + 'class P(PanoptesPollingPlugin):\n    def run(self, context):\n        return one(context.data, m=1)\n')
        self.write('site/bad.py', HEAD + tried + 'import yahoo_panoptes.plugins.polling.napalm.broken1\n')
        with Worker() as worker:
            for _ in range(3):
                result = self._run(worker, name='bad')
                self.assertEqual('rejected', result['outcome'], result)
                self.assertIn("No module named 'not_there'", result['error']['message'])
                for name in ('other', 'poll'):
                    result = self._run(worker, name=name)
                    self.assertEqual('ok', result['outcome'], result)

    def test_a_copy_of_it(self):
        self._site('site')
        shutil.copytree(os.path.join(self.folder, 'site'), os.path.join(self.folder, 'copy'))
        self.write('site/base.py', 'raise SystemExit("not the copy")')
        self.write('copy/poll.py', POLL.replace('m=len(NAME)', 'm=len(NAME) + napalm.base.__file__.endswith("/site/base.py")'))
        with Worker() as worker:
            params = worker.run_params(self.folder + '/site/poll')
            params['plugin'].update(source=self.folder + '/copy/poll.py', packages=[{
                'name': 'yahoo_panoptes.plugins.polling.napalm', 'path': self.folder + '/site', 'source': self.folder + '/copy'}])
            result = worker.request('run', params)
            self.assertEqual('ok', result['outcome'], result)
            self.assertEqual({'m': 4, 'speed': 30}, metrics_of(result))

    def test_added_to_a_package_that_is_there(self):
        self.write('site/extra.py', 'VALUE = 4')
        self.write('site/poll.py', HEAD + 'from yahoo_panoptes.plugins.polling.extra import VALUE\n'
                   'from yahoo_panoptes.plugins.polling.utilities.polling_status import DEVICE_METRICS_STATES\n'
                   'class P(PanoptesPollingPlugin):\n    def run(self, context):\n        return one(context.data, m=VALUE)\n')
        with Worker() as worker:
            self.assertEqual({'m': 4}, metrics_of(self._run(worker, 'yahoo_panoptes.plugins.polling')))

    def test_folders_merge_with_packages_that_are_there(self):
        """Whether or not they have an __init__.py, and without hiding what is in those."""
        self.write('site/poll.py', HEAD + 'from yahoo_panoptes.plugins.polling.utilities.extra import VALUE\n'
                   'from yahoo_panoptes.plugins.polling.utilities.polling_status import DEVICE_METRICS_STATES\n'
                   'from yahoo_panoptes.plugins.polling.napalm.drivers.eos import SPEED\n'
                   'class P(PanoptesPollingPlugin):\n    def run(self, context):\n        return one(context.data, m=VALUE + SPEED)\n')
        self.write('site/polling/utilities/extra.py', 'VALUE = 4')
        self.write('site/polling/napalm/base.py', 'FACTOR = 5')
        self.write('site/polling/napalm/drivers/eos.py', 'from ..base import FACTOR\nSPEED = FACTOR * 2')
        with Worker() as worker:
            for inits in ((), ('polling', 'polling/utilities'), ('polling/napalm', 'polling/napalm/drivers')):
                for folder in inits:
                    self.write('site/{}/__init__.py'.format(folder), '')
                for value in (4, 5):
                    self.write('site/polling/utilities/extra.py', 'VALUE = {}'.format(value))
                    result = self._run(worker, 'yahoo_panoptes.plugins')
                    self.assertEqual('ok', result['outcome'], result)
                    self.assertEqual({'m': value + 10}, metrics_of(result))

    def test_several(self):
        """One in another, one with a package of the same name beside the plugin, and the first of those that have a module."""
        self.write('near/poll.py', HEAD + 'from yahoo_panoptes.plugins.polling.napalm.base import BASE\n'
                   'from yahoo_panoptes.plugins.polling.outer import OUTER\nfrom tools.mine import MINE\nfrom tools.theirs import THEIRS\n'
                   'class P(PanoptesPollingPlugin):\n    def run(self, context):\n'
                   '        return one(context.data, m=BASE + OUTER + MINE + THEIRS)\n')
        self.write('near/tools/__init__.py', '')
        self.write('near/tools/mine.py', 'MINE = 100')
        self.write('theirs/__init__.py', 'THEIRS = 1000')
        self.write('napalm/base.py', 'BASE = 1')
        self.write('outer/outer.py', 'OUTER = 10')
        self.write('outer/napalm/base.py', 'BASE = 2')
        with Worker() as worker:
            params = worker.run_params(self.folder + '/near/poll')
            params['plugin'].update(sys_path=self.folder + '/near', packages=[
                {'name': 'yahoo_panoptes.plugins.polling.napalm', 'path': self.folder + '/napalm'},
                {'name': 'yahoo_panoptes.plugins.polling', 'path': self.folder + '/outer'},
                {'name': 'tools.theirs', 'path': self.folder + '/theirs'}])
            for _ in range(2):
                result = worker.request('run', params)
                self.assertEqual('ok', result['outcome'], result)
                self.assertEqual({'m': 1111}, metrics_of(result))

    def test_packages_above_it_that_are_not_there(self):
        self.write('site/poll.py', HEAD + 'import yahoo_panoptes.plugins.site.deep.mine.extra as e, other.pack\n'
                   'class P(PanoptesPollingPlugin):\n    def run(self, context):\n        return one(context.data, m=e.VALUE)\n')
        self.write('site/extra.py', 'VALUE = 6')
        with Worker() as worker:
            result = self._run(worker, 'yahoo_panoptes.plugins.site.deep.mine')
            self.assertEqual(('rejected', "No module named 'other'"), (result['outcome'], result['error']['message'].split(': ')[-1]))
            self.write('site/poll.py', HEAD + 'import wholly.new.extra as e\n'
                       'class P(PanoptesPollingPlugin):\n    def run(self, context):\n        return one(context.data, m=e.VALUE)\n')
            self.assertEqual({'m': 6}, metrics_of(self._run(worker, 'wholly.new')))

    def test_spawned(self):
        self.write('site/work.py', 'def triple(value): return value * 3\n')
        self.write('site/poll.py', HEAD + 'import multiprocessing\nfrom yahoo_panoptes.plugins.polling.mine.work import triple\n'
                   'class P(PanoptesPollingPlugin):\n    def run(self, context):\n'
                   '        with multiprocessing.get_context("spawn").Pool(1) as pool:\n'
                   '            return one(context.data, m=pool.apply(triple, [5]))\n')
        with Worker() as worker:
            self.assertEqual({'m': 15}, metrics_of(self._run(worker, 'yahoo_panoptes.plugins.polling.mine')))

    def test_refused(self):
        with Worker() as worker:
            for package, text in (('a..b', 'plugin.packages: name must be that of a package'), ('a/b', 'must be that of')):
                with self.assertRaises(HostError) as caught:
                    self._run(worker, package)
                self.assertIn(text, str(caught.exception))


if __name__ == '__main__':
    unittest.main()

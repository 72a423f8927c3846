"""Which file is executed, and which class of it is taken."""
import os
import sys
import traceback
import unittest

from support import HEAD, Folder, rows

from panoptes_worker.loader import PREFIX, Loader, Rejected

RUN = '\n    def run(self, context):\n        return None\n'


class Loading(Folder):
    def setUp(self):
        super().setUp()
        finders = list(sys.meta_path)
        self.addCleanup(sys.meta_path.__setitem__, slice(None), finders)
        self.loader = Loader()

    def load(self, text=None, name='mod', kind='polling'):
        if text is not None:
            self.write(name + '.py', HEAD + text)
        loaded = self.loader.load('Test Plugin', os.path.join(self.folder, name), kind)
        self.addCleanup(loaded.unload)
        return loaded

    def rejected(self, kind, text=None, name='mod', **keywords):
        with self.assertRaises(Rejected) as caught:
            self.load(text, name)
        self.assertEqual(kind, caught.exception.kind)
        self.assertEqual(kind, caught.exception.detail['kind'])
        self.assertEqual([], [name for name in sys.modules if name.startswith(PREFIX)])
        return caught.exception

    def test_vectors(self):
        count = 0
        for row in rows('plugin_conf.jsonl'):
            if 'module_source' not in row:
                continue
            count += 1
            with self.subTest(row['name']):
                self.write('mod.py', row['module_source'])
                loader = Loader()
                if row.get('rejected'):
                    self.assertRaises(Rejected, loader.load, 'T', os.path.join(self.folder, 'mod'))
                    continue
                loaded = loader.load('T', os.path.join(self.folder, 'mod'))
                self.assertEqual(row['plugins'][0]['plugin_class'], loaded.class_name)
                loaded.unload()
        self.assertGreater(count, 3)

    def test_class_choice(self):
        self.write('base.py', HEAD + 'class ABase(PanoptesPollingPlugin):' + RUN)
        sys.path.insert(0, self.folder)
        self.addCleanup(sys.path.remove, self.folder)
        self.addCleanup(sys.modules.pop, 'base', None)
        for expected, text in (
                ('Derived', 'class A(PanoptesPollingPlugin):' + RUN + 'class Derived(A): pass\n'),
                ('C', 'class A(PanoptesPollingPlugin):' + RUN + 'class B(A): pass\nclass C(B): pass\n'),
                ('Z', 'from base import ABase\nclass Z(ABase): pass\n'),
                ('Z', 'from base import ABase\nclass Z(PanoptesPollingPlugin):' + RUN),
                ('ABase', 'from base import ABase\n'),
                ('a', 'class b(PanoptesPollingPlugin):' + RUN + 'class a(PanoptesPollingPlugin):' + RUN),
                ('B', 'class a(PanoptesPollingPlugin):' + RUN + 'class B(PanoptesPollingPlugin):' + RUN),
                # One that cannot be made is passed over.
                ('B', 'class A(PanoptesPollingPlugin): pass\nclass B(PanoptesPollingPlugin):' + RUN),
                ('B', 'class B(PanoptesPollingPlugin):' + RUN +
                 'class C(B):\n    def __init__(self): raise SystemExit(1)\n'),
                ('B', 'class B(PanoptesPollingPlugin):' + RUN + 'class C(B):\n    def __init__(self, x): pass\n')):
            with self.subTest(text):
                self.assertEqual(expected, self.load(text).class_name)

    def test_the_class_says_what_the_plugin_is_for(self):
        for kind, text in (
                ('enrichment', 'from yahoo_panoptes.enrichment.enrichment_plugin import PanoptesEnrichmentPlugin\n'
                               'class E(PanoptesEnrichmentPlugin):' + RUN),
                ('discovery', 'from yahoo_panoptes.discovery.panoptes_discovery_plugin import PanoptesDiscoveryPlugin\n'
                              'class D(PanoptesDiscoveryPlugin):' + RUN),
                ('polling', 'class P(PanoptesPollingPlugin):' + RUN)):
            with self.subTest(kind):
                self.assertEqual(kind, self.load(text, kind='any').kind)
                self.assertEqual(kind, self.load(text, kind=kind).kind)

    def test_rejections(self):
        error = self.rejected('import_error', 'def f(:\n')
        self.assertIn('mod.py', error.detail['file'])
        self.assertEqual((len(HEAD.splitlines()) + 1, 'SyntaxError'), (error.detail['line'], error.detail['type']))
        self.assertNotIn('panoptes_worker', error.detail['traceback'])
        error = self.rejected('import_error', 'def f():\n    import no_such_module\nf()\n')
        self.assertEqual((len(HEAD.splitlines()) + 2, 'ModuleNotFoundError'),
                         (error.detail['line'], error.detail['type']))
        self.assertIn('import no_such_module', error.detail['traceback'])
        self.assertNotIn('panoptes_worker', error.detail['traceback'])
        for text in ('raise SystemExit(1)\n', 'raise KeyboardInterrupt\n', 'x = "\0"\n', 'f = lambda: f()\nf()\n'):
            self.rejected('import_error', text)
        self.write('bytes.py', b'x = "\xff"\n')
        self.rejected('import_error', name='bytes')
        self.assertIn('PanoptesPollingPlugin', str(self.rejected('no_class', 'x = 1\n')))
        self.assertIn('abstract', str(self.rejected('constructor', 'class P(PanoptesPollingPlugin): pass\n')))
        error = self.rejected('constructor', 'class P(PanoptesPollingPlugin):\n    def __init__(self): 1 / 0\n' + RUN)
        self.assertEqual('ZeroDivisionError', error.detail['type'])
        error = self.rejected('module_missing', name='missing')
        self.assertIn(os.path.join(self.folder, 'missing') + '.py', str(error))
        self.assertTrue(str(self.rejected('module_missing', name='deleted.py')).endswith('deleted.py": the file is gone'))

    def test_forms_of_a_module(self):
        plugin = 'class P(PanoptesPollingPlugin):' + RUN
        self.load(plugin)
        self.load(name='mod.py')
        self.write('package/__init__.py', HEAD + 'from . import part\nfrom .part import VALUE\n' + plugin)
        self.write('package/part.py', 'VALUE = 1\n')
        os.makedirs(os.path.join(self.folder, 'mod'))  # a folder that is no package does not stand before mod.py
        self.assertEqual('P', self.load().class_name)
        for _ in range(2):
            loaded = self.loader.load('T', os.path.join(self.folder, 'package'))
            name = loaded.module.__name__
            self.assertEqual(1, sys.modules[name + '.part'].VALUE)
            loaded.unload()
            self.assertNotIn(name + '.part', sys.modules)
            self.write('package/part.py', 'VALUE = 1  # changed\n')
        self.assertEqual([], [f for _, folders, files in os.walk(self.folder) for f in folders + files if 'pyc' in f])

    def test_siblings_are_not_importable(self):
        self.write('sibling.py', '')
        self.rejected('import_error', 'import sibling\n')

    def test_executed_anew(self):
        text = 'COUNT = 0\nclass P(PanoptesPollingPlugin):\n    seen = []' + RUN
        first, second = self.load(text), self.load()
        self.assertIsNot(first.module, second.module)
        self.assertIsNot(first.instance, second.instance)
        self.assertIsNot(type(first.instance).seen, type(second.instance).seen)
        self.assertNotEqual(first.module.__name__, second.module.__name__)
        self.assertTrue(first.module.__name__.startswith('yapsy_loaded_plugin_Test_Plugin_'))
        self.assertIs(first.module, sys.modules[type(first.instance).__module__])

    def test_read_from_a_copy(self):
        module = os.path.join(self.folder, 'mod.py')
        text = HEAD + 'HERE = __file__\nclass P(PanoptesPollingPlugin):\n    def run(self, context):\n        1 / 0\n'
        source = self.write('copies/other name', text)
        for _ in range(2):
            loaded = self.loader.load('T', module, source=source)
            self.assertEqual(module, loaded.module.HERE)
            self.write('mod.py', '# another version\n' * 50)
            try:
                loaded.instance.run(None)
            except ZeroDivisionError:
                lines = traceback.format_exc()
                self.assertIn(module, lines)
                self.assertIn('1 / 0', lines)
            loaded.unload()
        with self.assertRaises(Rejected) as caught:
            self.loader.load('T', module, source=self.write('copies/bad', 'def f(:\n'))
        self.assertEqual(module, caught.exception.detail['file'])

    def test_compiled_once_until_it_changes(self):
        self.load('class P(PanoptesPollingPlugin):' + RUN)
        file = os.path.join(self.folder, 'mod.py')
        code = self.loader.code(file)
        self.assertIs(code, self.loader.code(file))
        status = os.stat(file)
        # Another file of the same length and time in its place.
        with open(file) as source:
            self.write('new', source.read().replace('class P', 'class Q'))
        os.utime(os.path.join(self.folder, 'new'), ns=(status.st_atime_ns, status.st_mtime_ns))
        os.replace(os.path.join(self.folder, 'new'), file)
        self.assertEqual('Q', self.load().class_name)
        # Time set back.
        os.utime(file, ns=(0, 0))
        self.assertIsNot(code, self.loader.code(file))


if __name__ == '__main__':
    unittest.main()

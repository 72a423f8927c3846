"""Every module can be imported, and the stand-ins give way to real packages."""
import importlib
import os
import pkgutil
import subprocess
import sys
import unittest

import support


def modules(package):
    yield package
    root = importlib.import_module(package)
    for found in pkgutil.walk_packages(root.__path__, package + '.'):
        yield found.name


class Imports(unittest.TestCase):
    def test_every_module(self):
        for package in ('yahoo_panoptes', 'panoptes_worker', 'panoptes'):
            names = [name for name in modules(package) if not name.endswith('__main__')]
            self.assertGreater(len(names), 3)
            for name in names:
                with self.subTest(name):
                    self.assertTrue(importlib.import_module(name).__doc__, 'no doc string')

    def test_every_stand_in(self):
        script = (
            'import sys, importlib, pkgutil\n'
            'sys.path.insert(0, {!r})\n'
            'import yahoo_panoptes\n'
            'sys.path.insert(0, sys.path.pop())\n'
            'for name in ("cached_property", "six", "past", "future", "yapsy", "cerberus", "yahoo_panoptes_snmp"):\n'
            '    module = importlib.import_module(name)\n'
            '    assert "panoptes_shims" in module.__file__, module.__file__\n'
            '    for found in pkgutil.walk_packages(getattr(module, "__path__", []), name + "."):\n'
            '        importlib.import_module(found.name)\n'
            'from six.moves.urllib.parse import urlparse, quote\n'
            'from six.moves import urllib, range, configparser\n'
            'urllib.request.urlopen, urllib.error.URLError, urllib.parse.urlencode\n'
            'from future import standard_library; standard_library.install_aliases()\n'
            'from past.utils import old_div\n'
            'assert old_div(7, 2) == 3 and old_div(7.0, 2) == 3.5 and old_div(-7, 2) == -4\n'
            'from past.builtins import basestring\n'
            'assert isinstance("a", basestring) and isinstance(b"a", basestring) and not isinstance(1, basestring)\n'
        ).format(support.PYTHON)
        subprocess.run([sys.executable, '-B', '-c', script], check=True)

    def test_real_packages_win(self):
        self.assertTrue(sys.path[-1].endswith('panoptes_shims') or 'yahoo_panoptes' not in sys.modules)
        importlib.import_module('yahoo_panoptes')
        self.assertEqual(os.path.join(support.PYTHON, 'panoptes_shims'), sys.path[-1])

    def test_namespaces_can_be_extended(self):
        import yahoo_panoptes.consumers
        self.assertIsInstance(yahoo_panoptes.__path__, list)
        self.assertIsInstance(yahoo_panoptes.consumers.__path__, list)

    def test_six_classes(self):
        import six
        Base = six.with_metaclass(type, dict)

        class Derived(Base):
            pass
        self.assertEqual((Derived, dict, object), Derived.__mro__)

        class Meta(type):
            marked = True

        @six.add_metaclass(Meta)
        class Decorated(object):
            pass
        self.assertTrue(Decorated.marked)
        self.assertEqual(['a'], list(six.iterkeys({'a': 1})))
        self.assertEqual([('a', 1)], list(six.iteritems({'a': 1})))

    def test_cached_property(self):
        from cached_property import cached_property, threaded_cached_property
        for decorator in (cached_property, threaded_cached_property):
            class Counted(object):
                calls = 0

                @decorator
                def value(self):
                    self.calls += 1
                    return self.calls
            counted = Counted()
            self.assertEqual((1, 1, 1), (counted.value, counted.value, counted.__dict__['value']))
            del counted.__dict__['value']
            self.assertEqual(2, counted.value)


if __name__ == '__main__':
    unittest.main()

"""requirements.txt beside plugins."""
import os
import sys
import unittest
from unittest import mock

from support import Folder, HostError, Worker, metrics_of

from panoptes_worker import requirements

INSTALLED = {'requests': '2.31.0', 'pre': '1.0rc1', 'date': '2024.1', 'post': '1.0.post2', 'dev': '2.0.dev3'}


def installed(name):
    try:
        return INSTALLED[name.lower()]
    except KeyError:
        raise requirements.metadata.PackageNotFoundError(name)


class Lines(Folder):
    def check(self, text):
        self.write(requirements.NAME, text)
        with mock.patch.object(requirements.metadata, 'version', installed):
            return requirements.check(self.folder)

    def test_met(self):
        for line in ('requests', 'requests==2.31', 'requests == 2.31.0', 'requests[security]>=2.0,<3 # why', 'Requests~=2.30',
                     'requests (>=2)', 'requests!=2.30', 'requests==2.*', 'date>=2023.12', 'pre<1.0', 'pre>=1.0b2', 'post>1.0',
                     'dev<2.0', 'dev>1.9', '', '# nothing', 'absent; sys_platform == "nowhere"', 'absent; python_version < "3"',
                     'absent; extra == "x"', 'requests>=2; python_version >= "3.8" and os_name != "x"'):
            with self.subTest(line):
                self.assertEqual(([], []), self.check(line))

    def test_missing(self):
        for line, text in (
                ('absent', 'absent is not installed'), ('absent>=1', 'absent>=1 is not installed'),
                ('requests>=3', 'requests 2.31.0 is installed, >=3 is required'), ('requests<2.31', '<2.31'),
                ('requests==2.30.*', '==2.30.*'), ('requests~=2.32', '~=2.32'), ('pre>=1.0', '>=1.0'),
                ('requests>=2,\\\n<2.5', '<2.5'), ('absent; os_name == "x" or python_version > "3"', 'absent')):
            with self.subTest(line):
                missing, unchecked = self.check(line)
                self.assertEqual((1, []), (len(missing), unchecked))
                self.assertIn(text, missing[0])

    def test_not_checked(self):
        for line in ('-r other.txt', '--index-url x', '-e .', 'https://x/y.whl', 'x @ https://x/y', 'requests===2',
                     'absent; platform_release == "x"', 'absent; (os_name == "x")', 'requests>=two',
                     'absent; os_name == "a" or os_name == "b" and os_name == "c"', './folder', '!!'):
            with self.subTest(line):
                missing, unchecked = self.check(line)
                self.assertEqual(([], 1), (missing, len(unchecked)))
                self.assertIn('is not checked', unchecked[0])

    def test_no_file_and_one_that_cannot_be_read(self):
        self.assertEqual(([], []), requirements.check(self.folder))
        _, unchecked = self.check(b'\xff\xfe')
        self.assertIn('cannot be read', unchecked[0])

    @unittest.skipUnless(hasattr(os, 'mkfifo'), 'there are no pipes in folders here')
    def test_a_pipe_is_not_opened(self):
        os.mkfifo(os.path.join(self.folder, requirements.NAME))
        missing, unchecked = requirements.check(self.folder)
        self.assertEqual([], missing)
        self.assertIn('is no regular file', unchecked[0])


class Plugins(Folder):
    def test_a_plugin_without_what_it_requires_is_rejected(self):
        module = self.plugin('return None')
        path = self.write(requirements.NAME, 'no-such-package-at-all>=1\n-r other.txt\n')
        with Worker() as worker:
            with self.assertRaises(HostError) as caught:
                worker.describe(module)
            error = caught.exception.error
            self.assertEqual('requirements', error['data']['kind'])
            self.assertIn('no-such-package-at-all>=1 is not installed', error['message'])
            self.assertIn('{} -m pip install -r {}'.format(sys.executable, path), error['message'])
            self.write(requirements.NAME, '-r other.txt\n')
            self.assertIn('is not checked', worker.describe(module)['warnings'][0])
            os.remove(path)
            self.assertNotIn('warnings', worker.describe(module))


class Helpers(Folder):
    """Modules beside the plugin, with sys_path = plugin."""

    def test_found_only_if_asked_for(self):
        module = self.plugin('import helper\nreturn one(context.data, m=helper.VALUE)')
        self.write('helper.py', 'VALUE = 1\n')
        with Worker() as worker:
            self.assertEqual('ModuleNotFoundError', worker.run(module)['error']['type'])

    def test_copies(self):
        module = self.plugin('import helper\nreturn one(context.data, m=helper.VALUE, at=int(helper.__file__ == {!r}))'.format(
            os.path.join(self.folder, 'helper.py')))
        self.write('helper.py', 'half a line(')
        self.write('copies/helper.py', 'VALUE = 3\n')
        with Worker() as worker:
            result = worker.run(module, sys_path=True, sys_path_source=os.path.join(self.folder, 'copies'))
            self.assertEqual('ok', result['outcome'], result.get('error'))
            self.assertEqual({'m': 3, 'at': 1}, metrics_of(result))

    def test_loaded_afresh(self):
        module = self.plugin('''
            import helper, package.inner, json
            helper.COUNT += 1
            return one(context.data, count=helper.COUNT, inner=package.inner.VALUE, up=package.inner.UP,
                       std=int(hasattr(json, 'loads')))''')
        self.write('helper.py', 'COUNT = 0\n')
        self.write('package/__init__.py', 'UP = 7\n')
        self.write('package/inner.py', 'from package import UP\nVALUE = 1\n')
        other = self.plugin('import sys\nreturn one(context.data, m=sum(n in sys.modules for n in ("helper", "package")))',
                            'other')
        with Worker() as worker:
            for value in (1, 2):
                self.write('package/inner.py', 'from package import UP\nVALUE = {}\n'.format(value) + '#' * value)
                result = worker.run(module, sys_path=True)
                self.assertEqual('ok', result['outcome'], result.get('error'))
                metrics = {m['metric_name']: m['metric_value'] for m in result['groups'][0]['metrics']}
                self.assertEqual({'count': 1, 'inner': value, 'up': 7, 'std': 1}, metrics)
                self.assertEqual(0, worker.run(other)['groups'][0]['metrics'][0]['metric_value'])


if __name__ == '__main__':
    unittest.main()

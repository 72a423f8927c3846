"""The package as pip builds and installs it."""
import os
import shutil
import subprocess
import sys
import sysconfig
import textwrap
import zipfile

import pytest
from support import PYTHON

TEST = textwrap.dedent('''
    from panoptes import check, gauge


    @check
    def one(ctx):
        yield gauge('used', int(ctx.snmp.get('.1.3').value))


    def test_class(panoptes_run):
        assert panoptes_run(one, snmp={'.1.3': 5}).value('used') == 5


    def test_file(panoptes_run, panoptes_golden):
        panoptes_golden(panoptes_run('plugins/ten.panoptes-plugin'))
''')


@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp('build')
    source = folder / 'source'
    shutil.copytree(PYTHON, source, ignore=shutil.ignore_patterns('tests', '__pycache__', '*.egg-info', 'build'))
    subprocess.run([sys.executable, '-m', 'pip', 'wheel', '--quiet', '--no-deps', '--no-build-isolation',
                    '--disable-pip-version-check', '--wheel-dir', str(folder), str(source)], check=True)
    found, = folder.glob('*.whl')
    return found


def test_contents(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        entry_points, = [archive.read(name).decode() for name in names if name.endswith('entry_points.txt')]
    installed = {name for name in names if '.dist-info/' not in name}
    expected = {'panoptes/py.typed', 'yahoo_panoptes/py.typed'}
    for folder, _, files in os.walk(PYTHON):
        inside = os.path.relpath(folder, PYTHON).replace(os.sep, '/')
        if inside.split('/')[0] in ('panoptes', 'panoptes_shims', 'panoptes_worker', 'yahoo_panoptes'):
            expected.update('{}/{}'.format(inside, name) for name in files if name.endswith('.py'))
    assert installed == expected
    assert 'panoptes = panoptes.pytest_plugin' in entry_points


def test_install_and_use(wheel, tmp_path):
    fresh = tmp_path / 'fresh'
    subprocess.run([sys.executable, '-m', 'venv', '--without-pip', str(fresh)], check=True)
    python = str(fresh / ('Scripts' if os.name == 'nt' else 'bin') / 'python')
    site = subprocess.run([python, '-c', 'import sysconfig; print(sysconfig.get_path("purelib"))'], check=True,
                          stdout=subprocess.PIPE, universal_newlines=True).stdout.strip()
    subprocess.run([sys.executable, '-m', 'pip', 'install', '--quiet', '--no-deps', '--disable-pip-version-check',
                    '--target', site, str(wheel)], check=True)
    # pytest from where these tests have it.
    with open(os.path.join(site, 'borrowed.pth'), 'w') as file:
        file.write(sysconfig.get_path('purelib') + '\n')
    project = tmp_path / 'project'
    (project / 'plugins').mkdir(parents=True)
    (project / 'test_plugins.py').write_text(TEST)
    (project / 'plugins' / 'ten.py').write_text(
        'from panoptes import check, gauge\n\n\n@check(every=60)\ndef ten():\n    yield gauge("a", 1, unit="By")\n')
    (project / 'plugins' / 'ten.panoptes-plugin').write_text('[Core]\nName = Ten\nModule = ten\n')
    environment = {name: value for name, value in os.environ.items() if not name.startswith(('PYTHON', 'PYTEST'))}

    def pytest_says(*options):
        done = subprocess.run([python, '-B', '-m', 'pytest', '-q', '-p', 'no:cacheprovider', *options], cwd=str(project),
                              env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
        return done.returncode, done.stdout
    code, output = pytest_says()
    assert code == 1 and '1 failed, 1 passed' in output and 'run pytest --panoptes-update once' in output, output
    code, output = pytest_says('--panoptes-update')
    assert code == 0, output
    code, output = pytest_says()
    assert code == 0 and '2 passed' in output, output

"""The fixtures of the pip package, the reading of plugin files, and the package as pip installs it."""
import json
import os
import textwrap

import pytest
from support import rows

from panoptes import check, gauge, testing
from panoptes.plugin_file import PluginFile, PluginFileError
from yahoo_panoptes.framework.utilities.snmp import host

MODULE = '''
from yahoo_panoptes.framework.metrics import *
from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin

class P(PanoptesPollingPlugin):
    def run(self, context):
        return PanoptesMetricsGroupSet()
'''


# Plugin files

def _good(row):
    return not row.get('rejected') and row['loaded']


@pytest.mark.parametrize('row', rows('plugin_conf.jsonl'), ids=lambda row: row['name'])
def test_plugin_file_vectors(row, tmp_path):
    path = tmp_path / row['file_name']
    path.write_text(row['ini'].replace('@DIR@', str(tmp_path)), encoding='utf-8')
    refused = {'Core without Name', 'Core without Module', 'empty file', 'wrong extension',
               'duplicate option in section (strict parser)'}
    if row['name'] in refused:
        assert row['rejected']
        with pytest.raises(PluginFileError, match='panoptes-plugin|{}'.format(row['file_name'])):
            PluginFile(str(path))
        return
    file = PluginFile(str(path))
    if not _good(row):
        return
    expected, = [plugin for plugin in row['plugins'] if plugin['name'] == file.name]
    if expected.get('config') is None:
        return
    config = json.loads(json.dumps(expected['config']).replace('@DIR@', str(tmp_path)))
    if 'ours' not in row:
        config.setdefault('Documentation', {}).setdefault('website', 'None')
        for option, default in (('description', ''), ('version', '0.0'), ('author', 'Unknown'), ('copyright', 'Unknown')):
            config['Documentation'].setdefault(option, default)
        assert file.config == config


def test_plugin_file_differs_where_we_do(tmp_path):
    path = tmp_path / 'p.panoptes-plugin'
    path.write_text('[Core]\nName = "P"\nModule = p\n[main]\nrate = 50%\nboth = 100%% %(rate)s\n'
                    'resource_filter = "a" = "b"\n[transforms]\nx = "rate:a:b"\n', encoding='utf-8')
    file = PluginFile(str(path))
    assert file.name == 'P' and file.config['main']['rate'] == '50%' and file.config['main']['both'] == '100% 50%'
    assert file.config['main']['resource_filter'] == '"a" = "b"' and file.config['transforms']['x'] == '"rate:a:b"'
    assert file.config['absent'] == {} and file.config['Documentation']['version'] == '0.0'
    with pytest.raises(PluginFileError, match='there is no .*/p or .*/p.py'):
        file.module_path()
    for text, message in (('\ufeff[Core]\nName = P\nModule = p\n', 'no section headers'),
                          ('[Core]\nName = P\nModule = p\nx = %(y)s\n', 'y'), ('[Core]\nName\n', 'parsing errors')):
        path.write_text(text, encoding='utf-8')
        with pytest.raises(PluginFileError, match=message):
            PluginFile(str(path))


def test_module_path(tmp_path):
    (tmp_path / 'p.py').write_text('')
    for module in ('p', 'p.py', '/somewhere/else/p.py', '/somewhere/else/p'):
        path = tmp_path / 'p.panoptes-plugin'
        path.write_text('[Core]\nName = P\nModule = {}\n'.format(module))
        assert os.path.splitext(PluginFile(str(path)).module_path())[0] == str(tmp_path / 'p')


# Runs

def write_plugin(folder, body='        return PanoptesMetricsGroupSet()\n', **main):
    (folder / 'p.py').write_text(MODULE.replace('        return PanoptesMetricsGroupSet()\n', body))
    lines = ['[Core]', 'Name = My Plugin', 'Module = p', '[main]', 'execute_frequency = 30']
    (folder / 'p.panoptes-plugin').write_text('\n'.join(lines + ['{} = {}'.format(*item) for item in main.items()]))
    return str(folder / 'p.panoptes-plugin')


BODY = '''
        groups = PanoptesMetricsGroupSet()
        for i, name in enumerate(context.config['main']['names'].split()):
            group = PanoptesMetricsGroup(context.data, 'g', int(context.config['main']['execute_frequency']))
            group.add_dimension(PanoptesMetricDimension('name', name))
            group.add_metric(PanoptesMetric('i', i, PanoptesMetricType.GAUGE))
            group.add_metric(PanoptesMetric('n', int(context.kv.get('n') or 0), PanoptesMetricType.COUNTER))
            groups.add(group)
        context.kv.set('n', str(int(context.kv.get('n') or 0) + 1))
        return groups
'''


def test_run(tmp_path):
    file = write_plugin(tmp_path, BODY, names='b a')
    run = testing.run(file, kv={'n': '5'})
    assert run.data() == [
        {'type': 'g', 'interval': 30, 'dimensions': {'name': 'a'}, 'gauges': {'i': 1}, 'counters': {'n': 6 - 1}},
        {'type': 'g', 'interval': 30, 'dimensions': {'name': 'b'}, 'gauges': {'i': 0}, 'counters': {'n': 5}}]
    assert run.value('i', name='a') == 1 and run.group('g', name='b').interval == 30
    assert testing.run(file, run.context).value('n', name='a') == 6
    assert testing.run(file, config={'main': {'names': 'x'}}).value('i', 'g') == 0
    for find in (lambda: run.value('i'), lambda: run.value('x'), lambda: run.group('g'), lambda: run.group('g', name='z')):
        with pytest.raises(LookupError):
            find()


def test_run_of_a_check(tmp_path):
    (tmp_path / 'c.py').write_text('from panoptes import check, gauge\n\n@check(every=30, resources="a = 1")\ndef c(ctx):\n'
                                   '    yield gauge("interval", int(ctx.config["main"]["execute_frequency"]))\n')
    (tmp_path / 'c.panoptes-plugin').write_text('[Core]\nName = C\nModule = c\n')
    file = str(tmp_path / 'c.panoptes-plugin')
    assert testing.run(file).value('interval') == 30
    assert testing.run(file, config={'main': {'execute_frequency': 10}}).group('c').interval == 10


def test_run_of_other_results(tmp_path):
    assert testing.run(write_plugin(tmp_path, '        return None\n')).data() is None
    with pytest.raises(TypeError, match=r'run\(\) of P returned a list, it must return a PanoptesMetricsGroupSet'):
        testing.run(write_plugin(tmp_path, '        return []\n'))
    with pytest.raises(ZeroDivisionError):
        testing.run(write_plugin(tmp_path, '        1 / 0\n'))
    (tmp_path / 'p.py').write_text(MODULE)
    assert testing.run(str(tmp_path / 'p')).data() == []


def test_make_resource():
    made = testing.make_resource(id='r', resource_site='s', metadata={'a': 'b'})
    assert (made.resource_id, made.resource_site, made.resource_metadata['a']) == ('r', 's', 'b')
    with pytest.raises(TypeError, match='a resource has no colour; it has resource_class, '):
        testing.make_resource(colour='red')


def test_make_context():
    context = testing.make_context(
        {'main': {'count': 3}}, secrets={'token': 'a', 'other:test_site': 'b'}, enrichment={'ns': {'k': {'v': 1}}, 'o:ns': {}},
        site_snmp={'timeout': 9})
    assert context.config['main'] == {'execute_frequency': '60', 'count': '3'} and context.snmp['timeout'] == 9
    assert context.secrets.get_by_site('token', 'x') == 'a' and context.secrets.get_by_site('other', 'test_site') == 'b'
    assert context.enrichment.get_enrichment_value('self', 'ns', 'k') == {'v': 1}
    assert context.enrichment.get_enrichment('o', 'ns') == {}
    assert testing.make_context().enrichment is None and testing.make_context(discovery=True).data is None


def test_fake_device():
    device = testing.FakeDevice({'.1.10': 'b', '.1.9': 5, '.2': b'\xff', '.3.1': ('GAUGE', '7')})
    assert device('snmp.bulk_walk', {'oid': '.1'}) == {
        'indexes': ['9', '10'], 'types': ['INTEGER', 'OCTETSTR'], 'values': ['5', 'b']}
    assert device('snmp.get_bulk', {'oid': '.1.9', 'max_repetitions': 2}) == {
        'oids': ['.1.10', '.2'], 'types': 'OCTETSTR', 'values': ['b', '\xff']}
    assert device('snmp.get', {'oids': ['.3.1', '.4']}) == {
        'types': ['GAUGE', 'NOSUCHOBJECT'], 'values': ['7', 'NOSUCHOBJECT']}


# Fixtures

@check
def uptime(ctx):
    yield gauge('uptime', int(ctx.snmp.get('.1.3').value), unit='s')


def test_fixtures(panoptes_run, panoptes_resource, panoptes_context):
    assert panoptes_run(uptime, snmp={'.1.3': 12}).value('uptime') == 12
    context = panoptes_context(resource=panoptes_resource(id='r7'))
    assert panoptes_run(uptime, context, snmp={'.1.3': 13}).context.data.resource_id == 'r7'


def test_golden(pytester):
    pytester.makepyfile(textwrap.dedent('''
        from panoptes import check, gauge
        from panoptes import testing

        VALUE = 1

        @check
        def one():
            yield gauge('used', VALUE, mount='/')

        def test_it(panoptes_run, panoptes_golden):
            panoptes_golden(panoptes_run(one))
            panoptes_golden({'é': 1}, 'other name')
    '''))
    before = host.use(host.use(None))
    pytester.makeconftest('pytest_plugins = ["panoptes.pytest_plugin"]')
    pytester.runpytest_inprocess().assert_outcomes(failed=1)
    pytester.runpytest_inprocess('--panoptes-update').assert_outcomes(passed=1)
    golden = pytester.path / 'golden' / 'test_golden'
    assert json.loads((golden / 'test_it.json').read_text()) == [
        {'type': 'one', 'interval': 60, 'dimensions': {'mount': '/'}, 'gauges': {'used': 1}}]
    assert json.loads((golden / 'other_name.json').read_text(encoding='utf-8')) == {'é': 1}
    pytester.runpytest_inprocess().assert_outcomes(passed=1)
    (pytester.path / 'test_golden.py').write_text((pytester.path / 'test_golden.py').read_text().replace('VALUE = 1', 'VALUE = 2'))
    result = pytester.runpytest_inprocess('-p', 'no:cacheprovider')
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(['*--panoptes-update takes it over*', '*-*"used": 1', '*+*"used": 2'])
    assert host.use(before) is before

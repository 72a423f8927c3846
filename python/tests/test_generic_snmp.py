"""The generic SNMP polling plugin and its expressions; docs/panoptes/snmp.md 3 and 4."""
import json

import pytest
from fakes import HostError, plugin_context, snmp_host, table

from yahoo_panoptes.plugins.polling.generic.snmp.expressions import Expression, ExpressionError
from yahoo_panoptes.plugins.polling.generic.snmp.plugin_polling_generic_snmp import PluginPollingGenericSNMPMetrics

OIDS = {
    'TA': {'method': 'bulk_walk', 'oid': '.1.1'}, 'TN': {'method': 'bulk_walk', 'oid': '.1.2'},
    'TS': {'method': 'static', 'values': {'1': 'x', '2': ''}}, 'up': {'method': 'get', 'oid': '.1.3.0'},
}
OBJECTS = dict(table('.1.1', 'GAUGE', i1='10', i2='20', i3='0'), **table('.1.2', i1='one', i2='two'))
OBJECTS['.1.3.0'] = ('TICKS', '77')
MAIN = {'namespace': 'metrics', 'polling_status_metric_name': 'polling_status'}
SECRETS = {'snmp_community_string:test_site': 'hush'}


def poll(metrics, dimensions=None, version='0.1', oids=None, objects=None, status=False, **group):
    """The groups as {(metrics, dimensions)} texts, and the status."""
    configuration = {'oids': oids or OIDS, 'metrics_groups': [
        dict({'group_name': 'g', 'metrics': metrics}, **({'dimensions': dimensions} if dimensions else {}), **group)]}
    stored = json.dumps({'data': {'test_endpoint': configuration}, 'metadata': {}})
    context = plugin_context(
        {'main': dict(MAIN, enrichment_schema_version=version), 'enrichment': {'preload': 'self:metrics'}},
        secrets=SECRETS, enrichment={'test_id:metrics': stored})
    with snmp_host(OBJECTS if objects is None else objects):
        return read(PluginPollingGenericSNMPMetrics().run(context))


def read(results):
    groups, status = [], None
    for made in results:
        if made.group_type == 'status':
            status = made.metrics[0].metric_value
            assert made.metrics[0].metric_name == 'polling_status'
            continue
        metrics = sorted((m.metric_name, m.metric_value) + (('c',) if m.metric_type else ()) for m in made.metrics)
        groups.append((tuple(metrics), tuple((d.name, d.value) for d in made.dimensions)))
    return sorted(groups, key=str), status


def group(metrics, **dimensions):
    return (tuple(sorted(metrics.items())), tuple(sorted(dimensions.items())))


def groups(*found):
    return sorted(found, key=str)


def test_indexed():
    assert poll({'m': 'TA.$index'}, {'d': 'TN.$index'}) == (
        groups(group({'m': 10}, d='one'), group({'m': 20}, d='two'), group({'m': 0})), 0)


def test_top_level():
    assert poll({'m': 0, 'k': 5, 'f': 1.5, 'up': 'up',
                 'z': "len([x for x in TA.values() if x == '9'])", 'c': "len([x for x in TA.values() if x == '10'])"}) == (
        [group({'c': 1, 'f': 1.5, 'k': 5, 'm': 0, 'up': 77, 'z': 0})], 0)


def test_types_and_transform():
    found, _ = poll({'m': {'value': 'TA.$index', 'type': 'float', 'metric_type': 'counter', 'transform': 'lambda x: x/10'}})
    assert found == [((('m', 0.0, 'c'),), ()), ((('m', 1.0, 'c'),), ()), ((('m', 2.0, 'c'),), ())]


def test_empty_dimensions():
    assert poll({'m': 'TA.$index'}, {'d': 'TS.$index'}) == (
        groups(group({'m': 10}, d='x'), group({'m': 20}), group({'m': 0})), 0)
    # The flag is that of each index.
    assert poll({'m': 'TA.$index'}, {'d': 'TS.$index'}, version='0.2') == (
        groups(group({'m': 10}, d='x'), group({'m': 0})), 4)
    assert poll({'m': 'TA.$index'}, {'d': 'TS.$index'}, version='0.2', ignore_empty_dimensions=True) == (
        groups(group({'m': 10}, d='x'), group({'m': 20}), group({'m': 0})), 0)


def test_top_level_beside_indexed():
    metrics, dimensions = {'m': 'TA.$index', 't': 7}, {'d': 'TN.$index', 'td': "'ctrl'"}
    assert poll(metrics, dimensions)[0] == groups(
        group({'m': 10}, d='one', td='ctrl'), group({'m': 20}, d='two', td='ctrl'), group({'m': 0}, td='ctrl'),
        group({'t': 7}, td='ctrl'))
    assert poll(metrics, {'d': 'TN.$index'}, version='0.2')[0] == groups(
        group({'m': 10, 't': 7}, d='one'), group({'m': 20, 't': 7}, d='two'), group({'m': 0, 't': 7}))
    assert poll(metrics, dimensions, version='0.2')[0] == groups(
        group({'m': 10, 't': 7}, d='one', td='ctrl'), group({'m': 20, 't': 7}, d='two', td='ctrl'),
        group({'m': 0, 't': 7}, td='ctrl'))


def test_indices(caplog):
    assert poll({'m': {'value': 'TA.$index', 'indices': ['1', '9']}})[0] == [group({'m': 10})]
    assert [line for line in caplog.messages if line.startswith(
        'Error on "test_endpoint" (test_type) in namespace "metrics" while processing index "9" for expression '
        '"TA.$index": KeyError(')]
    assert poll({'m': {'value': 'TA.$index', 'indices_from': 'TS'}})[0] == groups(group({'m': 10}), group({'m': 20}))
    found, status = poll({'m': {'value': 'TA.$index', 'indices_from': 'NO'}, 'k': 5})
    assert (found, status) == ([group({'k': 5})], 4)


def test_arithmetic():
    assert poll({'m': 'int(TA.$index) + int(TA.$index)'})[0] == groups(group({'m': 20}), group({'m': 40}), group({'m': 0}))
    assert poll({'m': 'TA.$index+TA.$index'})[0] == groups(group({'m': 1010}), group({'m': 2020}), group({'m': 0}))
    assert poll({'m': {'value': '1.5 * int(TA.$index)', 'type': 'float'}})[0] == groups(
        group({'m': 15.0}), group({'m': 30.0}), group({'m': 0.0}))


def test_index_transform():
    oids = dict(OIDS, TA={'method': 'bulk_walk', 'oid': '.1.1', 'index_transform': {'1': '11'}})
    assert poll({'m': 'TA.$index'}, {'i': '$index'}, oids=oids)[0] == [
        group({'m': 0}), group({'m': 10}), group({'m': 20})]
    assert poll({'m': 'TA.$index'}, {'i': {'value': '$index', 'indices_from': 'TA'}}, oids=oids)[0] == groups(
        group({'m': 10}, i='11'), group({'m': 20}, i='2'), group({'m': 0}, i='3'))


def test_bare_texts(caplog):
    assert poll({'m': 1}, {'d': 'ctrl', 'u': 'foo'})[0] == [group({'m': 1}, d='ctrl')]
    assert "NameError(\"name 'foo' is not defined\")" in caplog.text


def test_empty_group():
    assert poll({'m': 'int(nothing)'}, version='0.1')[0] == []
    assert poll({'m': 'int(nothing)'}, {'d': "'x'"}, version='0.2')[0] == [group({})]
    assert poll({'k': 3}, oids={'A': {'method': 'static', 'values': 5}})[0] == [group({'k': 3})]


@pytest.mark.parametrize('bad', [
    {'value': 'self.run()'}, {'value': '__import__("os")'}, {'value': 'TA', 'type': 'nothing'},
    {'value': '1', 'metric_type': 'Gauge'}, {'type': 'int'}, {'value': '1', 'transform': 'lambda: 1'},
])
def test_bad_targets_are_left_out(bad, caplog):
    assert poll({'bad': bad, 'k': 1})[0] == [group({'k': 1})]
    assert '"bad" of group "g" is left out: ' in caplog.text


def test_status(caplog):
    # A walk that fails, and nothing else.
    assert poll({'m': 'TA.$index'}, objects=dict(OBJECTS, **{'.1.1': HostError(-32020, 'no')}))[1] == 5
    assert poll({'m': 'TA.$index', 'n': 'TN.$index'},
                objects=dict(OBJECTS, **{'.1.1': HostError(-32020, 'no')})) == ([], 5)
    assert poll({'m': 'TA.$index'}, objects={'.1.3.0': ('TICKS', '1')})[1] == 6
    assert poll({'u': 'up'}, objects={'.1.3.0': HostError(-32020, 'x')}, oids={'up': OIDS['up']}) == ([], 5)
    # A short name is not met by accident: e occurs in $index.
    oids = dict(OIDS, e={'method': 'bulk_walk', 'oid': '.9'})
    assert poll({'m': 'TA.$index'}, oids=oids)[1] == 0
    assert poll({'m': 'TA.$index'}, oids={'TA': {'method': 'snmpwalk', 'oid': '.1'}}) == ([], 5)
    assert 'self._config["oids"][oid_name]["method"] for oid_name: TA is not "static", "bulk_walk", or "get". It is ' \
           'snmpwalk' in caplog.text


def test_no_value_from_what_was_not_fetched():
    """A count of a table that timed out is not 0; what the device does give is counted, as is an empty table."""
    count = "len([x for x in {}.values() if x == '10'])".format
    timeout = HostError(-32022, 'no answer')
    both = {'a': count('TA'), 'n': count('TN'), 'up': 'up', 'k': 5,
            'both': 'len([(x, y) for (x, y) in TA.items() if x in TN])'}
    objects = dict(OBJECTS, **{'.1.1': timeout, '.1.3.0': timeout})
    found, _ = poll(both, objects=objects)
    assert found == [group({'n': 0, 'k': 5})]
    found, _ = poll(both, objects={key: value for key, value in OBJECTS.items() if not key.startswith('.1.1')})
    assert found == [group({'a': 0, 'n': 0, 'up': 77, 'k': 5, 'both': 0})]
    # Neither does anything come of dimensions of it, nor of indexes that are taken from it.
    found, _ = poll({'m': 'TN.$index', 'i': {'value': "'1'", 'type': 'integer', 'indices_from': 'TA'}}, {'d': 'TA.$index', 'e': count('TA')},
                    oids=dict(OIDS, TN={'method': 'static', 'values': {'1': '7'}}), objects=objects)
    assert found == [group({'m': 7})]


def test_without_connection_or_enrichment():
    def run_with(config):
        return read(PluginPollingGenericSNMPMetrics().run(plugin_context(dict({'main': MAIN}, **config), secrets=SECRETS)))
    assert read(PluginPollingGenericSNMPMetrics().run(plugin_context({'main': MAIN}))) == ([], 5)
    assert run_with({}) == ([], 5)
    assert run_with({'enrichment': {'preload': 'self:metrics'}}) == ([], 8)
    assert run_with({'enrichment': {'preload': 'self:metrics', 'file': 'x'}}) == ([], 5)
    assert run_with({'enrichment': {'file': '/nowhere'}}) == ([], 8)
    with pytest.raises(KeyError):
        run_with({'main': {}})


def test_file(tmp_path):
    file = tmp_path / 'metrics.json'
    file.write_text(json.dumps({'oids': OIDS, 'metrics_groups': [{'group_name': 'g', 'metrics': {'u': 'up'}}],
                                'snmp': {'max_repetitions': 3}}))
    with snmp_host(OBJECTS) as fake:
        found = read(PluginPollingGenericSNMPMetrics().run(plugin_context(
            {'main': MAIN, 'enrichment': {'file': str(file)}, 'snmp': {'max_repetitions': '9', 'non_repeaters': '1'}},
            secrets=SECRETS)))
    assert found == ([group({'u': 77})], 0)
    assert [params['max_repetitions'] for method, params in fake.asked if method == 'snmp.bulk_walk'] == [3, 3]


# Expressions

T = {'1': '2', '2': '6', '3': 'Routing Engine 0'}
U = {'1': '5', '3': '9', '4': '4'}


@pytest.mark.parametrize('text, expected', [
    ('T.$index', '2'), ('$index', '1'), ('int(T.$index) * int(U.$index)', 10),
    ('float(T.$index) / 100.0 * N.$index', 0.06), ("'text'", 'text'), ("'a  $index  .$index'", 'a  $index  .$index'),
    ("'data' if 'Routing Engine' in T.$index else 'ctrl'", 'ctrl'),
    ("len([x for x in T.values() if x == '2'])", 1), ("len([x for x in T.values() if x in ['2', '6', '3']])", 2),
    ("len([(x,y) for (x,y) in T.items() if x in U and y in ['2', '9', '12']])", 1),
    ("len([(x,y) for (x,y) in T.items() if x in U and y not in ['6']])", 2),
    ("len([(x,y) for (x,y) in T.items() if x in U and y not in ['6'] and U[x] == '9'])", 1),
    ('sum([int(x) for x in U.values()])', 18), ('sum(int(x) for x in U.values())', 18), ('5', 5), ('1.5', 1.5),
    ('-3 + +2', -1), ('7 // 2 ** 2 % 5', 1), ('not 1 or 0 and 2', 0), ('1 < 2 < 3', True), ('1 < 2 > 5', False),
    ('None is None', True), ("T.get('9') is not None", False), ('[1, 2, 3][1:]', [2, 3]), ('(1, 2)[-1]', 2),
    ("{k: int(v) for k, v in U.items() if k == '1'}", {'1': 5}), ('{x for x in [1, 1]}', {1}), ('{1, 2}', {1, 2}),
    ("{'a': 1}['a']", 1), ("'5' * 2", '55'), ("' a b '.strip().split(' ')[0].upper()", 'A'),
    ("','.join(sorted(T.keys()))", '1,2,3'), ('max(1, 2) + min([3, 4]) + abs(-1)', 6), ('round(2.675, 2)', 2.67),
    ("any([0, 1]) and all([])", True), ('list(range(3))', [0, 1, 2]), ("dict(zip(['a'], [1]))", {'a': 1}),
    ('[i + x for i, x in enumerate([5, 6])]', [5, 7]), ("bool('')", False), ("str(5) + 'a'", '5a'), ("'1' in T", True),
    ('[x * y for x in [1, 2] for y in [3, 4]]', [3, 4, 6, 8]), ("tuple([1])", (1,)), ("set([1])", {1}),
    ("'abc'.replace('b', 'x').startswith('ax')", True),
])
def test_expressions(text, expected):
    found = Expression(text).evaluate({'T': T, 'U': U, 'N': {'1': 3}, 'index': '1'})
    assert found == expected and type(found) is type(expected)


@pytest.mark.parametrize('text, value, expected', [
    ('lambda x: round((x * 1.8) + 32, 2)', 36.6, 97.88), ('lambda x: round((x * 1.8) + 32, 2) if x != 0 else 0.0', 0, 0.0),
    ('lambda x: x * 1000000', 3, 3000000), ('lambda x: 64512', 1, 64512),
    ("lambda x: round((float(x.split(' ')[0]) * 1.8) + 32,2)", '20 C', 68.0),
])
def test_transforms(text, value, expected):
    assert Expression(text).evaluate({})(value) == expected


@pytest.mark.parametrize('text', [
    '', 'x =', 'a.b', 'x.__class__', '__import__("os")', 'self', 'open("f")', 'eval("1")', 'f"{x}"', '[*a]', 'x := 1',
    'lambda: 1', 'lambda a, b: 1', 'lambda *a: 1', 'int(x=1)', 'T.pop("1")', '(1).bit_length()', '1 if 2', 'yield 1',
    '[x async for x in y]', '[a.b for a.b in c]', 'x[1]()', '1 << 3', 'a @ b', '~1', "b'x'", '...', '1j', '{**a}',
    'await x', "'%s' . format(1)", '(' * 40 + '1' + ')' * 40 + '.x', '+'.join(['1'] * 3000), '-' * 40 + '1',
    "'a'.encode()", 'map(int, x)', 'print(1)',
])
def test_refused(text):
    with pytest.raises(ExpressionError):
        Expression(text)


@pytest.mark.parametrize('text', [
    '9 ** 9 ** 9', "'a' * 10000000", '[1] * 10', '[x for x in range(10000000)]', "'%s' % 1", 'T.split()',
    '[1 for a in range(2000) for b in range(2000)]', "'aaaa'.replace('a', 'b' * 900000)", "','.join(['a' * 900000, 'b' * 900000])",
    'sum([[1]], [])', 'str([1])', "int('1' * 5000)", 'len([1 for x in range(999999)]) + len([1 for x in range(999999)])',
    "'a' * 900000 + 'a' * 900000",
])
def test_bounded(text):
    with pytest.raises(ExpressionError):
        Expression(text).evaluate({'T': T})


@pytest.mark.parametrize('text, error', [
    ('U.$index', KeyError), ('int(T.$index)', ValueError), ("'5' * 2.0", TypeError), ('unknown', NameError),
    ('1 / 0', ZeroDivisionError), ("int('5.5')", ValueError), ('[x for (x, y) in [(1, 2, 3)]]', ValueError),
])
def test_errors_are_those_of_python(text, error):
    with pytest.raises(error):
        Expression(text).evaluate({'T': {'9': 'x'}, 'U': {}, 'index': '9'})


def test_table():
    assert Expression('int(N.$index) * T.$index').table() == 'N'
    assert Expression('1.5 * int(T.$index)').table() == 'T'
    assert Expression('$index').table() is None and Expression('$index').indexed
    assert not Expression("'$index'").indexed


def test_forced_to_top_level():
    """Words of schema 0.1, which later ones do not know."""
    count = {'value': "len([i for i in TA if i != '9'])", 'indices': ['1', '2']}
    assert poll({'m': dict(count, evaluate=True)})[0] == [group({'m': 3})]
    assert poll({'m': dict(count, evaluate=True)}, version='0.2')[0] == [group({'m': 3})]
    named = {'value': '$index', 'top_level': True}
    assert poll({'m': named, 'k': 1})[0] == [group({'k': 1})]
    assert poll({'m': dict(named, indices=['1', '2']), 'k': 1}, version='0.2')[0] == groups(
        group({'m': 1, 'k': 1}), group({'m': 2, 'k': 1}))

"""The check function of the package panoptes."""
from decimal import Decimal

import pytest
from fakes import plugin_context, snmp_host

from panoptes import check, counter, gauge, testing
from panoptes_worker.loader import Loader
from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin


def run(plugin, **context):
    """{(type, dimensions): {(name, kind): value}} of the groups, or None."""
    results = plugin().run(plugin_context(**context))
    if results is None:
        return None
    return {(group.group_type, tuple((d.name, d.value) for d in group.dimensions)):
            {(m.metric_name, 'gc'[m.metric_type]): m.metric_value for m in group.metrics} for group in results}


def test_groups_by_dimensions():
    @check
    def disk(ctx):
        """Usage."""
        yield gauge('used', 0.5, unit='1', mount='/')
        yield counter('reads', 7, mount='/')
        yield gauge('used', 1, mount='/home', slot=3)
        yield gauge('total', 2)
        yield gauge('load', 1.5, group='cpu')

    assert issubclass(disk, PanoptesPollingPlugin) and (disk.__name__, disk.__doc__) == ('disk', 'Usage.')
    assert disk.__module__ == __name__ and disk.panoptes_settings == {} and len(list(disk.function(None))) == 5
    assert run(disk) == {
        ('disk', (('mount', '/'),)): {('used', 'g'): 0.5, ('reads', 'c'): 7},
        ('disk', (('mount', '/home'), ('slot', '3'))): {('used', 'g'): 1},
        ('disk', ()): {('total', 'g'): 2},
        ('cpu', ()): {('load', 'g'): 1.5},
    }


def test_names_that_clash():
    @check
    def clash():
        yield gauge('used', 1, name='a', value='b', dimensions={'unit': 'c', 'group': 'd', 'class': 'e'})

    assert list(run(clash)) == [('clash', (('class', 'e'), ('group', 'd'), ('name', 'a'), ('unit', 'c'), ('value', 'b')))]


def test_settings():
    @check(every=30, resources='resource_class = "host"', rates=['reads', 'writes'], group='io')
    def disk():
        return gauge('used', 1)

    assert disk.panoptes_settings == {
        'main': {'execute_frequency': '30', 'resource_filter': 'resource_class = "host"'},
        'transforms': {'io': 'rate:io:reads,writes'}}
    assert run(disk) == {('io', ()): {('used', 'g'): 1}}
    assert next(iter(disk().run(plugin_context({})))).interval == 60
    context = plugin_context()
    del context.config['main']['execute_frequency']
    assert next(iter(disk().run(context))).interval == 30


def test_results():
    @check
    def nothing():
        return None

    @check
    def no_yield():
        return [gauge('a', 1), counter('a', 2)]

    @check
    def empty():
        return
        yield

    assert run(nothing) is None
    assert run(no_yield) == {('no_yield', ()): {('a', 'g'): 1, ('a', 'c'): 2}}
    assert run(empty) == {}


def test_context():
    @check
    def everything(ctx):
        assert ctx.resource.endpoint == 'test_endpoint' and ctx.resource.site == 'test_site'
        assert ctx.resource.metadata['_resource_ttl'] == '604800' and ctx.resource.id == 'test_id'
        assert ctx.config['main']['url'] == 'http://x' and ctx.config['absent'] == {} and ctx.interval == 60
        ctx.kv.set('seen', '1')
        ctx.log.info('hello')
        assert ctx.kv.get('seen') == '1' and ctx.secret('token') == 'hush'
        assert ctx.secrets.get_by_site('token', 'test_site') == 'hush'
        assert ctx.enrichment.get_enrichment('self', 'ns') == {'a': {}}
        assert ctx.panoptes.data.resource_id == 'test_id' and ctx.snmp is ctx.snmp
        yield gauge('uptime', int(ctx.snmp.get('.1.3').value))

    with snmp_host({'.1.3': ('TICKS', '12')}):
        assert run(everything, config={'main': {'url': 'http://x'}, 'enrichment': {'preload': 'self:ns'}},
                   secrets={'token:test_site': 'hush', 'snmp_community_string:test_site': 'c'},
                   enrichment={'test_id:ns': '{"data": {"a": {}}}'}) == {('everything', ()): {('uptime', 'g'): 12}}


def test_context_says_what_is_missing():
    @check
    def secret(ctx):
        yield gauge('a', len(ctx.secret('token')))

    @check
    def enrichment(ctx):
        yield gauge('a', len(ctx.enrichment.get_enrichment('self', 'ns')))

    with pytest.raises(LookupError, match='there is no secret "token", neither for the site "test_site" nor a default'):
        run(secret)
    with pytest.raises(LookupError, match=r'add \[enrichment\] with preload = self:NAMESPACE'):
        run(enrichment)


@pytest.mark.parametrize('make, text', [
    (lambda: gauge('a b', 1), 'gauge \'a b\' of type str: a name begins with a letter or "_" and goes on with letters'),
    (lambda: gauge(None, 1), 'gauge None of type NoneType: a name begins'),
    (lambda: gauge('a', '1'), 'gauge "a": the value must be a number, is \'1\' of type str; int() or float()'),
    (lambda: counter('a', True), 'counter "a": the value must be a number, is True of type bool'),
    (lambda: gauge('a', None), 'is None of type NoneType'),
    (lambda: gauge('a', float('nan')), 'gauge "a": the value is nan, which no consumer takes'),
    (lambda: gauge('a', 1, timestamp='now'), 'gauge "a": timestamp must be a number'),
    (lambda: gauge('a', 1, unit=''), 'gauge "a": unit must be a text that is not empty, is \'\' of type str'),
    (lambda: gauge('a', 1, group=5), 'gauge "a": group must be a text that is not empty, is 5'),
    (lambda: gauge('a', 1, mount=None), 'gauge "a": dimension "mount" must be a text or a whole number, is None'),
    (lambda: gauge('a', 1, mount=10 ** 5000), 'gauge "a": dimension "mount" must be a text or a whole number, is '),
    (lambda: gauge('a', 1, mount=1.5), 'is 1.5 of type float'),
    (lambda: gauge('a', 1, mount=''), 'gauge "a": dimension "mount" is empty: leave it out'),
    (lambda: gauge('a', 1, dimensions=[1]), 'gauge "a": dimensions must be a dict'),
    (lambda: gauge('a', 1, dimensions={'b c': 'd'}), "gauge \"a\": dimension 'b c' of type str: a name begins"),
    (lambda: gauge('a', 1, m='1', dimensions={'m': '2'}), 'the dimension "m" is given twice'),
    (lambda: gauge('a', 1j), 'gauge "a": the value must be a number, is 1j of type complex'),
    (lambda: gauge('a', 'x' * 1000), "xxx... of type str; int() or float()"),
    (lambda: gauge('a', Decimal('NaN')), 'gauge "a": the value is nan, which no consumer takes'),
])
def test_faults(make, text):
    """A wrong metric is left out of its run, with value and name in the message."""
    wrong = make()
    assert text in wrong.fault[1] and text in repr(wrong)
    assert wrong.fault[0] == ('not_finite' if 'nan' in text else 'invalid')

    @check
    def c():
        yield gauge('before', 1)
        yield wrong
        yield gauge('after', 2)

    found = testing.run(c, drops=True)
    assert found.data() == [{'type': 'c', 'interval': 60, 'dimensions': {}, 'gauges': {'before': 1, 'after': 2}}]
    assert found.dropped == ['check "c" yielded ' + wrong.fault[1]]
    with pytest.raises(ValueError) as caught:
        testing.run(c)
    assert text in str(caught.value)


@pytest.mark.parametrize('make, error, text', [
    (lambda: check(every=0), ValueError, 'check: every must be a whole number of seconds greater than zero, is 0'),
    (lambda: check(every='60s'), ValueError, "is '60s'"),
    (lambda: check(resources=' '), ValueError, "check: resources must be a filter such as 'resource_class = \"host\"'"),
    (lambda: check(rates='reads'), TypeError, "check: rates must be a list of names, such as ['reads']"),
    (lambda: check(rates=['a b']), ValueError, "check: rates: 'a b' is no name of a metric"),
    (lambda: check(60), TypeError, 'check takes keywords only, such as @check(every=60), not 60'),
    (lambda: check()(5), TypeError, '@check goes above a function, not 5'),
    (lambda: check(lambda a, b: 1), TypeError, 'a check has one parameter, the context, or none; <lambda>(a, b) has more'),
])
def test_refuses(make, error, text):
    with pytest.raises(error) as caught:
        make()
    assert text in str(caught.value)


def test_refuses_results():
    def yields(*items):
        @check
        def c():
            yield from items
        return c

    @check
    def number():
        return 5

    for wrong, reason, text, metric in (
            ([5], 'invalid', 'check "c" yielded 5 of type int, which is no metric: yield gauge', None),
            ([None], 'invalid', 'check "c" yielded None of type NoneType, which is no metric', None),
            ([gauge('a', 2, n=2, m=1)], 'duplicate', 'check "c" yielded gauge "a" with m=1, n=2 twice, the second time with the '
             'value 2: give the two different', 'a'),
            ([gauge('b', 'x', group='other')], 'invalid', 'check "c" yielded gauge "b": the value must be', 'b')):
        returned = yields(gauge('a', 1, m=1, n=2), *wrong, gauge('z', 3))().run(plugin_context())
        assert sorted(metric.metric_name for group in returned for metric in group.metrics) == ['a', 'z']
        dropped, = returned.dropped
        assert text in dropped['message'] and (dropped['reason'], dropped.get('metric')) == (reason, metric)
        assert dropped['group'] == ('other' if metric == 'b' else 'c')
    with pytest.raises(TypeError, match='check "number" returned 5: yield gauge'):
        run(number)


def test_measurement_reads_well():
    assert repr(gauge('used', 0.5, unit='By', mount='/', a=1)) == "gauge('used', 0.5, a='1', mount='/')"
    assert gauge('a', 1, unit='By', timestamp=5).timestamp == 5


def test_unit():
    @check
    def units():
        yield gauge('used', 1, unit='By')
        yield gauge('plain', 1)

    group, = units().run(plugin_context())
    assert [metric._PanoptesMetric__data.get('metric_unit') for metric in group.metrics] == [None, 'By']


def test_the_loader_finds_it(tmp_path):
    (tmp_path / 'ten.py').write_text(
        'from panoptes import check, gauge\n\n@check(every=60)\ndef ten():\n    yield gauge("a", 1)\n')
    loaded = Loader().load('Ten', str(tmp_path / 'ten'))
    assert loaded.class_name == 'ten'
    assert [group.group_type for group in loaded.instance.run(plugin_context())] == ['ten']
    loaded.unload()

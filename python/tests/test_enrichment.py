"""Enrichment sets, groups, their schemas and the cache; docs/panoptes/python-api.md section 6, formats.md section 4."""
import json
import logging
from unittest import mock

import pytest
from fakes import panoptes_context, plugin_context, resource

from cerberus import SchemaError, Validator  # a stand-in, which the package makes importable

from yahoo_panoptes.enrichment.schema import heartbeat, interface, neighbor, neighbor_lookup, operational, topology
from yahoo_panoptes.enrichment.schema.generic.snmp import PanoptesGenericSNMPMetricsEnrichmentGroup
from yahoo_panoptes.framework import enrichment as e
from yahoo_panoptes.framework.exceptions import PanoptesEnrichmentCacheError


class AnyValidator(e.PanoptesEnrichmentSchemaValidator):
    schema = {'enrichment_label': {'type': 'dict', 'schema': {
        'speed': {'type': 'integer', 'required': True}, 'name': {'type': 'string'}, 'raw': {'type': 'binary'}}}}


def group(namespace='ns', **sets):
    with mock.patch('time.time', lambda: 1512629517.5):
        made = e.PanoptesEnrichmentGroup(namespace, AnyValidator(), 600, 60)
    for key, value in sets.items():
        made.add_enrichment_set(e.PanoptesEnrichmentSet(key, value))
    return made


def asserts(text, function, *args):
    with pytest.raises(AssertionError) as caught:
        function(*args)
    assert str(caught.value) == text


def test_set():
    made = e.PanoptesEnrichmentSet('key', {'b': 2})
    made.add('a', 1)
    assert (made.key, made.value, len(made)) == ('key', {'a': 1, 'b': 2}, 2)
    assert made.json() == '{"key": {"a": 1, "b": 2}}'
    assert repr(made) == 'PanoptesEnrichmentSet[key[a:1,b:2]]'
    assert made._raw_data == {'key': {'a': 1, 'b': 2}} == made._PanoptesEnrichmentSet__data
    assert made == e.PanoptesEnrichmentSet('key') and hash(made) == hash(e.PanoptesEnrichmentSet('key'))
    assert made != e.PanoptesEnrichmentSet('other', made.value) and made != 'key'
    assert e.PanoptesEnrichmentSet('z', {'a': 1}) < e.PanoptesEnrichmentSet('a', {'b': 1})
    assert e.PanoptesEnrichmentSet('a').value is not e.PanoptesEnrichmentSet('a').value
    given = {}
    assert e.PanoptesEnrichmentSet('a', given).value is given
    asserts('enrichment key must be a string', e.PanoptesEnrichmentSet, '')
    asserts('enrichment value must be a dict', e.PanoptesEnrichmentSet, 'a', None)


def test_group():
    made = group(one={'speed': 1}, two={'speed': 2, 'name': 'x'})
    made.add_enrichment_set(e.PanoptesEnrichmentSet('one', {'speed': 3}))
    made.upsert_metadata('source', 'lab')
    metadata = ('{"_enrichment_group_creation_timestamp": 1512629517.5, "_enrichment_ttl": 600, '
                '"_execute_frequency": 60, "source": "lab"}')
    assert made.serialize() == ('{"data": {"one": {"speed": 3}, "two": {"name": "x", "speed": 2}}, "metadata": '
                                + metadata + '}')
    assert made.serialize_data() == '{"one": {"speed": 3}, "two": {"name": "x", "speed": 2}}'
    assert made.json() == ('{"data": [{"two": {"name": "x", "speed": 2}}, {"one": {"speed": 3}}], "metadata": '
                           + metadata + ', "namespace": "ns"}')
    assert (len(made), made.namespace, made.enrichment_ttl, made.execute_frequency) == (2, 'ns', 600, 60)
    assert made.enrichment_group_creation_timestamp == 1512629517.5
    assert isinstance(made.data, set) and made.metadata['source'] == 'lab'
    assert made.enrichment_schema is AnyValidator.schema and isinstance(made.validator, AnyValidator)
    assert made == group() and hash(made) == hash(group()) and group('a') < group('b') and group('a') != group('b')
    assert made.bulk_add_enrichment_set() is None
    assert repr(group()) == ('PanoptesEnrichmentGroup[namespace:ns,enrichment_ttl:600,execute_frequency:60,'
                             'enrichment_group_creation_timestamp:1512629517.5]')
    assert repr(group(a={'speed': 1})).endswith(',PanoptesEnrichmentSet[a[speed:1]]]')


def test_group_refuses():
    validator = AnyValidator()
    asserts('enrichment namespace must be a string', e.PanoptesEnrichmentGroup, '', validator, 1, 1)
    asserts('schema_validator must be an instance of PanoptesEnrichmentSchemaValidator',
            e.PanoptesEnrichmentGroup, 'n', AnyValidator, 1, 1)
    asserts('enrichment_ttl must be a valid nonzero integer', e.PanoptesEnrichmentGroup, 'n', validator, '1', 1)
    asserts('execute_frequency must be a valid nonzero integer', e.PanoptesEnrichmentGroup, 'n', validator, 1, 0)
    asserts('enrichment set must be an instance of PanoptesEnrichmentSet', group().add_enrichment_set, {})
    for value in ({}, {'speed': 'fast'}, {'speed': 1, 'colour': 'red'}, {'speed': None}):
        asserts('schema validation failed for enrichment_set data', group().add_enrichment_set,
                e.PanoptesEnrichmentSet('a', value))
    asserts('metadata_key must be a string', group().upsert_metadata, 1, 1)
    asserts('metadata_value must be any of string / float / integer', group().upsert_metadata, 'a', [])
    with pytest.raises(ValueError, match='^Failed to update reserved metadata$'):
        group().upsert_metadata('_a', 1)
    asserts('element set must be an instance of PanoptesEnrichmentSet', validator.validate, {})
    asserts('schema must be a non empty Cerberus schema dict', e.PanoptesEnrichmentSchemaValidator)


def test_bytes_are_decoded():
    assert group(a={'speed': 1, 'raw': b'x\xffy'}).serialize_data() == '{"a": {"raw": "xy__decoded", "speed": 1}}'


def test_group_sets():
    made = e.PanoptesEnrichmentGroupSet(resource())
    asserts('enrichment_group must be an instance of PanoptesEnrichmentGroup', made.add_enrichment_group, 1)
    asserts('enrichment_group must hold at least one data set', made.add_enrichment_group, group())
    made.add_enrichment_group(group(a={'speed': 1}))
    replaced = group(a={'speed': 2})
    made.add_enrichment_group(replaced)
    assert len(made) == 1 and next(iter(made.enrichment)) is replaced and made.resource == resource()
    data = json.loads(made.json())
    assert sorted(data) == ['enrichment', 'enrichment_group_set_creation_timestamp', 'resource']
    assert data['enrichment'][0]['data'] == [{'a': {'speed': 2}}] and data['resource']['resource_id'] == 'test_id'
    assert repr(made).startswith('PanoptesEnrichmentGroupSet[resource:plugin|test_plugin|')
    other = e.PanoptesEnrichmentGroupSet(resource(resource_id='other'))
    other.add_enrichment_group(group(a={'speed': 1}))
    assert made != other and other < e.PanoptesEnrichmentGroupSet(resource(resource_id='z'))

    multi = e.PanoptesEnrichmentMultiGroupSet()
    asserts('enrichment_group_set must be an instance of PanoptesEnrichmentGroupSet',
            multi.add_enrichment_group_set, 1)
    asserts('enrichment_group_set must hold at least one data set', multi.add_enrichment_group_set,
            e.PanoptesEnrichmentGroupSet(resource()))
    for group_set in (made, other, made):
        multi.add_enrichment_group_set(group_set)
    assert len(multi) == 2 and multi.enrichment_group_sets == {made, other}
    assert [list(found) for found in json.loads(multi.json())['group_sets']] == [
        ['enrichment', 'enrichment_group_set_creation_timestamp', 'resource']] * 2
    assert repr(multi).startswith('PanoptesEnrichmentMultiGroupSet[PanoptesEnrichmentGroupSet[')
    asserts('resource must be an instance of PanoptesResource', e.PanoptesEnrichmentGroupSet, 'r')


@pytest.mark.parametrize('schema, value, valid', [
    ({'type': 'string'}, 'a', True), ({'type': 'string'}, b'a', False), ({'type': 'string'}, None, False),
    ({'type': 'string', 'nullable': True}, None, True), ({'type': 'integer'}, True, True),
    ({'type': 'integer'}, 1.5, False), ({'type': 'float'}, 1, True), ({'type': 'float'}, True, True),
    ({'type': 'number'}, True, False), ({'type': 'boolean'}, 1, False), ({'type': 'list'}, (1,), True),
    ({'type': 'list'}, {1}, False), ({'type': 'list'}, 'ab', False), ({'type': 'set'}, {1}, True),
    ({'type': ['string', 'integer']}, 1, True), ({'type': ['string', 'integer']}, [], False),
    ({'allowed': ['a', 'b']}, 'c', False), ({'allowed': ['a', 'b']}, ['a'], True), ({'min': 2, 'max': 3}, 4, False),
    ({'min': 2, 'max': 3}, 2, True), ({'regex': 'a+'}, 'aab', False), ({'regex': 'a+'}, 'aa', True),
    ({'empty': False}, '', False), ({'minlength': 2}, 'a', False), ({'maxlength': 2}, 'abc', False),
    ({'type': 'list', 'schema': {'type': 'integer'}}, [1, 'a'], False),
    ({'type': 'dict', 'schema': {'a': {'type': 'integer'}}}, {'a': 1}, True),
    ({'type': 'dict', 'schema': {'a': {'type': 'integer'}}}, {'b': 1}, False),
    ({'type': 'dict', 'schema': {'a': {'required': True}}}, {}, False),
    ({'keysrules': {'type': 'string'}, 'valuesrules': {'type': 'integer'}}, {'a': 1}, True),
    ({'valuesrules': {'type': 'integer'}}, {'a': 'b'}, False), ({'keysrules': {'regex': 'b'}}, {'a': 1}, False),
    ({'anyof': [{'type': 'string'}, {'min': 3}]}, 4, True), ({'anyof': [{'type': 'string'}, {'min': 3}]}, 2, False),
])
def test_cerberus(schema, value, valid):
    validator = Validator({'field': schema})
    assert validator.validate({'field': value}) is valid
    assert bool(validator.errors) is not valid


@pytest.mark.parametrize('schema', [1, {'a': 1}, {'a': {'typ': 'string'}}, {'a': {'type': 'text'}},
                                    {'a': {'type': 'dict', 'schema': {'b': {'x': 1}}}}, {'a': {'anyof': [{'x': 1}]}}])
def test_cerberus_refuses_schema(schema):
    with pytest.raises(SchemaError):
        Validator(schema)


def test_a_bad_schema_is_refused_at_once():
    class Bad(e.PanoptesEnrichmentSchemaValidator):
        schema = {'enrichment_label': {'type': 'text'}}
    with pytest.raises(SchemaError):
        Bad()


TEXTS = dict.fromkeys(('description', 'type', 'mac_address', 'link_state', 'admin_state', 'category', 'name'), 'x')
DICTS = dict.fromkeys(('member_of_lag', 'member_of_svi', 'lag_members', 'ipv6_neighbor', 'ipv4_neighbor', 'l2_neighbor',
                       'vlans', 'spanning_tree', 'svi_physical_members', 'sub_interfaces', 'primary_interface'), {})


@pytest.mark.parametrize('cls, namespace, value', [
    (interface.PanoptesInterfaceEnrichmentGroup, 'interface', dict(
        description='d', media_type='m', interface_name='i', alias='a', parent_interface_name='p',
        parent_interface_media_type='m', configured_speed=1, port_speed=1, parent_interface_configured_speed=1,
        parent_interface_port_speed=1, physical_address='x')),
    (heartbeat.PanoptesHeartbeatEnrichmentGroup, 'heartbeat_ns', {'timestamp': 1.5}),
    (operational.PanoptesOperationalEnrichmentGroup, 'operational', {'device_polling_status': 0, 'device_os': 'x'}),
    (topology.PanoptesTopologyEnrichmentGroup, 'topology', {'interface': 'i', 'map_type': 'm', 'neighbor': {}}),
    (neighbor.PanoptesNeighborEnrichmentGroup, 'neighbor', dict(TEXTS, layer=2, ipv4_address=[], ipv6_address=[], **DICTS)),
    (neighbor_lookup.PanoptesBridgeLookupEnrichmentGroup, 'bridge_lookup', {'resource_id': 'r', 'port_id_map': {}}),
    (neighbor_lookup.PanoptesInverseInterfaceLookupEnrichmentGroup, 'inverse_interface_lookup', {
        'resource_id': 'r', 'interface_description': 'd', 'interface_index': '1'}),
    (neighbor_lookup.PanoptesL3InterfaceLookupEnrichmentGroup, 'l3_interface_lookup', {
        'resource_id': 'r', 'interface_description': 'd', 'interface_index': '1', 'ip_version': 4}),
    (neighbor_lookup.PanoptesInterfaceLookupEnrichmentGroup, 'interface_lookup', {
        'resource_id': 'r', 'interface_description': 'd', 'interface_index': '1', 'port_id_map': {}}),
    (neighbor_lookup.PanoptesDeviceLookupEnrichmentGroup, 'device_lookup', {
        'ipv4': [], 'ipv6': [], 'source_resource_id': 'r'}),
    (PanoptesGenericSNMPMetricsEnrichmentGroup, 'metrics', {
        'oids': {}, 'metrics_groups': [{'group_name': 'g', 'metrics': {}, 'ignore_empty_dimensions': True}],
        'snmp': {'max_repetitions': 5}}),
])
def test_schemas(cls, namespace, value):
    made = cls(600, 60)
    made.add_enrichment_set(e.PanoptesEnrichmentSet('key', value))
    assert (made.namespace, len(made)) == (namespace, 1)
    asserts('schema validation failed for enrichment_set data', made.add_enrichment_set,
            e.PanoptesEnrichmentSet('key', dict(value, unknown=1)))
    # Only heartbeat has nothing that is required.
    if namespace != 'heartbeat_ns':
        asserts('schema validation failed for enrichment_set data', made.add_enrichment_set,
                e.PanoptesEnrichmentSet('key', {}))


def stored(**data):
    return json.dumps({'data': data, 'metadata': {}})


ENRICHMENT = {'test_id:one': stored(a={'x': 1}, b={'x': 2}), 'test_id:two': stored(c={}), 'other:one': stored(d={'x': 3})}


def cache(preload=None, **section):
    if preload is not None:
        section['preload'] = preload
    return plugin_context({'enrichment': section}, enrichment=ENRICHMENT).enrichment


@pytest.mark.parametrize('preload, expected', [
    ('self:one', {'test_id': ['one']}), ('self:one, self:one,', {'test_id': ['one']}),
    (' self : one , other : one ', {'test_id': ['one'], 'other': ['one']}), ('self:*', {'test_id': ['one', 'two']}),
    ('self:absent', {}),
])
def test_cache_preloads(preload, expected):
    made = cache(preload)
    assert {key: sorted(value) for key, value in made._enrichment_data.items()} == expected


def test_cache():
    made = cache('self:one')
    assert made._preload_conf == {('test_id', 'one')}
    assert made.get_enrichment('self', 'one') == {'a': {'x': 1}, 'b': {'x': 2}}
    assert made.get_enrichment('test_id', 'one') is not made.get_enrichment('test_id', 'one')
    made.get_enrichment_value('self', 'one', 'a')['x'] = 5
    assert made.get_enrichment_value('self', 'one', 'a') == {'x': 5}
    assert made.get_enrichment_keys('self', 'one') == ['a', 'b']
    # What was not preloaded is found all the same.
    assert made.get_enrichment_value('other', 'one', 'd') == {'x': 3} and made.get_enrichment('self', 'two') == {'c': {}}
    for text, function, args in (
            ("Failed to get data for resource self namespace no from enrichment resource object: KeyError('no') "
             'plugin_name: Test Plugin', made.get_enrichment, ('self', 'no')),
            ("Failed to get data for resource self namespace one enrichment_key z from enrichment cache object: "
             "KeyError('z') plugin_name: Test Plugin", made.get_enrichment_value, ('self', 'one', 'z')),
            ("Failed to get data for resource x namespace one from enrichment cache object: KeyError('x') plugin_name",
             made.get_enrichment_keys, ('x', 'one'))):
        with pytest.raises(PanoptesEnrichmentCacheError) as caught:
            function(*args)
        assert str(caught.value) == text
    asserts('resource_id must be a string', made.get_enrichment, '', 'one')
    asserts('enrichment namespace must be a string', made.get_enrichment_keys, 'self', None)
    asserts('enrichment_key must be a string', made.get_enrichment_value, 'self', 'one', 1)


def test_cache_preload_is_optional_with_a_file():
    assert cache(file='x.json')._preload_conf == set()
    for preload in ('self', 'self:one,other', None):
        with pytest.raises(PanoptesEnrichmentCacheError) as caught:
            cache(preload, other='x')
        assert str(caught.value).startswith('Failed while parsing preload enrichment configuration from plugin conf '
                                            'for plugin Test Plugin: ')


def test_cache_tells_what_is_missing(caplog):
    with caplog.at_level(logging.ERROR, 'panoptes'):
        cache('self:absent')
    assert caplog.messages == ['No enrichment data found on KV store for plugin Test Plugin resource test_id '
                               'namespace absent using key test_id:absent']


def test_cache_with_unreadable_data(caplog):
    broken = {'test_id:one': '{'}
    with pytest.raises(IOError) as caught:
        plugin_context({'enrichment': {'preload': 'self:one'}}, enrichment=broken)
    assert str(caught.value).startswith('Failed while pre-loading enrichment from KV store for plugin Test Plugin '
                                        'resource test_id namespace one: JSONDecodeError(')
    with caplog.at_level(logging.ERROR, 'panoptes'):
        plugin_context({'enrichment': {'preload': 'self:*'}}, enrichment=broken)
    assert len(caplog.messages) == 1


def test_cache_refuses():
    conf = {'Core': {'name': 'x'}}
    asserts('panoptes_context must be an instance of PanoptesContext', e.PanoptesEnrichmentCache, 1, conf, resource())
    asserts('resource must be an instance of PanoptesResource', e.PanoptesEnrichmentCache, panoptes_context(), conf, None)
    asserts('plugin_conf value must be a dict', e.PanoptesEnrichmentCache, panoptes_context(), None, resource())


def test_time_is_the_module():
    import time
    assert e.time is time

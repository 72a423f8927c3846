"""Names that plugins can reach: each is there, or says what to use."""
import pytest
from fakes import panoptes_context, plugin_context, resource, snmp_host
from support import Folder, Worker, metrics_of

from yahoo_panoptes.enrichment import enrichment_plugin
from yahoo_panoptes.enrichment.schema.heartbeat import PanoptesHeartbeatEnrichmentGroup
from yahoo_panoptes.framework import exceptions
from yahoo_panoptes.framework.context import PanoptesConfig, PanoptesContext, use_host
from yahoo_panoptes.framework.enrichment import PanoptesEnrichmentGroupSet, PanoptesEnrichmentSet
from yahoo_panoptes.framework.plugins.context import PanoptesPluginContextValidators
from yahoo_panoptes.framework.plugins.panoptes_base_plugin import PanoptesPluginInfo
from yahoo_panoptes.framework.resources import (
    PanoptesResourceCache, PanoptesResourceDSL, PanoptesResourcesKeyValueStore, PanoptesResourceStore)
from yahoo_panoptes.framework.utilities import helpers, key_value_store, ping
from yahoo_panoptes.framework.utilities.key_value_store import InMemoryBackend, PanoptesKeyValueStore
from yahoo_panoptes.framework.utilities.secrets import PanoptesSecretsStore
from yahoo_panoptes.framework.utilities.snmp import configuration, connection, host
from yahoo_panoptes.framework.utilities.snmp.exceptions import PanoptesSNMPException
from yahoo_panoptes.framework.utilities.snmp.mibs import base, dot3StatsTable, ifTable, ifXTable
from yahoo_panoptes.plugins.polling.generic.snmp.plugin_polling_generic_snmp import PluginPollingGenericSNMPMetrics
from yahoo_panoptes.plugins.polling.utilities.polling_status import PanoptesPollingStatus
from yahoo_panoptes.polling import polling_plugin


def test_re_exports():
    assert connection.PanoptesSNMPPluginConfiguration is configuration.PanoptesSNMPPluginConfiguration
    assert key_value_store.PanoptesKeyValueStoreException is exceptions.PanoptesKeyValueStoreException
    assert polling_plugin.PanoptesPluginConfigurationError is exceptions.PanoptesPluginConfigurationError
    assert enrichment_plugin.PanoptesPollingPluginError is exceptions.PanoptesPollingPluginError
    assert helpers.LOG.name.startswith('panoptes.')
    assert PanoptesPluginInfo.config_filename is None
    assert PanoptesPluginContextValidators.valid_plugin_context(plugin_context())
    assert not PanoptesPluginContextValidators.valid_plugin_context(panoptes_context())


def test_tables():
    assert (ifTable.ifTable, ifXTable.ifXTable, dot3StatsTable.dot3StatsTable) == (
        '.1.3.6.1.2.1.2.2.1', '.1.3.6.1.2.1.31.1.1.1', '.1.3.6.1.2.1.10.7.2.1')
    assert ifTable.ifDescr == ifTable.ifTable + '.2' and ifTable.getIfStatus(ifStatus='1') == 'up'


def test_snmp_types():
    assert base.SNMPInteger(5).name == 'SNMPInteger' and base.SNMPInteger.valid_types == (int,)
    assert (base.SNMPInteger.metric_type, base.SNMPGauge32.metric_type, base.SNMPString.metric_type) == ('COUNTER', 'GAUGE', None)
    base.SNMPInteger32(5).validate_value()
    base.SNMPInteger32(5).validate_type()
    with pytest.raises(ValueError, match='32 bit integer overflow'):
        base.SNMPInteger32(2 ** 31)

    class Word(base.SNMPTypeMixin, str):
        valid_types = (str,)
    assert Word('a') == 'a' and Word('a').name == 'Word'


def test_bulk_add():
    groups = PanoptesEnrichmentGroupSet(resource())
    group = PanoptesHeartbeatEnrichmentGroup(600, 60)
    group.add_enrichment_set(PanoptesEnrichmentSet('heartbeat', {'timestamp': 1.5}))
    groups.bulk_add_enrichment_group([group])
    groups.bulk_add_enrichment_group()
    assert len(groups) == 1


def test_ping():
    made = ping.PanoptesPing()
    made.setPingStatsAPIResponse({'packet_loss_pct': 5.0, 'round_trip_avg': 1.5, 'other': 1})
    assert (made.packet_loss_pct, made.round_trip_avg, made.packets_received) == (5.0, 1.5, None)
    assert 'packets_transmitted' in ping.PING_METRICS and 'other' not in made.response


def test_argument_names():
    context = panoptes_context()
    assert PanoptesSecretsStore(context=context).namespace == 'panoptes:secrets'
    status = PanoptesPollingStatus(resource=resource(), execute_frequency=60, logger=plugin_context().logger, ping=False)
    status.handle_exception(k='a', e=ValueError())
    status.handle_success(k='b')
    assert status.device_status == 4


@pytest.mark.parametrize('use, error, text', [
    (lambda c: PanoptesResourceDSL('resource_id = "a"', c), exceptions.PanoptesResourceError, 'resource_filter in [main]'),
    (lambda c: PanoptesResourceCache(c), exceptions.PanoptesResourceCacheException, 'resource_filter in [main]'),
    (lambda c: c.message_producer, exceptions.PanoptesContextError, 'return metrics groups'),
    (lambda c: c.kafka_client, exceptions.PanoptesContextError, 'use a Kafka library'),
    (lambda c: c.zookeeper_client, exceptions.PanoptesContextError, 'never overlap'),
    (lambda c: c.redis_pool, exceptions.PanoptesContextError, 'use context.kv'),
    (lambda c: c.get_redis_connection('default'), exceptions.PanoptesContextError, 'derives from PanoptesKeyValueStore'),
    (lambda c: c.get_lock('/a', 5), exceptions.PanoptesContextError, 'use getset'),
    (lambda c: PanoptesContext(create_message_producer=True), exceptions.PanoptesContextError, 'return metrics groups'),
])
def test_refused_with_a_word(use, error, text):
    with pytest.raises(error) as caught:
        use(panoptes_context())
    assert text in str(caught.value)


def test_one_shard():
    assert panoptes_context().get_redis_shard_count('metrics') == 1


def test_a_resource_that_vanishes():
    context = PanoptesContext(key_value_store_class_list=[PanoptesResourcesKeyValueStore])
    store = PanoptesResourceStore(context)
    store.add_resource('s', resource(resource_id='a'))
    store.add_resource('s', resource(resource_id='b'))
    backend = context.key_value_backend
    kept = backend.get
    backend.get = lambda namespace, key: None if '|id|a|' in key else kept(namespace, key)
    assert [found.resource_id for found in store.get_resources(plugin_name='test_plugin')] == ['b']
    with pytest.raises(exceptions.PanoptesResourceError, match='^No resource found for key'):
        store.get_resource('plugin|test_plugin|site|x|class|c|subclass|s|type|t|id|a|endpoint|e')


class OwnStore(PanoptesKeyValueStore):
    def __init__(self, panoptes_context):
        super().__init__(panoptes_context, 'own[1]')


def test_contexts_of_plugins_have_what_the_host_has(caplog):
    backend = InMemoryBackend()
    use_host(lambda: PanoptesConfig(['dc1']), backend)
    try:
        made = PanoptesContext('/home/panoptes/conf/panoptes.ini', [OwnStore])
        assert made.config_object.sites == {'dc1'}
        made.get_kv_store(OwnStore).set('a', 'b')
        assert PanoptesContext(key_value_store_class_list=[OwnStore]).get_kv_store(OwnStore).get('a') == 'b'
        assert backend.get('own[1]', 'a') == 'b'
        assert 'panoptes.ini" is not read' in caplog.text
    finally:
        use_host(None)
    with pytest.raises(exceptions.PanoptesContextError, match='the host passes the configuration'):
        PanoptesContext('/home/panoptes/conf/panoptes.ini')


class OwnStores(Folder):
    def test_on_the_hosts_store(self):
        module = self.plugin('''
            from yahoo_panoptes.framework.context import PanoptesContext
            from yahoo_panoptes.framework.utilities.key_value_store import PanoptesKeyValueStore
            class Store(PanoptesKeyValueStore):
                def __init__(self, panoptes_context):
                    super().__init__(panoptes_context, 'own[1]')
            made = PanoptesContext(key_value_store_class_list=[Store])
            store = made.get_kv_store(Store)
            store.set('a', 'b', expire=5)
            assert store.find_keys('a*') == ['ab'] and made.config_object.sites == {'dc1'}
            return one(context.data, m=1)''')
        with Worker(context={'sites': ['dc1']}) as worker:
            worker.answers.update({'kv.set': lambda params: {}, 'kv.find_keys': lambda params: {'keys': ['ab']}})
            result = worker.run(module)
            self.assertEqual({'m': 1}, metrics_of(result), result)
            self.assertEqual([('kv.set', {'namespace': 'own[1]', 'key': 'a', 'value': 'b', 'expire': 5}),
                              ('kv.find_keys', {'namespace': 'own[1]', 'pattern': 'a*'})], worker.calls)

    def test_resources_and_enrichment_are_the_hosts(self):
        module = self.plugin('''
            from yahoo_panoptes.framework.context import PanoptesContext
            from yahoo_panoptes.framework.enrichment import PanoptesEnrichmentCacheKeyValueStore
            from yahoo_panoptes.framework.exceptions import PanoptesResourceError
            from yahoo_panoptes.framework.resources import PanoptesResourcesKeyValueStore, PanoptesResourceStore
            made = PanoptesContext(key_value_store_class_list=[PanoptesResourcesKeyValueStore, PanoptesEnrichmentCacheKeyValueStore])
            store = PanoptesResourceStore(made)
            found = store.get_resources(site='s[1]', plugin_name='p')
            assert sorted(r.resource_id for r in found) == ['a', 'b'], found
            a = min(found)
            assert (a.resource_endpoint, a.resource_metadata['os']) == ('e', 'x y')
            assert store.get_resource(str(a)) == a
            kv = made.get_kv_store(PanoptesResourcesKeyValueStore)
            assert (kv.ttl(str(a)), kv.ttl('none'), sorted(kv.find_keys('*'))[0]) == (900, -2, str(a))
            for write in (store.add_resource, store.delete_resource):
                try:
                    write('signature', a)
                except PanoptesResourceError as e:
                    assert 'return a PanoptesResourceSet from run() of a discovery plugin' in str(e)
                else:
                    assert False, write
            enrichment = made.get_kv_store(PanoptesEnrichmentCacheKeyValueStore)
            assert enrichment.find_keys('a*') == ['a:ports'] and enrichment.get('a:ports') == '{}'
            return one(context.data, m=1)''')
        resources = {'plugin|p|site|s[1]|class|c|subclass|s|type|t|id|' + id + '|endpoint|e':
                     'timestamp|1512629517.03121|meta._resource_ttl|900|meta.os|x y|' for id in 'ab'}

        def find(params):  # a resource each page
            keys = sorted(key for key in resources if key > params['after'] and 'none' not in params['pattern'])
            return {'resources': [[key, resources[key]] for key in keys[:1]], 'next': keys[0] if len(keys) > 1 else None}
        with Worker() as worker:
            worker.answers.update({
                'resources.find': find, 'kv.get': lambda params: {'value': '{}' if params['key'] == 'enrichment:a:ports' else None},
                'kv.find_keys': lambda params: {'keys': ['enrichment:a:ports'] if params['pattern'] == 'enrichment:a*' else []}})
            result = worker.run(module)
            self.assertEqual({'m': 1}, metrics_of(result), result)
            self.assertEqual({'pattern': 'plugin|p|site|s[1]|*', 'after': ''}, worker.calls[0][1])


GENERIC = {
    'groups': [{'metrics_group_type': 'cpu', 'dimensions': [{'dimension_name': 'name', 'dimension_value': 'RE0'}], 'metrics': [
        {'metric_name': 'util', 'metric_value': 20, 'metric_type': 'gauge'},
        {'metric_name': 'ticks', 'metric_value': 7, 'metric_type': 'counter'}]}],
    'warnings': ['something is left out'],
}


def test_a_subclass_of_the_generic_plugin(caplog):
    """The host polls."""
    class Mine(PluginPollingGenericSNMPMetrics):
        def get_device_metrics(self):
            results = super().get_device_metrics()
            assert (self._host, self._namespace, self._execute_frequency) == ('test_endpoint', 'metrics', 60)
            return results

    asked = []

    def answer(method, params):
        asked.append((method, params['config']['main']['namespace']))
        return GENERIC
    before = host.use(answer)
    try:
        found = Mine().run(plugin_context({'main': {'namespace': 'metrics', 'polling_status_metric_name': 'status'}}))
    finally:
        host.use(before)
    assert asked == [('snmp.poll_generic', 'metrics')]
    group, = found
    assert (group.group_type, group.interval, group.resource.resource_id) == ('cpu', 60, 'test_id')
    assert sorted((m.metric_name, m.metric_value, m.metric_type) for m in group.metrics) == [('ticks', 7, 1), ('util', 20, 0)]
    assert [(d.name, d.value) for d in group.dimensions] == [('name', 'RE0')]
    assert caplog.messages == ['something is left out']
    with pytest.raises(PanoptesSNMPException, match='no host answers snmp.poll_generic'):
        Mine().run(plugin_context({'main': {'namespace': 'metrics'}}))

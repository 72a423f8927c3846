"""The plugins that come with the package, and what plugins share; docs/panoptes/python-api.md 7 and 8."""
import importlib
import json
import logging
import subprocess
import urllib.error
from unittest import mock

import pytest
from fakes import plugin_context, resource, snmp_host, table

from yahoo_panoptes import plugins
from yahoo_panoptes.discovery.panoptes_discovery_plugin import PanoptesDiscoveryPluginError
from yahoo_panoptes.enrichment.enrichment_plugin import PanoptesEnrichmentPluginError
from yahoo_panoptes.framework.enrichment import PanoptesEnrichmentSet
from yahoo_panoptes.framework.exceptions import PanoptesEnrichmentCacheError, PanoptesMetricsNullException
from yahoo_panoptes.framework.utilities.ping import PanoptesPingException, PanoptesPingTimeoutException
from yahoo_panoptes.framework.utilities.snmp import exceptions as snmp
from yahoo_panoptes.framework.utilities.snmp.mibs import ifTable, ifXTable
from yahoo_panoptes.plugins.discovery.plugin_discovery_from_json_file import PluginDiscoveryJSONFile
from yahoo_panoptes.plugins.enrichment.generic.snmp.plugin_enrichment_generic_snmp import (
    PanoptesEnrichmentGenericSNMPPlugin)
from yahoo_panoptes.plugins.enrichment.interface.plugin_enrichment_interface import PluginEnrichmentInterface
from yahoo_panoptes.plugins.polling.generic.plugin_polling_ping import PluginPollingPing
from yahoo_panoptes.plugins.polling.utilities.polling_status import DEVICE_METRICS_STATES, PanoptesPollingStatus
from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPluginConfigurationError

SECRETS = {'snmp_community_string:test_site': 'hush'}
PING = ('PING h\n\n--- h ping statistics ---\n{} packets transmitted, {} received, {}% packet loss, time 9ms\n'
        'rtt min/avg/max/mdev = 1.000/2.000/3.000/0.500 ms\n')
LOST = subprocess.CalledProcessError(
    1, 'ping', '--- h ping statistics ---\n3 packets transmitted, 0 received, 100% packet loss, time 9ms\n')


def pinging(answer):
    effect = answer if isinstance(answer, Exception) else None
    return mock.patch('subprocess.check_output', return_value=answer, side_effect=effect)


def test_built_in_modules():
    for name, module in plugins.BUILT_IN.items():
        assert module.endswith('.' + name)
        importlib.import_module(module)


# Status

def status(**options):
    return PanoptesPollingStatus(resource(), 60, logging.getLogger('panoptes.test'), **options)


def test_status_begins_well():
    made = status(metric_name='polling_status', metrics_group_type_name='kind')
    group = made.device_status_metrics_group
    assert (group.group_type, group.interval, group.metrics[0].metric_name, group.metrics[0].metric_value) == (
        'kind', 60, 'polling_status', 0)
    assert made.device_status_metrics_group is group
    assert (made.device_name, made.device_type) == ('test_endpoint', 'test_class:test_subclass:test_type')


class OwnTimeout(snmp.PanoptesSNMPTimeoutException):
    pass


@pytest.mark.parametrize('error, expected', [
    (snmp.PanoptesSNMPTimeoutException(), 'TIMEOUT'), (OwnTimeout(), 'TIMEOUT'),
    (snmp.PanoptesSNMPConnectionException(), 'NETWORK_FAILURE'), (urllib.error.URLError('x'), 'NETWORK_FAILURE'),
    (PanoptesPingException(), 'PING_FAILURE'), (PanoptesPingTimeoutException(), 'PING_FAILURE'),
    (PanoptesMetricsNullException(), 'MISSING_METRICS'), (PanoptesEnrichmentCacheError(), 'ENRICHMENT_FAILURE'),
    (snmp.PanoptesSNMPException(), 'INTERNAL_FAILURE'), (KeyError(), 'INTERNAL_FAILURE'),
])
def test_status_of_exceptions(error, expected):
    made = status()
    made.handle_exception('a', error)
    assert made.device_status == getattr(DEVICE_METRICS_STATES, expected)


def test_status_of_requests():
    import requests
    import urllib3
    for error, expected in ((requests.exceptions.ConnectTimeout(), 3), (requests.exceptions.ConnectionError(), 2),
                            (requests.exceptions.ReadTimeout(), 5),
                            (urllib3.exceptions.ConnectTimeoutError(), 3)):
        made = status()
        made.handle_exception('a', error)
        assert made.device_status == expected


def test_status_of_parts(caplog):
    made = status()
    made.handle_success('a')
    assert made.device_status == 0
    made.handle_exception('b', KeyError('gone'))
    assert made.device_status == 4
    made.handle_exception('a', KeyError('gone'))
    assert made.device_status == 4
    made.handle_success('b')
    assert made.device_status == 4
    assert caplog.messages[0].startswith('Error while trying to poll "test_endpoint" (test_class:test_subclass:test_type) '
                                         "for \"b\": KeyError('gone') - KeyError: 'gone'")
    made = status()
    made.handle_exception('a', KeyError())
    made.handle_exception('b', snmp.PanoptesSNMPTimeoutException())
    assert made.device_status == 5  # of equally many the first
    made.handle_exception('c', snmp.PanoptesSNMPTimeoutException())
    assert made.device_status == 3


@pytest.mark.parametrize('answer, expected', [
    (PING.format(10, 10, 0), 3), (PING.format(10, 0, 100), 7), (LOST, 7), (OSError('no ping'), 7)])
def test_status_pings(answer, expected):
    made = status()
    made.handle_exception('a', snmp.PanoptesSNMPTimeoutException())
    with pinging(answer) as ping:
        assert made.device_status_metrics_group.metrics[0].metric_value == expected
        assert made.device_status_metrics_group.metrics[0].metric_value == expected
    assert ping.call_count == 1
    made = status(ping=False)
    made.handle_exception('a', snmp.PanoptesSNMPTimeoutException())
    with pinging(answer) as ping:
        assert made.device_status_metrics_group.metrics[0].metric_value == 3 and not ping.called


def test_status_refuses():
    for text, args in (('resource must be an instance of PanoptesResource', (1, 60, logging.getLogger())),
                       ('execute_frequency must be integer > 0', (resource(), '60', logging.getLogger())),
                       ('logger must be an instance of logging.Logger', (resource(), 60, None))):
        with pytest.raises(AssertionError) as caught:
            PanoptesPollingStatus(*args)
        assert str(caught.value) == text


# Ping

def ping_metrics(answer, **main):
    with pinging(answer) as ping:
        results = PluginPollingPing().run(plugin_context({'main': main}))
    group, = results
    assert (group.group_type, group.dimensions) == ('ping', [])
    return {metric.metric_name: metric.metric_value for metric in group.metrics}, ping


def test_ping():
    metrics, ping = ping_metrics(PING.format(3, 3, 0), count='3', timeout='4')
    assert metrics == {'packet_loss_percent': 0.0, 'round_trip_minimum': 1.0, 'round_trip_average': 2.0,
                       'round_trip_maximum': 3.0, 'round_trip_standard_deviation': 0.5, 'ping_status': 0}
    assert ping.call_args[0][0] == ['/bin/ping', '-c', '3', '-w', '4', 'test_endpoint']


def test_ping_fails(caplog):
    metrics, ping = ping_metrics(LOST)
    assert metrics == {'ping_status': 7} and ping.call_args[0][0][1:5] == ['-c', '10', '-w', '10']
    assert 'For device test_endpoint, ping failed: PanoptesPingTimeoutException(' in caplog.text
    with pytest.raises(PanoptesPollingPluginConfigurationError) as caught:
        ping_metrics(PING, count='many')
    assert str(caught.value) == 'For device test_endpoint, configured count is not an integer: many'


# Discovery

ENTRY = {'resource_site': 's', 'resource_class': 'c', 'resource_subclass': 'u', 'resource_type': 't', 'resource_id': 'i',
         'resource_endpoint': 'e', 'resource_metadata': {'_resource_ttl': '900'},
         'resource_creation_timestamp': '1512629517.03121', 'resource_plugin': 'plugin_discovery_from_json_file'}


def discover(tmp_path, text, **main):
    file = tmp_path / 'devices.json'
    file.write_text(text if isinstance(text, str) else json.dumps(text))
    return PluginDiscoveryJSONFile().run(plugin_context({
        'main': dict({'config_file': 'devices.json'}, **main),
        'Core': {'module': str(tmp_path / 'plugin_discovery_from_json_file')}}))


def test_discovery(tmp_path, caplog):
    with caplog.at_level(logging.INFO, 'panoptes.test'):
        found = discover(tmp_path, [ENTRY, dict(ENTRY, resource_id='j'), {'resource_id': 'broken'}])
    assert sorted(found.resources)[0].resource_creation_timestamp == 1512629517.03121
    assert [made.resource_id for made in sorted(found.resources)] == ['i', 'j']
    assert caplog.messages == ['Tried to read 3 resources from {}, 1 failed'.format(tmp_path / 'devices.json')]
    assert len(discover(tmp_path, [ENTRY], config_file=str(tmp_path / 'devices.json'))) == 1


def test_discovery_fails(tmp_path):
    for text, message in (([], 'Error during lookup for PanoptesResource from file {}.'),
                          (ENTRY, 'Error during lookup for PanoptesResource from file {}.'),
                          ('{', 'Error while attempting to parse JSON from file {}: JSONDecodeError(')):
        with pytest.raises(PanoptesDiscoveryPluginError) as caught:
            discover(tmp_path, text)
        assert str(caught.value).startswith(message.format(tmp_path / 'devices.json'))


# Enrichment

def enrichment_context(**changes):
    main = {'execute_frequency': '60', 'enrichment_ttl': '600'}
    main.update(changes)
    return plugin_context({'main': main}, secrets=SECRETS)


INTERFACES = {
    **table(ifTable.ifDescr, i1='Ethernet1', i2='Ethernet2', i3='', i4='lo'),
    **table(ifTable.ifType, 'INTEGER', i1='6', i2='161', i3='24', i4='999'),
    **table(ifTable.ifSpeed, 'GAUGE', i1='4294967295', i2='1000', i3='0'),
    **table(ifTable.ifPhysAddress, i1='\x00\x1a\xff', i2=''),
    **table(ifXTable.ifName, i1='et1'),
    **table(ifXTable.ifHighSpeed, 'GAUGE', i1='100000', i2='1', i3='0'),
    **table(ifXTable.ifAlias, i1='uplink', i2=''),
}


def test_interface_enrichment():
    plugin = PluginEnrichmentInterface()
    with snmp_host(INTERFACES):
        found = plugin.run(enrichment_context())
    group, = found.enrichment
    assert (group.namespace, group.enrichment_ttl) == ('interface', 600)
    one, two, three, four = [json.loads(group.serialize_data())[index] for index in '1234']
    missing = '<not set>'
    assert one == {
        'interface_name': 'et1', 'description': 'Ethernet1', 'alias': 'uplink', 'media_type': 'ethernetCsmacd',
        'configured_speed': 100000000000, 'port_speed': 100000000000, 'physical_address': '00:1A:FF',
        'parent_interface_name': missing, 'parent_interface_media_type': missing,
        'parent_interface_configured_speed': -1, 'parent_interface_port_speed': -1}
    assert (two['configured_speed'], two['alias'], two['physical_address'], two['interface_name']) == (
        1000, missing, missing, missing)
    assert (three['configured_speed'], three['description'], plugin.get_if_speed('3')) == (0, missing, 0)
    assert (four['configured_speed'], four['media_type'], plugin.get_if_speed('4')) == (-1, missing, -1)
    assert plugin.interface_table['1']['alias'] == 'uplink'
    assert plugin._enrichments_map[ifXTable.ifName + '.1'] == 'et1'
    with snmp_host({}):
        assert len(PluginEnrichmentInterface().run(enrichment_context())) == 0


class Vendor(PluginEnrichmentInterface):
    """Reads the table while it is being built, as vendors' plugins do."""

    seen = []

    def _row(self, index):
        row = self._interface_table[index]
        self.seen.append((index, list(row)))
        return row

    def get_interface_name(self, index):
        self._row(index)
        return super(Vendor, self).get_interface_name(index)

    def get_description(self, index):
        return 'port ' + self._row(index)['interface_name']

    def get_media_type(self, index):
        return self._row(index)['description'] + '!'

    def get_alias(self, index):
        return self._row(index)['media_type'] + '?'

    def get_configured_speed(self, index):
        return len(self._row(index)['alias'])

    def get_port_speed(self, index):
        return self._row(index)['configured_speed'] + 1

    def get_physical_address(self, index):
        return str(self._row(index)['port_speed'])

    def get_parent_interface_name(self, index):
        name = self._row(index)['interface_name']
        return name.split('.')[0] if '.' in name else self._MISSING_VALUE_STRING


def test_interface_enrichment_of_a_vendor():
    del Vendor.seen[:]
    plugin = Vendor()
    with snmp_host(table(ifXTable.ifName, i1='ge0.5', i2='ge0', i3='xe1.1')):
        found = plugin.run(enrichment_context())
    group, = found.enrichment
    child, parent, orphan = [json.loads(group.serialize_data())[index] for index in '123']
    # The parent's row comes later in the table, so that it takes a second pass to find it.
    assert (child['parent_interface_name'], child['parent_interface_media_type'],
            child['parent_interface_configured_speed'], child['parent_interface_port_speed']) == (
        'ge0', parent['media_type'], parent['configured_speed'], parent['port_speed'])
    assert (parent['media_type'], parent['port_speed'], parent['physical_address']) == ('port ge0!', 11, '11')
    assert (orphan['parent_interface_name'], orphan['parent_interface_media_type'],
            orphan['parent_interface_configured_speed'], orphan['parent_interface_port_speed']) == (
        'xe1', '<not set>', -1, -1)
    assert (parent['parent_interface_name'], parent['parent_interface_port_speed']) == ('<not set>', -1)
    entries = ['interface_name', 'description', 'media_type', 'alias', 'configured_speed', 'port_speed']
    assert [row for index, row in Vendor.seen if index == '2'][:7] == [entries[:count] for count in range(7)]


class Generic(PanoptesEnrichmentGenericSNMPPlugin):
    def get_enrichment(self):
        self._oids_map = {'a': {'method': 'get', 'oid': '.1.1'}}
        self._metrics_groups = [{'group_name': 'g', 'metrics': {'m': 'a'}}]
        self.enrichment_group.add_enrichment_set(PanoptesEnrichmentSet(
            self.device_fqdn, {'oids': self.oids_map, 'metrics_groups': self.metrics_groups}))
        self.enrichment_group_set.add_enrichment_group(self.enrichment_group)
        assert (self._snmp_timeout, self._snmp_retries, self._snmp_non_repeaters, self._snmp_max_repetitions) == (5, 1, 0, 25)
        assert self._snmp_connection.get('.1.1').value == 'x'
        return self.enrichment_group_set


def test_generic_enrichment():
    with snmp_host({'.1.1': ('OCTETSTR', 'x')}):
        found = Generic().run(enrichment_context(enrichment_namespace='own'))
        assert next(iter(Generic().run(enrichment_context()).enrichment)).namespace == 'metrics'
    group, = found.enrichment
    assert group.namespace == 'own' and json.loads(group.serialize_data())['test_endpoint']['oids']['a']['oid'] == '.1.1'
    assert len(PanoptesEnrichmentGenericSNMPPlugin().run(enrichment_context())) == 0
    assert PanoptesEnrichmentGenericSNMPPlugin.decode_bytes(b'a\xffb') == 'ab'
    assert PanoptesEnrichmentGenericSNMPPlugin.decode_bytes(5) == 5


def test_generic_enrichment_fails():
    with pytest.raises(PanoptesEnrichmentPluginError) as caught:
        Generic().run(enrichment_context(enrichment_ttl='x'))
    assert str(caught.value).startswith('[Test Plugin] Error while parsing configuration for device "test_endpoint": '
                                        'ValueError(')
    with pytest.raises(PanoptesEnrichmentPluginError) as caught:
        Generic().run(plugin_context({'main': {'enrichment_ttl': '600'}}))
    assert str(caught.value).startswith('[Test Plugin] Error while creating SNMP connection for the device '
                                        '"test_endpoint": PanoptesSNMPException(')

"""Plugins in the style of those that sites have, run unmodified; what they come to lies in golden/test_suite."""
import http.server
import json
import subprocess
import threading
from pathlib import Path
from unittest import mock

import pytest

from yahoo_panoptes.framework.utilities.snmp.exceptions import PanoptesSNMPTimeoutException
from yahoo_panoptes.framework.utilities.snmp.mibs import ifTable, ifXTable
from yahoo_panoptes.framework.utilities.snmp.mibs.juniper import MibJuniper
from yahoo_panoptes.framework.utilities.snmp.mibs.snmpv2 import MibSNMPV2

SUITE = Path(__file__).parent / 'suite'
PLUGINS = sorted(str(path.relative_to(SUITE)) for path in SUITE.glob('*/*.panoptes-plugin'))

PONG = ('PING localhost\n\n--- localhost ping statistics ---\n3 packets transmitted, 3 received, 0% packet loss, time 9ms\n'
        'rtt min/avg/max/mdev = 1.000/2.000/3.000/0.500 ms\n')

VENDOR = '.1.3.6.1.4.1.99999.3.1'


def column(oid, *values, **by_index):
    found = {'{}.{}'.format(oid, index): value for index, value in enumerate(values, 1)}
    found.update({'{}.{}'.format(oid, index[1:].replace('_', '.')): value for index, value in by_index.items()})
    return found


INTERFACES = {**column(ifTable.ifOperStatus, 1, 2), **column(ifXTable.ifHCInOctets, 10, 20),
              **column(ifXTable.ifHCOutOctets, 30), ifTable.ifInErrors: PanoptesSNMPTimeoutException('no answer')}

# What a plugin is given beside its file.
OPTIONS = {
    'polling/plugin_heartbeat': {'enrichment': {'heartbeat_ns': {'heartbeat': {'timestamp': 1512629517.5}}}},
    'polling/plugin_http_secret': {'secrets': {'api_token': 'hush'}},
    'polling/plugin_snmp_uptime': {'snmp': {'.1.3.6.1.2.1.1.3.0': ('TICKS', '123456')}},
    'polling/plugin_snmp_storage': {'snmp': {
        **column(str(MibSNMPV2.hrStorageDescr), '/', '/var', ''),
        **column(str(MibSNMPV2.hrStorageAllocationUnits), 4096, 4096, 1024),
        **column(str(MibSNMPV2.hrStorageSize), 1000, 2000, 64), **column(str(MibSNMPV2.hrStorageUsed), 10, 20, 32)}},
    'polling/plugin_snmp_juniper': {'snmp': {
        **column(str(MibJuniper.jnxOperatingDescr), i9_1_0_0='Routing Engine 0', i7_1_0_0='FPC 0'),
        **column(str(MibJuniper.jnxOperatingCPU), i9_1_0_0=12, i7_1_0_0=0, i7_2_0_0=5),
        **column(str(MibJuniper.jnxOperatingTemp), i9_1_0_0=36, i7_1_0_0=0, i7_2_0_0=40)}},
    'polling/plugin_snmp_bgp': {'snmp': column(
        '.1.3.6.1.4.1.2636.5.1.1.2.1.1.1.2', i0_192_0_2_7=6,
        i0_32_1_73_152_0_88_206_3_0_0_0_0_0_0_0_1=3)},
    'polling/plugin_snmp_interfaces': {'snmp': INTERFACES, 'enrichment': {'interface': {
        '1': {'alias': 'uplink', 'media_type': 'ethernetCsmacd', 'interface_name': 'et1'}}}},
    'polling/plugin_snmp_partial': {'snmp': {
        '.1.3.6.1.4.1.99999.1.0': 4, '.1.3.6.1.4.1.99999.2.0': PanoptesSNMPTimeoutException('no answer')}},
    'enrichment/plugin_enrichment_operational': {'snmp': {
        '.1.3.6.1.2.1.1.1.0': 'Juniper EX4200 Ethernet Switch, kernel version 12.3R9'}},
    'enrichment/plugin_enrichment_interface_vendor': {'snmp': {
        **column(ifTable.ifDescr, 'Ethernet1', 'Ethernet1.100'), **column(ifTable.ifType, 6, 135),
        **column(ifXTable.ifName, 'et1', 'et1.100'), **column(ifXTable.ifHighSpeed, 10000, 1),
        **column(ifTable.ifSpeed, 4294967295, 0), **column(ifTable.ifPhysAddress, b'\x00\x1a\xff\x10\x20\x30')}},
    'enrichment/plugin_enrichment_generic_vendor': {'snmp': column(VENDOR + '.1', 'RE0', 'RE1')},
}


class Handler(http.server.BaseHTTPRequestHandler):
    ANSWERS = {
        '/price?currency=USD': {'currency': 'USD', 'rate': '12.5'},
        '/private': {'sessions': 3},
        '/pools?name=web': {'members': [{'state': 'up'}, {'state': 'up'}, {'state': 'down'}]},
        '/inventory': [
            {'site': 'dc1', 'role': 'switch', 'vendor': 'vendor', 'name': 'sw1', 'address': 'localhost',
             'tags': {'rack': 'A1'}},
            {'site': 'dc2', 'role': 'router', 'vendor': 'vendor', 'name': 'r1', 'address': 'localhost'}],
    }

    def do_GET(self):
        denied = self.path == '/private' and self.headers.get('Authorization') != 'Bearer hush'
        known = self.path in self.ANSWERS
        self.send_response(401 if denied else 200 if known else 404)
        self.end_headers()
        self.wfile.write(json.dumps({} if denied else self.ANSWERS.get(self.path)).encode())

    def log_message(self, *args):
        pass


@pytest.fixture(scope='module')
def url():
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield 'http://127.0.0.1:{}'.format(server.server_port)
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def run_plugin(panoptes_run, panoptes_resource, url):
    def run(name, **options):
        options = dict(OPTIONS.get(name, {}), **options)
        options.setdefault('resource', panoptes_resource(
            id='sw1', **{'class': 'network'}, metadata={'_resource_ttl': '900', 'model': 'X1'}))
        with mock.patch.object(subprocess, 'check_output', wraps=subprocess.check_output) as program:
            program.side_effect = lambda command, **kw: PONG if command[0] == '/bin/ping' else mock.DEFAULT
            return panoptes_run(SUITE / (name + '.panoptes-plugin'),
                                config={'main': {'url': url}} if 'http' in name else None, **options)
    return run


@pytest.mark.parametrize('file', PLUGINS)
def test_plugin(file, run_plugin, panoptes_golden):
    name = file[:-len('.panoptes-plugin')]
    panoptes_golden(run_plugin(name), name.replace('/', '-'))


def test_all_are_there():
    assert len(PLUGINS) >= 25
    golden = {path.stem for path in (Path(__file__).parent / 'golden' / 'test_suite').glob('*.json')}
    assert golden == {file[:-len('.panoptes-plugin')].replace('/', '-') for file in PLUGINS}
    assert set(OPTIONS) <= {file[:-len('.panoptes-plugin')] for file in PLUGINS}


def test_nothing_survives_a_run(run_plugin):
    for _ in range(2):
        run = run_plugin('polling/plugin_chatty')
        assert (run.value('module_runs'), run.value('class_runs')) == (1, 1)


def test_what_the_store_keeps_survives(run_plugin, panoptes_context, panoptes_resource):
    first = run_plugin('polling/plugin_kv_delta')
    second = run_plugin('polling/plugin_kv_delta', context=first.context)
    assert (first.value('total'), second.value('total')) == (7, 14)
    assert (first.value('first_run'), second.value('first_run')) == (1, 0)


def test_without_a_secret(run_plugin):
    assert run_plugin('polling/plugin_http_secret', secrets={'api_token': 'wrong'}).value('http_status') == 401
    with pytest.raises(Exception, match='no api_token for site "test_site"'):
        run_plugin('polling/plugin_http_secret', secrets={})


def test_enrichment_goes_to_polling(run_plugin):
    """What an enrichment plugin writes is what the polling plugin needs."""
    for producer, consumer, namespace in (
            ('enrichment/plugin_enrichment_heartbeat', 'polling/plugin_heartbeat', 'heartbeat_ns'),):
        written = run_plugin(producer).data()['sw1'][namespace]['data']
        assert run_plugin(consumer, enrichment={namespace: written}).data() == run_plugin(consumer).data()
    assert run_plugin('polling/plugin_heartbeat', enrichment={'other': {}}).value('heartbeat_enrichment_timestamp') == -1


def test_devices_that_do_not_answer(run_plugin):
    silent = {str(MibJuniper.jnxOperatingCPU): PanoptesSNMPTimeoutException('no answer')}
    assert run_plugin('polling/plugin_snmp_juniper', snmp=silent).value('juniper_status') == 3
    assert run_plugin('polling/plugin_snmp_juniper', snmp={'.1.1': 1}).value('juniper_status') == 6



"""SNMP connections, their configuration and the MIB modules, against a fake host; docs/panoptes/snmp.md 1, 2."""
import contextlib

import pytest
from fakes import HostError, plugin_context, resource, snmp_host, table

from yahoo_panoptes.framework.plugins.base_snmp_plugin import PanoptesSNMPBaseEnrichmentPlugin, PanoptesSNMPBasePlugin
from yahoo_panoptes.framework.exceptions import PanoptesPluginConfigurationError, PanoptesPluginRuntimeError
from yahoo_panoptes.framework.utilities.snmp import connection as c
from yahoo_panoptes.framework.utilities.snmp import exceptions as errors
from yahoo_panoptes.framework.utilities.snmp import host
from yahoo_panoptes.framework.utilities.snmp.configuration import PanoptesSNMPPluginConfiguration
from yahoo_panoptes.framework.utilities.snmp.mibs import base, dot3StatsTable, ifTable, ifXTable
from yahoo_panoptes.framework.utilities.snmp.mibs.juniper import MibJuniper
from yahoo_panoptes.framework.utilities.snmp.mibs.snmpv2 import MibSNMPV2
from yahoo_panoptes.plugins.helpers.snmp_connections import PanoptesSNMPConnectionFactory
from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin

SECRETS = {'snmp_community_string:test_site': 'hush'}
get_connection = PanoptesSNMPConnectionFactory.get_snmp_connection


def asserts(text, function, *args, **kwargs):
    with pytest.raises(AssertionError) as caught:
        function(*args, **kwargs)
    assert str(caught.value) == text


def connect():
    return c.PanoptesSNMPV2Connection('device', 161, 5, 1, 'hush')


def test_variable():
    variable = c.PanoptesSNMPVariable('.1.2.3', '.1.2.3.4.5', '6', 'v', 'OCTETSTR')
    assert (variable.oid, variable.index, variable.value, variable.snmp_type) == ('.1.2.3', '4.5.6', 'v', 'OCTETSTR')
    assert c.PanoptesSNMPVariable('.1.2.3', '.1.2.3', '6', 'v', 'INTEGER').index == '6'
    assert repr(c.PanoptesSNMPVariable('.1', '.1', '6', b'a\xff', 'X')) == (
        "<PanoptesSNMPVariable value='a\\xff' (oid='.1', index='6', snmp_type='X')>")
    make = c.PanoptesSNMPVariable
    asserts('queried_oid must be numeric string with a leading period', make, '1', '.1', '1', 'v', 'X')
    asserts('oid must be numeric string with a leading period', make, '.1', None, '1', 'v', 'X')
    asserts('index must be None or a non-empty string', make, '.1', '.1', '', 'v', 'X')
    asserts('snmp_type must be a non-empty string', make, '.1', '.1', '1', 'v', '')


def test_get():
    with snmp_host({'.1.3.0': ('TICKS', '12')}) as fake:
        found, missing = connect().get(oid='.1.3.0'), connect().get('.1.4.0')
    assert (found.oid, found.index, found.value, found.snmp_type) == ('.1.3.0', '0', '12', 'TICKS')
    assert (missing.value, missing.snmp_type) == ('NOSUCHOBJECT', 'NOSUCHOBJECT')
    target = {'host': 'device', 'port': 161, 'timeout': 5, 'retries': 1, 'community': 'hush'}
    assert fake.asked[:2] == [('snmp.open', {'target': target}),
                              ('snmp.get', {'oids': ['.1.3.0'], 'target': target})]


def test_walks():
    objects = dict(table('.1.2.3', i9_1_0_0='a', i2='b'), **table('.1.2.30', i1='no'))
    with snmp_host(objects) as fake:
        rows = connect().bulk_walk('.1.2.3', non_repeaters=0, max_repetitions=7)
        bulk = connect().get_bulk('.1.2.3')
        assert connect().bulk_walk('.7') == []
    assert [(row.oid, row.index, row.value) for row in rows] == [('.1.2.3', '2', 'b'), ('.1.2.3', '9.1.0.0', 'a')]
    # The fake answers get_bulk with what comes after, as devices do; it is for the connection to leave that out.
    assert [row.index for row in bulk] == ['2', '9.1.0.0']
    assert fake.asked[1] == ('snmp.bulk_walk', {
        'oid': '.1.2.3', 'max_repetitions': 7, 'target': fake.asked[0][1]['target']})
    with snmp_host({'.1.1': ('ENDOFMIBVIEW', 'ENDOFMIBVIEW')}):
        assert connect().get_bulk('.1') == []


def test_types_of_a_walk():
    # One type for all of them, or one each.
    for types in ('GAUGE', ['GAUGE', 'NULL']):
        with answers(indexes=['1', '2.7'], types=types, values=['5', '']):
            rows = connect().bulk_walk('.1.2')
        assert [(row.oid, row.index, row.value) for row in rows] == [('.1.2', '1', '5'), ('.1.2', '2.7', '')]
        assert [row.snmp_type for row in rows] == (types if isinstance(types, list) else [types] * 2)
    for wrong in ({'types': ['GAUGE'], 'values': ['5', '6']}, {'types': 'GAUGE', 'values': ['5']}):
        with answers(indexes=['1', '2'], **wrong), pytest.raises(
                errors.PanoptesSNMPException, match='the host answered with 1 values where 2 were to be'):
            connect().bulk_walk('.1.2')


@contextlib.contextmanager
def answers(**answer):
    before = host.use(lambda method, params: answer)
    try:
        yield
    finally:
        host.use(before)


@pytest.mark.parametrize('code, expected', [
    (-32020, errors.PanoptesSNMPException), (-32021, errors.PanoptesSNMPConnectionException),
    (-32022, errors.PanoptesSNMPTimeoutException), (-32023, errors.PanoptesSNMPUnknownObjectIDException),
    (-32024, errors.PanoptesSNMPNoSuchNameException), (-32025, errors.PanoptesSNMPNoSuchObjectException),
    (-32026, errors.PanoptesSNMPNoSuchInstanceException), (-32027, errors.PanoptesSNMPUndeterminedTypeException),
])
def test_errors(code, expected):
    with snmp_host({'.1': HostError(code, 'device said no')}):
        for ask in (connect().get, connect().bulk_walk):
            with pytest.raises(errors.PanoptesSNMPException) as caught:
                ask('.1')
            assert type(caught.value) is expected and str(caught.value) == 'device said no'


def test_no_snmp_yet():
    with snmp_host({}, HostError(host.METHOD_NOT_FOUND, 'method not found')):
        with pytest.raises(errors.PanoptesSNMPException, match='there is no SNMP here: the host has no snmp.open yet'):
            connect()
    with pytest.raises(errors.PanoptesSNMPException, match='no host answers snmp.get'):
        connect().get('.1')
    with snmp_host({'.1': OSError('broken pipe')}):
        with pytest.raises(errors.PanoptesSNMPException, match=r"OSError\('broken pipe'\)"):
            connect().get('.1')


def test_connection_refuses():
    make = c.PanoptesSNMPV2Connection
    for text, args in (
            ('host must a non-empty string', ('', 161, 5, 1, 'c')),
            ('port must be an integer between 1 and 65535', ('h', 0, 5, 1, 'c')),
            ('timeout must be a integer greater than zero', ('h', 1, 0, 1, 'c')),
            ('retries must a non-negative integer', ('h', 1, 5, -1, 'c')),
            ('community_string must a non-empty string', ('h', 1, 5, 1, ''))):
        asserts(text, make, *args)
    made = connect()
    assert (made.host, made.port, made.timeout, made.retries, made.community) == ('device', 161, 5, 1, 'hush')
    asserts('oid must be numeric string with a leading period', made.get, 'sysDescr')
    asserts('non_repeaters must a positive integer', made.bulk_walk, '.1', -1)
    asserts('max_repetitions must a positive integer', made.get_bulk, '.1', 0, 0)
    asserts('PanoptesSNMPSession not initialized', c.PanoptesSNMPConnection('h', 1, 5, 1).get, '.1')
    secure = c.PanoptesSNMPV3TLSConnection('h', 1, 5, 1, 'ctx', 'me', 'you')
    assert (secure.context, secure.our_identity, secure.their_identity) == ('ctx', 'me', 'you')
    asserts('context must be a non-empty string', c.PanoptesSNMPV3TLSConnection, 'h', 1, 5, 1, '', 'me', 'you')


def test_star_import():
    names = {}
    exec('from yahoo_panoptes.framework.utilities.snmp.connection import *\n'
         'from yahoo_panoptes.framework.utilities.snmp.exceptions import *\n'
         'from yahoo_panoptes.framework.utilities.ping import *\n', names)
    for name in ('EasySNMPTimeoutError', 'easysnmp', 'PanoptesSNMPTimeoutException', 'PanoptesSNMPVariable',
                 'PanoptesPluginContext', 'PanoptesValidators', 'PanoptesSNMPV2Connection', 'SNMP_ERRORS_MAP',
                 'exception_class_mapping', 'json', 're', 'random', 'requests', 'subprocess', 'const',
                 'PanoptesResource', 'PanoptesBaseException', 'PanoptesSNMPConnectionFactory'):
        assert name in names


# Where community, ports and files come from

def test_community():
    def community(secrets=None, snmp=None, **section):
        return get_connection(plugin_context({'snmp': section}, secrets=secrets, snmp=snmp), resource()).community
    assert community(SECRETS) == 'hush'
    assert community(SECRETS, community='mine') == 'mine'
    assert community({'key:test_site': 'a'}, community_string_key='key') == 'a'
    assert community({'main:test_site': 'a'}, {'community_string_key': 'main'}) == 'a'
    assert community({'snmp_community_string:default': 'd'}) == 'd'
    assert community(snmp={'community': 'chosen'}) == 'chosen'
    # Panoptes' default, public, is never sent.
    with pytest.raises(errors.PanoptesSNMPException) as caught:
        community()
    assert str(caught.value) == ('SNMP community string is empty for site "test_site" (used key '
                                 '"snmp_community_string")')
    context = plugin_context()
    context.secrets.get_by_site = lambda *args: 1 // 0
    with pytest.raises(errors.PanoptesSNMPException) as caught:
        get_connection(context, resource())
    assert str(caught.value).startswith('Could not fetch SNMP community string using key "snmp_community_string" for '
                                        'site "test_site": ZeroDivisionError(')


def test_credentials_of_the_host():
    """With a host no secret is read: it has the credentials, or finds the secret itself."""
    context = plugin_context(secrets=SECRETS)
    context.secrets.get_by_site = lambda *args: 1 // 0
    with snmp_host({}) as fake:
        made = get_connection(context, resource(), community_suffix='100')
        PanoptesSNMPPluginConfiguration(context)
    assert made.version == '2c'
    assert fake.asked == [('snmp.open', {'target': {
        'host': 'test_endpoint', 'port': 161, 'timeout': 5, 'retries': 1, 'site': 'test_site',
        'community_key': 'snmp_community_string', 'community_suffix': '100'}})]
    with snmp_host({}) as fake:
        get_connection(plugin_context({'snmp': {'community': 'mine'}}), resource(), community_suffix='100')
        get_connection(plugin_context({'snmp': {'community_string_key': 'key'}}), resource())
    assert [params['target'].get('community', params['target'].get('community_key'))
            for _, params in fake.asked] == ['mine@100', 'key']


def test_an_endpoint_that_does_not_resolve_ends_the_run():
    with snmp_host({}, HostError(-32021, 'cannot resolve "test_endpoint"')):
        with pytest.raises(errors.PanoptesSNMPConnectionException, match='^cannot resolve "test_endpoint"$'):
            connect()
        with pytest.raises(PanoptesPluginRuntimeError, match='^Error creating SNMP connection: '
                                                             'PanoptesSNMPConnectionException.*cannot resolve'):
            Plugin().run(plugin_context(secrets=SECRETS))


def test_factory():
    context = plugin_context(secrets=SECRETS)
    made = get_connection(context, resource())
    assert (made.host, made.port, made.timeout, made.retries) == ('test_endpoint', 161, 5, 1)
    assert get_connection(context, resource(), community_suffix='100').community == 'hush@100'
    made = get_connection(context, resource(), timeout=2, retries=3, port=1161)
    assert (made.port, made.timeout, made.retries) == (1161, 2, 3)
    asserts('plugin_context must instance of PanoptesPluginContext', get_connection, 1, resource())
    asserts('resource must be an instance of PanoptesResource', get_connection, context, None)
    for text, option in (
            ('timeout must be an integer greater than zero', {'timeout': 0}),
            ('retries must be an integer greater than zero', {'retries': 0}),
            ('port must be an integer between 1 and 65535', {'port': 70000}),
            ('x509_secure_connection must be an integer between 0 and 2 (inclusive)', {'x509_secure_connection': 3}),
            ('community_suffix must be None or a non-empty string', {'community_suffix': ''})):
        asserts(text, get_connection, context, resource(), **option)
    with pytest.raises(errors.PanoptesSNMPException, match='^x509 key file "/none" is not readable$'):
        get_connection(context, resource(), x509_secure_connection=1, x509_key_file='/none')
    with pytest.raises(errors.PanoptesSNMPException, match='^x509 cert file "/none" is not readable$'):
        get_connection(context, resource(), x509_secure_connection=1, x509_key_file=__file__, x509_cert_file='/none')
    assert PanoptesSNMPConnectionFactory.parse_x509_config(context, 2, __file__, __file__) == (2, __file__, __file__)
    assert PanoptesSNMPConnectionFactory.parse_x509_config(context) == (0, None, None)


def test_proxies():
    proxied = resource()
    proxied.resource_metadata['snmp_proxy_hosts'] = 'a|b'
    with pytest.raises(errors.PanoptesSNMPConnectionException, match='snmp_proxy_hosts of "test_endpoint"'):
        get_connection(plugin_context(secrets=SECRETS), proxied)

    class Client(c.PanoptesSNMPSteamRollerAgentConnection):
        pass
    assert Client('h', 1, 5, 1, proxy_host='a').host == 'h'


def test_configuration():
    made = PanoptesSNMPPluginConfiguration(plugin_context(
        {'snmp': {'port': '1161', 'timeout': '9', 'max_repetitions': '5'}, 'x509': {'x509_cert_location': '/certs'}},
        secrets=SECRETS))
    assert (made.port, made.timeout, made.retries, made.max_repetitions, made.non_repeaters, made.proxy_port) == (
        1161, 9, 1, 5, 0, 10161)
    assert (made.community, made.community_string_key) == ('hush', 'snmp_community_string')
    assert made.connection_factory_class == 'PanoptesSNMPConnectionFactory'
    assert made.connection_factory_module == 'yahoo_panoptes.plugins.helpers.snmp_connections'
    assert (made.x509_cert_file, made.x509_key_file) == ('/certs/panoptes.pem', '/home/panoptes/x509/keys/panoptes.key')
    assert made.x509_secure_connection == 0
    assert PanoptesSNMPPluginConfiguration(plugin_context()).community == 'public'


@pytest.mark.parametrize('section, option, value, text', [
    ('snmp', 'connection_factory_module', '', 'SNMP connection factory module must be a non-empty string'),
    ('snmp', 'connection_factory_class', '', 'SNMP connection factory class must be a non-empty string'),
    ('snmp', 'community_string_key', '', 'SNMP community string key must be a non-empty string'),
    ('snmp', 'port', '0', 'SNMP port must be a valid TCP/UDP port number'),
    ('snmp', 'proxy_port', '70000', 'SNMP proxy port must be a valid TCP/UDP port number'),
    ('snmp', 'timeout', '0', 'SNMP timeout must be a positive integer'),
    ('snmp', 'retries', '0', 'SNMP retries must be a positive integer'),
    ('snmp', 'non_repeaters', '-1', 'SNMP non-repeaters must be a positive integer'),
    ('snmp', 'max_repetitions', '0', 'SNMP max-repetitions must be a positive integer'),
    ('x509', 'x509_secured_requests', '-1', 'x509 secure connection must be a positive integer'),
    ('x509', 'x509_secured_requests', '3', 'x509 secure connection cannot be greater than 2'),
    ('x509', 'x509_cert_location', '', 'cert location must be a valid string'),
    ('x509', 'x509_cert_filename', '', 'cert filename must be a valid string'),
    ('x509', 'x509_key_location', '', 'key location must be a valid string'),
    ('x509', 'x509_key_filename', '', 'key filename must be a valid string'),
])
def test_configuration_refuses(section, option, value, text):
    asserts(text, PanoptesSNMPPluginConfiguration, plugin_context({section: {option: value}}, secrets=SECRETS))


def test_configuration_refuses_what_is_no_number():
    with pytest.raises(ValueError):
        PanoptesSNMPPluginConfiguration(plugin_context({'snmp': {'port': ''}}))
    asserts('plugin_context must be a class or subclass of PanoptesPluginContext', PanoptesSNMPPluginConfiguration, 1)
    context = plugin_context()
    context.secrets.get_by_site = lambda *args: 1 // 0
    with pytest.raises(errors.PanoptesSNMPException, match='^Could not fetch SNMP community string for site '
                                                           '"test_site" using key "snmp_community_string": Zero'):
        PanoptesSNMPPluginConfiguration(context)
    asserts('SNMP community must be a non-empty string', PanoptesSNMPPluginConfiguration,
            plugin_context(snmp={'community': ''}))


# The base class of plugins

class Plugin(PanoptesSNMPBasePlugin, PanoptesPollingPlugin):
    def get_results(self):
        assert self.snmp_connection is self._snmp_connection and self.plugin_context.data is self.resource
        assert (self.host, self.execute_frequency, self.enrichment) == ('test_endpoint', 60, None)
        assert self.plugin_config['main'] and self.logger and self.snmp_configuration.port == 161
        return [self._snmp_connection.get('.1.1').value]


class OtherFactory(PanoptesSNMPConnectionFactory):
    pass


def test_base_plugin(caplog):
    with snmp_host({'.1.1': ('INTEGER', '5')}), caplog.at_level('INFO', 'panoptes.test'):
        assert Plugin().run(plugin_context(secrets=SECRETS)) == ['5']
    assert 'Going to poll device "test_endpoint:161" for metrics' in caplog.messages
    assert caplog.messages[-1].startswith('Done polling metrics for device "test_endpoint" in 0.')
    assert caplog.messages[-1].endswith(' seconds, 1 metrics groups')
    caplog.clear()
    assert PanoptesSNMPBasePlugin().run(plugin_context(secrets=SECRETS)) is None
    assert caplog.messages[-1] == 'Error polling metrics for device test_endpoint'
    with pytest.raises(AttributeError):
        Plugin().snmp_connection


def test_base_plugin_fails():
    with pytest.raises(PanoptesPluginConfigurationError, match='^Error parsing SNMP configuration: AssertionError'):
        Plugin().run(plugin_context({'snmp': {'port': '0'}}))
    with pytest.raises(PanoptesPluginRuntimeError, match='^Error creating SNMP connection: PanoptesSNMPException'):
        Plugin().run(plugin_context())
    with pytest.raises(PanoptesPluginRuntimeError, match='must be a subclass of PanoptesSNMPConnectionFactory'):
        Plugin().run(plugin_context({'snmp': {'connection_factory_module': __name__,
                                              'connection_factory_class': 'Plugin'}}))
    with snmp_host({'.1.1': ('INTEGER', '5')}):
        assert Plugin().run(plugin_context(
            {'snmp': {'connection_factory_module': __name__, 'connection_factory_class': 'OtherFactory'}},
            secrets=SECRETS)) == ['5']
    with pytest.raises(KeyError):
        PanoptesSNMPBaseEnrichmentPlugin().run(plugin_context(secrets=SECRETS))
    made = PanoptesSNMPBaseEnrichmentPlugin()
    made.run(plugin_context({'main': {'enrichment_ttl': '600'}}, secrets=SECRETS))
    assert made.enrichment_ttl == 600


# MIBs

def test_tables():
    assert ifTable.ifOperStatus == '.1.3.6.1.2.1.2.2.1.8' and len(ifTable.if_table_oids) == 9
    assert ifTable.ifTypeEnum[0] == ('other', 1) and ifTable.ifTypeEnum[-1] == ('vdsl2', 251)
    assert (ifTable.getIfTypeDesc('6'), ifTable.getIfTypeDesc(161)) == ('ethernetCsmacd', 'ieee8023adLag')
    assert ifTable.getIfStatus('7') == 'lowerLayerDown'
    with pytest.raises(KeyError):
        ifTable.getIfTypeDesc('0')
    assert ifXTable.ifHighSpeed == '.1.3.6.1.2.1.31.1.1.1.15' and ifXTable.ifx_table_oids[-1] == ifXTable.ifHighSpeed
    assert dot3StatsTable.dots3stats_table_oids[0] == '.1.3.6.1.2.1.10.7.2.1.3'


def test_oids():
    below = base.oid('.1', base.SNMPString) + base.oid('.2.3.')
    assert (str(below), below.value, below.snmp_type, repr(base.oid('.1'))) == ('.1.2.3', '.1.2.3', None, 'oid(".1")')
    assert (base.oid('.1', base.SNMPString) + '2').snmp_type is base.SNMPString
    assert str(MibSNMPV2.hrStorageUsed) == '.1.3.6.1.2.1.25.2.3.1.6'
    assert str(MibJuniper.jnxOperating15MinAvgCPU) == '.1.3.6.1.4.1.2636.3.1.13.1.25'
    assert str(MibJuniper.jnxJsSPUMonitoringCPUUsage) == '.1.3.6.1.4.1.2636.3.39.1.12'
    assert MibJuniper.sysDescr is MibSNMPV2.sysDescr


def test_types():
    assert base.SNMPString('x') == 'x' and base.SNMPInteger(2 ** 40) == 2 ** 40 and base.SNMPFloat(1.5) == 1.5
    with pytest.raises(ValueError, match='^32 bit integer overflow, value of 2147483648 is to large for a signed 32'):
        base.SNMPGauge32(2 ** 31)

    class Wrong(str, base.SNMPTypeMixin):
        valid_types = (int,)
    with pytest.raises(ValueError, match="^'a' is not a <class 'int'>$"):
        Wrong('a').validate()


def test_native_names():
    from yahoo_panoptes_snmp import compat, utils
    assert compat.urepr('a') == "'a'"
    assert (utils.strip_non_printable('ab'), utils.strip_non_printable(None)) == ('ab', None)
    assert utils.strip_non_printable('a\x01') == 'a (contains binary: 61 01)'

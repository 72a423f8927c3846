"""Makes SNMP connections as plugin file, site and resource say; see docs/panoptes/snmp.md section 1."""
from __future__ import annotations

import os
import random
from typing import Any

from yahoo_panoptes.framework import const
from yahoo_panoptes.framework.plugins.context import PanoptesPluginContext
from yahoo_panoptes.framework.resources import PanoptesResource
from yahoo_panoptes.framework.utilities.snmp import host as snmp_host
from yahoo_panoptes.framework.utilities.snmp.configuration import (
    PanoptesSNMPPluginConfiguration,
    community_key,
    find_community,
    own_community,
)
from yahoo_panoptes.framework.utilities.snmp.connection import (
    PanoptesSNMPConnection,
    PanoptesSNMPHostConnection,
    PanoptesSNMPSteamRollerAgentConnection,
    PanoptesSNMPV2Connection,
    PanoptesSNMPV3TLSConnection,
)
from yahoo_panoptes.framework.utilities.snmp.exceptions import PanoptesSNMPException
from yahoo_panoptes.framework.validators import PanoptesValidators, check


class PanoptesSNMPConnectionFactory(object):
    """Derive from this to connect in another way, and name module and class in ``[snmp]``."""

    @staticmethod
    def get_snmp_connection(plugin_context: PanoptesPluginContext, resource: PanoptesResource,
                            timeout: int | None = None, retries: int | None = None, port: int | None = None,
                            x509_secure_connection: int | None = None, x509_key_file: str | None = None,
                            x509_cert_file: str | None = None,
                            community_suffix: str | None = None) -> PanoptesSNMPConnection:
        """A connection to the resource's endpoint; what is not given is the site's. With a suffix the community is
        ``<community>@<suffix>``, as for the contexts of VLANs. PanoptesSNMPException without a community."""
        check(isinstance(plugin_context, PanoptesPluginContext),
              'plugin_context must instance of PanoptesPluginContext')
        check(isinstance(resource, PanoptesResource), 'resource must be an instance of PanoptesResource')
        defaults = plugin_context.snmp
        timeout = defaults['timeout'] if timeout is None else timeout
        retries = defaults['retries'] if retries is None else retries
        port = defaults['port'] if port is None else port
        check(PanoptesValidators.valid_nonzero_integer(timeout), 'timeout must be an integer greater than zero')
        check(PanoptesValidators.valid_nonzero_integer(retries), 'retries must be an integer greater than zero')
        check(PanoptesValidators.valid_port(port), 'port must be an integer between 1 and 65535')
        secure, key_file, cert_file = PanoptesSNMPConnectionFactory.parse_x509_config(
            plugin_context, x509_secure_connection, x509_key_file, x509_cert_file)
        if secure > 0:
            check(PanoptesValidators.valid_readable_file(cert_file), 'x509_cert_file must be readable file')
            check(PanoptesValidators.valid_readable_file(key_file), 'x509_key_file must be a readable file')
        check(PanoptesValidators.valid_none_or_nonempty_string(community_suffix),
              'community_suffix must be None or a non-empty string')

        host = resource.resource_endpoint
        assert timeout is not None and retries is not None and port is not None
        proxies = resource.resource_metadata.get('snmp_proxy_hosts')
        if not proxies and snmp_host.is_there() and not own_community(plugin_context):
            connection = PanoptesSNMPHostConnection(
                host, port, timeout, retries, resource.resource_site, community_key(plugin_context), community_suffix)
            plugin_context.logger.info('Using SNMPv%s connection for %s', connection.version.rstrip('c'), host)
            return connection
        community = _community(plugin_context, resource.resource_site)
        if community_suffix:
            community = '{}@{}'.format(community, community_suffix)
        if proxies:
            proxy = random.choice(proxies.split(const.KV_STORE_DELIMITER))
            return PanoptesSNMPSteamRollerAgentConnection(
                host, port, timeout, retries, community=community, proxy_host=proxy,
                proxy_port=defaults.get('proxy_port'), x509_secure_connection=secure, x509_cert_file=cert_file,
                x509_key_file=key_file)
        plugin_context.logger.info('Using SNMPv2 connection for %s', host)
        return PanoptesSNMPV2Connection(host, port, timeout, retries, community)

    @staticmethod
    def parse_x509_config(plugin_context: PanoptesPluginContext, x509_secure_connection: int | None = None,
                          x509_key_file: str | None = None,
                          x509_cert_file: str | None = None) -> tuple[int, str | None, str | None]:
        """How secure a proxy's connection is to be (0, 1 or 2) and the files of key and certificate: as given, else as
        the plugin file, else as the site says. PanoptesSNMPException if a file that is needed cannot be read."""
        config: dict[str, Any] = dict(plugin_context.x509, **(plugin_context.config.get('x509') or {}))
        secure = int(config['x509_secured_requests'] if x509_secure_connection is None else x509_secure_connection)
        check(0 <= secure <= 2, 'x509_secure_connection must be an integer between 0 and 2 (inclusive)')
        files = {}
        for kind, given in (('key', x509_key_file), ('cert', x509_cert_file)):
            file = given or os.path.join(config['x509_{}_location'.format(kind)],
                                         config['x509_{}_filename'.format(kind)])
            if PanoptesValidators.valid_readable_file(file):
                files[kind] = file
            elif secure > 0:
                raise PanoptesSNMPException('x509 {} file "{}" is not readable'.format(kind, file))
        return secure, files.get('key'), files.get('cert')


def _community(plugin_context: PanoptesPluginContext, site: str) -> str:
    key = plugin_context.snmp.get('community_string_key')
    try:
        community, key = find_community(plugin_context, site)
    except Exception as e:
        raise PanoptesSNMPException(
            'Could not fetch SNMP community string using key "{}" for site "{}": {}'.format(key, site, repr(e)))
    if not community:
        raise PanoptesSNMPException(
            'SNMP community string is empty for site "{}" (used key "{}")'.format(site, key))
    return community

"""What a plugin file and the site say about SNMP; see docs/panoptes/snmp.md section 1."""
from __future__ import annotations

import os
from typing import Any

from yahoo_panoptes.framework.plugins.context import PanoptesPluginContext
from yahoo_panoptes.framework.utilities.snmp import host as snmp_host
from yahoo_panoptes.framework.utilities.snmp.exceptions import PanoptesSNMPException
from yahoo_panoptes.framework.validators import PanoptesValidators, check

_DEFAULT_SITE = 'default'


def own_community(plugin_context: PanoptesPluginContext) -> str | None:
    """The community that the plugin file itself has, if any."""
    return (plugin_context.config.get('snmp') or {}).get('community') or None


def community_key(plugin_context: PanoptesPluginContext) -> str:
    """The name of the secret that the community is: the plugin file's, else the site's."""
    section = plugin_context.config.get('snmp') or {}
    return str(section.get('community_string_key') or plugin_context.snmp['community_string_key'])


def find_community(plugin_context: PanoptesPluginContext, site: str) -> tuple[str | None, str]:
    """The community of a site and the key of the secret that was looked for. First the plugin file's own, then the
    secret of the site, then the one of all sites, then what the operator has set; None if there is none of these.
    Whatever reading the secret raises comes out."""
    key = community_key(plugin_context)
    own = own_community(plugin_context)
    if own:
        return own, key
    secret = plugin_context.secrets.get_by_site(key, site)
    if not secret:
        # Panoptes' own default, public, is nothing anybody chose, so it is never sent.
        secret = getattr(plugin_context, 'explicit_community', None)
    return secret, key


class PanoptesSNMPPluginConfiguration(object):
    """The settings of a plugin's connection: the plugin file's, else the site's. AssertionError or ValueError if one
    of them is wrong."""

    def __init__(self, plugin_context: PanoptesPluginContext) -> None:
        check(isinstance(plugin_context, PanoptesPluginContext),
              'plugin_context must be a class or subclass of PanoptesPluginContext')
        self._plugin_context = plugin_context
        self._parse_snmp()
        self._parse_x509()
        self._community: Any = None
        if not snmp_host.is_there():
            self._parse_community()

    def _snmp(self, option: str) -> Any:
        section = self._plugin_context.config.get('snmp') or {}
        return section[option] if option in section else self._plugin_context.snmp.get(option)

    def _x509(self, option: str) -> Any:
        section = self._plugin_context.config.get('x509') or {}
        return section[option] if option in section else self._plugin_context.x509.get(option)

    def _parse_snmp(self) -> None:
        text, number = PanoptesValidators.valid_nonempty_string, PanoptesValidators.valid_nonzero_integer
        self._connection_factory_module = self._snmp('connection_factory_module')
        check(text(self._connection_factory_module), 'SNMP connection factory module must be a non-empty string')
        self._connection_factory_class = self._snmp('connection_factory_class')
        check(text(self._connection_factory_class), 'SNMP connection factory class must be a non-empty string')
        self._community_string_key = self._snmp('community_string_key')
        check(text(self._community_string_key), 'SNMP community string key must be a non-empty string')
        self._port = int(self._snmp('port'))
        check(PanoptesValidators.valid_port(self._port), 'SNMP port must be a valid TCP/UDP port number')
        self._proxy_port = int(self._snmp('proxy_port'))
        check(PanoptesValidators.valid_port(self._proxy_port), 'SNMP proxy port must be a valid TCP/UDP port number')
        self._timeout = int(self._snmp('timeout'))
        check(number(self._timeout), 'SNMP timeout must be a positive integer')
        self._retries = int(self._snmp('retries'))
        check(number(self._retries), 'SNMP retries must be a positive integer')
        self._non_repeaters = int(self._snmp('non_repeaters'))
        check(PanoptesValidators.valid_positive_integer(self._non_repeaters),
              'SNMP non-repeaters must be a positive integer')
        self._max_repetitions = int(self._snmp('max_repetitions'))
        check(number(self._max_repetitions), 'SNMP max-repetitions must be a positive integer')

    def _parse_x509(self) -> None:
        self._x509_secure_connection = int(self._x509('x509_secured_requests'))
        check(PanoptesValidators.valid_positive_integer(self._x509_secure_connection),
              'x509 secure connection must be a positive integer')
        check(self._x509_secure_connection <= 2, 'x509 secure connection cannot be greater than 2')
        self._x509_cert_file = self._file('cert')
        self._x509_key_file = self._file('key')

    def _file(self, kind: str) -> str:
        location, filename = self._x509('x509_{}_location'.format(kind)), self._x509('x509_{}_filename'.format(kind))
        check(PanoptesValidators.valid_nonempty_string(location), '{} location must be a valid string'.format(kind))
        check(PanoptesValidators.valid_nonempty_string(filename), '{} filename must be a valid string'.format(kind))
        return os.path.join(location, filename)

    def _parse_community(self) -> None:
        section = self._plugin_context.config.get('snmp') or {}
        if section.get('community'):
            self._community = section['community']
        else:
            resource = self._plugin_context.data
            site = resource.resource_site if resource is not None else _DEFAULT_SITE
            try:
                secret = self._plugin_context.secrets.get_by_site(self._community_string_key, site)
            except Exception as e:
                raise PanoptesSNMPException(
                    'Could not fetch SNMP community string for site "{}" using key "{}": {}'.format(
                        site, self._community_string_key, repr(e)))
            self._community = secret or self._plugin_context.snmp.get('community')
        check(PanoptesValidators.valid_nonempty_string(self._community), 'SNMP community must be a non-empty string')

    @property
    def connection_factory_module(self) -> str:
        return str(self._connection_factory_module)

    @property
    def connection_factory_class(self) -> str:
        return str(self._connection_factory_class)

    @property
    def community_string_key(self) -> str:
        return str(self._community_string_key)

    @property
    def community(self) -> str:
        """Read from the secrets when it is asked for where a host has the credentials for connections."""
        if self._community is None:
            self._parse_community()
        return str(self._community)

    @property
    def port(self) -> int:
        return self._port

    @property
    def proxy_port(self) -> int:
        return self._proxy_port

    @property
    def timeout(self) -> int:
        """Seconds a try."""
        return self._timeout

    @property
    def retries(self) -> int:
        return self._retries

    @property
    def non_repeaters(self) -> int:
        return self._non_repeaters

    @property
    def max_repetitions(self) -> int:
        return self._max_repetitions

    @property
    def x509_secure_connection(self) -> int:
        return self._x509_secure_connection

    @property
    def x509_cert_file(self) -> str:
        return self._x509_cert_file

    @property
    def x509_key_file(self) -> str:
        return self._x509_key_file

"""SNMP connections; what goes over the wire is described in docs/panoptes/snmp.md section 2."""
from __future__ import annotations

from typing import Any, Callable, TypeVar

import yahoo_panoptes_snmp as easysnmp
from yahoo_panoptes_snmp.exceptions import (
    EasySNMPConnectionError,
    EasySNMPError,
    EasySNMPNoSuchInstanceError,
    EasySNMPNoSuchNameError,
    EasySNMPNoSuchObjectError,
    EasySNMPTimeoutError,
    EasySNMPUndeterminedTypeError,
    EasySNMPUnknownObjectIDError,
)

from yahoo_panoptes.framework.plugins.context import PanoptesPluginContext
from yahoo_panoptes.framework.utilities.snmp.exceptions import *
from yahoo_panoptes.framework.utilities.snmp.exceptions import _as_panoptes
from yahoo_panoptes.framework.utilities.snmp import host as _host
from yahoo_panoptes.framework.utilities.snmp.configuration import PanoptesSNMPPluginConfiguration
from yahoo_panoptes.framework.utilities.snmp.session import HostSession
from yahoo_panoptes.framework.validators import PanoptesValidators, check

_END_OF_MIB = 'ENDOFMIBVIEW'

_T = TypeVar('_T')


class PanoptesSNMPVariable(object):
    """A value that a device gave; all of it is text."""

    __slots__ = ('_oid', '_index', '_value', '_snmp_type')

    def __init__(self, queried_oid: str, oid: str, index: str | None, value: Any, snmp_type: str) -> None:
        check(_is_oid(queried_oid), 'queried_oid must be numeric string with a leading period')
        check(_is_oid(oid), 'oid must be numeric string with a leading period')
        check(PanoptesValidators.valid_none_or_nonempty_string(index), 'index must be None or a non-empty string')
        check(PanoptesValidators.valid_nonempty_string(snmp_type), 'snmp_type must be a non-empty string')
        self._oid = queried_oid
        self._index = index if oid == queried_oid else '{}.{}'.format(oid[len(queried_oid) + 1:], index)
        self._value = value
        self._snmp_type = snmp_type

    @property
    def oid(self) -> str:
        """The identifier that was asked for."""
        return self._oid

    @property
    def index(self) -> str | None:
        """What follows it in the identifier that was answered."""
        return self._index

    @property
    def value(self) -> Any:
        return self._value

    @property
    def snmp_type(self) -> str:
        return self._snmp_type

    def __repr__(self) -> str:
        value = self._value
        if isinstance(value, bytes):
            value = value.decode('ascii', 'backslashreplace')
        return "<PanoptesSNMPVariable value='{}' (oid='{}', index='{}', snmp_type='{}')>".format(
            value, self._oid, self._index, self._snmp_type)


def _made(oid: str, indexes: list[str], types: list[str], values: list[str]) -> list[PanoptesSNMPVariable]:
    """Variables of what the host answered, which need no checks: with them one costs ten times as much."""
    made: list[PanoptesSNMPVariable] = []
    new, add = object.__new__, made.append
    for index, snmp_type, value in zip(indexes, types, values):
        variable = new(PanoptesSNMPVariable)
        variable._oid, variable._index, variable._value, variable._snmp_type = oid, index, value, snmp_type
        add(variable)
    return made


def _is_oid(oid: object) -> bool:
    return isinstance(oid, str) and PanoptesValidators.valid_numeric_snmp_oid(oid)


class PanoptesSNMPConnection(object):
    """Asks one device. Subclasses open the session."""

    def __init__(self, host: str, port: int, timeout: int, retries: int) -> None:
        """timeout is that of one try, in seconds; retries is how often a request is sent again."""
        check(PanoptesValidators.valid_nonempty_string(host), 'host must a non-empty string')
        check(PanoptesValidators.valid_port(port), 'port must be an integer between 1 and 65535')
        check(PanoptesValidators.valid_nonzero_integer(timeout), 'timeout must be a integer greater than zero')
        check(PanoptesValidators.valid_positive_integer(retries), 'retries must a non-negative integer')
        self._host = host
        self._port = port
        self._timeout = timeout
        self._retries = retries
        self._session: HostSession | None = None

    @property
    def host(self) -> str:
        return self._host

    @property
    def port(self) -> int:
        return self._port

    @property
    def timeout(self) -> int:
        return self._timeout

    @property
    def retries(self) -> int:
        return self._retries

    def _ask(self, function: Callable[[HostSession], _T]) -> _T:
        check(self._session is not None, 'PanoptesSNMPSession not initialized')
        assert self._session is not None
        try:
            return function(self._session)
        except Exception as e:
            raise _as_panoptes(e) from e

    def _open(self, **credentials: Any) -> str:
        """Opens the session and returns the version of SNMP. Without a host nothing is asked before the first request."""
        self._session = HostSession(host=self._host, port=self._port, timeout=self._timeout, retries=self._retries,
                                    **credentials)
        return self._ask(HostSession.open) if _host.is_there() else '2c'

    def get(self, oid: str) -> PanoptesSNMPVariable:
        """One object. One that is missing has its exception's name, such as NOSUCHOBJECT, as value and type."""
        check(_is_oid(oid), 'oid must be numeric string with a leading period')
        snmp_type, value = self._ask(lambda session: session.get(oid))
        return _made(oid, [oid.rpartition('.')[2]], [snmp_type], [value])[0]

    def get_bulk(self, oid: str, non_repeaters: int = 0, max_repetitions: int = 10,
                 base_oid: str | None = None) -> list[PanoptesSNMPVariable]:
        """What one request brings of the objects after oid, as far as they lie below base_oid, which is oid unless
        given."""
        self._check_walk(oid, non_repeaters, max_repetitions)
        base = base_oid or oid
        oids, types, values = self._ask(lambda session: session.get_bulk(oid, non_repeaters, max_repetitions))
        # Whole arcs: .1.2.30 is not below .1.2.3.
        head = base + '.'
        below = [at for at, found in enumerate(oids) if found.startswith(head) and types[at] != _END_OF_MIB]
        return _made(base, [oids[at][len(head):] for at in below], [types[at] for at in below],
                     [values[at] for at in below])

    def bulk_walk(self, oid: str, non_repeaters: int = 0, max_repetitions: int = 10) -> list[PanoptesSNMPVariable]:
        """All objects below oid, in the order in which the device has them. non_repeaters has no meaning for a walk."""
        self._check_walk(oid, non_repeaters, max_repetitions)
        return _made(oid, *self._ask(lambda session: session.bulk_walk(oid, max_repetitions)))

    @staticmethod
    def _check_walk(oid: str, non_repeaters: int, max_repetitions: int) -> None:
        check(_is_oid(oid), 'oid must be numeric string with a leading period')
        check(PanoptesValidators.valid_positive_integer(non_repeaters), 'non_repeaters must a positive integer')
        check(PanoptesValidators.valid_nonzero_integer(max_repetitions), 'max_repetitions must a positive integer')


class PanoptesSNMPV2Connection(PanoptesSNMPConnection):
    """SNMPv2c."""

    def __init__(self, host: str, port: int, timeout: int, retries: int, community: str) -> None:
        super(PanoptesSNMPV2Connection, self).__init__(host, port, timeout, retries)
        check(PanoptesValidators.valid_nonempty_string(community), 'community_string must a non-empty string')
        self._community = community
        self._open(community=community)

    @property
    def community(self) -> str:
        return self._community


class PanoptesSNMPHostConnection(PanoptesSNMPConnection):
    """SNMP of the version and with the credentials that the host has for the run's resource: by its rules, or else the
    secret of this key for this site as the community. No credentials come into this process. Not of Panoptes."""

    def __init__(self, host: str, port: int, timeout: int, retries: int, site: str, community_key: str,
                 community_suffix: str | None = None) -> None:
        super(PanoptesSNMPHostConnection, self).__init__(host, port, timeout, retries)
        suffix = {} if community_suffix is None else {'community_suffix': community_suffix}
        self._version = self._open(site=site, community_key=community_key, **suffix)

    @property
    def version(self) -> str:
        """``1``, ``2c`` or ``3``."""
        return self._version


class PanoptesSNMPV3TLSConnection(PanoptesSNMPConnection):
    """SNMPv3 over TLS. An identity is a certificate's fingerprint or file."""

    def __init__(self, host: str, port: int, timeout: int, retries: int, context: str, our_identity: str,
                 their_identity: str) -> None:
        super(PanoptesSNMPV3TLSConnection, self).__init__(host, port, timeout, retries)
        check(PanoptesValidators.valid_nonempty_string(context), 'context must be a non-empty string')
        check(PanoptesValidators.valid_nonempty_string(our_identity), 'our_identity must be a non-empty string')
        check(PanoptesValidators.valid_nonempty_string(their_identity), 'their_identity must be a non-empty string')
        self._context = context
        self._our_identity = our_identity
        self._their_identity = their_identity
        self._open(transport='tlstcp', context=context, our_identity=our_identity, their_identity=their_identity)

    @property
    def context(self) -> str:
        return self._context

    @property
    def our_identity(self) -> str:
        return self._our_identity

    @property
    def their_identity(self) -> str:
        return self._their_identity


class PanoptesSNMPSteamRollerAgentConnection(PanoptesSNMPConnection):
    """Would ask through a proxy, whose server was never published. A site that has one derives from this."""

    def __init__(self, host: str, port: int, timeout: int, retries: int, *args: Any, **kwargs: Any) -> None:
        super(PanoptesSNMPSteamRollerAgentConnection, self).__init__(host, port, timeout, retries)
        if type(self) is PanoptesSNMPSteamRollerAgentConnection:
            raise PanoptesSNMPConnectionException(
                'there is no client for the SNMP proxies in snmp_proxy_hosts of "{}": set connection_factory_module '
                'and connection_factory_class in [snmp] to a factory that has one, or remove the metadata'.format(host))

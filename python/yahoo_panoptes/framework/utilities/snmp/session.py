"""A session with one device, held by the host; docs/plugin-protocol.md, "SNMP", has the messages."""
from __future__ import annotations

from typing import Any

from yahoo_panoptes_snmp.exceptions import EasySNMPError

from yahoo_panoptes.framework.utilities.snmp import host


class HostSession(object):
    """Asks the host to ask the device."""

    def __init__(self, **target: Any) -> None:
        """target says where the device is and how to speak to it: host, port, timeout (seconds a try), retries, and
        one of: community; site and community_key, by which the host finds credentials, and community_suffix; or
        transport, context, our_identity and their_identity."""
        self._target = target

    def open(self) -> str:
        """The version of SNMP that the host is going to speak, such as ``2c``. Raises where the name of the device does
        not resolve, or where there are no credentials for it. The device is not asked anything."""
        return str(self._ask('snmp.open').get('version', '2c'))

    def get(self, oid: str) -> tuple[str, str]:
        """Type and value of one object."""
        answer = self._ask('snmp.get', oids=[oid])
        (kind,), (value,) = _types(answer, 1), _values(answer, 1)
        return kind, value

    def get_bulk(self, oid: str, non_repeaters: int, max_repetitions: int) -> tuple[list[str], list[str], list[str]]:
        """Identifiers, types and values of what one request brings."""
        answer = self._ask('snmp.get_bulk', oid=oid, non_repeaters=non_repeaters, max_repetitions=max_repetitions)
        oids = answer['oids']
        return oids, _types(answer, len(oids)), _values(answer, len(oids))

    def bulk_walk(self, oid: str, max_repetitions: int) -> tuple[list[str], list[str], list[str]]:
        """Indexes, types and values of all below oid."""
        answer = self._ask('snmp.bulk_walk', oid=oid, max_repetitions=max_repetitions)
        indexes = answer['indexes']
        return indexes, _types(answer, len(indexes)), _values(answer, len(indexes))

    def _ask(self, method: str, **params: Any) -> dict[str, Any]:
        return host.ask(method, dict(params, target=self._target))


def _types(answer: dict[str, Any], count: int) -> list[str]:
    """A type for each value; where all are the same the host says it once."""
    types = answer['types']
    return [types] * count if isinstance(types, str) else _counted(types, count)


def _values(answer: dict[str, Any], count: int) -> list[str]:
    return _counted(answer['values'], count)


def _counted(found: list[str], count: int) -> list[str]:
    if len(found) != count:
        raise EasySNMPError('the host answered with {} values where {} were to be'.format(len(found), count))
    return found

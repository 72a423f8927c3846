"""A session with one device, held by the host."""
from __future__ import annotations

from typing import Any

from yahoo_panoptes.framework.utilities.snmp import host


class Variable(object):
    """One object that a device answered with. oid lacks the last arc of its identifier, which is oid_index."""

    __slots__ = ('oid', 'oid_index', 'value', 'snmp_type')

    def __init__(self, answer: list[str]) -> None:
        full, self.snmp_type, self.value = answer
        self.oid, _, self.oid_index = full.rpartition('.')


class HostSession(object):
    """Asks the host to ask the device. Nothing is sent before the first request."""

    def __init__(self, **target: Any) -> None:
        """target says where the device is and how to speak to it: host, port, timeout (seconds a try), retries,
        version, and community or transport, context, our_identity and their_identity."""
        self._target = target

    def get(self, oid: str) -> Variable:
        return Variable(host.ask('snmp.get', {'target': self._target, 'oid': oid})['variable'])

    def get_bulk(self, oid: str, non_repeaters: int, max_repetitions: int) -> list[Variable]:
        return self._variables('snmp.get_bulk', oid, non_repeaters, max_repetitions)

    def bulk_walk(self, oid: str, non_repeaters: int, max_repetitions: int) -> list[Variable]:
        """All below oid."""
        return self._variables('snmp.bulk_walk', oid, non_repeaters, max_repetitions)

    def _variables(self, method: str, oid: str, non_repeaters: int, max_repetitions: int) -> list[Variable]:
        answer = host.ask(method, {'target': self._target, 'oid': oid, 'non_repeaters': non_repeaters,
                                   'max_repetitions': max_repetitions})
        return [Variable(variable) for variable in answer['variables']]

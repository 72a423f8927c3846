"""The way to the host, which speaks SNMP for plugins.

Connections are made by plugins without anything but a device's address, so the way is one for the whole process: who
runs plugins sets it once.
"""
from __future__ import annotations

from typing import Any, Callable

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

# call(method, params) -> result. What it raises has the code of the host's answer as its attribute code.
Call = Callable[[str, 'dict[str, Any]'], Any]

# The code of a host that has no such method.
METHOD_NOT_FOUND = -32601

# The codes of an SNMP error in an answer of the host.
CODES: dict[int, type[Exception]] = {
    -32020: EasySNMPError,
    -32021: EasySNMPConnectionError,
    -32022: EasySNMPTimeoutError,
    -32023: EasySNMPUnknownObjectIDError,
    -32024: EasySNMPNoSuchNameError,
    -32025: EasySNMPNoSuchObjectError,
    -32026: EasySNMPNoSuchInstanceError,
    -32027: EasySNMPUndeterminedTypeError,
}

_call: Call | None = None


def use(call: Call | None) -> Call | None:
    """Sets the way to the host, None for no way, and returns the one before."""
    global _call
    before, _call = _call, call
    return before


def is_there() -> bool:
    """Whether there is a way to the host."""
    return _call is not None


def ask(method: str, params: dict[str, Any]) -> dict[str, Any]:
    """The host's answer; its errors come as those of yahoo_panoptes_snmp."""
    if _call is None:
        raise EasySNMPError('there is no SNMP here: no host answers {}; in tests use a fake connection'.format(method))
    try:
        answer = _call(method, params)
    except Exception as e:
        code = getattr(e, 'code', None)
        if code == METHOD_NOT_FOUND:
            raise EasySNMPError('there is no SNMP here: the host has no {} yet'.format(method)) from None
        if code in CODES:
            # Without what the channel puts around the host's text.
            raise CODES[code](getattr(e, 'text', None) or str(e)) from None
        raise
    if not isinstance(answer, dict):
        raise EasySNMPError('the host answered {} with {!r}'.format(method, answer))
    return answer

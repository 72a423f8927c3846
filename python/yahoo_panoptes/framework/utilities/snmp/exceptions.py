"""The errors of SNMP, and how those of the layer below become them."""
from __future__ import annotations

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

from yahoo_panoptes.framework.exceptions import PanoptesBaseException


class PanoptesSNMPException(PanoptesBaseException):
    """An SNMP request failed."""


class PanoptesSNMPConnectionException(PanoptesSNMPException):
    """The device cannot be reached."""


class PanoptesSNMPTimeoutException(PanoptesSNMPConnectionException):
    """The device did not answer in time."""


class PanoptesSNMPUnknownObjectIDException(PanoptesSNMPException):
    """The object's identifier is not known."""


class PanoptesSNMPNoSuchNameException(PanoptesSNMPException):
    """There is no such name."""


class PanoptesSNMPNoSuchObjectException(PanoptesSNMPException):
    """There is no such object."""


class PanoptesSNMPNoSuchInstanceException(PanoptesSNMPException):
    """There is no such instance."""


class PanoptesSNMPUndeterminedTypeException(PanoptesSNMPException):
    """The type of an object cannot be told."""


exception_class_mapping: dict[type[BaseException], type[PanoptesSNMPException]] = {
    EasySNMPError: PanoptesSNMPException,
    EasySNMPConnectionError: PanoptesSNMPConnectionException,
    EasySNMPTimeoutError: PanoptesSNMPTimeoutException,
    EasySNMPUnknownObjectIDError: PanoptesSNMPUnknownObjectIDException,
    EasySNMPNoSuchNameError: PanoptesSNMPNoSuchNameException,
    EasySNMPNoSuchObjectError: PanoptesSNMPNoSuchObjectException,
    EasySNMPNoSuchInstanceError: PanoptesSNMPNoSuchInstanceException,
    EasySNMPUndeterminedTypeError: PanoptesSNMPUndeterminedTypeException,
}

# By the words in which a proxy names them.
SNMP_ERRORS_MAP: dict[str, type[PanoptesSNMPException]] = {
    'ERROR': PanoptesSNMPException,
    'CONNECTION': PanoptesSNMPConnectionException,
    'TIMEOUT': PanoptesSNMPTimeoutException,
    'NOSUCHOBJECT': PanoptesSNMPNoSuchObjectException,
    'NOSUCHINSTANCE': PanoptesSNMPNoSuchInstanceException,
    'NOSUCHNAME': PanoptesSNMPNoSuchNameException,
    'UNKNOWNOBJECTID': PanoptesSNMPUnknownObjectIDException,
    'UNDETERMINEDTYPE': PanoptesSNMPUndeterminedTypeException,
}


def _as_panoptes(error: BaseException) -> PanoptesSNMPException:
    """The exception that plugins see for one of the layer below."""
    if isinstance(error, PanoptesSNMPException):
        return error
    mapped = exception_class_mapping.get(type(error))
    return PanoptesSNMPException(repr(error)) if mapped is None else mapped(str(error))

"""The errors of SNMP."""


class EasySNMPError(Exception):
    """An SNMP request failed."""


class EasySNMPConnectionError(EasySNMPError):
    """The host cannot be reached."""


class EasySNMPTimeoutError(EasySNMPConnectionError):
    """The host did not answer in time."""


class EasySNMPUnknownObjectIDError(EasySNMPError):
    """The object's identifier is not known."""


class EasySNMPNoSuchNameError(EasySNMPError):
    """There is no such name."""


class EasySNMPNoSuchObjectError(EasySNMPError):
    """There is no such object."""


class EasySNMPNoSuchInstanceError(EasySNMPError):
    """There is no such instance."""


class EasySNMPUndeterminedTypeError(EasySNMPError):
    """The type of an object cannot be told."""

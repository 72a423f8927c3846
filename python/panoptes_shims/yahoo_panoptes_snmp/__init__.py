"""Stand-in for the package yahoo_panoptes_snmp: the names that the SNMP classes of yahoo_panoptes import.

There is no Session here: SNMP goes through the host, see yahoo_panoptes.framework.utilities.snmp.session.
"""
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

"""SNMPv2-MIB and HOST-RESOURCES-MIB, as far as plugins use them."""
from yahoo_panoptes.framework.utilities.snmp.mibs.base import (
    Mib,
    SNMPGauge32,
    SNMPInteger,
    SNMPInteger32,
    SNMPString,
    oid,
)

_STORAGE = oid('.1.3.6.1.2.1.25.2.3.1')


class MibSNMPV2(Mib):
    sysDescr = oid('.1.3.6.1.2.1.1.1', SNMPString)
    interfaces = oid('.1.3.6.1.2.1.2')
    hrStorageType = _STORAGE + oid('2', SNMPString)
    hrStorageDescr = _STORAGE + oid('3', SNMPString)
    hrStorageAllocationUnits = _STORAGE + oid('4', SNMPInteger32)
    hrStorageSize = _STORAGE + oid('5', SNMPGauge32)
    hrStorageUsed = _STORAGE + oid('6', SNMPGauge32)
    hrStorageAllocationFailures = _STORAGE + oid('7', SNMPInteger)

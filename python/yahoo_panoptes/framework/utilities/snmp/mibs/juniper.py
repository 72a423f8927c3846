"""JUNIPER-MIB, as far as plugins use it."""
from yahoo_panoptes.framework.utilities.snmp.mibs.base import SNMPGauge32, SNMPInteger32, SNMPString, oid
from yahoo_panoptes.framework.utilities.snmp.mibs.snmpv2 import MibSNMPV2

_JUNIPER = oid('.1.3.6.1.4.1.2636')
_MIBS = _JUNIPER + '3'
_ANATOMY = _MIBS + '1'
_TABLE = _ANATOMY + '13'
_ENTRY = _TABLE + '1'


class MibJuniper(MibSNMPV2):
    juniperMIB = _JUNIPER
    jnxMibs = _MIBS
    jnxBoxAnatomy = _ANATOMY
    jnxOperatingTable = _TABLE
    jnxOperatingEntry = _ENTRY
    jnxOperatingContentsIndex = _ENTRY + oid('1', SNMPInteger32)
    jnxOperatingL1Index = _ENTRY + oid('2', SNMPInteger32)
    jnxOperatingDescr = _ENTRY + oid('5', SNMPString)
    jnxOperatingState = _ENTRY + oid('6', SNMPInteger32)
    jnxOperatingTemp = _ENTRY + oid('7', SNMPGauge32)
    jnxOperatingCPU = _ENTRY + oid('8', SNMPGauge32)
    jnxOperatingBuffer = _ENTRY + oid('11', SNMPGauge32)
    jnxOperatingHeap = _ENTRY + oid('12', SNMPGauge32)
    jnxOperatingMemory = _ENTRY + oid('15', SNMPInteger32)
    jnxOperating1MinLoadAvg = _ENTRY + oid('20', SNMPGauge32)
    jnxOperating5MinLoadAvg = _ENTRY + oid('21', SNMPGauge32)
    jnxOperating15MinLoadAvg = _ENTRY + oid('22', SNMPGauge32)
    jnxOperating1MinAvgCPU = _ENTRY + oid('23', SNMPGauge32)
    jnxOperating5MinAvgCPU = _ENTRY + oid('24', SNMPGauge32)
    jnxOperating15MinAvgCPU = _ENTRY + oid('25', SNMPGauge32)
    jnxJsSPUMonitoringCPUUsage = _MIBS + oid('39.1.12', SNMPGauge32)

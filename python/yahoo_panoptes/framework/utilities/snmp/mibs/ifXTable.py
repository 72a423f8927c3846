"""IF-MIB: ifXTable."""

_BASE = '.1.3.6.1.2.1.31.1.1.1'

ifName = _BASE + '.1'
ifInMulticastPkts = _BASE + '.2'
ifHCInOctets = _BASE + '.6'
ifHCInUcastPkts = _BASE + '.7'
ifHCInMulticastPkts = _BASE + '.8'
ifHCInBroadcastPkts = _BASE + '.9'
ifHCOutOctets = _BASE + '.10'
ifHCOutUcastPkts = _BASE + '.11'
ifHCOutMulticastPkts = _BASE + '.12'
ifHCOutBroadcastPkts = _BASE + '.13'
ifHighSpeed = _BASE + '.15'
ifAlias = _BASE + '.18'

ifx_table_oids = [ifHCInOctets, ifHCInUcastPkts, ifHCInMulticastPkts, ifHCInBroadcastPkts, ifHCOutOctets,
                  ifHCOutUcastPkts, ifHCOutMulticastPkts, ifHCOutBroadcastPkts, ifHighSpeed]

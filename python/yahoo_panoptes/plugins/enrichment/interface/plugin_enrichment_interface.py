"""Enrichment with the names and speeds of a device's interfaces; vendors' plugins derive from it."""
from __future__ import annotations

from typing import Any

from yahoo_panoptes.enrichment.enrichment_plugin import PanoptesEnrichmentPlugin
from yahoo_panoptes.enrichment.schema.interface import PanoptesInterfaceEnrichmentGroup
from yahoo_panoptes.framework.enrichment import PanoptesEnrichmentGroupSet, PanoptesEnrichmentSet
from yahoo_panoptes.framework.plugins.base_snmp_plugin import PanoptesSNMPBaseEnrichmentPlugin
from yahoo_panoptes.framework.utilities.helpers import transform_octet_to_mac
from yahoo_panoptes.framework.utilities.snmp.mibs import ifTable, ifXTable

_MILLION = 10 ** 6


class PluginEnrichmentInterface(PanoptesSNMPBaseEnrichmentPlugin, PanoptesEnrichmentPlugin):
    """One set for each interface, whose key is its index. Each getter takes an index; what it cannot tell is one of the
    two missing values.

    A getter may read what is there of the table already: of its own row all that comes before its own entry in the order
    interface_name, description, media_type, alias, configured_speed, port_speed, physical_address, and of every row before.
    The four values of the parent come in a second pass, when all rows have the others: interface_name of the parent first,
    by which the default getters of the other three find its row."""

    _MISSING_VALUE_STRING = '<not set>'
    _MISSING_METRIC_VALUE = -1

    # The columns that are walked.
    interface_enrichment_oids = [
        ifTable.ifDescr, ifTable.ifType, ifTable.ifSpeed, ifTable.ifPhysAddress, ifXTable.ifName, ifXTable.ifHighSpeed,
        ifXTable.ifAlias,
    ]

    def __init__(self) -> None:
        super(PluginEnrichmentInterface, self).__init__()
        # {oid.index: value} of all that was walked.
        self._enrichments_map: dict[str, Any] = {}
        # {index: what is known of the interface}
        self._interface_table: dict[str, dict[str, Any]] = {}
        # {interface_name: the first row with it}
        self._rows_by_name: dict[str, dict[str, Any]] = {}

    @property
    def interface_table(self) -> dict[str, dict[str, Any]]:
        return self._interface_table

    def _value(self, oid: str, index: str) -> Any:
        """The value in this column, None if there is none."""
        return self._enrichments_map.get('{}.{}'.format(oid, index))

    def _text(self, oid: str, index: str) -> str:
        value = self._value(oid, index)
        if isinstance(value, bytes):
            value = value.decode('ascii', 'ignore')
        return value or self._MISSING_VALUE_STRING

    def get_interface_name(self, index: str) -> str:
        return self._text(ifXTable.ifName, index)

    def get_parent_interface_name(self, index: str) -> str:
        return self._MISSING_VALUE_STRING

    def _parent(self, index: str, entry: str, missing: Any) -> Any:
        """What the row of the parent has, which is the first one with the parent's name as its interface_name."""
        name = self.get_parent_interface_name(index)
        if name == self._MISSING_VALUE_STRING:
            return missing
        rows = self._rows_by_name or _by_name(self._interface_table)
        return rows.get(name, {}).get(entry, missing)

    def get_parent_interface_media_type(self, index: str) -> str:
        return str(self._parent(index, 'media_type', self._MISSING_VALUE_STRING))

    def get_parent_interface_port_speed(self, index: str) -> int:
        """Bit/s."""
        return int(self._parent(index, 'port_speed', self._MISSING_METRIC_VALUE))

    def get_parent_interface_configured_speed(self, index: str) -> int:
        """Bit/s."""
        return int(self._parent(index, 'configured_speed', self._MISSING_METRIC_VALUE))

    def get_description(self, index: str) -> str:
        return self._text(ifTable.ifDescr, index)

    def get_media_type(self, index: str) -> str:
        try:
            return ifTable.getIfTypeDesc(self._value(ifTable.ifType, index))
        except (KeyError, TypeError, ValueError):
            return self._MISSING_VALUE_STRING

    def get_alias(self, index: str) -> str:
        return self._text(ifXTable.ifAlias, index)

    def get_if_speed(self, index: str) -> int:
        """Bit/s as the device has it in 32 bits."""
        value = self._value(ifTable.ifSpeed, index)
        return self._MISSING_METRIC_VALUE if value in (None, '') else int(value)

    def get_configured_speed(self, index: str) -> int:
        """Bit/s."""
        high = self._value(ifXTable.ifHighSpeed, index)
        if high in ('0', '1', None):
            # A device that gives so little in Mbit/s may say more in bit/s.
            speed = self._value(ifTable.ifSpeed, index)
            if speed not in (None, '', '0'):
                return int(speed)
            if high is None:
                return self._MISSING_METRIC_VALUE
        return int(high) * _MILLION

    def get_port_speed(self, index: str) -> int:
        """Bit/s."""
        return self.get_configured_speed(index)

    def get_physical_address(self, index: str) -> str:
        value = self._value(ifTable.ifPhysAddress, index)
        return transform_octet_to_mac(value) if value else self._MISSING_VALUE_STRING

    def get_results(self) -> PanoptesEnrichmentGroupSet:
        self._enrichments_map = {}
        indexes = []
        configuration = self.snmp_configuration
        for oid in self.interface_enrichment_oids:
            for variable in self._snmp_connection.bulk_walk(
                    oid, non_repeaters=configuration.non_repeaters, max_repetitions=configuration.max_repetitions):
                index = str(variable.index).rpartition('.')[2]
                self._enrichments_map['{}.{}'.format(oid, index)] = variable.value
                indexes.append(index)
        self._fill_table(list(dict.fromkeys(indexes)))

        group = PanoptesInterfaceEnrichmentGroup(self.enrichment_ttl, self.execute_frequency)
        for index, interface in self._interface_table.items():
            group.add_enrichment_set(PanoptesEnrichmentSet(index, interface))
        group_set = PanoptesEnrichmentGroupSet(self.resource)
        if len(group):
            group_set.add_enrichment_group(group)
        return group_set

    def _fill_table(self, indexes: list[str]) -> None:
        self._interface_table, self._rows_by_name = {}, {}
        for index in indexes:
            # In place, and entry by entry: getters of subclasses read it.
            row = self._interface_table[index] = {}
            row['interface_name'] = self.get_interface_name(index)
            row['description'] = self.get_description(index)
            row['media_type'] = self.get_media_type(index)
            row['alias'] = self.get_alias(index)
            row['configured_speed'] = self.get_configured_speed(index)
            row['port_speed'] = self.get_port_speed(index)
            row['physical_address'] = self.get_physical_address(index)
        self._rows_by_name = _by_name(self._interface_table)
        for index, row in self._interface_table.items():
            row['parent_interface_name'] = self.get_parent_interface_name(index)
            row['parent_interface_media_type'] = self.get_parent_interface_media_type(index)
            row['parent_interface_configured_speed'] = self.get_parent_interface_configured_speed(index)
            row['parent_interface_port_speed'] = self.get_parent_interface_port_speed(index)


def _by_name(table: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The first row of each interface_name."""
    rows: dict[str, dict[str, Any]] = {}
    for row in table.values():
        if 'interface_name' in row:
            rows.setdefault(row['interface_name'], row)
    return rows

"""Object identifiers that know the type of their object; see docs/panoptes/python-api.md section 11."""
from __future__ import annotations

from typing import Any


class SNMPTypeMixin(object):
    """A value with a name for its SNMP type; valid_type is what it must be an instance of."""

    valid_type: type = object

    def validate(self) -> None:
        """ValueError if the value is not what its type says."""
        if not isinstance(self, self.valid_type):
            raise ValueError('%r is not a %s' % (self, self.valid_type))


class SNMPType(SNMPTypeMixin):
    """A value of any type."""

    def __init__(self, value: Any) -> None:
        self.value = value


class SNMPString(str, SNMPTypeMixin):
    """Text."""

    valid_type = str

    def __init__(self, *args: Any) -> None:
        self.validate()


class SNMPInteger(int, SNMPTypeMixin):
    """A whole number of any size, a counter."""

    metric_type = 'COUNTER'
    valid_type = int

    def __init__(self, *args: Any) -> None:
        self.validate()


class SNMPInteger32(SNMPInteger):
    """A whole number that a signed integer of 32 bits can hold."""

    def validate(self) -> None:
        super(SNMPInteger32, self).validate()
        if not -0x80000000 <= self <= 0x7fffffff:
            raise ValueError(
                '32 bit integer overflow, value of %r is to large for a signed 32 bit integer' % int(self))


class SNMPGauge32(SNMPInteger32):
    """A whole number of 32 bits that goes up and down."""

    metric_type = 'GAUGE'


class SNMPFloat(float, SNMPTypeMixin):
    """A number."""

    valid_type = float

    def __init__(self, *args: Any) -> None:
        self.validate()


class oid(object):
    """An object identifier and, perhaps, the type of the object. ``a + b`` is the identifier of b below a."""

    def __init__(self, value: Any, snmp_type: Any = None, description: str | None = None) -> None:
        self.value = str(value)
        self.snmp_type = snmp_type
        self.description = description

    @property
    def oid(self) -> str:
        return self.value

    def __str__(self) -> str:
        return self.value

    def __repr__(self) -> str:
        return 'oid("{}")'.format(self.value)

    def __add__(self, other: Any) -> Any:
        snmp_type = other.snmp_type if isinstance(other, oid) else self.snmp_type
        return oid(self.value + '.' + str(other).strip('.'), snmp_type)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, oid) and self.value == other.value

    def __hash__(self) -> int:
        return hash(self.value)


class Mib(object):
    """A collection of identifiers."""

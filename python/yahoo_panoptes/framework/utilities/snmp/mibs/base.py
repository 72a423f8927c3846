"""Object identifiers that know the type of their object; see docs/panoptes/python-api.md section 11."""
from __future__ import annotations

from typing import Any


class SNMPTypeMixin(object):
    """A value with a name for its SNMP type. Subclasses set valid_types, of one of which the value must be, and metric_type
    if it is a metric."""

    #: ``COUNTER``, ``GAUGE``, or None for what is no metric.
    metric_type: str | None = None
    #: The types of which the value may be.
    valid_types: tuple[type, ...] = (object,)

    def __init__(self, *args: Any) -> None:
        """ValueError if the value is not what its type says."""
        self.validate()

    @property
    def name(self) -> str:
        """The name of the SNMP type."""
        return type(self).__name__

    def validate_type(self) -> None:
        """ValueError if the value is of none of the types."""
        if not isinstance(self, self.valid_types):
            shown = self.valid_types[0] if len(self.valid_types) == 1 else self.valid_types
            raise ValueError('%r is not a %s' % (self, shown))

    def validate_value(self) -> None:
        """ValueError if the value is beyond what the type can hold."""

    def validate(self) -> None:
        self.validate_type()
        self.validate_value()


class SNMPType(SNMPTypeMixin):
    """A value of any type."""

    def __init__(self, value: Any) -> None:
        self.value = value
        super(SNMPType, self).__init__()


class SNMPString(str, SNMPTypeMixin):
    """Text."""

    valid_types = (str,)

    def __init__(self, *args: Any) -> None:
        SNMPTypeMixin.__init__(self)


class SNMPInteger(int, SNMPTypeMixin):
    """A whole number of any size, a counter."""

    metric_type = 'COUNTER'
    valid_types = (int,)

    def __init__(self, *args: Any) -> None:
        SNMPTypeMixin.__init__(self)


class SNMPInteger32(SNMPInteger):
    """A whole number that a signed integer of 32 bits can hold."""

    def validate_value(self) -> None:
        if not -0x80000000 <= self <= 0x7fffffff:
            raise ValueError(
                '32 bit integer overflow, value of %r is to large for a signed 32 bit integer' % int(self))


class SNMPGauge32(SNMPInteger32):
    """A whole number of 32 bits that goes up and down."""

    metric_type = 'GAUGE'


class SNMPFloat(float, SNMPTypeMixin):
    """A number."""

    valid_types = (float,)

    def __init__(self, *args: Any) -> None:
        SNMPTypeMixin.__init__(self)


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

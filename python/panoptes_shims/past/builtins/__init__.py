"""Stand-in for past.builtins."""


class _BaseString(type):
    def __instancecheck__(cls, instance):
        return isinstance(instance, (bytes, str))

    def __subclasscheck__(cls, subclass):
        return subclass is cls or issubclass(subclass, (bytes, str))


class basestring(metaclass=_BaseString):
    """What isinstance takes for either kind of string."""


long = int
unicode = str
unichr = chr
xrange = range
raw_input = input

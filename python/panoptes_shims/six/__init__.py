"""Stand-in for the package six, for Python 3 only."""
import builtins
import functools
import io
import operator
import sys

from . import moves

__version__ = '1.16.0'

PY2 = False
PY3 = True
PY34 = True

string_types = (str,)
integer_types = (int,)
class_types = (type,)
text_type = str
binary_type = bytes
MAXSIZE = sys.maxsize

StringIO = io.StringIO
BytesIO = io.BytesIO

unichr = chr
int2byte = operator.methodcaller('to_bytes', 1, 'big')
byte2int = operator.itemgetter(0)
indexbytes = operator.getitem
iterbytes = iter
get_method_function = operator.attrgetter('__func__')
get_method_self = operator.attrgetter('__self__')
get_function_code = operator.attrgetter('__code__')
get_function_globals = operator.attrgetter('__globals__')
callable = builtins.callable
next = builtins.next
advance_iterator = builtins.next
print_ = builtins.print
exec_ = builtins.exec
wraps = functools.wraps


def iterkeys(d, **kw):
    return iter(d.keys(**kw))


def itervalues(d, **kw):
    return iter(d.values(**kw))


def iteritems(d, **kw):
    return iter(d.items(**kw))


def iterlists(d, **kw):
    return iter(d.lists(**kw))


viewkeys = operator.methodcaller('keys')
viewvalues = operator.methodcaller('values')
viewitems = operator.methodcaller('items')


def b(s):
    return s.encode('latin-1')


def u(s):
    return s


def ensure_binary(s, encoding='utf-8', errors='strict'):
    if isinstance(s, bytes):
        return s
    if isinstance(s, str):
        return s.encode(encoding, errors)
    raise TypeError("not expecting type '%s'" % type(s))


def ensure_str(s, encoding='utf-8', errors='strict'):
    if isinstance(s, str):
        return s
    if isinstance(s, bytes):
        return s.decode(encoding, errors)
    raise TypeError("not expecting type '%s'" % type(s))


ensure_text = ensure_str


def reraise(tp, value, tb=None):
    try:
        if value is None:
            value = tp()
        if value.__traceback__ is not tb:
            raise value.with_traceback(tb)
        raise value
    finally:
        value = None
        tb = None


def raise_from(value, from_value):
    try:
        raise value from from_value
    finally:
        value = None


def with_metaclass(meta, *bases):
    """A base class whose subclasses have the metaclass meta and the given bases."""
    class metaclass(type):
        def __new__(cls, name, this_bases, namespace):
            return meta(name, bases, namespace)

        @classmethod
        def __prepare__(cls, name, this_bases):
            return meta.__prepare__(name, bases)

    return type.__new__(metaclass, 'temporary_class', (), {})


def add_metaclass(metaclass):
    """Class decorator that makes the class anew with the metaclass."""
    def wrapper(cls):
        namespace = dict(cls.__dict__)
        slots = namespace.get('__slots__')
        if slots is not None:
            for name in [slots] if isinstance(slots, str) else slots:
                namespace.pop(name)
        namespace.pop('__dict__', None)
        namespace.pop('__weakref__', None)
        namespace['__qualname__'] = cls.__qualname__
        return metaclass(cls.__name__, cls.__bases__, namespace)
    return wrapper


def python_2_unicode_compatible(cls):
    return cls

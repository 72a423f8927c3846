"""Stand-in for the package cached-property."""
import threading


class threaded_cached_property:
    """A property computed once for each instance, also when several threads ask at a time.

    The value lies in the instance's ``__dict__`` under the property's name; deleting it there makes the next access
    compute it anew.
    """

    def __init__(self, func):
        self.__doc__ = getattr(func, '__doc__', None)
        self.func = func
        self.lock = threading.RLock()

    def __get__(self, obj, cls):
        if obj is None:
            return self
        values = obj.__dict__
        name = self.func.__name__
        with self.lock:
            try:
                return values[name]
            except KeyError:
                return values.setdefault(name, self.func(obj))


# One that locks does all that one that does not is asked for.
cached_property = threaded_cached_property

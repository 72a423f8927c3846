"""The clocks of a run that is recorded, and of one that is repeated: what they said to the plugin is kept, or said again.

Only the code of the plugin and of the packages that it is written against gets these times. Libraries have their own clock,
by which they wait and give up.
"""
import datetime
import sys
import time
from collections import deque

# Readings of a run that are kept; later ones are those of the real clock.
_MOST = 100000

# Clocks that are read in seconds, and in nanoseconds as NAME_ns.
_CLOCKS = ('time', 'monotonic', 'perf_counter', 'process_time', 'thread_time')
# What takes the time of now where it is given none, and the number of the argument that gives it.
_FORMS = {'localtime': 0, 'gmtime': 0, 'ctime': 0, 'asctime': 0, 'strftime': 1}

_PACKAGES = ('yahoo_panoptes', 'panoptes')

_datetime, _date = datetime.datetime, datetime.date


class Clock:
    """A context in which the plugin reads the clock through this."""

    def __init__(self, belongs, readings=None):
        """belongs(name) tells whether a module is the plugin's. readings are those of the run that is repeated."""
        self._belongs = belongs
        self.readings = []  # [clock, nanoseconds], as they were made
        self._given = None if readings is None else {}
        for clock, reading in readings or ():
            self._given.setdefault(clock, deque()).append(reading)
        self._last = {}
        self._real = {name: getattr(time, name) for name in _FORMS}
        for name in _CLOCKS:
            for name in (name, name + '_ns'):
                if hasattr(time, name):
                    self._real[name] = getattr(time, name)
        self._undo = []

    def __enter__(self):
        made = {}
        for name in _CLOCKS:
            if name in self._real:
                made[name], made[name + '_ns'] = self._seconds(name), self._nanoseconds(name)
        for name, at in _FORMS.items():
            made[name] = self._form(name, at)
        for name, replacement in made.items():
            self._put(time, name, replacement)
        self._put(datetime, 'datetime', self._make_datetime())
        self._put(datetime, 'date', self._make_date())
        # Those that took a name out of the module when they were imported.
        for name, module in list(sys.modules.items()):
            if name.partition('.')[0] in _PACKAGES:
                for attribute, value in list(vars(module).items()):
                    for clock, real in self._real.items():
                        if value is real and clock in made:
                            self._put(module, attribute, made[clock])
        return self

    def __exit__(self, *_):
        while self._undo:
            module, name, value = self._undo.pop()
            setattr(module, name, value)

    def _put(self, module, name, value):
        self._undo.append((module, name, getattr(module, name)))
        setattr(module, name, value)

    def _read(self, clock, depth=2):
        """The nanoseconds of a clock, None where it is not the plugin that asks."""
        name = sys._getframe(depth).f_globals.get('__name__') or ''
        if name.partition('.')[0] not in _PACKAGES and not self._belongs(name):
            return None
        if self._given is None:
            reading = self._real[clock + '_ns']()
        else:
            given = self._given.get(clock)
            if given:
                self._last[clock] = given.popleft()
            # Beyond what was recorded the clock stands.
            reading = self._last.get(clock)
            if reading is None:
                return None
        if len(self.readings) < _MOST:
            self.readings.append([clock, reading])
        return reading

    def _seconds(self, clock):
        real = self._real[clock]

        def read():
            reading = self._read(clock)
            return real() if reading is None else reading / 1e9
        return read

    def _nanoseconds(self, clock):
        real = self._real[clock + '_ns']

        def read():
            reading = self._read(clock)
            return real() if reading is None else reading
        return read

    def _form(self, name, at):
        real = self._real[name]

        def form(*args):
            if len(args) > at and (at or args[at] is not None):
                return real(*args)
            reading = self._read('time')
            if reading is None:
                return real(*args)
            now = reading / 1e9
            if name in ('strftime', 'asctime'):
                return real(*args[:at], self._real['localtime'](now))
            return real(now)
        return form

    def _now(self):
        reading = self._read('time', 3)
        return None if reading is None else reading / 1e9

    def _make_datetime(self):
        clock = self

        class RecordedDatetime(_datetime, metaclass=_stand_in(_datetime)):
            def __new__(cls, *args, **kwargs):
                return _datetime(*args, **kwargs)

            @classmethod
            def now(cls, tz=None):
                now = clock._now()
                return _datetime.now(tz) if now is None else _datetime.fromtimestamp(now, tz)

            @classmethod
            def utcnow(cls):
                now = clock._now()
                if now is None:
                    now = clock._real['time']()
                return _datetime.fromtimestamp(now, datetime.timezone.utc).replace(tzinfo=None)

            @classmethod
            def today(cls):
                now = clock._now()
                return _datetime.today() if now is None else _datetime.fromtimestamp(now)
        return RecordedDatetime

    def _make_date(self):
        clock = self

        class RecordedDate(_date, metaclass=_stand_in(_date)):
            def __new__(cls, *args, **kwargs):
                return _date(*args, **kwargs)

            @classmethod
            def today(cls):
                now = clock._now()
                return _date.today() if now is None else _date.fromtimestamp(now)
        return RecordedDate


def _stand_in(real):
    """The class of a class that passes for the real one, whose objects are the real one's."""
    class StandIn(type):
        def __instancecheck__(cls, other):
            return isinstance(other, real)

        def __subclasscheck__(cls, other):
            return issubclass(other, real)

        def __repr__(cls):
            return repr(real)
    return StandIn

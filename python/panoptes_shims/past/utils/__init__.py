"""Stand-in for past.utils."""
import numbers

PY2 = False
PY3 = True


def old_div(a, b):
    """Division as Python 2 did it: rounded down if both are integers."""
    if isinstance(a, numbers.Integral) and isinstance(b, numbers.Integral):
        return a // b
    return a / b

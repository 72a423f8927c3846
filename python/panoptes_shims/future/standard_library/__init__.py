"""Stand-in for future.standard_library: Python 3 has the new names already."""
import contextlib


def install_aliases():
    pass


def install_hooks():
    pass


def remove_hooks(scrub_sys_modules=False):
    pass


@contextlib.contextmanager
def hooks():
    yield

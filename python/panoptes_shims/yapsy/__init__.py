"""Stand-in for the package yapsy."""
__version__ = '1.12.0'

"""Small stand-ins for packages that plugins import and that may not be installed.

This folder is put at the END of the module search path (see yahoo_panoptes), so that a real package always wins. Each
holds what Panoptes plugins use and no more.
"""

"""Writes a polling plugin as one function::

    from panoptes import check, counter, gauge

    @check(every=60, resources='resource_class = "host"', rates=['reads'])
    def disk(ctx):
        yield gauge('used', 0.42, unit='1', mount='/')
        yield counter('reads', 1200, mount='/')

Each run makes one metrics group for each combination of dimensions; its type is the function's name. ``ctx`` may be
left out.
"""
from panoptes.check import check
from panoptes.context import Context, Resource
from panoptes.measurement import Measurement, counter, gauge

__all__ = ['Context', 'Measurement', 'Resource', 'check', 'counter', 'gauge']

"""Makes a process ready to be forked: what workers need is loaded, has been run, and lies so that they write to few of the
pages that they share.
"""
import gc
import importlib
import json
import os
import sys

from panoptes_worker import patches
from panoptes_worker.worker import PROTOCOL_VERSION, Worker

# What plugins and the libraries they use import mostly, to be shared by all workers.
_LIBRARIES = ('concurrent.futures', 'csv', 'datetime', 'email.parser', 'hashlib', 'http.client', 'ipaddress', 'random',
              'ssl', 'subprocess', 'urllib.request', 'uuid', 'xml.etree.ElementTree')

_PLUGIN = b"""
from yahoo_panoptes.framework.metrics import (
    PanoptesMetric, PanoptesMetricDimension, PanoptesMetricsGroup, PanoptesMetricsGroupSet, PanoptesMetricType)
from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin


class Rehearsal(PanoptesPollingPlugin):
    def run(self, context):
        context.logger.info('Looking at %s', context.data.resource_endpoint)
        group = PanoptesMetricsGroup(context.data, 'rehearsal', 60)
        group.add_dimension(PanoptesMetricDimension('name', 'value'))
        group.add_metric(PanoptesMetric('level', 1.5, PanoptesMetricType.GAUGE))
        group.add_metric(PanoptesMetric('reads', 3, PanoptesMetricType.COUNTER))
        groups = PanoptesMetricsGroupSet()
        groups.add(group)
        return groups
"""

_RESOURCE = {
    'resource_site': 'site', 'resource_class': 'class', 'resource_subclass': 'subclass', 'resource_type': 'type',
    'resource_id': 'id', 'resource_endpoint': 'endpoint', 'resource_plugin': 'plugin',
    'resource_creation_timestamp': 1512629517.03, 'resource_metadata': {'_resource_ttl': '604800'},
}

# More than Python waits for before it writes what it found out of some code into that code.
_RUNS = 30

_ballast = []


def warm():
    """Does all that can be done before workers are forked."""
    for name in _LIBRARIES:
        try:
            importlib.import_module(name)
        except ImportError:
            pass
    try:
        rehearse()
    except Exception:  # it only saves memory
        pass
    patches.renew()
    gc.collect()
    _fill_holes()
    # What is there now is shared for as long as nobody writes to it, and collections would.
    gc.freeze()


def rehearse():
    """Runs a plugin some times, as a worker does, so that what Python changes in code that runs is changed already.
    Returns the answer of the last run."""
    kept = sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__
    incoming, requests = os.pipe()
    answers, source = os.memfd_create('answers'), os.memfd_create('rehearsal.py')
    try:
        os.write(source, _PLUGIN)
        worker = Worker(incoming, answers)
        try:
            worker.take_streams()
            worker.handle(_request(1, 'initialize', {'protocol_version': PROTOCOL_VERSION}))
            plugin = {'name': 'rehearsal', 'module': '/rehearsal', 'source': '/proc/self/fd/{}'.format(source)}
            for number in range(_RUNS):
                os.write(requests, json.dumps(_request(number, 'run', {
                    'run_id': number, 'type': 'polling', 'plugin': plugin, 'config': {'main': {}}, 'resource': _RESOURCE,
                })).encode() + b'\n')
                os.ftruncate(answers, 0)
                os.lseek(answers, 0, os.SEEK_SET)
                worker.handle(worker.next())
        finally:
            worker.close()
        os.lseek(answers, 0, os.SEEK_SET)
        return json.loads(os.read(answers, 1 << 16).splitlines()[-1])
    finally:
        sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__ = kept
        for descriptor in (incoming, requests, answers, source):
            os.close(descriptor)


def _request(id, method, params):
    return {'jsonrpc': '2.0', 'id': id, 'method': method, 'params': params}


# How Python parts memory for small objects: in pools of one size of objects each.
_POOL = 1 << (14 if sys.version_info >= (3, 10) else 12)
_LARGEST, _STEP = 512, 16
# Bytes of one size that are used at the most.
_MOST = 1 << 20


def _fill_holes():
    """Uses up what is free in pools that are in use. A worker has its first objects in fresh pools then, side by side,
    and not in a thousand pages of which each had to be copied for it."""
    if sys.implementation.name != 'cpython':
        return
    large = 1 << 40
    head = sys.getsizeof(b'')
    for size in range(_STEP, _LARGEST + 1, _STEP):
        if size > head + 1:
            make = lambda: bytes(size - head)
        else:
            make = object if size == _STEP else lambda: large + 1
        made, fresh = [], set()
        while len(fresh) < 2 and len(made) < _MOST // size:
            made.append(make())
            pool, offset = divmod(id(made[-1]), _POOL)
            if offset < 48 + size:  # the first one behind the head of a pool
                fresh.add(pool)
        _ballast.append([one for one in made if id(one) // _POOL not in fresh])

"""The steps of a run in a plain loop: execute the module, make an object, run it, write the groups as JSON.

peer.py MODE ARCHIVE MODULE SECONDS; prints the runs a second and the microseconds of processor time for each. MODE is loop, collect (a full collection after each run, as
Panoptes' runner does), or fork (each run in a process of its own, whose JSON comes back through a pipe).
"""
import gc
import json
import logging
import os
import sys
import time
import types

mode, archive, module, seconds = sys.argv[1:5]
sys.path.insert(0, archive)

from yahoo_panoptes.framework.context import PanoptesContext  # noqa: E402
from yahoo_panoptes.framework.plugins.context import PanoptesPluginWithEnrichmentContext  # noqa: E402
from yahoo_panoptes.framework.resources import PanoptesResource  # noqa: E402
from yahoo_panoptes.framework.utilities.key_value_store import PanoptesKeyValueStore  # noqa: E402
from yahoo_panoptes.framework.utilities.secrets import PanoptesSecretsStore  # noqa: E402
from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin  # noqa: E402

handler = logging.StreamHandler(open(os.devnull, 'w'))
handler.setFormatter(logging.Formatter('%(asctime)s %(levelname)s %(name)s %(message)s'))
logging.getLogger().addHandler(handler)
logging.getLogger().setLevel(logging.INFO)

with open(module) as file:
    code = compile(file.read(), module, 'exec')


class Store(PanoptesKeyValueStore):
    def __init__(self, panoptes_context):
        super().__init__(panoptes_context, 'panoptes:plugins_kv')


resource = {
    'resource_site': 'dc1', 'resource_class': 'network', 'resource_subclass': 'switch', 'resource_type': 'generic',
    'resource_id': 'switch1', 'resource_endpoint': 'switch1.example', 'resource_metadata': {'_resource_ttl': '604800'},
    'resource_creation_timestamp': 1512629517.03, 'resource_plugin': 'p',
}


def run():
    loaded = types.ModuleType('plugin')
    exec(code, loaded.__dict__)
    classes = [value for value in vars(loaded).values() if isinstance(value, type)
               and issubclass(value, PanoptesPollingPlugin) and value is not PanoptesPollingPlugin]
    context = PanoptesContext(key_value_store_class_list=[Store, PanoptesSecretsStore])
    groups = classes[0]().run(PanoptesPluginWithEnrichmentContext(
        context, 'panoptes.plugins', {'main': {'execute_frequency': '60'}}, context.get_kv_store(Store),
        context.get_kv_store(PanoptesSecretsStore), PanoptesResource.resource_from_dict(resource)))
    return json.dumps([json.loads(group.json) for group in groups.metrics_groups])


def forked():
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, run().encode())
        os._exit(0)
    os.close(writing)
    with open(reading, 'rb') as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    return text


gc.freeze()
cpu = sum(os.times()[:4])
began = time.perf_counter()
runs = 0
while time.perf_counter() - began < float(seconds):
    forked() if mode == 'fork' else run()
    if mode == 'collect':
        gc.collect()
    runs += 1
times = os.times()
print(runs / (time.perf_counter() - began), (sum(times[:4]) - cpu) * 1e6 / runs)

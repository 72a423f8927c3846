"""A host for SNMP, and contexts, for tests of the package without a worker."""
import contextlib
from collections import defaultdict

from support import RESOURCE

from panoptes.testing import FakeDevice
from yahoo_panoptes.framework.context import PanoptesConfig, PanoptesContext
from yahoo_panoptes.framework.enrichment import PanoptesEnrichmentCache, PanoptesEnrichmentCacheKeyValueStore
from yahoo_panoptes.framework.plugins.context import PanoptesPluginWithEnrichmentContext
from yahoo_panoptes.framework.resources import PanoptesResource
from yahoo_panoptes.framework.utilities.key_value_store import PanoptesKeyValueStore
from yahoo_panoptes.framework.utilities.secrets import PanoptesSecretsStore
from yahoo_panoptes.framework.utilities.snmp import host


class PluginsStore(PanoptesKeyValueStore):
    def __init__(self, panoptes_context):
        super().__init__(panoptes_context, 'panoptes:plugins_kv')


def resource(**changes):
    return PanoptesResource.resource_from_dict(dict(RESOURCE, **changes))


def panoptes_context(snmp=None, x509=None):
    return PanoptesContext(
        key_value_store_class_list=[PluginsStore, PanoptesSecretsStore, PanoptesEnrichmentCacheKeyValueStore],
        config=PanoptesConfig(['test_site'], snmp, x509))


def plugin_context(config=None, data=None, secrets=None, snmp=None, x509=None, enrichment=None):
    """secrets is {name:site: text}, enrichment {resource id:namespace: text}."""
    context = panoptes_context(snmp, x509)
    conf = defaultdict(dict, {'Core': {'name': 'Test Plugin'}, 'main': {'execute_frequency': '60'}})
    for section, options in (config or {}).items():
        conf[section] = dict(conf[section], **options)
    store = context.get_kv_store(PanoptesSecretsStore)
    for key, value in (secrets or {}).items():
        context.key_value_backend.set(store.namespace, key, value, None)
    for key, value in (enrichment or {}).items():
        context.get_kv_store(PanoptesEnrichmentCacheKeyValueStore).set(key, value)
    data = data or resource()
    cache = PanoptesEnrichmentCache(context, conf, data) if conf.get('enrichment') else None
    return PanoptesPluginWithEnrichmentContext(
        context, 'panoptes.test', conf, context.get_kv_store(PluginsStore), store, data, cache)


class HostError(Exception):
    def __init__(self, code, text):
        super().__init__('snmp: {} (code {})'.format(text, code))
        self.code = code
        self.text = text


@contextlib.contextmanager
def snmp_host(objects, opening=None):
    fake = FakeDevice(objects, opening)
    before = host.use(fake)
    try:
        yield fake
    finally:
        host.use(before)


def table(base, kind='OCTETSTR', **rows):
    """{base.index: (kind, value)}, the indexes written with _ for dots and a leading i."""
    return {'{}.{}'.format(base, index[1:].replace('_', '.')): (kind, value) for index, value in rows.items()}

"""The stores that plugins see, kept by the host."""
import re

from yahoo_panoptes.framework import const
from yahoo_panoptes.framework.exceptions import PanoptesBaseException
from yahoo_panoptes.framework.utilities.key_value_store import PanoptesKeyValueStore

from panoptes_worker.channel import RemoteError


class PluginsKeyValueStore(PanoptesKeyValueStore):
    """The store that all plugins share."""

    def __init__(self, panoptes_context):
        super().__init__(panoptes_context, const.PLUGINS_KEY_VALUE_NAMESPACE)


class HostBackend:
    """Asks the host each time; nothing is kept here. Failures are PanoptesBaseException.

    The host's store is that of the plugins, so keys of their namespace go as they are, those of a namespace within it with the
    rest of its name in front, as that of enrichment, and keys of any other with the name of the namespace. Secrets and
    resources have calls of their own.
    """

    def __init__(self, channel):
        self._channel = channel

    def _ask(self, method, params, result=None):
        try:
            answer = self._channel.call(method, params)
        except RemoteError as e:
            raise PanoptesBaseException(str(e)) from None
        if result is None:
            return answer
        return answer.get(result) if isinstance(answer, dict) else None

    @staticmethod
    def _place(namespace):
        """What comes before keys of this namespace, and the parameters that name it."""
        full = namespace + const.KV_NAMESPACE_DELIMITER
        plugins = const.PLUGINS_KEY_VALUE_NAMESPACE + const.KV_NAMESPACE_DELIMITER
        return (full[len(plugins):], {}) if full.startswith(plugins) else ('', {'namespace': namespace})

    def _kv(self, method, namespace, kind, name, result=None, **more):
        """A call about the key or set of this name."""
        prefix, params = self._place(namespace)
        params[kind] = prefix + name
        params.update(more)
        return self._ask(method, params, result)

    def get(self, namespace, key):
        if namespace == const.SECRETS_MANAGER_KEY_VALUE_NAMESPACE:
            name, _, site = key.rpartition(':')
            return self.get_secret(namespace, name, site, False)
        if namespace == const.RESOURCE_MANAGER_KEY_VALUE_NAMESPACE:
            return self.find_values(namespace, _quote(key)).get(key)
        return self._kv('kv.get', namespace, 'key', key, 'value')

    def set(self, namespace, key, value, expire):
        self._refuse_writing(namespace)
        self._kv('kv.set', namespace, 'key', key, value=value, expire=expire)

    def getset(self, namespace, key, value, expire):
        self._refuse_writing(namespace)
        return self._kv('kv.getset', namespace, 'key', key, 'value', value=value, expire=expire)

    def ttl(self, namespace, key):
        self._refuse_secrets(namespace)
        if namespace == const.RESOURCE_MANAGER_KEY_VALUE_NAMESPACE:
            ttl = re.search(r'\|meta\._resource_ttl\|(\d+)\|', self.get(namespace, key) or '')
            return int(ttl.group(1)) if ttl else -2
        return self._kv('kv.ttl', namespace, 'key', key, 'ttl')

    def find_keys(self, namespace, pattern):
        self._refuse_secrets(namespace)
        if namespace == const.RESOURCE_MANAGER_KEY_VALUE_NAMESPACE:
            return list(self.find_values(namespace, pattern))
        prefix, params = self._place(namespace)
        keys = self._ask('kv.find_keys', dict(params, pattern=_quote(prefix) + pattern), 'keys') or []
        return [key[len(prefix):] for key in keys if key.startswith(prefix)]

    def find_values(self, namespace, pattern):
        """{key: value} of the resources that match."""
        assert namespace == const.RESOURCE_MANAGER_KEY_VALUE_NAMESPACE
        found, after = {}, ''
        while after is not None:
            answer = self._ask('resources.find', {'pattern': pattern, 'after': after})
            found.update(answer['resources'])
            after = answer['next']
        return found

    def delete(self, namespace, key):
        self._refuse_writing(namespace)
        self._kv('kv.delete', namespace, 'key', key)

    def set_members(self, namespace, name):
        self._refuse_secrets(namespace)
        return set(self._kv('kv.set_members', namespace, 'name', name, 'members') or [])

    def set_add(self, namespace, name, member):
        self._refuse_writing(namespace)
        self._kv('kv.set_add', namespace, 'name', name, member=member)

    def get_enrichment(self, namespace, resource_id, wanted):
        """What plugins found out about a resource, by namespace; "*" is all of them."""
        return self._ask('enrichment.get', {'resource_id': resource_id, 'namespace': wanted}, 'enrichment') or {}

    def get_secret(self, namespace, name, site, fallback):
        return self._ask('secrets.get', {'name': name, 'site': site, 'fallback': fallback}, 'value')

    @classmethod
    def _refuse_writing(cls, namespace):
        cls._refuse_secrets(namespace)
        if namespace == const.RESOURCE_MANAGER_KEY_VALUE_NAMESPACE:
            raise PanoptesBaseException(
                'the host keeps the resources: return a PanoptesResourceSet from run() of a discovery plugin to add some')

    @staticmethod
    def _refuse_secrets(namespace):
        if namespace == const.SECRETS_MANAGER_KEY_VALUE_NAMESPACE:
            raise PanoptesBaseException('secrets can only be read, by name and site')


def _quote(text):
    """A pattern that matches text alone."""
    return re.sub(r'([*?\[\]\\])', r'\\\1', text)

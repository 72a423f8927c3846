"""The store of secrets, such as community strings, which plugins can read."""
from __future__ import annotations

from typing import TYPE_CHECKING

from yahoo_panoptes.framework import const
from yahoo_panoptes.framework.utilities.key_value_store import PanoptesKeyValueStore
from yahoo_panoptes.framework.validators import PanoptesValidators, check

if TYPE_CHECKING:
    from yahoo_panoptes.framework.context import PanoptesContext


class PanoptesSecretsStore(PanoptesKeyValueStore):
    """Secrets by name and site. What would write does nothing."""

    def __init__(self, context: PanoptesContext) -> None:
        super(PanoptesSecretsStore, self).__init__(context, const.SECRETS_MANAGER_KEY_VALUE_NAMESPACE)

    def get_by_site(self, secret_name: str, site: str, fallback_to_default: bool = True) -> str | None:
        """The secret of the site, or the one of the site ``default`` where that is missing and
        fallback_to_default is set; None if there is neither."""
        check(PanoptesValidators.valid_nonempty_string(secret_name),
              'secret_name must be a non-empty str or unicode')
        check(PanoptesValidators.valid_nonempty_string(site), 'site must be a non-empty str or unicode')
        check(isinstance(fallback_to_default, bool), 'fallback_to_default must be a boolean')
        return self._backend.get_secret(self.namespace, secret_name, site, fallback_to_default)

    def set(self, key: str, value: str, expire: int | None = None) -> None:
        pass

    def delete(self, key: str) -> None:
        pass

    def set_add(self, set_name: str, member: str) -> None:
        pass

    def set_members(self, set_name: str) -> None:
        pass

"""The exceptions of the plugin API. Each is importable from the module it belongs to as well."""
from __future__ import annotations



class PanoptesBaseException(Exception):
    """Base of all exceptions of Panoptes. Takes any arguments; ``args`` holds the positional ones."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super(PanoptesBaseException, self).__init__(*args)


# framework.metrics

class PanoptesMetricsException(PanoptesBaseException):
    """Something is wrong with metrics."""


class PanoptesMetricsNullException(PanoptesMetricsException):
    """A metric has no value."""


class PanoptesMetricDimensionException(PanoptesBaseException):
    """Something is wrong with a dimension."""


class PanoptesMetricDimensionNullException(PanoptesMetricDimensionException):
    """A dimension has no value."""


# framework.resources

class PanoptesResourceError(PanoptesBaseException):
    """A resource cannot be read or written."""


class PanoptesResourceCacheException(PanoptesResourceError):
    """The resource cache cannot be used."""


# framework.plugins, polling, discovery, enrichment

class PanoptesPluginConfigurationError(PanoptesBaseException):
    """A plugin's configuration is wrong."""


class PanoptesPluginRuntimeError(PanoptesBaseException):
    """A plugin cannot run."""


class PanoptesPollingPluginConfigurationError(PanoptesPluginConfigurationError):
    """A polling plugin's configuration is wrong."""


class PanoptesPollingPluginError(PanoptesBaseException):
    """A polling plugin failed."""


class PanoptesEnrichmentPluginConfigurationError(PanoptesPollingPluginConfigurationError):
    """An enrichment plugin's configuration is wrong."""


class PanoptesEnrichmentPluginError(PanoptesPollingPluginError):
    """An enrichment plugin failed."""


class PanoptesDiscoveryPluginError(PanoptesBaseException):
    """A discovery plugin failed."""


# framework.enrichment

class PanoptesEnrichmentException(PanoptesBaseException):
    """Something is wrong with enrichment."""


class PanoptesEnrichmentCacheError(PanoptesBaseException):
    """Enrichment that was asked for is not there."""


class PanoptesEnrichmentFileEmptyError(PanoptesEnrichmentCacheError):
    """An enrichment file holds nothing."""


# framework.utilities

class PanoptesPingException(PanoptesBaseException):
    """A ping failed."""


class PanoptesPingTimeoutException(PanoptesPingException):
    """A ping was not answered."""


class PanoptesPingConnectionError(PanoptesPingException):
    """The program that pings cannot be reached."""


class PanoptesPingRequestException(PanoptesBaseException):
    """A ping cannot be asked for."""


class PanoptesConfigurationParsingError(PanoptesBaseException):
    """A configuration file cannot be read."""


class PanoptesKeyValueStoreException(BaseException):
    """Kept for its name; nothing raises it."""


# framework.context, framework.configuration_manager

class PanoptesConfigurationError(PanoptesBaseException):
    """The main configuration is wrong."""


class PanoptesContextError(PanoptesBaseException):
    """The context lacks what is asked of it."""

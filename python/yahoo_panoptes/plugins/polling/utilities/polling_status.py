"""The status of a device's polling, from the successes and failures of its parts; see docs/panoptes/python-api.md
section 8."""
from __future__ import annotations

import logging
import traceback
import urllib.error
from collections import Counter
from typing import Any

from yahoo_panoptes.framework.exceptions import PanoptesEnrichmentCacheError, PanoptesMetricsNullException
from yahoo_panoptes.framework.metrics import PanoptesMetric, PanoptesMetricsGroup, PanoptesMetricType
from yahoo_panoptes.framework.utilities.ping import *
from yahoo_panoptes.framework.utilities.ping import check
from yahoo_panoptes.framework.utilities.snmp.exceptions import (
    PanoptesSNMPConnectionException,
    PanoptesSNMPTimeoutException,
)

# Packets, and seconds they may take together.
_PING_COUNT = 10
_PING_TIMEOUT = 10


class DEVICE_METRICS_STATES(object):
    """The values of the status."""

    SUCCESS = 0
    AUTHENTICATION_FAILURE = 1
    NETWORK_FAILURE = 2
    TIMEOUT = 3
    PARTIAL_METRIC_FAILURE = 4
    INTERNAL_FAILURE = 5
    MISSING_METRICS = 6
    PING_FAILURE = 7
    ENRICHMENT_FAILURE = 8


exceptions_dict: dict[type[BaseException], int] = {
    PanoptesSNMPTimeoutException: DEVICE_METRICS_STATES.TIMEOUT,
    PanoptesSNMPConnectionException: DEVICE_METRICS_STATES.NETWORK_FAILURE,
    urllib.error.URLError: DEVICE_METRICS_STATES.NETWORK_FAILURE,
    PanoptesPingException: DEVICE_METRICS_STATES.PING_FAILURE,
    PanoptesPingTimeoutException: DEVICE_METRICS_STATES.PING_FAILURE,
    PanoptesMetricsNullException: DEVICE_METRICS_STATES.MISSING_METRICS,
    PanoptesEnrichmentCacheError: DEVICE_METRICS_STATES.ENRICHMENT_FAILURE,
}

try:
    from requests.exceptions import ConnectionError as _RequestsConnectionError
    from requests.exceptions import ConnectTimeout
    from urllib3.exceptions import ConnectTimeoutError
except ImportError:  # who does not use them cannot see their errors
    pass
else:
    exceptions_dict.update({
        ConnectTimeout: DEVICE_METRICS_STATES.TIMEOUT,
        ConnectTimeoutError: DEVICE_METRICS_STATES.TIMEOUT,
        _RequestsConnectionError: DEVICE_METRICS_STATES.NETWORK_FAILURE,
    })

EXCEPTIONS_KEYS = exceptions_dict.keys()


class PanoptesPollingStatus(object):
    """Collects how the parts of a poll went and makes the status of the device of it, one gauge in a group."""

    def __init__(self, resource: PanoptesResource, execute_frequency: int, logger: logging.Logger, ping: bool = True,
                 metrics_group_type_name: str = 'status', metric_name: str = 'status', context: Any = None) -> None:
        """With ping, a device that cannot be reached is pinged before its status is told."""
        check(isinstance(resource, PanoptesResource), 'resource must be an instance of PanoptesResource')
        check(PanoptesValidators.valid_nonzero_integer(execute_frequency), 'execute_frequency must be integer > 0')
        check(PanoptesValidators.valid_logger(logger), 'logger must be an instance of logging.Logger')
        self._resource = resource
        self._execute_frequency = execute_frequency
        self._logger = logger
        self._ping = ping
        self._metrics_group_type_name = metrics_group_type_name
        self._metric_name = metric_name
        self._context = context
        # By what was polled, in the order in which it was first reported.
        self._states: dict[str, int] = {}
        self._device_status: int = DEVICE_METRICS_STATES.SUCCESS
        self._metrics_group: PanoptesMetricsGroup | None = None

    @property
    def device_status(self) -> int:
        return self._device_status

    @property
    def device_name(self) -> str:
        return self._resource.resource_endpoint

    @property
    def device_type(self) -> str:
        resource = self._resource
        return ':'.join((resource.resource_class, resource.resource_subclass, resource.resource_type))

    @property
    def logger(self) -> logging.Logger:
        return self._logger

    def handle_success(self, k: str) -> None:
        """Part k went well; if it has failed before, it went well in part."""
        known = self._states.setdefault(k, DEVICE_METRICS_STATES.SUCCESS)
        if known != DEVICE_METRICS_STATES.SUCCESS:
            self._states[k] = DEVICE_METRICS_STATES.PARTIAL_METRIC_FAILURE
        self._update()

    def handle_exception(self, k: str, e: BaseException) -> None:
        """Part k failed, which is logged; if it has gone well before, it failed in part."""
        trace = ''.join(traceback.format_exception(type(e), e, e.__traceback__))
        self._logger.warning('Error while trying to poll "%s" (%s) for "%s": %s - %s', self.device_name,
                             self.device_type, k, repr(e), trace)
        if self._states.get(k) in (DEVICE_METRICS_STATES.SUCCESS, DEVICE_METRICS_STATES.PARTIAL_METRIC_FAILURE):
            self._states[k] = DEVICE_METRICS_STATES.PARTIAL_METRIC_FAILURE
        else:
            self._states[k] = _state_of(e)
        self._update()

    def _update(self) -> None:
        counts = Counter(self._states.values())
        success = counts[DEVICE_METRICS_STATES.SUCCESS]
        if success == len(self._states):
            self._device_status = DEVICE_METRICS_STATES.SUCCESS
        elif success:
            self._device_status = DEVICE_METRICS_STATES.PARTIAL_METRIC_FAILURE
        else:
            # Of equally frequent ones the first that was seen.
            del counts[DEVICE_METRICS_STATES.SUCCESS]
            self._device_status = max(counts, key=lambda state: counts[state])

    @property
    def device_status_metrics_group(self) -> PanoptesMetricsGroup:
        """The group with the status; the first access pings, if need be, and settles it."""
        if self._metrics_group is None:
            if self._ping and self._device_status in (DEVICE_METRICS_STATES.TIMEOUT,
                                                      DEVICE_METRICS_STATES.NETWORK_FAILURE):
                self._try_ping()
            group = PanoptesMetricsGroup(self._resource, self._metrics_group_type_name, self._execute_frequency)
            group.add_metric(PanoptesMetric(self._metric_name, self._device_status, PanoptesMetricType.GAUGE))
            self._metrics_group = group
        return self._metrics_group

    def _try_ping(self) -> None:
        try:
            ping = PanoptesPingConnectionFactory.get_ping_connection(
                self._resource, self._context, count=_PING_COUNT, timeout=_PING_TIMEOUT)
            if ping.packet_loss_pct == 100.0:
                self._device_status = DEVICE_METRICS_STATES.PING_FAILURE
        except Exception as e:
            self._logger.warning(
                'Error while trying to ping "%s" (%s): %s', self.device_name, self.device_type, repr(e))
            self._device_status = DEVICE_METRICS_STATES.PING_FAILURE


def _state_of(exception: BaseException) -> int:
    for cls in type(exception).__mro__:
        if cls in exceptions_dict:
            return exceptions_dict[cls]
    return DEVICE_METRICS_STATES.INTERNAL_FAILURE

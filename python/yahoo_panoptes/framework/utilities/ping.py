"""Pings a host with the system's own program; see docs/panoptes/python-api.md section 10."""
from __future__ import annotations

import json
import random
import re
import subprocess
from typing import Any

try:
    import requests
except ImportError:  # only those who use it themselves need it
    requests = None

from yahoo_panoptes.framework import const
from yahoo_panoptes.framework.exceptions import (
    PanoptesBaseException,
    PanoptesPingConnectionError,
    PanoptesPingException,
    PanoptesPingRequestException,
    PanoptesPingTimeoutException,
)
from yahoo_panoptes.framework.resources import PanoptesResource
from yahoo_panoptes.framework.validators import PanoptesValidators, check
from yahoo_panoptes.plugins.helpers.snmp_connections import PanoptesSNMPConnectionFactory

# Separately, because the second line is missing when nothing came back; and other counts, such as of errors, may stand
# between the first ones.
_PACKETS = re.compile(
    r'ping statistics ---\n([0-9]+) packets transmitted, ([0-9]+) received,.*?(\d+(?:\.\d+)?)% packet loss'
    r'(?:, time ([0-9]+)ms)?')
_ROUND_TRIPS = re.compile(r'(?:rtt|round-trip) min/avg/max/(?:mdev|stddev) = '
                          r'(\d*\.\d+)/(\d*\.\d+)/(\d*\.\d+)/(\d*\.\d+) ms')


# What a ping tells, by the names of the properties.
PING_METRICS = ['packets_transmitted', 'packets_received', 'packet_loss_pct', 'execution_time',
                'round_trip_min', 'round_trip_avg', 'round_trip_max', 'round_trip_stddev']


class PanoptesPing(object):
    """The result of a ping; what is not known is None."""

    def __init__(self) -> None:
        self._response: dict[str, Any] = dict.fromkeys(PING_METRICS)

    def setPingStatsAPIResponse(self, response: dict[str, Any]) -> None:
        """Takes what somebody else found out, such as a proxy that pings; other names than PING_METRICS are left out."""
        self._response.update((name, response[name]) for name in PING_METRICS if name in response)

    def _parse(self, output: str) -> bool:
        """Takes what it finds in the output; returns whether it found the counts."""
        packets = _PACKETS.search(output)
        if packets:
            self._response['packets_transmitted'] = int(packets.group(1))
            self._response['packets_received'] = int(packets.group(2))
            self._response['packet_loss_pct'] = float(packets.group(3))
            if packets.group(4) is not None:
                self._response['execution_time'] = round(int(packets.group(4)) / 1000.0, 2)
        times = _ROUND_TRIPS.search(output)
        if times:
            for name, text in zip(('min', 'avg', 'max', 'stddev'), times.groups()):
                self._response['round_trip_' + name] = float(text)
        return packets is not None

    @property
    def packets_transmitted(self) -> int | None:
        return self._response['packets_transmitted']

    @property
    def packets_received(self) -> int | None:
        return self._response['packets_received']

    @property
    def packet_loss_pct(self) -> float | None:
        return self._response['packet_loss_pct']

    @property
    def execution_time(self) -> float | None:
        """Seconds."""
        return self._response['execution_time']

    @property
    def round_trip_min(self) -> float | None:
        """Milliseconds, as the next three."""
        return self._response['round_trip_min']

    @property
    def round_trip_avg(self) -> float | None:
        return self._response['round_trip_avg']

    @property
    def round_trip_max(self) -> float | None:
        return self._response['round_trip_max']

    @property
    def round_trip_stddev(self) -> float | None:
        return self._response['round_trip_stddev']

    @property
    def response(self) -> str:
        """All of it as JSON."""
        return json.dumps(self._response)


class PanoptesPingDirect(PanoptesPing):
    """Pings at once. PanoptesPingTimeoutException if packets were lost so that ping reports a failure,
    PanoptesPingException if it cannot ping."""

    def __init__(self, count: int = 10, timeout: int = 10, hostname: str = 'localhost') -> None:
        check(PanoptesValidators.valid_nonzero_integer(count), 'count must be integer > 0')
        check(PanoptesValidators.valid_nonempty_string(hostname), 'hostname must be nonempty string')
        check(PanoptesValidators.valid_nonzero_integer(timeout), 'timeout must be integer > 0')
        super(PanoptesPingDirect, self).__init__()
        if hostname.startswith('-'):
            raise PanoptesPingException('hostname "{}" would be an option of ping'.format(hostname))
        try:
            self._parse(subprocess.check_output(
                ['/bin/ping', '-c', str(count), '-w', str(timeout), hostname],
                stderr=subprocess.STDOUT, universal_newlines=True))
        except subprocess.CalledProcessError as e:
            if self._parse(e.output or ''):
                raise PanoptesPingTimeoutException('Ping timed out with response: ' + str(self._response))
            raise PanoptesPingException(e.output)
        except Exception as e:
            raise PanoptesPingException(str(e))


class PanoptesPingSteamroller(PanoptesPing):
    """Would ping through a proxy, whose server was never published."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super(PanoptesPingSteamroller, self).__init__()
        raise PanoptesPingConnectionError('there is no client for ping_route "steamroller"')


class PanoptesPingConnectionFactory(object):
    @staticmethod
    def get_ping_connection(resource: PanoptesResource, context: Any = None, count: int = 10,
                            timeout: int = 10) -> PanoptesPing:
        """Pings the endpoint of the resource and returns the result."""
        check(isinstance(resource, PanoptesResource), 'resource must be an instance of PanoptesResource')
        metadata = resource.resource_metadata
        if context and metadata.get('ping_route') == 'steamroller' and 'snmp_proxy_hosts' in metadata:
            return PanoptesPingSteamroller(count=count, timeout=timeout, hostname=resource.resource_endpoint)
        return PanoptesPingDirect(count=count, timeout=timeout, hostname=resource.resource_endpoint)

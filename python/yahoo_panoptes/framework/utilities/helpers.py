"""Small functions that plugins use; see docs/panoptes/python-api.md section 9."""
from __future__ import annotations

import io
import logging
import os
import re
import socket
import sys
import threading
from time import monotonic
from types import FrameType
from typing import Any, Callable, List

from yahoo_panoptes.framework.exceptions import PanoptesConfigurationParsingError
from yahoo_panoptes.framework.validators import PanoptesValidators, check

LOG = logging.getLogger('panoptes.yahoo_panoptes.framework.utilities.helpers')

# Names looked up at a time.
_LOOKUP_THREADS = 64


def is_python_2() -> bool:
    return False


def normalize_plugin_name(plugin_name: str) -> str:
    """The name with ``_`` doubled and everything but ASCII letters, digits and ``_`` made ``_``."""
    check(PanoptesValidators.valid_nonempty_string(plugin_name), 'plugin_name must be a non-empty str')
    return re.sub(r'[^A-Za-z0-9_]', '_', plugin_name.replace('_', '__'))


def get_module_mtime(module_path: str) -> int:
    """Seconds since the epoch of the newest file if this is a folder, else of the module's file; 0 if it is missing."""
    check(PanoptesValidators.valid_nonempty_string(module_path), 'module_path must be a non-empty str')
    try:
        if os.path.isdir(module_path):
            files = [os.path.join(module_path, name) for name in os.listdir(module_path)]
            return int(max([os.path.getmtime(file) for file in files if os.path.isfile(file)] or [0]))
        if not os.path.isfile(module_path + '.py') and module_path.endswith('.py'):
            return int(os.path.getmtime(module_path))
        return int(os.path.getmtime(module_path + '.py'))
    except OSError:
        return 0


def transform_octet_to_mac(octet_string: str | bytes) -> str:
    """``b'\\x01\\xab'`` (or its latin-1 text) to ``01:AB``."""
    if isinstance(octet_string, str):
        octet_string = octet_string.encode('latin-1')
    return ':'.join('{:02X}'.format(octet) for octet in octet_string)


def transform_dotted_decimal_to_mac(dotted_decimal_mac: str) -> str:
    """``0.10.16.255`` to ``00:0A:10:FF``."""
    return ':'.join('{:02X}'.format(int(decimal)) for decimal in dotted_decimal_mac.split('.'))


def transform_index_ipv6_address(ipv6_str: str) -> str:
    """Sixteen decimals joined by dots to the short text of an IPv6 address."""
    return socket.inet_ntop(socket.AF_INET6, bytes(int(decimal) for decimal in ipv6_str.split('.')))


def convert_celsius_to_fahrenheit(degrees_celsius: float) -> float:
    return round(degrees_celsius * 1.8 + 32, 2)


def convert_netmask_to_cidr(netmask: str) -> int:
    """``255.255.254.0`` to 23."""
    return sum(bin(int(decimal)).count('1') for decimal in netmask.split('.'))


def convert_kv_str_to_dict(kv: str, prefix: str, kv_delimiter: str = '|',
                           prefix_delimiter: str = '_') -> dict[str, str]:
    """``a|b|c|d`` and ``p`` to ``{'p_a': 'b', 'p_c': 'd'}``; an odd number of parts to an empty dict."""
    check(PanoptesValidators.valid_nonempty_string(kv), 'kv must be a non-empty string')
    check(PanoptesValidators.valid_nonempty_string(prefix), 'prefix must be a non-empty string')
    check(PanoptesValidators.valid_nonempty_string(kv_delimiter), 'kv_delimiter must be a non-empty string')
    check(PanoptesValidators.valid_nonempty_string(prefix_delimiter), 'prefix_delimiter must be a non-empty string')
    parts = kv.split(kv_delimiter)
    if len(parts) % 2:
        return {}
    return {prefix + prefix_delimiter + key: value for key, value in zip(parts[::2], parts[1::2])}


def ordered(obj: Any) -> Any:
    """The same with dicts as sorted lists of pairs and lists sorted, at every depth, to compare by."""
    if isinstance(obj, dict):
        return sorted((key, ordered(value)) for key, value in obj.items())
    if isinstance(obj, list):
        return sorted(ordered(item) for item in obj)
    return obj


def unknown_hostname(ip: str) -> str:
    return 'unknown-' + re.sub(r'[.:]', '-', ip)


def _lookup(function: Callable[[str], str], items: list[str], timeout: int) -> dict[str, str]:
    """{item: function(item)} for those that answered without an error within timeout seconds."""
    found = {}
    waiting = list(items)
    lock = threading.Lock()

    def work() -> None:
        while True:
            with lock:
                if not waiting:
                    return
                item = waiting.pop()
            try:
                value = function(item)
            except (OSError, UnicodeError):
                continue
            with lock:
                found[item] = value

    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(len(waiting), _LOOKUP_THREADS))]
    for thread in threads:
        thread.start()
    end = monotonic() + timeout
    for thread in threads:
        thread.join(max(0, end - monotonic()))
    with lock:
        del waiting[:]
        return dict(found)


def get_hostnames(ips: list[str], timeout: int) -> dict[str, str]:
    """{address: name}; one without a name within timeout seconds gets ``unknown-`` and the address."""
    check(isinstance(ips, list), 'ips should be a list')
    check(PanoptesValidators.valid_nonzero_integer(timeout), 'timeout should be an int greater than zero')
    found = _lookup(lambda ip: socket.gethostbyaddr(ip)[0], ips, timeout)
    names = {}
    for ip in ips:
        name = found.get(ip)
        names[ip] = unknown_hostname(ip) if name is None or name.startswith('UNKNOWN') else name
    return names


def resolve_hostnames(hostnames: list[str], timeout: int) -> list[tuple[str, str | None]]:
    """A list of (name, IPv4 address or None if there is none within timeout seconds)."""
    check(isinstance(hostnames, list), 'hostnames should be a list')
    check(PanoptesValidators.valid_nonzero_integer(timeout), 'timeout should be an int greater than zero')
    found = _lookup(socket.gethostbyname, hostnames, timeout)
    return [(name, found.get(name)) for name in hostnames]


def get_ip_version(ip: str) -> int:
    """4 or 6; ValueError(ip) if it is neither. Short forms such as ``1`` are 4."""
    try:
        socket.inet_aton(ip)
        return 4
    except (OSError, TypeError, UnicodeError):
        pass
    try:
        socket.inet_pton(socket.AF_INET6, ip)
        return 6
    except (OSError, TypeError, UnicodeError):
        raise ValueError(ip)


def get_hostname() -> str:
    return socket.gethostname()


def get_os_tid() -> int:
    """The operating system's number of this thread."""
    return threading.get_native_id()


def get_client_id(prefix: str) -> str:
    import uuid
    check(PanoptesValidators.valid_nonempty_string(prefix), 'prefix must be a non-empty string')
    return '{}_{}_{}_{}'.format(uuid.uuid4(), prefix, get_hostname(), get_os_tid())


def get_calling_module_name(depth: int = 3) -> str | None:
    """The name of the module depth calls up."""
    return sys._getframe(depth).f_globals.get('__name__')


def inspect_calling_module_for_name(name: str) -> bool:
    """Whether the name of any module among the callers contains name."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if name in (frame.f_globals.get('__name__') or ''):
            return True
        frame = frame.f_back
    return False


class _Capture(List[str]):
    """Collects the lines written to a stream of sys while it is entered."""

    _name: str

    def __enter__(self) -> _Capture:
        self._stream = getattr(sys, self._name)
        self._text = io.StringIO()
        setattr(sys, self._name, self._text)
        return self

    def __exit__(self, *exception: object) -> None:
        self.extend(self._text.getvalue().splitlines())
        setattr(sys, self._name, self._stream)


class CaptureStdErr(_Capture):
    _name = 'stderr'


class CaptureStdOut(_Capture):
    _name = 'stdout'


def parse_config_file(config_file: str, config_spec_file: str) -> Any:
    """Reads a file for ConfigObj and validates it; needs the package configobj."""
    try:
        from configobj import ConfigObj, flatten_errors
        from validate import Validator
    except ImportError as e:
        raise PanoptesConfigurationParsingError(
            'cannot read "{}": the package configobj is needed: {}'.format(config_file, e))
    try:
        config = ConfigObj(config_file, configspec=config_spec_file, interpolation='template', file_error=True)
        result = config.validate(Validator(), preserve_errors=True)
    except Exception as e:
        raise PanoptesConfigurationParsingError('cannot read "{}": {}'.format(config_file, e))
    if result is not True:
        errors = ['{}: {}'.format('.'.join(sections + [key or 'section']), error or 'missing')
                  for sections, key, error in flatten_errors(config, result)]
        raise PanoptesConfigurationParsingError('"{}" is not valid: {}'.format(config_file, '; '.join(errors)))
    return config

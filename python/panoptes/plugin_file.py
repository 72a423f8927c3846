"""Reads .panoptes-plugin files as the collector does; see docs/panoptes/runtime.md section 2."""
from __future__ import annotations

import configparser
import os
import re
from collections import defaultdict
from typing import Any, DefaultDict, Dict

from yahoo_panoptes.plugins import BUILT_IN

Config = DefaultDict[str, Dict[str, str]]

_DOCUMENTATION = {'version': '0.0', 'author': 'Unknown', 'website': 'None', 'copyright': 'Unknown', 'description': ''}

# Where quotes belong to the text: what reads these options takes them away itself.
_QUOTED_SECTIONS = ('transforms', 'topics')
_QUOTED_OPTIONS = ('resource_filter',)


class PluginFileError(ValueError):
    """A plugin file that the collector would refuse."""


class PluginFile(object):
    """What a plugin file says. config is what context.config becomes."""

    def __init__(self, path: str) -> None:
        """PluginFileError says what is wrong with the file."""
        self.path = os.path.abspath(path)
        self.directory = os.path.dirname(self.path)
        if not path.endswith('.panoptes-plugin'):
            raise PluginFileError('{}: the name of a plugin file ends in .panoptes-plugin'.format(path))
        parser = configparser.ConfigParser(interpolation=_Interpolation())
        try:
            with open(self.path, encoding='utf-8') as file:
                parser.read_file(file, self.path)
            self.config: Config = defaultdict(dict)
            for section in parser.sections():
                options = {option: _unquoted(section, option, value) for option, value in parser.items(section)}
                if options:
                    self.config[section] = options
        except (OSError, UnicodeDecodeError, configparser.Error) as e:
            raise PluginFileError('{}: {}'.format(path, ' '.join(str(e).split()))) from None
        for option in ('name', 'module'):
            if not self.config.get('Core', {}).get(option):
                raise PluginFileError('{}: [Core] must have a {}'.format(path, option.capitalize()))
        for option, default in _DOCUMENTATION.items():
            self.config['Documentation'].setdefault(option, default)
        self.name = self.config['Core']['name'].strip()
        self.config['Core']['module'] = self.module = os.path.join(self.directory, self.config['Core']['module'])

    def module_path(self) -> str:
        """The module's path, for what loads it. An absolute one that is not there is looked for beside the file, and
        then among those that come with the package."""
        beside = os.path.join(self.directory, os.path.basename(self.module))
        for path in (self.module, beside, os.path.splitext(beside)[0]):
            if os.path.isfile(path + '.py') or path.endswith('.py') and os.path.isfile(path) or os.path.isdir(path):
                return path
        name = os.path.splitext(os.path.basename(self.module))[0]
        if name in BUILT_IN:
            return beside
        if name in _OF_THE_HOST:
            raise PluginFileError('{}: [Core] Module = {} is no Python: try it with panoptes plugin run --snmprec'.format(self.path, name))
        raise PluginFileError('{}: [Core] Module: there is no {} or {}.py'.format(self.path, self.module, self.module))


# Modules that poll by SNMP in the Collector itself.
_OF_THE_HOST = ('snmp', 'plugin_polling_generic_snmp')


class _Interpolation(configparser.BasicInterpolation):
    """As Python has it, but a lone ``%`` is a ``%``."""

    def before_read(self, parser: Any, section: str, option: str, value: str) -> str:
        escaped = re.sub(r'%%|%\(|%', lambda match: '%%' if match.group() == '%' else match.group(), value)
        return super().before_read(parser, section, option, escaped)


def _unquoted(section: str, option: str, value: str) -> str:
    if section in _QUOTED_SECTIONS or option in _QUOTED_OPTIONS:
        return value
    if len(value) > 1 and value[0] == value[-1] and value[0] in '"\'':
        return value[1:-1]
    return value

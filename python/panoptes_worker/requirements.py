"""Checks the requirements.txt beside a plugin against what is installed. Nothing is installed.

Of PEP 508 it knows names, extras (whose own requirements are not looked at), the comparisons ``== != >= <= > < ~=`` of
versions that are numbers with an optional a, b, rc, post or dev part, and markers that compare python_version,
python_full_version, sys_platform, platform_system, os_name, platform_machine or implementation_name with texts, joined
by one kind of ``and`` or ``or``. Every other line (options, URLs, ``===``, other markers) is not checked, and said to be so.
"""
import os
import platform
import re
import shlex
import stat
import sys

try:
    from importlib import metadata
except ImportError:  # never from 3.8 on; a Python that was built without it
    metadata = None

NAME = 'requirements.txt'

_LINE = re.compile(r'([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*\(?([^;()@]*)\)?\s*(?:;(.*))?$')
_CLAUSE = re.compile(r'(===|==|!=|>=|<=|~=|>|<)\s*([^\s]+)$')
_VERSION = re.compile(r'v?(?:\d+!)?(\d+(?:\.\d+)*)[._-]?(?:(a|b|c|rc|alpha|beta|pre)[._-]?(\d*))?'
                      r'[._-]?(?:(post)[._-]?(\d*))?[._-]?(?:(dev)[._-]?(\d*))?(?:\+.*)?$', re.I)
_MARKER = re.compile(r'\s*(\w+)\s*(==|!=|>=|<=|>|<|in|not in)\s*(["\'])([^"\']*)\3\s*$')
_ORDER = {'a': 0, 'alpha': 0, 'b': 1, 'beta': 1, 'c': 2, 'rc': 2, 'pre': 2}


# Characters that are read of the file.
_MAX_SIZE = 1 << 20


class Unknown(Exception):
    """A line is none that this knows."""


def check(folder):
    """What is missing, one text each, and what was not checked, one text each."""
    missing, unchecked = [], []
    path = os.path.join(folder, NAME)
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # to open a pipe would wait for its writer
            return missing, ['{} is no regular file'.format(path)]
        with open(path, encoding='utf-8') as file:
            lines = file.read(_MAX_SIZE).splitlines()
    except FileNotFoundError:
        return missing, unchecked
    except (OSError, UnicodeError) as e:
        return missing, ['{} cannot be read: {}'.format(path, e)]
    for number, line in enumerate(_joined(lines), 1):
        text = re.sub(r'(^|\s)#.*', '', line).strip()
        if not text:
            continue
        try:
            problem = _problem(text)
        except Unknown:
            unchecked.append('{}: "{}" is not checked'.format(path, text))
        else:
            if problem:
                missing.append(problem)
    return missing, unchecked


def command(folder):
    """What installs the requirements of a folder."""
    return ' '.join(shlex.quote(part) for part in (
        sys.executable or 'python3', '-m', 'pip', 'install', '-r', os.path.join(folder, NAME)))


def _joined(lines):
    held = ''
    for line in lines:
        if line.endswith('\\'):
            held += line[:-1]
            continue
        yield held + line
        held = ''
    if held:
        yield held


def _problem(text):
    match = _LINE.match(text)
    if text.startswith('-') or '://' in text or match is None or metadata is None:
        raise Unknown
    name, versions, marker = match.groups()
    if marker is not None and not _holds(marker):
        return None
    clauses = [_clause(part.strip()) for part in versions.split(',') if part.strip()]
    try:
        installed = metadata.version(name)
    except metadata.PackageNotFoundError:
        return '{} is not installed'.format(name + versions.strip())
    for comparison, wanted in clauses:
        if not _fits(installed, comparison, wanted):
            return '{} is installed, {}{} is required'.format(name + ' ' + installed, comparison, wanted)
    return None


def _clause(text):
    match = _CLAUSE.match(text)
    if match is None or match.group(1) == '===':
        raise Unknown
    return match.groups()


def _fits(installed, comparison, wanted):
    if wanted.endswith('.*'):
        if comparison not in ('==', '!='):
            raise Unknown
        prefix = _key(wanted[:-2])[0]
        same = _padded(_key(installed)[0], len(prefix))[:len(prefix)] == prefix
        return same == (comparison == '==')
    have, want = _key(installed), _key(wanted)
    length = max(len(have[0]), len(want[0]))
    if comparison == '~=':
        if len(want[0]) < 2:
            raise Unknown
        head = want[0][:-1]
        if _padded(have[0], length)[:len(head)] != head:
            return False
        comparison = '>='
    have, want = (_padded(have[0], length),) + have[1:], (_padded(want[0], length),) + want[1:]
    return {'==': have == want, '!=': have != want, '>=': have >= want, '<=': have <= want, '>': have > want,
            '<': have < want}[comparison]


def _padded(release, length):
    return release + (0,) * (length - len(release))


def _key(version):
    match = _VERSION.match(version)
    if match is None:
        raise Unknown
    numbers, pre, pre_number, post, post_number, dev, dev_number = match.groups()
    release = tuple(int(part) for part in numbers.split('.'))
    # Before all: dev of the release itself; then pre-releases; then the release; then post-releases.
    if pre:
        stage = (_ORDER[pre.lower()], int(pre_number or 0))
    elif dev and not post:
        stage = (-1, 0)
    else:
        stage = (9, 0)
    return release, stage, int(post_number or 0) + 1 if post else 0, -1 if dev else 0, int(dev_number or 0) if dev else 0


def _holds(marker):
    """Whether a marker is true here."""
    if '(' in marker or re.search(r'\band\b', marker) and re.search(r'\bor\b', marker):
        raise Unknown
    every = re.split(r'\band\b', marker)
    if len(every) > 1:
        return all([_compare(part) for part in every])
    return any([_compare(part) for part in re.split(r'\bor\b', marker)])


def _compare(text):
    match = _MARKER.match(text)
    if match is None:
        raise Unknown
    name, comparison, _, wanted = match.groups()
    if name == 'extra':
        return False
    if name in ('python_version', 'python_full_version'):
        if comparison in ('in', 'not in'):
            raise Unknown
        return _fits(platform.python_version() if name == 'python_full_version' else '%d.%d' % sys.version_info[:2],
                     comparison, wanted)
    known = {'sys_platform': sys.platform, 'platform_system': platform.system(), 'os_name': os.name,
             'platform_machine': platform.machine(), 'implementation_name': sys.implementation.name}
    if name not in known or comparison not in ('==', '!=', 'in', 'not in'):
        raise Unknown
    have = known[name]
    return {'==': have == wanted, '!=': have != wanted, 'in': have in wanted, 'not in': have not in wanted}[comparison]

"""Fixtures for tests of plugins; installed with the package, pytest finds them by itself."""
from __future__ import annotations

import difflib
import json
import os
from pathlib import Path
from typing import Any, Callable, Iterator, Mapping

import pytest

from panoptes import testing
from yahoo_panoptes.framework.plugins.context import PanoptesPluginContext
from yahoo_panoptes.framework.resources import PanoptesResource
from yahoo_panoptes.framework.utilities.snmp import host


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup('panoptes').addoption(
        '--panoptes-update', action='store_true', help='write the golden files of panoptes_golden anew')


@pytest.fixture
def panoptes_resource() -> Callable[..., PanoptesResource]:
    """panoptes_resource(id='r1', endpoint='localhost', metadata={}) makes a resource."""
    return testing.make_resource


@pytest.fixture
def panoptes_snmp() -> Iterator[Callable[[Mapping[str, testing.SNMPValue]], testing.FakeDevice]]:
    """panoptes_snmp({'.1.3.6.1.2.1.1.3.0': 12}) has all SNMP of the test answered by a fake device."""
    before = host.use(None)
    host.use(before)

    def answer(objects: Mapping[str, testing.SNMPValue]) -> testing.FakeDevice:
        device = testing.FakeDevice(objects)
        host.use(device)
        return device
    yield answer
    host.use(before)


@pytest.fixture
def panoptes_context() -> Callable[..., PanoptesPluginContext]:
    """panoptes_context(config=, resource=, kv=, secrets=, enrichment=) makes what run() is given."""
    return testing.make_context


@pytest.fixture
def panoptes_run(
    panoptes_snmp: Callable[[Mapping[str, testing.SNMPValue]], testing.FakeDevice],
    request: pytest.FixtureRequest,
) -> Callable[..., testing.Run]:
    """panoptes_run(plugin) runs a class, a plugin file or a module; a path starts at the test's folder. Takes what
    panoptes_context takes, or context=, and snmp={object identifier: value} for a fake device."""
    def run(plugin: Any, context: PanoptesPluginContext | None = None,
            snmp: Mapping[str, testing.SNMPValue] | None = None, **options: Any) -> testing.Run:
        if snmp is not None:
            panoptes_snmp(snmp)
        if not isinstance(plugin, type):
            plugin = request.path.parent / plugin
        return testing.run(plugin, context, **options)
    return run


@pytest.fixture
def panoptes_golden(request: pytest.FixtureRequest) -> Callable[..., None]:
    """panoptes_golden(run) compares what a run came to, times aside, with golden/<module>/<test>.json beside the test;
    --panoptes-update writes it. Takes anything else that JSON can say, too."""
    def compare(found: Any, name: str | None = None) -> None:
        data = found.data() if isinstance(found, testing.Run) else found
        text = json.dumps(data, indent=2, sort_keys=True, ensure_ascii=False) + '\n'
        file = _golden(request, name)
        if request.config.getoption('--panoptes-update'):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding='utf-8')
            return
        if not file.exists():
            pytest.fail('there is no {}: run pytest --panoptes-update once, and look at what it writes'.format(file))
        expected = file.read_text(encoding='utf-8')
        if text != expected:
            difference = ''.join(difflib.unified_diff(
                expected.splitlines(True), text.splitlines(True), os.path.relpath(str(file)), 'this run'))
            pytest.fail('the run differs from its golden file (pytest --panoptes-update takes it over):\n' + difference,
                        pytrace=False)
    return compare


def _golden(request: pytest.FixtureRequest, name: str | None) -> Path:
    test = ''.join(c if c.isalnum() or c in '-_.' else '_' for c in name or request.node.name).strip('_')
    return request.path.parent / 'golden' / request.path.stem / (test + '.json')

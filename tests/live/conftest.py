"""Fixtures of live tests: real clients in sealed containers, and a service on loopback."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from authprobe.clients.base import Laboratory
from authprobe.clients.installation.cache import Cache
from authprobe.clients.process.children import Children
from authprobe.core.isolation import Isolation
from authprobe.emulator.server.network import Network
from authprobe.settings import cache_folder
from tests.support.live_world import SUBSCRIPTION, World, open_world


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    scratch = tmp_path_factory.mktemp("live")
    with (
        Network(scratch) as network,
        Children(scratch, isolation=Isolation.SEALED) as children,
        Children() as installers,
        Cache(cache_folder(), installers, scratch) as cache,
    ):
        if children.isolation is not Isolation.SEALED:
            pytest.skip(f"THIS SYSTEM SEALS NO CONTAINERS: {children.known_refusal}")
        yield Laboratory(network=network, children=children, cache=cache, scratch=scratch)


@pytest.fixture
def world(laboratory: Laboratory, tmp_path: Path) -> Iterator[World]:
    """A service that takes what `claude` asks for requests of Claude Code."""
    with open_world(laboratory, tmp_path, SUBSCRIPTION) as opened:
        yield opened

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from authprobe.clients.base import Laboratory
from authprobe.clients.installation.cache import Cache
from authprobe.clients.process.children import Children
from authprobe.core.isolation import Isolation
from authprobe.emulator.server.network import Network
from tests.support.registry import Registry

SYSTEM_PATH = "/usr/bin:/bin"


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """The only `npm` on PATH."""
    folder = tmp_path / "registry"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{SYSTEM_PATH}")
    monkeypatch.setenv("SECRET", "canary")
    return Registry(folder)


@pytest.fixture(scope="module")
def children() -> Iterator[Children]:
    with Children() as opened:
        yield opened


@pytest.fixture
def cache(tmp_path: Path, children: Children) -> Iterator[Cache]:
    with Cache(tmp_path / "cache", children) as opened:
        yield opened


@pytest.fixture(scope="module")
def laboratory(
    tmp_path_factory: pytest.TempPathFactory, children: Children
) -> Iterator[Laboratory]:
    """A laboratory with an emulated network, and no client installed."""
    scratch = tmp_path_factory.mktemp("laboratory")
    with Network(scratch) as network:
        cache = Cache(scratch / "cache", children)
        yield Laboratory(network=network, children=children, cache=cache, scratch=scratch)


@pytest.fixture
def isolated(laboratory: Laboratory) -> Iterator[Laboratory]:
    """A laboratory whose clients are sealed."""
    with Children(isolation=Isolation.SEALED) as children:
        if children.isolation is not Isolation.SEALED:
            pytest.skip(f"THIS SYSTEM SEALS NO CONTAINERS: {children.known_refusal}")
        yield dataclasses.replace(laboratory, children=children)

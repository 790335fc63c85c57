"""Laboratories for tests: with real clients of the user's cache, or with a script as client."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from authprobe.clients.base import Laboratory
from authprobe.clients.installation.cache import Cache
from authprobe.clients.installation.installed_client import InstalledClient
from authprobe.clients.process.children import Children
from authprobe.emulator.server.network import Network
from authprobe.engine.probe import probe_case
from authprobe.errors import InstallError
from authprobe.observation.model import Observation
from authprobe.plan.case import expand
from authprobe.scenario.clients import Client, parse_client
from authprobe.scenario.model import Credential, Matrix
from authprobe.settings import cache_folder
from tests.support.make import make_clients, make_scenario
from tests.support.registry import UNREACHABLE


def laboratory_with(children: Children, scratch: Path, *names: str) -> Iterator[Laboratory]:
    """Yield a laboratory with these clients; skip if one is neither cached nor installable."""
    with Network(scratch) as network, Cache(cache_folder(), children, scratch) as cache:
        for name in names:
            client = parse_client(name)
            cache.prepare(client, lambda _: None)
            try:
                cache.get(client)
            except InstallError as error:
                if UNREACHABLE in str(error):
                    pytest.skip(f"NO PACKAGE REGISTRY: {name} could not be installed or tested")
                raise
        yield Laboratory(network=network, children=children, cache=cache, scratch=scratch)


def observe(
    laboratory: Laboratory, client: str, *credentials: Credential, **changes: object
) -> Observation:
    """Probe the only case of a scenario with these values, and return the observation."""
    (case,) = expand(
        make_scenario(
            matrix=Matrix(client=make_clients(client), credential=("given",)),
            credentials={"given": credentials},
            **changes,
        )
    )
    return probe_case(laboratory, case)


class SingleFolderCache(Cache):
    """Cache that returns the same folder for every client."""

    def __init__(self, folder: Path, children: Children) -> None:
        super().__init__(folder / "cache", children)
        self._client_folder = folder

    def get(self, client: Client) -> InstalledClient:
        return InstalledClient(
            kind=client.kind,
            package=client.spec.package,
            version=client.version,
            folder=self._client_folder,
        )


def laboratory_with_python(laboratory: Laboratory, folder: Path, script: str) -> Laboratory:
    """Return a laboratory in which the Python of every client is this shell script."""
    program = folder / "bin" / "python"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return Laboratory(
        network=laboratory.network,
        children=laboratory.children,
        cache=SingleFolderCache(folder, laboratory.children),
        scratch=laboratory.scratch,
    )

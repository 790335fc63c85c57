"""Real clients out of the user's cache, installed there if they are missing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from authprobe.clients.base import Laboratory
from authprobe.clients.installation.cache import Cache, InstalledClient
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
    """A laboratory in which these clients are; skips where they are not and cannot be."""
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
    """What the only case of such a scenario shows."""
    (case,) = expand(
        make_scenario(
            matrix=Matrix(client=make_clients(client), credential=("given",)),
            credentials={"given": credentials},
            **changes,
        )
    )
    return probe_case(laboratory, case)


class Shelf(Cache):
    """A cache in which every client is the same folder."""

    def get(self, client: Client) -> InstalledClient:
        return InstalledClient(kind=client.kind, version=client.version, folder=self.folder)


def made_up(laboratory: Laboratory, folder: Path, script: str) -> Laboratory:
    """A laboratory in which the Python of every client is this shell script."""
    program = folder / "bin" / "python"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return Laboratory(
        network=laboratory.network,
        children=laboratory.children,
        cache=Shelf(folder, laboratory.children),
        scratch=laboratory.scratch,
    )

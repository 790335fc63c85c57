"""Published packages of definitions: their programs start where the cache has put them."""

import shutil
from pathlib import Path

import pytest

from authprobe.clients.installation import storage
from authprobe.clients.installation.cache import Cache
from authprobe.clients.installation.installed_client import InstalledClient
from authprobe.clients.process.children import Children, Visibility
from authprobe.clients.process.required_files import visible_files
from authprobe.core.isolation import Isolation
from authprobe.errors import InstallError
from authprobe.scenario.clients import Client
from authprobe.settings import cache_folder, private_folders, search_path
from tests.support.defined_clients import define
from tests.support.registry import UNREACHABLE

LLM = {"pip": "llm", "beside": ["llm-anthropic"]}


@pytest.mark.parametrize(
    ("client", "program", "version"),
    [
        (define("llm-bot@0.35", install=LLM), "llm", "0.35"),
        (define("llm-bot@0.36", install=LLM), "llm", "0.36"),
        (
            define("agent@1.18.33", install={"npm": "opencode-ai", "scripts": ["opencode-ai"]}),
            "opencode",
            "1.18.33",
        ),
    ],
)
def test_program_of_a_published_package_starts_from_the_cache(
    client: Client, program: str, version: str
) -> None:
    children = Children(isolation=Isolation.SEALED)
    with children, Cache(cache_folder(), children) as cache:
        cache.prepare(client, lambda _: None)
        try:
            installed = cache.get(client)
        except InstallError as error:
            if UNREACHABLE in str(error) or "not on PATH" in str(error):
                pytest.skip(str(error))
            raise
        assert printed_version(children, installed, program) == version
        assert set(storage.companions(installed.folder)) == set(installed.companions)
        beside = {name for name in ("llm-anthropic",) if program == "llm"}
        assert set(installed.companions) == beside


def printed_version(children: Children, installed: InstalledClient, program: str) -> str:
    """Return the last word that the program prints, in a container."""
    path = installed.programs / program
    node = shutil.which("node", path=search_path())
    visible = visible_files([installed.program, *([Path(node)] if node else [])])
    seen = Visibility(read_only=(*visible, installed.folder), hidden=private_folders())
    with children.open_container(seen) as container:
        env = {"PATH": search_path(), "HOME": str(container.home)}
        result = container.run([path, "--version"], env=env, cwd=container.home, limit=60)
    assert result.exit_code == 0, result.stderr
    return result.stdout.split()[-1]

"""Packages of definitions: companions, programs, install scripts, and what cannot be installed."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from authprobe.clients.installation import storage
from authprobe.clients.installation.cache import Cache, installation_key
from authprobe.clients.installation.installed_client import InstalledClient
from authprobe.clients.installation.installer_failures import NO_WHEEL, failure_reason, other_python
from authprobe.clients.installation.installers import NOT_SEALED
from authprobe.clients.installation.uv import uv_program
from authprobe.clients.process.children import Children
from authprobe.core.isolation import Isolation
from authprobe.errors import InstallError
from authprobe.scenario.clients import Client
from authprobe.settings import cache_folder
from tests.support.defined_clients import define
from tests.support.npm_registry import npm_registry
from tests.support.python_packages import write_source, write_wheel

BOT = "import helper, sys\ndef main(): print(helper.name, sys.argv[1:], sys.prefix)\n"
NEEDS_NPM = pytest.mark.skipif(not shutil.which("npm"), reason="npm is not installed")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder with the only Python packages."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    write_wheel(folder, "bot", "1.2", files={"bot.py": BOT}, program="bot = bot:main")
    write_helper(folder, "3.0")
    return folder


@pytest.fixture
def uv(cache: Cache) -> None:
    """Give the cache uv, as users have it, if this user has it: it is faster than pip."""
    program = uv_program(cache_folder() / storage.TOOLS_FOLDER)
    if program.is_file():
        tools = cache.folder / storage.TOOLS_FOLDER
        tools.mkdir(parents=True)
        (tools / program.parents[1].name).symlink_to(program.parents[1])


@pytest.fixture
def sealed_cache(tmp_path: Path) -> Iterator[Cache]:
    children = Children(isolation=Isolation.SEALED)
    with children, Cache(tmp_path / "cache", children) as opened:
        yield opened


def write_helper(folder: Path, version: str) -> None:
    write_wheel(folder, "helper", version, files={"helper.py": f"name = 'helper {version}'\n"})


def install(cache: Cache, client: Client) -> InstalledClient:
    cache.prepare(client, lambda _: None)
    return cache.get(client)


def fault(cache: Cache, client: Client) -> str:
    with pytest.raises(InstallError) as error:
        install(cache, client)
    return str(error.value)


def output(program: Path) -> str:
    argv = [str(program), "ping"]
    env = {"PATH": "/usr/bin:/bin"}
    return subprocess.run(argv, env=env, capture_output=True, check=True, text=True).stdout


def test_program_of_a_python_package_runs_with_the_package_beside_it(
    index: Path, cache: Cache
) -> None:
    installed = install(cache, define("bot@1.2", install={"pip": "bot", "beside": ["helper"]}))
    expected = f"helper 3.0 ['ping'] {installed.folder}\n"
    assert output(installed.programs / "bot") == expected
    assert installed.folder == cache.folder / "pypi+bot+helper" / "1.2"


def test_program_of_a_python_package_runs_after_its_folder_was_moved(
    index: Path, cache: Cache, tmp_path: Path
) -> None:
    installed = install(cache, define("bot@1.2", install={"pip": "bot", "beside": ["helper"]}))
    moved = installed.folder.rename(tmp_path / "with a space")
    link = tmp_path / "link"
    link.symlink_to(moved / "bin" / "bot")
    assert output(link) == f"helper 3.0 ['ping'] {moved}\n"


def test_program_works_where_the_path_of_the_cache_is_long_or_has_a_space(
    index: Path, tmp_path: Path, children: Children
) -> None:
    for name in ("a b", "long" * 40):
        with Cache(tmp_path / name, children) as cache:
            client = define("bot@1.2", install={"pip": "bot", "beside": ["helper"]})
            installed = install(cache, client)
            assert output(installed.programs / "bot").startswith("helper 3.0 ['ping']")


@pytest.mark.usefixtures("uv")
def test_pinned_companion_is_installed_at_its_version(index: Path, cache: Cache) -> None:
    write_helper(index, "4.0")
    for pinned in ("helper==3.0", "helper@3.0"):
        installed = install(cache, define("bot@1.2", install={"pip": "bot", "beside": [pinned]}))
        assert output(installed.programs / "bot").startswith("helper 3.0")
    assert [path.name for path in cache.folder.iterdir() if path.is_dir()] != []


@pytest.mark.usefixtures("uv")
def test_companion_without_a_version_stays_the_same(
    index: Path, cache: Cache, children: Children
) -> None:
    client = define("bot@1.2", install={"pip": "bot", "beside": ["helper"]})
    installed = install(cache, client)
    write_helper(index, "4.0")
    assert dict(storage.companions(installed.folder)) == {"helper": "3.0"}
    cache.close()
    (installed.programs / "bot").unlink()  # damaged, and installed again
    with Cache(cache.folder, children) as again:
        assert output(install(again, client).programs / "bot").startswith("helper 3.0")
        (entry,) = storage.entries(again.folder)
        assert dict(entry.companions) == {"helper": "3.0"}


@pytest.mark.usefixtures("uv")
def test_definitions_that_share_a_package_share_its_installation(index: Path, cache: Cache) -> None:
    one = define("bot@1.2", install={"pip": "bot", "beside": ["helper"]})
    other = define("my-bot@1.2", install={"pip": "Bot", "beside": ["helper"]}, prompt="other")
    assert install(cache, one).folder == install(cache, other).folder
    assert cache.installs == 1
    assert installation_key(one) == installation_key(other)


@pytest.mark.usefixtures("uv")
def test_definitions_of_the_same_name_do_not_share_what_differs(index: Path, cache: Cache) -> None:
    one = define("bot@1.2", install={"pip": "bot"})
    other = define("bot@3.0", install={"pip": "helper"})
    assert one.kind == other.kind
    assert install(cache, one).folder != install(cache, other).folder
    own = [define("bot", install={"path": path}) for path in ("a", "b")]
    assert installation_key(own[0]) != installation_key(own[1])


def test_package_without_a_wheel_is_refused_with_the_reason(index: Path, cache: Cache) -> None:
    write_source(index, "made-of-source", "1.0")
    client = define("bot@1.0", install={"pip": "made-of-source"})
    assert fault(cache, client) == f"made-of-source==1.0: {NO_WHEEL}"
    write_wheel(index, "needs", "1.0", metadata="Requires-Dist: made-of-source\n")
    client = define("bot@1.0", install={"pip": "needs"})
    assert fault(cache, client) == f"needs==1.0: it needs made-of-source: {NO_WHEEL}"


def test_package_for_another_python_has_a_reason() -> None:
    printed = (  # pip 23.2 with pypi.org
        "ERROR: Ignored the following versions that require a different python version: "
        "9.11.0 Requires-Python >=3.12; 9.12.0 Requires-Python >=3.12,<4\n"
    )
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    reason = f"it needs Python >=3.12,<4, and this one is {own}"
    assert other_python(printed, "9.12.0") == reason
    assert other_python(printed, "12.0") is None


@pytest.mark.parametrize("version", ["1.0", "latest"])
def test_unknown_package_of_a_reachable_registry_is_not_published(
    index: Path, cache: Cache, version: str
) -> None:
    error = fault(cache, define(f"bot@{version}", install={"pip": "no-such-bot"}))
    assert error.endswith("not published")


@pytest.mark.parametrize("version", ["1.0", "latest"])
def test_registry_that_cannot_be_reached_is_distinguished(
    index: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:1/simple/")
    monkeypatch.setenv("PIP_RETRIES", "0")
    error = fault(cache, define(f"bot@{version}", install={"pip": "no-such-bot"}))
    assert error.endswith("the package registry cannot be reached")


def test_packages_that_do_not_fit_together_are_refused_with_the_reason() -> None:
    npm = (
        "npm error code ERESOLVE\nnpm error Could not resolve dependency:\n"
        'npm error peer react@"^18.3.1" from react-dom@18.3.1\n'
    )
    fit = "its packages do not fit together; pin those beside it to versions that do"
    assert failure_reason(npm, "react") == f'react-dom@18.3.1 needs react@"^18.3.1": {fit}'
    assert failure_reason("ERROR: ResolutionImpossible: for help visit", "bot") == fit


def test_conflict_of_python_packages_has_a_reason(index: Path, cache: Cache) -> None:
    write_wheel(index, "picky", "1.0", metadata="Requires-Dist: helper<3\n")
    write_helper(index, "2.0")
    client = define("bot@1.0", install={"pip": "picky", "beside": ["helper==3.0"]})
    assert "do not fit together" in fault(cache, client)


@NEEDS_NPM
def test_program_and_peer_dependency_of_an_npm_package_are_installed(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = {
        "@acme/bot": {
            "bin": {"bot": "bot.sh"},
            "files": {"bot.sh": "#!/bin/sh\necho pong\n"},
            "peerDependencies": {"peer": "^1.0.0"},
            "scripts": {"postinstall": "touch ran"},
        },
        "peer": {},
        "helper": {"scripts": {"postinstall": "touch ran"}},
    }
    client = define("bot@1.0.0", install={"npm": "@acme/bot", "beside": ["helper"]})
    with npm_registry(packages) as url:
        monkeypatch.setenv("npm_config_registry", url)
        installed = install(cache, client)
    assert output(installed.programs / "bot") == "pong\n"
    assert installed.folder == cache.folder / "npm+@acme__bot+helper" / "1.0.0"
    assert (installed.folder / "node_modules" / "peer").is_dir()
    assert dict(storage.companions(installed.folder)) == {"helper": "1.0.0"}
    assert not list(installed.folder.rglob("ran"))


@NEEDS_NPM
def test_only_the_named_install_script_runs_and_only_sealed(
    cache: Cache, sealed_cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = {
        "bot": {"dependencies": {"native": "1.0.0"}, "scripts": {"postinstall": "touch ran"}},
        "native": {"scripts": {"postinstall": "touch ran"}},
    }
    client = define("bot@1.0.0", install={"npm": "bot", "scripts": ["native"]})
    with npm_registry(packages) as url:
        monkeypatch.setenv("npm_config_registry", url)
        assert fault(cache, client) == NOT_SEALED
        with Children(isolation=Isolation.SEALED) as children:
            if children.isolation is not Isolation.SEALED:
                pytest.skip("this system seals no container")
        folder = install(sealed_cache, client).folder
    assert [path.parent.name for path in folder.rglob("ran")] == ["native"]

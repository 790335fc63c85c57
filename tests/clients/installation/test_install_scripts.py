"""Install scripts of npm packages: only those that a client needs run, and in a container."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from authprobe.clients.installation.cache import Cache
from authprobe.clients.process.children import Children
from authprobe.core.isolation import Isolation
from tests.support.npm_registry import npm_registry
from tests.support.registry import fault, install

CANARY: Final = "canary-of-the-registry"
PROGRAM: Final = '#!/bin/sh\necho "1.0.0 (made up)"\n'
TOUCH: Final = "touch ran-$npm_lifecycle_event"
SCRIPTS: Final = dict.fromkeys(("preinstall", "install", "postinstall", "prepare"), TOUCH)
with Children(isolation=Isolation.SEALED) as _children:
    ISOLATION: Final = _children.isolation
CLAUDE: Final = "@anthropic-ai/claude-code"

pytestmark = pytest.mark.skipif(not shutil.which("npm"), reason="npm is not installed")


def packages(script: str = TOUCH, **dependencies: str) -> dict[str, dict[str, Any]]:
    """Return a `claude` with a script and two dependencies that have scripts as well."""
    return {
        CLAUDE: {
            "bin": {"claude": "claude"},
            "scripts": {"postinstall": script},
            "dependencies": {"needed": "1.0.0", **dependencies},
            "optionalDependencies": {"native": "1.0.0"},
            "files": {"claude": PROGRAM},
        },
        "needed": {"scripts": SCRIPTS, "dependencies": {"deep": "1.0.0"}},
        "deep": {"scripts": SCRIPTS, "files": {"binding.gyp": "{}"}},
        "native": {"scripts": SCRIPTS},
    }


def modules(cache: Cache) -> Path:
    """Return the folder with the packages of the installed client."""
    return install(cache, "claude-code@1.0.0").folder / "node_modules"


@pytest.fixture
def sealed_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cache]:
    """Yield a cache whose user has a home with a secret, and registry credentials."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "secret").write_text(CANARY)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("SECRET", CANARY)
    children = Children(isolation=Isolation.SEALED)
    with children, Cache(tmp_path / "cache", children) as cache:
        yield cache


def use(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Make this the registry, with a token."""
    monkeypatch.setenv("npm_config_registry", url)
    monkeypatch.setenv(f"npm_config_{url.removeprefix('http:')}/:_authToken", CANARY)


def test_only_the_script_of_the_client_runs(
    sealed_cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    with npm_registry(packages()) as url:
        use(monkeypatch, url)
        folder = modules(sealed_cache)
    ran = {path.parent.name: path.name for path in folder.rglob("ran-*")}
    assert ran == {"claude-code": "ran-postinstall"}
    assert (folder / "native" / "package.json").is_file()


def test_configuration_of_the_user_does_not_turn_scripts_on(
    sealed_cache: Cache, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "home" / ".npmrc").write_text(
        "ignore-scripts=false\nforeground-scripts=true\nglobal=true\nomit[]=optional\n"
        "bin-links=false\ndangerously-allow-all-scripts=true\n"
    )
    project = tmp_path / "project"
    project.mkdir()
    (project / ".npmrc").write_text("script-shell=/nowhere\nnode-options=--require=/nowhere.js\n")
    monkeypatch.chdir(project)
    for name in ("ignore_scripts", "global", "script_shell", "node_options", "prefix", "git"):
        monkeypatch.setenv(f"npm_config_{name}", str(tmp_path / "elsewhere"))
    with npm_registry(packages()) as url:
        use(monkeypatch, url)
        folder = modules(sealed_cache)
    assert {path.parent.name for path in folder.rglob("ran-*")} == {"claude-code"}
    assert (folder / "native").is_dir()
    assert not (tmp_path / "elsewhere").exists()


def test_the_script_sees_no_credential_and_no_file_of_the_user(
    sealed_cache: Cache, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    secret, mark = tmp_path / "home" / "secret", tmp_path / "home" / "mark"
    script = f"env > environment; cat {secret} > copy; touch {mark}; true"
    with npm_registry(packages(script)) as url:
        use(monkeypatch, url)
        folder = modules(sealed_cache) / CLAUDE
    assert "npm_lifecycle_event=postinstall" in (folder / "environment").read_text()
    assert CANARY not in (folder / "environment").read_text()
    if ISOLATION is Isolation.SEALED:
        assert (folder / "copy").read_text() == ""
        assert not mark.exists()
        assert (secret.read_text(), sorted(p.name for p in secret.parent.iterdir())) == (
            CANARY,
            ["secret"],
        )


@pytest.mark.parametrize(
    "source",
    ["git+file://{}/repository", "file:{}/repository", "http://127.0.0.1:9/x.tgz"],
    ids=["git", "folder", "tarball"],
)
def test_packages_come_from_the_registry_only(
    sealed_cache: Cache, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, source: str
) -> None:
    with npm_registry(packages(other=source.format(tmp_path))) as url:
        use(monkeypatch, url)
        assert fault(sealed_cache, "claude-code@1.0.0")


def test_a_script_without_end_is_ended_with_its_processes(
    sealed_cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("authprobe.clients.installation.installers.SCRIPT_TIMEOUT", 3.0)
    with npm_registry(packages("trap '' TERM; setsid sleep 300 & sleep 300")) as url:
        use(monkeypatch, url)
        assert "timed out after 3 s" in fault(sealed_cache, "claude-code@1.0.0")
    assert not list(sealed_cache.folder.glob("claude-code/*/client"))

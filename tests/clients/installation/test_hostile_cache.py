"""Hostile states of the cache: a clear end, and nothing outside of it is touched."""

import datetime
import json
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner, Result

from authprobe.cli import main
from authprobe.clients.installation.cache import Cache
from authprobe.clients.installation.storage import MANIFEST, TAG, entries, lock_file
from authprobe.clients.installation.version_files import VERSIONS_FILE
from authprobe.clients.process.children import Children
from tests.support.ordinary_user import USER
from tests.support.registry import Registry, fault, install, prepare

VERSION: Final = "1.0.0"
MAX_SECONDS: Final = 5.0


def command(cache: Path | str, *arguments: str) -> Result:
    """Run `authprobe clients` with this cache."""
    started = time.monotonic()
    result = CliRunner().invoke(
        main, ["clients", *arguments], env={"AUTHPROBE_CACHE": str(cache)}, prog_name="authprobe"
    )
    assert time.monotonic() - started < MAX_SECONDS
    return result


def fifo(path: Path) -> None:
    os.mkfifo(path)


def a_socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # the path of a socket is short
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path.name)
    finally:
        os.chdir(here)


def endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def loop(path: Path) -> None:
    path.symlink_to(path)


def dangling(path: Path) -> None:
    path.symlink_to(path.parents[2] / "outside")


def folder(path: Path) -> None:
    path.mkdir()


def sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(50 * 10**9)


def deep(path: Path) -> None:
    path.write_text("[" * 200_000)


Spoil = Callable[[Path], None]
KINDS: Final = (fifo, a_socket, endless, loop, dangling, folder, sparse, deep)


@pytest.fixture
def client(tmp_path: Path) -> Path:
    """Return an installed client in a cache."""
    path = tmp_path / "cache" / "claude-code" / VERSION
    path.mkdir(parents=True)
    (path / MANIFEST).write_text(json.dumps({"size_bytes": 3, "files": {"a": [1, 1, 1, None]}}))
    lock_file(path).touch()
    return path


@pytest.mark.parametrize("spoil", KINDS)
@pytest.mark.parametrize("place", ["lock", "manifest", "versions", "kind", "tag", "client"])
def test_anything_may_be_in_the_place_of_a_file(
    registry: Registry, children: Children, client: Path, spoil: Spoil, place: str
) -> None:
    cache = client.parent.parent
    path = {
        "lock": lock_file(client),
        "manifest": client / MANIFEST,
        "versions": client.parent / VERSIONS_FILE,
        "kind": cache / "litellm",
        "tag": cache / TAG,
        "client": cache / "claude-code" / "2.0.0",
    }[place]
    path.unlink(missing_ok=True)
    spoil(path)
    lock_file(cache / "claude-code" / "2.0.0").touch()
    assert command(cache, "list").exit_code == 0
    assert command(cache, "list", "--json").exit_code == 0
    with Cache(cache, children) as opened:
        started = time.monotonic()
        registry.fail("npm error code E404")
        prepare(opened, f"claude-code@{VERSION}")
        assert time.monotonic() - started < MAX_SECONDS
    result = command(cache, "prune", "--all")
    assert result.exit_code in (0, 1)
    assert not isinstance(result.exception, OSError)
    assert not (cache.parent / "outside").exists()


def test_a_lock_that_is_a_link_does_not_touch_its_target(
    registry: Registry, cache: Cache, tmp_path: Path
) -> None:
    target = tmp_path / "of-the-user"
    target.write_text("canary")
    os.utime(target, (1, 1))
    lock = cache.folder / "claude-code" / f"{VERSION}.lock"
    lock.parent.mkdir(parents=True)
    lock.symlink_to(target)
    assert "cannot be installed" in fault(cache, f"claude-code@{VERSION}")
    assert (target.read_text(), target.stat().st_mtime) == ("canary", 1)


def test_a_folder_of_clients_that_is_a_link_is_refused(
    registry: Registry, cache: Cache, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    cache.folder.mkdir()
    (cache.folder / "claude-code").symlink_to(tmp_path / "elsewhere")
    assert "is a symbolic link" in fault(cache, f"claude-code@{VERSION}")
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize(
    ("manifest", "is_listed"),
    [
        ({"size_bytes": 10**400, "files": {"a": [1, 1, 1, None]}}, True),
        ({"size_bytes": float("inf"), "files": {"a": [1, 1, 1, None]}}, True),
        ({"size_bytes": -5, "files": {"a": [1, 1, 1, None]}}, True),
        ({"size_bytes": 1, "files": {"../../../outside": [6, 1, 1, "x"]}}, True),
        ({"size_bytes": 1, "files": {"/etc/passwd": [6, 1, 1, "x"]}}, True),
        ({"size_bytes": 1, "files": {"fifo": [0, 1, 1, "x"]}}, True),
    ],
)
def test_a_hostile_manifest_is_a_damaged_client(
    registry: Registry, children: Children, client: Path, manifest: object, is_listed: bool
) -> None:
    os.mkfifo(client / "fifo")
    (client / MANIFEST).write_text(json.dumps(manifest))
    result = command(client.parent.parent, "list")
    assert (result.exit_code, f"claude-code@{VERSION}" in result.stdout) == (0, is_listed)
    with Cache(client.parent.parent, children) as opened:
        assert install(opened, f"claude-code@{VERSION}").integrity_error() is None
    assert not (client / "fifo").exists()


@pytest.mark.parametrize("moment", [-(10**9), 0, 10**11, 2**40])
def test_any_time_of_a_lock_is_printed(client: Path, moment: int) -> None:
    os.utime(lock_file(client), (moment, moment))
    result = command(client.parent.parent, "list", "--json")
    (entry,) = json.loads(result.stdout)["clients"]
    assert datetime.datetime.fromisoformat(entry["used_at"]).year >= 1970


def test_a_cache_with_many_entries_is_listed_in_time(client: Path) -> None:
    for number in range(20_000):
        (client.parent / f"{number}.0.0.lock").touch()
    assert len(entries(client.parent.parent)) == 1
    assert command(client.parent.parent, "list").exit_code == 0


@pytest.mark.parametrize("arguments", [("list",), ("prune", "--all"), ("install", "claude-code")])
@pytest.mark.parametrize("name", ["home", "file", "fifo", "open", "not-mine", "root"])
def test_what_is_not_a_cache_of_this_user_is_refused_and_left(
    registry: Registry, tmp_path: Path, name: str, arguments: tuple[str, ...]
) -> None:
    precious = tmp_path / "home" / "projects" / ".old-1.0.0_abc"
    precious.mkdir(parents=True)
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "not-mine").mkdir()
    if name == "not-mine":
        if os.geteuid():
            pytest.skip("only root can give a folder away")
        os.chown(tmp_path / "not-mine", USER, USER)
    path = "/" if name == "root" else tmp_path / name
    reason = {
        "home": "not a cache of authprobe",
        "root": "not a cache of authprobe",
        "file": "not a directory",
        "fifo": "not a directory",
        "open": "all users can write to it",
        "not-mine": "it belongs to another user",
    }[name]
    result = command(path, *arguments)
    assert result.exit_code == 4
    assert f"AUTHPROBE_CACHE: {path}: " in result.stderr
    assert reason in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert precious.is_dir()
    assert registry.calls == []


def test_pruning_removes_nothing_but_clients(client: Path, tmp_path: Path) -> None:
    cache = client.parent.parent
    (tmp_path / "elsewhere").mkdir()
    others = (
        cache / "projects" / ".old-1.0.0_abc",
        cache / "projects" / "1.0.0",
        cache / "claude-code" / ".old-notes",
        cache / "claude-code" / "2.0",
        tmp_path / "elsewhere" / "x",
    )
    for path in others:
        path.mkdir(parents=True)
        path.with_name(f"{path.name}.lock").touch()
    (cache / "litellm").symlink_to(tmp_path / "elsewhere")
    (cache / "claude-code" / ".old-3.0.0_abc").symlink_to(tmp_path / "elsewhere")
    assert command(cache, "prune", "--all").exit_code == 0
    assert not client.exists()
    assert all(path.is_dir() for path in others)


@pytest.mark.parametrize("version", ["../../x", "1.0.0/../..", ".", "..", "1.0.0\n", "-1.0.0"])
def test_versions_that_name_another_folder_are_refused(
    registry: Registry, tmp_path: Path, version: str
) -> None:
    result = command(tmp_path / "cache", "install", f"claude-code@{version}")
    assert result.exit_code in (1, 4)
    assert "write it as claude-code or" in result.stderr or "is not a version" in result.stderr
    assert registry.calls == []
    assert not list(tmp_path.glob("cache/*"))


def test_a_relative_cache_is_below_the_working_directory(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command("here", "install", f"claude-code@{VERSION}").exit_code == 0
    assert (tmp_path / "here" / "claude-code" / VERSION / "node_modules").is_dir()
    assert (tmp_path / "here" / TAG).read_text().startswith("Signature: 8a477f597d28d172789f0688")

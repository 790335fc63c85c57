"""Equal large files of clients are kept once, and stay safe from damage and eviction."""

import errno
import os
import shutil
from pathlib import Path

import pytest

from authprobe.clients.installation import storage
from authprobe.clients.installation.cache import Cache
from authprobe.clients.installation.linking import link_equal_files
from authprobe.clients.installation.storage import (
    MANIFEST,
    MIN_HASHED_BYTES,
    ClientLock,
    entries,
    eviction_candidates,
    integrity_error,
    lock_file,
    own_bytes,
    remove,
    used_bytes,
    write_manifest,
)
from authprobe.clients.process.children import Children
from authprobe.core import safe_files
from authprobe.core.isolation import Isolation
from authprobe.errors import InstallError
from authprobe.scenario.clients import Client
from tests.support.defined_clients import define
from tests.support.python_packages import write_wheel

SIZE = MIN_HASHED_BYTES
EQUAL = b"x" * SIZE


@pytest.fixture
def cache_path(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def add(cache: Path, kind: str, content: bytes = EQUAL, name: str = "program") -> Path:
    """Add a client with a large and a small file, linked to what is there; return its folder."""
    folder = cache / kind / "1.0.0"
    folder.mkdir(parents=True)
    (folder / name).write_bytes(content)
    (folder / name).chmod(0o755)
    (folder / "small").write_bytes(b"y")
    write_manifest(folder)
    link_equal_files(cache, folder)
    lock_file(folder).touch()
    return folder


def links(folder: Path, name: str = "program") -> int:
    return (folder / name).stat().st_nlink


def test_equal_large_files_are_one(cache_path: Path) -> None:
    first = add(cache_path, "claude-code")
    second = add(cache_path, "agent-sdk-python", name="claude")
    other = add(cache_path, "agent-sdk-node", b"z" * SIZE)
    assert (first / "program").samefile(second / "claude")
    assert not (first / "small").samefile(second / "small")
    assert links(first) == 2
    assert links(other) == 1
    assert all(integrity_error(folder) is None for folder in (first, second, other))
    assert {path.name for path in second.iterdir()} == {"claude", "small", MANIFEST}


def test_files_with_two_names_stay_one(cache_path: Path) -> None:
    first = add(cache_path, "claude-code")
    second = cache_path / "agent-sdk-node" / "1.0.0"
    second.mkdir(parents=True)
    (second / "a").write_bytes(EQUAL)
    (second / "a").chmod(0o755)
    (second / "b").hardlink_to(second / "a")
    write_manifest(second)
    link_equal_files(cache_path, second)
    assert links(first) == 3
    assert own_bytes(second) == 0


@pytest.mark.parametrize("name", ["module.py", "program"])
def test_sources_and_files_with_other_rights_stay_apart(cache_path: Path, name: str) -> None:
    first = add(cache_path, "claude-code", name=name)
    if name == "program":
        (first / name).chmod(0o644)
    second = add(cache_path, "agent-sdk-node", name=name)
    assert links(second, name) == 1


def test_file_is_hashed_once_after_its_times_have_changed(
    cache_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = add(cache_path, "claude-code")
    second = add(cache_path, "agent-sdk-node")
    hashed: list[Path] = []
    real = storage._hash

    def record(path: Path) -> str:
        hashed.append(path)
        return real(path)

    monkeypatch.setattr(storage, "_hash", record)
    assert integrity_error(second) is None, "its times were recorded after the link was made"
    assert hashed == []
    for _ in range(2):
        assert integrity_error(first) is None
    assert hashed == [first / "program"]


def test_times_that_cannot_be_recorded_do_no_harm(
    cache_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = add(cache_path, "claude-code")
    add(cache_path, "agent-sdk-node")

    def refuse(*_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(safe_files, "write_atomically", refuse)
    assert integrity_error(first) is None


def test_damage_is_found_in_each_client_that_has_the_file(cache_path: Path) -> None:
    folders = [add(cache_path, "claude-code"), add(cache_path, "agent-sdk-node")]
    times = (folders[0] / "program").stat()
    with (folders[0] / "program").open("r+b") as file:
        file.write(b"damage")
    os.utime(folders[0] / "program", ns=(times.st_atime_ns, times.st_mtime_ns))
    errors = [integrity_error(folder) for folder in folders]
    assert errors == ["program: checksum mismatch"] * 2


def test_nothing_is_linked_to_a_damaged_client(cache_path: Path) -> None:
    first = add(cache_path, "claude-code")
    (first / "small").unlink()
    assert links(add(cache_path, "agent-sdk-node")) == 1


def test_nothing_is_linked_to_a_client_that_is_being_replaced(cache_path: Path) -> None:
    first = add(cache_path, "claude-code")
    lock = ClientLock(lock_file(first))
    assert lock.take(shared=False)
    assert links(add(cache_path, "agent-sdk-node")) == 1
    lock.release()


def test_client_that_is_in_use_is_linked_to(cache_path: Path) -> None:
    lock = ClientLock(lock_file(add(cache_path, "claude-code")))
    assert lock.take(shared=True)
    assert links(add(cache_path, "agent-sdk-node")) == 2
    lock.release()


@pytest.mark.parametrize("number", [errno.EXDEV, errno.EMLINK, errno.EPERM, errno.ENOTSUP])
def test_client_stays_whole_where_there_are_no_links(
    cache_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", refuse)
    folders = [add(cache_path, "claude-code"), add(cache_path, "agent-sdk-node")]
    assert [links(folder) for folder in folders] == [1, 1]
    assert [integrity_error(folder) for folder in folders] == [None, None]


def test_client_stays_intact_when_another_with_its_file_is_removed(cache_path: Path) -> None:
    first, second = add(cache_path, "claude-code"), add(cache_path, "agent-sdk-node")
    (entry,) = (entry for entry in entries(cache_path) if entry.folder == first)
    assert remove(entry)
    assert links(second) == 1
    assert integrity_error(second) is None
    assert own_bytes(second) == SIZE + 1


def test_shared_file_counts_once_and_is_freed_with_its_last_client(cache_path: Path) -> None:
    for number, kind in enumerate(("claude-code", "agent-sdk-node", "agent-sdk-python")):
        folder = add(cache_path, kind)
        os.utime(lock_file(folder), (number, number))
    found = entries(cache_path)
    assert [entry.size_bytes for entry in found] == [SIZE + 1] * 3
    assert used_bytes(found) == SIZE + 3
    assert eviction_candidates(found, limit_bytes=SIZE + 3) == ()
    assert eviction_candidates(found, limit_bytes=SIZE + 2) == found[:1]
    assert eviction_candidates(found, limit_bytes=SIZE) == found, "small files free too little"


def test_entries_of_unlinked_clients_count_as_before(cache_path: Path, tmp_path: Path) -> None:
    add(cache_path, "claude-code")
    shutil.copytree(cache_path / "claude-code", cache_path / "agent-sdk-node")
    assert used_bytes(entries(cache_path)) == 2 * (SIZE + 1)


@pytest.mark.parametrize(("isolation", "count"), [(Isolation.SEALED, 2), (Isolation.NONE, 1)])
def test_only_a_cache_of_sealed_clients_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, isolation: Isolation, count: int
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with Children(isolation=isolation) as children, Cache(tmp_path / "c", children) as cache:
        if children.isolation is not isolation:
            pytest.skip("this system seals no container")
        for name in ("bot", "helper"):
            data = "x" * SIZE
            write_wheel(tmp_path, name, "1.2", files={f"{name}.py": "", f"{name}.bin": data})
            folder = install(cache, define(f"{name}@1.2", install={"pip": name}))
        (file,) = folder.glob("lib/*/site-packages/helper.bin")
        assert file.stat().st_nlink == count
        assert file.read_bytes() == EQUAL
        assert (cache.new_bytes < 1.5 * SIZE) == (count == 2)


def install(cache: Cache, client: Client) -> Path:
    cache.prepare(client, lambda _: None)
    try:
        return cache.get(client).folder
    except InstallError as error:
        pytest.fail(str(error))

"""Locks, integrity and eviction of installed clients."""

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authprobe.clients.installation.cache import Cache
from authprobe.clients.installation.installers import QUERY_TIMEOUT
from authprobe.clients.installation.storage import (
    MANIFEST,
    MIN_HASHED_BYTES,
    ClientLock,
    Entry,
    discard,
    entries,
    eviction_candidates,
    integrity_error,
    lock_file,
    remove,
    sweep,
    write_manifest,
)
from authprobe.clients.process.children import Children
from authprobe.errors import InstallError
from authprobe.scenario.clients import parse_client
from tests.support.registry import Registry, content, fault, install, prepare
from tests.support.speed import processor_time_below
from tests.support.waiting import wait_until

INSTALL = """
import sys
from pathlib import Path
from authprobe.clients.installation.cache import Cache
from authprobe.clients.process.children import Children
from authprobe.scenario.clients import parse_client

with Children() as children, Cache(Path(sys.argv[1]), children) as cache:
    client = parse_client("claude-code@1.0.0")
    cache.prepare(client, print)
    assert cache.get(client).program.is_file()
    print("ready", flush=True)
    sys.stdin.read()
"""
REMOVE = """
import shutil, sys, time
from pathlib import Path
from authprobe.clients.installation import storage

storage.shutil.rmtree = lambda *_, **__: time.sleep(300)
storage.remove(storage.entries(Path(sys.argv[1]))[0])
"""


def start(program: str, cache: Path) -> subprocess.Popen[str]:
    """Start another run with this cache."""
    return subprocess.Popen(
        [sys.executable, "-c", program, str(cache)],
        env={"PATH": os.environ["PATH"], "HOME": str(cache.parent)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def client(tmp_path: Path) -> Path:
    """Return a newly installed client: a large program, a small file and two links."""
    folder = tmp_path / "cache" / "claude-code" / "1.0.0"
    (folder / "bin").mkdir(parents=True)
    (folder / "program").write_bytes(b"x" * MIN_HASHED_BYTES)
    (folder / "small").write_bytes(b"y")
    (folder / "bin" / "claude").symlink_to("../program")
    (folder / "bin" / "other").hardlink_to(folder / "program")
    write_manifest(folder)
    lock_file(folder).touch()
    return folder


def overwrite(path: Path, data: bytes) -> None:
    """Write in the middle of a file and restore its times."""
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(7)
        file.write(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_unchanged_client_is_intact(client: Path) -> None:
    assert integrity_error(client) is None
    (client / "__pycache__").mkdir()
    (client / "__pycache__" / "x.pyc").touch()
    (client / "more").touch()
    overwrite(client / "program", b"xx")
    client.rename(client.with_name("2.0.0"))
    assert integrity_error(client.with_name("2.0.0")) is None


def test_damage_is_reported(client: Path) -> None:
    overwrite(client / "program", b"yy")
    assert integrity_error(client) in {
        "program: checksum mismatch",
        "bin/other: checksum mismatch",
    }
    (client / "small").write_bytes(b"yy")
    (client / "program").write_bytes(b"x" * MIN_HASHED_BYTES)
    assert integrity_error(client) == "small: size mismatch"
    (client / "small").unlink()
    assert integrity_error(client) == "small: missing"


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"size_bytes": 1, "files": [1]}'])
def test_client_without_readable_manifest_is_damaged(client: Path, text: str) -> None:
    (client / MANIFEST).write_text(text)
    assert integrity_error(client) == "its file manifest is missing or unreadable"


def test_large_client_is_checked_quickly(tmp_path: Path) -> None:
    folder = tmp_path / "1.0.0"
    for number in range(20):
        (folder / str(number)).mkdir(parents=True)
        for name in range(100):
            (folder / str(number) / str(name)).touch()
    with (folder / "program").open("wb") as file:
        file.truncate(100 * MIN_HASHED_BYTES)
    write_manifest(folder)
    with processor_time_below(0.1):
        assert integrity_error(folder) is None


def test_hard_links_count_once(client: Path) -> None:
    (entry,) = entries(client.parent.parent)
    assert MIN_HASHED_BYTES < entry.size_bytes < MIN_HASHED_BYTES + 100
    (client / MANIFEST).unlink()
    assert entries(client.parent.parent) == (entry,)


def test_lock_is_shared_or_exclusive(tmp_path: Path) -> None:
    one, other = ClientLock(tmp_path / "lock"), ClientLock(tmp_path / "lock")
    assert one.take(shared=True)
    assert other.take(shared=True)
    assert not one.take(shared=False)
    assert other.take(shared=False)
    assert not one.take(shared=True)
    other.release()
    assert one.take(shared=True)
    one.release()


def test_read_only_cache_can_be_used(
    registry: Registry, cache: Cache, children: Children, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(cache, "claude-code@1.0.0")
    really = os.open

    def read_only(path: str, flags: int, *rest: int, **more: int) -> int:
        if flags & (os.O_RDWR | os.O_WRONLY | os.O_CREAT) and str(cache.folder) in str(path):
            raise OSError(errno.EROFS, "Read-only file system")
        return really(path, flags, *rest, **more)

    monkeypatch.setattr(os, "open", read_only)
    with Cache(cache.folder, children) as again:
        assert install(again, "claude-code@1.0.0").program.exists()
        assert [entry.in_use for entry in entries(cache.folder)] == [True]
        assert fault(again, "claude-code@1.0.1")


def test_other_folders_are_not_listed(client: Path) -> None:
    cache = client.parent.parent
    for name in ("tools/pip", "claude-code/.new-2.0.0_abc", "claude-code/notes"):
        (cache / name).mkdir(parents=True)
        (cache / f"{name}.lock").touch()
    assert [str(entry) for entry in entries(cache)] == ["claude-code@1.0.0"]
    assert entries(cache / "nothing") == ()


def test_client_in_use_is_not_removed(client: Path) -> None:
    lock = ClientLock(lock_file(client))
    assert lock.take(shared=True)
    (entry,) = entries(client.parent.parent)
    assert entry.in_use
    assert not remove(entry)
    lock.release()
    assert remove(entry)
    assert remove(entry), "another run has removed it already"
    assert content_of(client) == []


def content_of(client: Path) -> list[str]:
    """Return the names in the folder of a client's kind, without locks."""
    return [path.name for path in client.parent.iterdir() if path.suffix != ".lock"]


_entries = st.lists(
    st.builds(
        Entry,
        name=st.just("claude-code"),
        version=st.integers(0, 99).map("1.0.{}".format),
        folder=st.just(Path()),
        size_bytes=st.integers(0, 10),
        used_at=st.floats(0, 10),
        in_use=st.booleans(),
    ),
    unique_by=lambda entry: entry.version,
)


@given(_entries, st.integers(0, 100), st.none() | st.floats(0, 10))
def test_least_recently_used_clients_are_evicted_first(
    clients: list[Entry], limit_bytes: int, used_before: float | None
) -> None:
    candidates = eviction_candidates(clients, limit_bytes=limit_bytes, used_before=used_before)
    assert not any(entry.in_use for entry in candidates)
    idle_rest = [entry for entry in clients if entry not in candidates and not entry.in_use]
    total = sum(entry.size_bytes for entry in clients if entry not in candidates)
    assert total <= limit_bytes or not idle_rest
    by_limit = [x for x in candidates if used_before is None or x.used_at >= used_before]
    if by_limit:
        assert total + by_limit[-1].size_bytes > limit_bytes
        assert all(entry.used_at >= by_limit[-1].used_at for entry in idle_rest)


def test_no_eviction_candidates_without_a_limit(client: Path) -> None:
    assert eviction_candidates(entries(client.parent.parent)) == ()


def set_last_use(cache: Cache, version: str, seconds_ago: float) -> None:
    """Set the time of a client's last use."""
    moment = time.time() - seconds_ago
    os.utime(cache.folder / "claude-code" / f"{version}.lock", (moment, moment))


def test_cache_is_kept_within_its_limit_without_evicting_clients_in_use(
    registry: Registry, tmp_path: Path, children: Children
) -> None:
    registry.after('head -c 1000 /dev/zero > "$modules/large"')
    for number, version in enumerate(["1.0.0", "1.0.1", "1.0.2"]):
        with Cache(tmp_path / "cache", children) as cache:
            install(cache, f"claude-code@{version}")
            set_last_use(cache, version, 100 - number)
    messages: list[str] = []
    with Cache(cache.folder, children, limit_bytes=3000) as cache:
        install(cache, "claude-code@1.0.0")  # was least recently used, and is used now
        cache.prepare(parse_client("claude-code@1.0.3"), messages.append)
        assert content(cache) == ["1.0.0", "1.0.3"]
        assert messages == ["installing 1.0.3"]
    with Cache(cache.folder, children, limit_bytes=100) as cache:
        cache.prepare(parse_client("claude-code@1.0.3"), messages.append)
        assert content(cache) == ["1.0.0", "1.0.3"], "nothing was installed"
        cache.prepare(parse_client("claude-code@1.0.4"), messages.append)
        assert content(cache) == ["1.0.3", "1.0.4"]
        assert messages[-1].endswith(" kB; AUTHPROBE_CACHE_LIMIT is 100 B")
    assert content(cache) == []


def test_pinned_clients_are_not_evicted(
    registry: Registry, tmp_path: Path, children: Children
) -> None:
    with Cache(tmp_path / "cache", children) as cache:
        install(cache, "claude-code@1.0.0")
    with Cache(cache.folder, children, limit_bytes=1) as cache:
        clients = [parse_client("claude-code@1.0.1"), parse_client("claude-code@1.0.0")]
        cache.pin(clients)
        for client in clients:
            cache.prepare(client, print)
        assert content(cache) == ["1.0.0", "1.0.1"]
    assert registry.calls == ["install", "install"]


def test_client_of_another_run_stays_until_that_run_ends(
    registry: Registry, tmp_path: Path, children: Children
) -> None:
    with start(INSTALL, tmp_path / "cache") as other:
        assert other.stdout is not None
        assert list(iter(other.stdout.readline, "ready\n")) == ["installing 1.0.0\n"]
        cache = Cache(tmp_path / "cache", children, limit_bytes=1)
        cache.make_room()
        assert content(cache) == ["1.0.0"]
        other.kill()
        other.wait(timeout=QUERY_TIMEOUT)
        cache.make_room()
        assert content(cache) == []


@pytest.mark.parametrize("moment", [0.05, 0.15, 0.2, 0.25, 0.3, 0.4])
def test_run_killed_at_any_moment_leaves_a_usable_cache(
    registry: Registry, tmp_path: Path, cache: Cache, moment: float
) -> None:
    registry.after("sleep 0.1")
    other = start(INSTALL, cache.folder)
    with pytest.raises(subprocess.TimeoutExpired):
        other.wait(timeout=moment)
    other.kill()
    other.communicate()
    assert set(prepare(cache, "claude-code@1.0.0")) <= {"installing 1.0.0"}
    assert cache.get(parse_client("claude-code@1.0.0")).program.exists()
    cache.close()
    sweep(cache.folder)  # the other's installer may have lived a moment longer
    assert content(cache) == ["1.0.0"]


def test_sweep_removes_the_staging_directory_of_a_killed_run(
    registry: Registry, tmp_path: Path, cache: Cache
) -> None:
    registry.after(f'touch "{tmp_path}/half"; exec sleep 300')
    other = start(INSTALL, cache.folder)
    wait_until((tmp_path / "half").exists)
    sweep(cache.folder)
    assert content(cache)[0].startswith(".new-1.0.0_"), "the other run is still installing"
    other.kill()
    other.communicate()
    sweep(cache.folder)
    assert content(cache) == []


def test_run_killed_while_removing_leaves_no_client(client: Path) -> None:
    cache = client.parent.parent
    other = start(REMOVE, cache)
    wait_until(lambda: any(cache.glob("*/.old-*/client")))
    assert entries(cache) == ()
    other.kill()
    other.communicate()
    assert content_of(client) != []
    sweep(cache)
    assert content_of(client) == []


def test_discarding_a_missing_client_does_nothing(tmp_path: Path) -> None:
    discard(tmp_path / "1.0.0")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ("rm -r node_modules/@anthropic-ai", "package.json: missing"),
        ("echo >> node_modules/.bin/claude", "claude: size mismatch"),
        ("rm authprobe.json", "its file manifest is missing or unreadable"),
    ],
)
def test_damaged_client_is_reinstalled_with_a_warning(
    registry: Registry, cache: Cache, children: Children, script: str, error: str
) -> None:
    folder = install(cache, "claude-code@1.0.0").folder
    cache.close()
    subprocess.run(["/bin/sh", "-c", script], cwd=folder, check=True)
    messages: list[str] = []
    warnings: list[str] = []
    with Cache(cache.folder, children) as again:
        again.prepare(parse_client("claude-code@1.0.0"), messages.append, warnings.append)
        assert again.get(parse_client("claude-code@1.0.0")).program.exists()
        assert integrity_error(folder) is None
    assert messages == ["installing 1.0.0"]
    (line,) = warnings
    assert line.startswith("claude-code@1.0.0 is damaged (")
    assert line.endswith(f"{error}) and is being reinstalled")
    assert content(cache) == ["1.0.0"]


def test_damaged_client_stays_until_its_replacement_is_installed(
    registry: Registry, cache: Cache, children: Children
) -> None:
    folder = install(cache, "claude-code@1.0.0").folder
    cache.close()
    (folder / "authprobe.json").unlink()
    registry.after("echo ENOTFOUND >&2; exit 1")
    client = parse_client("claude-code@1.0.0")
    with Cache(cache.folder, children) as again:
        again.prepare(client, lambda _: None)
        with pytest.raises(InstallError, match="the package registry cannot be reached"):
            again.get(client)
    assert (folder / "node_modules" / ".bin" / "claude").exists()


def test_run_waits_for_another_that_installs_the_same_client(
    registry: Registry, tmp_path: Path, cache: Cache
) -> None:
    registry.after(f'touch "{tmp_path}/half"; while ! [ -e "{tmp_path}/go" ]; do sleep 0.01; done')
    other = start(INSTALL, cache.folder)
    wait_until((tmp_path / "half").exists)
    messages: list[str] = []

    def say(line: str) -> None:
        messages.append(line)
        (tmp_path / "go").touch()

    cache.prepare(parse_client("claude-code@1.0.0"), say)
    assert cache.get(parse_client("claude-code@1.0.0")).program.exists()
    other.communicate()
    assert messages == ["waiting for another run, which installs or uses it"]
    assert registry.calls == ["install"]

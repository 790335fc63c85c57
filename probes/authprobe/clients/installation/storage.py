"""The folder of installed clients: who uses them, whether they are whole, which are to go."""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from authprobe.core import atomic_write
from authprobe.core.version_ranges import EXACT

MANIFEST: Final = "authprobe.json"
"""In the folder of a client: its files, as they were when it was installed."""
HASHED_BYTES: Final = 1_000_000
"""Files from this size on are hashed: the programs, whatever they are called."""
NEW, OLD = ".new-", ".old-"
"""How the names begin of what is being installed, and of what is being removed."""
BYTECODE: Final = "__pycache__"


class Lock:
    """Of one client: shared by those that use it, or held alone by who installs or removes it.

    The kernel releases it with the process that holds it, however that ends (flock(2)). Its file
    stays, and the file's time says when the client was last used.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError:  # of somebody else, or read-only: good enough to use what is there
            self._descriptor = os.open(path, os.O_RDONLY)

    def take(self, *, shared: bool) -> bool:
        """Take it, or change it into this kind; False: others hold it, and it is not held now."""
        try:
            kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
            fcntl.flock(self._descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
            return False
        return True

    def touch(self) -> None:
        """The client is used now."""
        with contextlib.suppress(OSError):
            os.utime(self._descriptor)

    def release(self) -> None:
        """Let others have it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1


def lock_file(client: Path) -> Path:
    """The lock of the client in this folder."""
    return client.with_name(f"{client.name}.lock")


def describe(client: Path) -> None:
    """Write the manifest of a client that has just been installed."""
    found = {
        str(path.relative_to(client)): [
            status.st_size,
            status.st_mtime_ns,
            status.st_ctime_ns,
            _hash(path) if _is_hashed(status) else None,
        ]
        for path, status in _files(client)
    }
    manifest = {"size_bytes": _size_bytes(client), "files": found}
    atomic_write.write(client / MANIFEST, json.dumps(manifest, separators=(",", ":")))


def damage(client: Path) -> str | None:
    """What is wrong with a client, in a few words; None: it is as it was installed.

    A large file is hashed only if its times have changed: nothing writes to it without that.
    """
    manifest = _read_manifest(client)
    if manifest is None:
        return "its list of files cannot be read"
    for name, (size, modified, changed, digest) in manifest.files.items():
        try:
            status = os.lstat(f"{client}/{name}")
        except OSError:
            return f"{name} is gone"
        if status.st_size != size:
            return f"{name} has another size"
        if digest is None or (status.st_mtime_ns, status.st_ctime_ns) == (modified, changed):
            continue
        try:
            if _hash(client / name) != digest:
                return f"{name} has another content"
        except OSError:
            return f"{name} cannot be read"
    return None


@dataclass(frozen=True, slots=True)
class _Manifest:
    size_bytes: int
    files: dict[str, tuple[int, int, int, str | None]]


def _read_manifest(client: Path) -> _Manifest | None:
    try:
        told = json.loads((client / MANIFEST).read_bytes())
        found = {name: (a, b, c, d) for name, (a, b, c, d) in told["files"].items()}
        return _Manifest(int(told["size_bytes"]), found) if found else None
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None


def _files(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """What is not a folder; nothing that Python compiles when it likes, and not the manifest."""
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != BYTECODE]
        links = [name for name in folders if Path(parent, name).is_symlink()]
        for name in (*names, *links):
            path = Path(parent, name)
            try:
                status = path.lstat()
            except FileNotFoundError:  # another run removes this client
                continue
            if path != folder / MANIFEST:
                yield path, status


def _size_bytes(folder: Path) -> int:
    """What the files take; one with two names, as npm may make of a program, counts once."""
    return sum({(s.st_dev, s.st_ino): s.st_size for _, s in _files(folder)}.values())


def _is_hashed(status: os.stat_result) -> bool:
    return status.st_size >= HASHED_BYTES and stat.S_ISREG(status.st_mode)


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A client in the cache."""

    name: str
    """Of its kind."""
    version: str
    folder: Path
    size_bytes: int
    used_at: float = field(compare=False)
    """Seconds since the epoch."""
    in_use: bool = False

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


def entries(cache: Path) -> tuple[Entry, ...]:
    """Every client in the cache, least recently used first."""
    found = [_entry(folder) for folder in _clients(cache)]
    return tuple(sorted(found, key=lambda entry: (entry.used_at, str(entry))))


def _clients(cache: Path) -> Iterator[Path]:
    """The folders of installed clients: each is called as its version, with a lock beside it."""
    for lock in cache.glob("*/*.lock"):
        client = lock.with_name(lock.name.removesuffix(".lock"))
        if EXACT.fullmatch(client.name) and client.is_dir():
            yield client


def size_bytes(client: Path) -> int:
    """What a client takes."""
    manifest = _read_manifest(client)
    return manifest.size_bytes if manifest else _size_bytes(client)


def _entry(client: Path) -> Entry:
    return Entry(
        name=client.parent.name,
        version=client.name,
        folder=client,
        size_bytes=size_bytes(client),
        used_at=lock_file(client).stat().st_mtime,
        in_use=_is_locked(client),
    )


def _is_locked(client: Path) -> bool:
    lock = Lock(lock_file(client))
    try:
        return not lock.take(shared=False)
    finally:
        lock.release()


def expendable(
    found: Iterable[Entry], *, limit_bytes: int | None = None, used_before: float | None = None
) -> tuple[Entry, ...]:
    """Those to remove, least recently used first, and none that is in use.

    Those last used before `used_before` go, and then more until the rest is within `limit_bytes`.
    """
    ordered = sorted(found, key=lambda entry: (entry.used_at, str(entry)))
    left = sum(entry.size_bytes for entry in ordered)
    chosen = []
    for entry in ordered:
        old = used_before is not None and entry.used_at < used_before
        over = limit_bytes is not None and left > limit_bytes
        if (old or over) and not entry.in_use:
            chosen.append(entry)
            left -= entry.size_bytes
    return tuple(chosen)


def remove(entry: Entry) -> bool:
    """Remove a client; False: it is in use, and stays.

    It gets another name first, so that what is left after a `kill -9` is no client.
    """
    lock = Lock(lock_file(entry.folder))
    try:
        if not lock.take(shared=False):
            return False
        discard(entry.folder)
    finally:
        lock.release()
    return True


def discard(client: Path) -> None:
    """Remove a client; the caller holds its lock alone."""
    with contextlib.suppress(FileNotFoundError):  # another run has been quicker
        aside = tempfile.mkdtemp(dir=client.parent, prefix=f"{OLD}{client.name}_")
        try:
            client.rename(Path(aside, "client"))
        finally:
            shutil.rmtree(aside, ignore_errors=True)


def sweep(cache: Path) -> None:
    """Remove what runs that were killed have left half installed or half removed."""
    for begun in (*cache.glob(f"*/{NEW}*"), *cache.glob(f"*/{OLD}*")):
        version = begun.name.removeprefix(NEW).removeprefix(OLD).partition("_")[0]
        lock = Lock(begun.with_name(f"{version}.lock"))
        try:
            if lock.take(shared=False):
                shutil.rmtree(begun, ignore_errors=True)
        finally:
            lock.release()


def days_ago(days: float) -> float:
    """That moment, in seconds since the epoch."""
    return time.time() - days * 86_400

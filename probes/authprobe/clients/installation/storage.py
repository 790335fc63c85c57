"""On-disk store of installed clients: locks, integrity manifests, LRU eviction.

`ClientLock` is our own, on flock(2), as `filelock.ReadWriteLock` (SQLite; tried at 4.2.12) cannot
lock a file that it may not write, ties a lock to the thread that took it (installer threads take
ours, the main thread releases them), leaves a directory in the cache after `kill -9`, and takes
milliseconds instead of microseconds. `filelock.lock_descriptor` has no shared mode.
"""

import contextlib
import errno
import fcntl
import hashlib
import itertools
import json
import os
import re
import shutil
import stat
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final, TypeAlias

from authprobe.core import safe_files
from authprobe.core.client_kinds import KNOWN_SINCE_BEGINNING, ClientKind, Registry
from authprobe.core.version_ranges import EXACT
from authprobe.errors import SettingsError

MANIFEST: Final = "authprobe.json"
"""Name of the integrity manifest, in the folder of the client."""
MIN_HASHED_BYTES: Final = 1_000_000
"""Files of at least this size are hashed: the programs, whatever their names."""
STAGING_PREFIX, TRASH_PREFIX = ".new-", ".old-"
"""Name prefixes of clients that are being installed, and of clients that are being removed."""
MAX_FOLDER_ENTRIES: Final = 10_000
BYTECODE_FOLDER: Final = "__pycache__"
TOOLS_FOLDER: Final = "tools"
"""Folder of our own pip and uv."""
PACKAGE_PREFIXES: Final = tuple(f"{registry}+" for registry in Registry)
LEFTOVER: Final = re.compile(
    rf"(?:{re.escape(STAGING_PREFIX)}|{re.escape(TRASH_PREFIX)})(?P<version>[^_]+)_\w+", re.ASCII
)
"""Name of a staging or trash directory."""
TAG: Final = "CACHEDIR.TAG"
"""Name of the file that marks a cache, which backups then leave out (bford.info/cachedir)."""
TAG_TEXT: Final = (
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# This is the cache of installed clients of authprobe, which removes clients from it.\n"
)
LATEST_USE: Final = 4_000_000_000.0
"""Seconds since the epoch; a later modification time of a lock is not a time of use."""
MAX_SIZE_BYTES: Final = 2**50
VERSION: Final = re.compile(r"[0-9A-Za-z.!+-]{1,100}")
"""A version of npm or PyPI, with an epoch or a local part."""


def check_cache(cache: Path) -> None:
    """Check that a folder is a cache of this user, or can become one.

    Raises:
        SettingsError: it is not, or others could put programs into it.
    """
    try:
        status = cache.stat()
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a path"
        raise SettingsError(f"AUTHPROBE_CACHE: {cache}: {reason}; name another directory") from None
    if not stat.S_ISDIR(status.st_mode):
        problem = "not a directory; name another one"
    elif status.st_uid not in (os.geteuid(), 0):
        problem = "it belongs to another user, whose programs would run; name a directory of yours"
    elif status.st_mode & stat.S_IWOTH:
        problem = "all users can write to it, so put programs into it; run chmod o-w on it"
    elif not _is_cache(cache):
        problem = "it is not empty, and not a cache of authprobe; name a new or empty directory"
    else:
        return
    raise SettingsError(f"AUTHPROBE_CACHE: {cache}: {problem}")


def _is_cache(folder: Path) -> bool:
    """Return True for an empty folder, and one with our mark or the folder of a client."""
    try:
        with os.scandir(folder) as found:
            names = {entry.name for entry in itertools.islice(found, MAX_FOLDER_ENTRIES)}
    except OSError:  # not readable: enough to use a client that is already installed
        return True
    is_known = TAG in names or TOOLS_FOLDER in names or any(map(is_client_folder, names))
    return not names or is_known


def make_folder(cache: Path, name: str) -> Path:
    """Create the folder of a package in the cache, which is marked as one; return it.

    Raises:
        OSError: it cannot be created, or is a link to another folder.
    """
    folder = cache / name
    folder.mkdir(parents=True, exist_ok=True)
    if folder.is_symlink():
        reason = f"{folder} is a symbolic link; name the whole cache elsewhere in AUTHPROBE_CACHE"
        raise OSError(errno.ELOOP, reason)
    if not (cache / TAG).exists():
        with contextlib.suppress(OSError):
            safe_files.write_atomically(cache.resolve() / TAG, TAG_TEXT)
    return folder


class ClientLock:
    """Reader/writer lock of one client: shared by its users, exclusive to install or remove it.

    The kernel releases it when the process ends, even by `kill -9` (flock(2)). The lock file stays,
    and its modification time is the time of the client's last use.
    """

    def __init__(self, path: Path) -> None:
        flags = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | flags, 0o644)
        except OSError:  # not writable: enough to use a client that is already installed
            self._descriptor = os.open(path, os.O_RDONLY | flags)
        if not stat.S_ISREG(os.fstat(self._descriptor).st_mode):
            self.release()
            raise OSError(errno.EINVAL, f"{path.name} is not a regular file; remove it")

    def take(self, *, shared: bool) -> bool:
        """Try to acquire or convert the lock without blocking.

        Returns False on contention; a lock that was to be converted is then released.
        """
        try:
            kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
            fcntl.flock(self._descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
            return False
        return True

    def touch(self) -> None:
        """Record that the client is used now."""
        with contextlib.suppress(OSError):
            os.utime(self._descriptor)

    def release(self) -> None:
        """Release the lock and close its file; it cannot be taken again."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1


def lock_file(client: Path) -> Path:
    """Return the path of the lock of the client in this folder."""
    return client.with_name(f"{client.name}.lock")


def write_manifest(client: Path, companions: Mapping[str, str] = MappingProxyType({})) -> None:
    """Write the integrity manifest of a newly installed client, with the versions beside it."""
    files = {
        str(path.relative_to(client)): [
            status.st_size,
            status.st_mtime_ns,
            status.st_ctime_ns,
            _hash(path) if _is_hashed(status) else None,
        ]
        for path, status in _files(client)
    }
    _write_record(client, _size_bytes(client), companions, files)


def _write_record(
    client: Path, size: int, companions: Mapping[str, str], files: Mapping[str, Sequence[object]]
) -> None:
    record = {"size_bytes": size, "companions": dict(companions), "files": files}
    text = json.dumps(record, separators=(",", ":"))
    safe_files.write_atomically(client.resolve() / MANIFEST, text)


def integrity_error(client: Path) -> str | None:
    """Return a one-line integrity error, or None if the client matches its manifest.

    A large file is hashed only if its times have changed: every write changes the ctime, as does
    each hard link that is made or removed. Times of a file that turns out to be intact are
    recorded, so that it is hashed once. The caller holds the client's lock, as only one that is
    not being replaced may be written to.
    """
    manifest = _read_manifest(client)
    if manifest is None:
        return "its file manifest is missing or unreadable"
    hashed: dict[str, FileRecord] = {}
    for name, (size, modified, changed, digest) in manifest.files.items():
        try:
            status = os.lstat(f"{client}/{name}")
        except OSError:
            return f"{name}: missing"
        if status.st_size != size:
            return f"{name}: size mismatch"
        if not stat.S_ISREG(status.st_mode) and digest is not None:
            return f"{name}: not a regular file"
        if digest is None or (status.st_mtime_ns, status.st_ctime_ns) == (modified, changed):
            continue
        try:
            if _hash(client / name) != digest:
                return f"{name}: checksum mismatch"
        except OSError:
            return f"{name}: unreadable"
        hashed[name] = (size, status.st_mtime_ns, status.st_ctime_ns, digest)
    if hashed:
        with contextlib.suppress(OSError):  # not writable: enough to use the client
            files = manifest.files | hashed
            _write_record(client, manifest.size_bytes, manifest.companions, files)
    return None


def large_files(client: Path) -> Mapping[str, str]:
    """Return the digests of a client's large files by name, as its manifest has them."""
    manifest = _read_manifest(client)
    files = manifest.files.items() if manifest else ()
    return {name: digest for name, (_, _, _, digest) in files if digest is not None}


def companions(client: Path) -> Mapping[str, str]:
    """Return the versions of the packages beside a client, by name; empty if it has none."""
    manifest = _read_manifest(client)
    return manifest.companions if manifest else {}


FileRecord: TypeAlias = tuple[int, int, int, str | None]
"""Size, modification time and change time in nanoseconds, and SHA-256 if it is large."""


@dataclass(frozen=True, slots=True)
class _Manifest:
    size_bytes: int
    files: dict[str, FileRecord]
    companions: Mapping[str, str]


def _read_manifest(client: Path) -> _Manifest | None:
    try:
        record = json.loads(safe_files.read_bounded(client / MANIFEST))
        files = {name: (a, b, c, d) for name, (a, b, c, d) in record["files"].items()}
        size = int(record["size_bytes"])
        companions = {
            name: version
            for name, version in record.get("companions", {}).items()
            if VERSION.fullmatch(version)
        }
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None
    except (OverflowError, RecursionError):
        return None
    is_inside = not any(".." in Path(name).parts or name.startswith("/") for name in files)
    is_valid = files and is_inside and 0 <= size < MAX_SIZE_BYTES
    return _Manifest(size, files, companions) if is_valid else None


def _files(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield each file and symbolic link with its status, except bytecode and the manifest.

    Bytecode is skipped as Python writes it at any time.
    """
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != BYTECODE_FOLDER]
        links = [name for name in folders if Path(parent, name).is_symlink()]
        for name in (*names, *links):
            path = Path(parent, name)
            try:
                status = path.lstat()
            except FileNotFoundError:  # another run is removing this client
                continue
            if path != folder / MANIFEST:
                yield path, status


def _size_bytes(folder: Path) -> int:
    """Return the size of all files; hard links, as npm makes of programs, count once."""
    return sum({(s.st_dev, s.st_ino): s.st_size for _, s in _files(folder)}.values())


def _is_hashed(status: os.stat_result) -> bool:
    return status.st_size >= MIN_HASHED_BYTES and stat.S_ISREG(status.st_mode)


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


FileId: TypeAlias = tuple[int, int]
"""Device and inode: what the names of one file have in common."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A client in the cache."""

    name: str
    """Name of its kind."""
    version: str
    folder: Path
    size_bytes: int
    used_at: float = field(compare=False)
    """Time of its last use, in seconds since the epoch."""
    in_use: bool = False
    companions: Mapping[str, str] = field(default_factory=dict, compare=False)
    """Versions of the packages beside it, by name."""
    linked: Mapping[FileId, int] = field(default_factory=dict, compare=False, repr=False)
    """Sizes of its large files that have several names, here or in other clients."""

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


def used_bytes(clients: Iterable[Entry]) -> int:
    """Return the size of these clients together: a file that several share counts once."""
    clients = tuple(clients)
    linked = {file: size for entry in clients for file, size in entry.linked.items()}
    own = sum(entry.size_bytes - sum(entry.linked.values()) for entry in clients)
    return max(own, 0) + sum(linked.values())


def own_bytes(client: Path) -> int:
    """Return the size of a client without the files that it shares with other clients."""
    manifest = _read_manifest(client)
    if manifest is None:
        return _size_bytes(client)
    names: Counter[FileId] = Counter()
    links: dict[FileId, os.stat_result] = {}
    for status in _linked(client, manifest):
        names[status.st_dev, status.st_ino] += 1
        links[status.st_dev, status.st_ino] = status
    shared = (status.st_size for file, status in links.items() if status.st_nlink > names[file])
    return max(manifest.size_bytes - sum(shared), 0)


def _linked(client: Path, manifest: _Manifest) -> Iterator[os.stat_result]:
    """Yield the status of each name of a large file with several names."""
    for name, (_, _, _, digest) in manifest.files.items():
        if digest is not None:
            with contextlib.suppress(OSError):  # missing: the client is installed again
                status = os.lstat(f"{client}/{name}")
                if status.st_nlink > 1:
                    yield status


def entries(cache: Path) -> tuple[Entry, ...]:
    """Return all clients in the cache, least recently used first."""
    return tuple(sorted(map(_entry, clients(cache)), key=_lru_key))


def _lru_key(entry: Entry) -> tuple[float, str]:
    return entry.used_at, str(entry)


def clients(cache: Path) -> Iterator[Path]:
    """Yield the folder of each installed client: named as its version, with a lock beside it."""
    for folder in _kind_folders(cache):
        for lock in folder.glob("*.lock"):
            client = lock.with_name(lock.name.removesuffix(".lock"))
            is_lock = lock.is_file() and not lock.is_symlink()
            if is_lock and EXACT.fullmatch(client.name) and _is_folder(client):
                yield client


def _kind_folders(cache: Path) -> tuple[Path, ...]:
    """Return the folders in which clients are installed: nothing else in the cache is touched."""
    names = (path.name for path in _subfolders(cache))
    return tuple(cache / name for name in sorted(names) if is_client_folder(name))


def is_client_folder(name: str) -> bool:
    """Return True for the name of a folder with a kind of client, or with a package of one."""
    is_kind = name in KNOWN_SINCE_BEGINNING or name in list(ClientKind)
    return is_kind or name.startswith(PACKAGE_PREFIXES)


def _subfolders(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if _is_folder(path)]
    except OSError:
        return []


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _entry(client: Path) -> Entry:
    manifest = _read_manifest(client)
    linked = _linked(client, manifest) if manifest else ()
    return Entry(
        name=client.parent.name,
        version=client.name,
        folder=client,
        size_bytes=manifest.size_bytes if manifest else _size_bytes(client),
        used_at=min(max(lock_file(client).stat().st_mtime, 0.0), LATEST_USE),
        in_use=_is_locked(client),
        companions=manifest.companions if manifest else {},
        linked={(status.st_dev, status.st_ino): status.st_size for status in linked},
    )


def _is_locked(client: Path) -> bool:
    lock = ClientLock(lock_file(client))
    try:
        return not lock.take(shared=False)
    finally:
        lock.release()


def eviction_candidates(
    clients: Iterable[Entry], *, limit_bytes: int | None = None, used_before: float | None = None
) -> tuple[Entry, ...]:
    """Select LRU eviction candidates, skipping clients in use.

    Selects clients last used before `used_before`, and then more until the rest is within
    `limit_bytes`. A shared file is freed with the last client that has it.
    """
    by_age = sorted(clients, key=_lru_key)
    total_bytes = used_bytes(by_age)
    users = Counter(file for entry in by_age for file in entry.linked)
    candidates = []
    for entry in by_age:
        is_old = used_before is not None and entry.used_at < used_before
        exceeds_limit = limit_bytes is not None and total_bytes > limit_bytes
        if (is_old or exceeds_limit) and not entry.in_use:
            candidates.append(entry)
            kept = (size for file, size in entry.linked.items() if users[file] > 1)
            total_bytes -= entry.size_bytes - sum(kept)
            users.subtract(entry.linked.keys())
    return tuple(candidates)


def remove(entry: Entry) -> bool:
    """Remove a client; return False if it is in use.

    The client is renamed first, so that a `kill -9` leaves no incomplete client behind.
    """
    lock = ClientLock(lock_file(entry.folder))
    try:
        if not lock.take(shared=False):
            return False
        discard(entry.folder)
    finally:
        lock.release()
    return True


def discard(client: Path) -> None:
    """Remove a client; the caller holds its lock exclusively."""
    with contextlib.suppress(FileNotFoundError):  # another run has removed it already
        trash = tempfile.mkdtemp(dir=client.parent, prefix=f"{TRASH_PREFIX}{client.name}_")
        try:
            client.rename(Path(trash, "client"))
        finally:
            shutil.rmtree(trash, ignore_errors=True)


def sweep(cache: Path) -> None:
    """Remove staging and trash directories left by killed runs."""
    for folder in (*_kind_folders(cache), cache / TOOLS_FOLDER):
        for leftover in folder.glob(".*"):
            name = LEFTOVER.fullmatch(leftover.name)
            if name and _is_folder(leftover):
                # What cannot be locked or removed stays: it takes space, and does no harm.
                with contextlib.suppress(OSError):
                    _remove_leftover(leftover, name["version"])


def _remove_leftover(leftover: Path, version: str) -> None:
    lock = ClientLock(leftover.with_name(f"{version}.lock"))
    try:
        if lock.take(shared=False):
            shutil.rmtree(leftover, ignore_errors=True)
    finally:
        lock.release()


def days_ago(days: float) -> float:
    """Return the time `days` days ago, in seconds since the epoch."""
    return time.time() - days * 86_400

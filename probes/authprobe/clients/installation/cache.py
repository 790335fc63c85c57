"""Cache of installed clients by kind and version: prepare, pin, release and evict them."""

import contextlib
import dataclasses
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, Self, TypeAlias

import filelock

from authprobe.clients.installation import storage
from authprobe.clients.installation.installed_client import InstalledClient
from authprobe.clients.installation.installed_versions import companion_versions, installed_version
from authprobe.clients.installation.installer_failures import failure_reason
from authprobe.clients.installation.installers import INSTALL_TIMEOUT, Installers
from authprobe.clients.installation.linking import link_equal_files
from authprobe.clients.installation.own_programs import find_own_program
from authprobe.clients.installation.published_versions import PublishedVersions
from authprobe.clients.installation.storage import STAGING_PREFIX, ClientLock
from authprobe.clients.process.children import Children
from authprobe.core.byte_sizes import format_size
from authprobe.core.client_kinds import ClientKind, Package, Registry
from authprobe.core.faults import fault_words
from authprobe.core.isolation import Isolation
from authprobe.core.version_ranges import INSTALLED, LATEST
from authprobe.errors import ClientError, InstallError
from authprobe.scenario.clients import Client, names_one_release
from authprobe.settings import DEFAULT_CACHE_LIMIT_BYTES, search_path

LOCK_POLL_INTERVAL: Final = 0.1
"""Seconds between two attempts to lock a client that another run has locked."""

InstallationKey: TypeAlias = tuple[str, ...]

MessageCallback: TypeAlias = Callable[[str], None]
"""Receiver of one-line messages."""


class Cache:
    """Installed clients, and the means to install more; a context manager.

    Any number of runs may share one cache. A client's folder appears only when it is complete, and
    its lock, shared while a run uses it, keeps other runs from replacing or evicting it.

    Raises:
        SettingsError: the folder is not a cache of this user, and cannot become one.
    """

    def __init__(
        self,
        folder: Path,
        children: Children,
        scratch: Path | None = None,
        limit_bytes: int = DEFAULT_CACHE_LIMIT_BYTES,
    ) -> None:
        storage.check_cache(folder)
        self.folder = folder
        self.limit_bytes = limit_bytes
        self._children = children
        self._installers = Installers(folder, children, scratch)
        self._published = PublishedVersions(folder, self._installers)
        self._results: dict[InstallationKey, InstalledClient | InstallError] = {}
        self._locks: dict[Path, list[ClientLock]] = {}
        self._pinned: set[Path] = set()
        self._new_sizes: dict[Path, int] = {}
        self.installs = 0
        self._has_grown = False
        self._has_warned = False
        self._is_stopped = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release all clients, and shrink the cache to its limit if it has grown."""
        for folder in tuple(self._locks):
            self._unlock(folder)
        if self._has_grown:
            self._pinned.clear()
            self.make_room()

    def stop(self) -> None:
        """End running installers, and stop waiting for other runs."""
        self._is_stopped.set()
        self._children.close()

    @property
    def new_bytes(self) -> int:
        """Size of the clients that this object installed and that are still in the cache."""
        return sum(tuple(self._new_sizes.values()))

    def release(self, client: Client) -> None:
        """Release the client's lock and pin, so that it may be evicted."""
        folder = self._folder_of(client)
        self._unlock(folder)
        self._pinned.discard(folder)

    def evict(self, client: Client) -> None:
        """Remove a released client, if this object installed it and no run uses it."""
        folder = self._folder_of(client)
        if self._new_sizes.pop(folder, None) is not None:
            for entry in storage.entries(self.folder):
                if entry.folder == folder:
                    # It stays; `authprobe clients prune` reports the reason.
                    with contextlib.suppress(OSError):
                        storage.remove(entry)

    def _folder_of(self, client: Client) -> Path:
        package = client.spec.package
        return self.folder / (package.folder if package else client.kind) / client.version

    def _unlock(self, folder: Path) -> None:
        for lock in self._locks.pop(folder, []):
            lock.release()

    def get(self, client: Client) -> InstalledClient:
        """Return a prepared client.

        Raises:
            InstallError: the client could not be installed.
        """
        result = self._results.get(installation_key(client))
        if result is None:
            raise InstallError(f"{client} was not prepared")
        if isinstance(result, InstallError):
            raise result
        return result

    def lacks(self, client: Client) -> bool:
        """Return True if a prepared client could not be installed."""
        return isinstance(self._results.get(installation_key(client)), InstallError)

    def companions(self, client: Client) -> Mapping[str, str]:
        """Return the versions of the packages beside a client and the one that works with it."""
        versions: dict[str, str] = {}
        for each in filter(None, (client, client.through)):
            result = self._results.get(installation_key(each)) if each.definition else None
            versions |= result.companions if isinstance(result, InstalledClient) else {}
        return versions

    def versions(self, package: Package, having: Iterable[str] = ()) -> tuple[str, ...]:
        """Return the published versions from a 24 h cache (stale if offline); refetch them if a
        version in `having` is missing.

        Raises:
            ClientError: the registry is unavailable, and no answer is cached.
        """
        with self._usable_folder():
            return self._published.versions(package, having)

    def current_versions(self, package: Package) -> tuple[str, ...]:
        """Return the versions that the registry publishes now, whatever is cached.

        Raises:
            ClientError: the registry is unavailable.
        """
        with self._usable_folder():
            return self._published.current(package)

    def exact_version(self, client: Client) -> str:
        """Return the version of a client, which is asked for if it is to be the latest.

        Raises:
            ClientError: the registry is unavailable, and no answer is cached.
        """
        package = client.spec.package
        if package is None or client.version != LATEST:
            return client.version
        with self._usable_folder():
            return self._published.latest(package)

    @contextlib.contextmanager
    def _usable_folder(self) -> Iterator[None]:
        """Raise an InstallError if the folder cannot be used in the block."""
        try:
            yield
        except OSError as error:
            reason = error.strerror or error  # a lock that another run holds has no number
            raise InstallError(f"{self.folder}: cannot use the cache: {reason}") from None

    def has(self, client: Client) -> bool:
        """Return True if a client needs no installation, as far as its folder tells."""
        package = client.spec.package
        return package is None or client.version == INSTALLED or self._folder_of(client).is_dir()

    def pin(self, clients: Iterable[Client]) -> None:
        """Pin these clients: exempt them from eviction."""
        self._pinned |= set(map(self._folder_of, clients))

    def prepare(
        self,
        client: Client,
        show_progress: MessageCallback,
        warn: MessageCallback | None = None,
    ) -> None:
        """Find this client in the cache, or install it; `get` raises the error of a failure.

        `show_progress` receives the current activity, and `warn` one-line messages that the user
        should still see afterwards.
        """
        result: InstalledClient | InstallError
        try:
            result = self._prepare(client, show_progress, warn or show_progress)
        except ClientError as error:
            result = error if isinstance(error, InstallError) else InstallError(str(error))
        except (OSError, filelock.Timeout) as error:
            reason = failure_reason(str(error)) or getattr(error, "strerror", None) or str(error)
            result = InstallError(f"{client} cannot be installed: {reason}")
        except Exception as error:  # noqa: BLE001 - a fault of ours, which only its cases have
            words = f"authprobe itself failed: {fault_words(error)}; please report it"
            result = InstallError(f"{client} cannot be installed: {words}")
        self._results[installation_key(client)] = result

    def _prepare(
        self, client: Client, show_progress: MessageCallback, warn: MessageCallback
    ) -> InstalledClient:
        version, package = client.version, client.spec.package
        if client.definition and package is None:
            return find_own_program(client, self._children)
        if version == INSTALLED or package is None:
            return self._find_user_program(client)
        if version == LATEST:
            show_progress("asking for the latest version")
            version = self._published.latest(package)
        elif not names_one_release(client.spec, version):
            raise InstallError(f"{version} is not a version; give one such as 2.1.31, or latest")
        folder = storage.make_folder(self.folder, package.folder) / version
        installed = InstalledClient(
            kind=client.kind, package=package, version=version, folder=folder
        )
        self._pinned.add(folder)
        lock = ClientLock(storage.lock_file(folder))
        try:
            if self._lock_intact(installed, lock, show_progress, warn):
                self._has_grown = True
                self.installs += 1
                self._new_sizes[folder] = storage.own_bytes(folder)
                self.make_room(warn)
        except BaseException:
            lock.release()
            raise
        self._locks.setdefault(folder, []).append(lock)
        return dataclasses.replace(installed, companions=storage.companions(folder))

    def _find_user_program(self, client: Client) -> InstalledClient:
        """Return the user's own program, which is run in place and never changed."""
        package = client.spec.package
        name = Path((package and package.program) or client.kind).name
        path = shutil.which(name, path=search_path())
        if path is None:
            raise InstallError(f"there is no {name} on PATH")
        program = Path(path).resolve()
        version = self._installers.version_of(program, f"the {name} on PATH")
        if version is None:
            raise InstallError(f"the {name} on PATH reports no version")
        return InstalledClient(
            kind=client.kind,
            package=None,
            version=version,
            folder=program.parent,
            user_program=program,
        )

    def _lock_intact(
        self,
        client: InstalledClient,
        lock: ClientLock,
        show_progress: MessageCallback,
        warn: MessageCallback,
    ) -> bool:
        """Block until the client is intact and share-locked; return True if it was (re)installed.

        Raises:
            InstallError: the installation failed, or another run held the lock for too long.
        """
        deadline = time.monotonic() + INSTALL_TIMEOUT
        is_waiting = is_new = False
        while not self._is_stopped.is_set():
            if lock.take(shared=True) and client.integrity_error() is None:
                lock.touch()
                return is_new
            if lock.take(shared=False):
                is_new = self._install_unless_intact(client, show_progress, warn) or is_new
                continue  # check again: another run may take the lock while it is converted
            if not is_waiting:
                show_progress("waiting for another run, which installs or uses it")
                is_waiting = True
            if time.monotonic() > deadline:
                raise InstallError(
                    f"{client.kind}@{client.version}: timed out waiting for another run's lock "
                    f"({INSTALL_TIMEOUT / 60:.0f} min)"
                )
            self._is_stopped.wait(LOCK_POLL_INTERVAL)
        raise InstallError("the run is shutting down")

    def _install_unless_intact(
        self, client: InstalledClient, show_progress: MessageCallback, warn: MessageCallback
    ) -> bool:
        if client.folder.is_dir():
            error = client.integrity_error()
            if error is None:
                return False
            warn(f"{client.kind}@{client.version} is damaged ({error}) and is being reinstalled")
        show_progress(f"installing {client.version}")
        self._install(client)
        return True

    def _install(self, client: InstalledClient) -> None:
        """Install into a staging directory, check the version, and move the client into place.

        The caller holds the client's lock exclusively. Companions without a pinned version keep
        those of a damaged client that is replaced.
        """
        package = _package(client)
        prefix = f"{STAGING_PREFIX}{client.version}_"
        for leftover in client.folder.parent.glob(f"{prefix}*"):  # of a killed run
            shutil.rmtree(leftover, ignore_errors=True)
        with tempfile.TemporaryDirectory(
            dir=client.folder.parent, prefix=prefix, ignore_cleanup_errors=True
        ) as staging:
            folder = Path(staging, "client")
            folder.mkdir()
            companions = storage.companions(client.folder)
            self._installers.install(package, client.version, folder, companions)
            version = self._read_version(dataclasses.replace(client, folder=folder))
            if version != client.version:
                actual = f"version {version}" if version else "no version"
                raise InstallError(f"{client.kind} {client.version} reports {actual}")
            storage.write_manifest(folder, companion_versions(package, folder))
            if self._children.isolation is Isolation.SEALED:  # no client can write to its folder
                link_equal_files(self.folder, folder)
            storage.discard(client.folder)  # a damaged one: only now is there a replacement
            folder.rename(client.folder)

    def _read_version(self, client: InstalledClient) -> str | None:
        """Return the version that the installed program or package reports, or None."""
        if client.kind == ClientKind.CLAUDE_CODE:
            return self._installers.version_of(client.program, f"{client.kind} {client.version}")
        package = _package(client)
        version = installed_version(package, package.name, client.folder)
        if version is None and package.registry is Registry.NPM:
            raise InstallError(f"{client.kind}: its package.json has no readable version")
        return version

    def make_room(self, warn: MessageCallback | None = None) -> None:
        """Evict least recently used clients until the cache is within its limit.

        Clients in use and pinned clients stay; `warn` is called once if these exceed the limit.
        """
        storage.sweep(self.folder)
        entries = [
            dataclasses.replace(entry, in_use=True) if entry.folder in self._pinned else entry
            for entry in storage.entries(self.folder)
        ]
        left = list(entries)
        for entry in storage.eviction_candidates(entries, limit_bytes=self.limit_bytes):
            # A client that cannot be removed stays; `authprobe clients prune` reports the reason.
            with contextlib.suppress(OSError):
                if storage.remove(entry):
                    left.remove(entry)
        total_bytes = storage.used_bytes(left)
        if warn and total_bytes > self.limit_bytes and not self._has_warned:
            self._has_warned = True
            size, limit = format_size(total_bytes), format_size(self.limit_bytes)
            warn(f"the clients in use take {size}; AUTHPROBE_CACHE_LIMIT is {limit}")


def installation_key(client: Client) -> InstallationKey:
    """Return what tells installations apart: definitions that share a package share it.

    The same name can be that of different programs in two scenarios.
    """
    package = client.spec.package
    if package and client.version != INSTALLED:
        return package.folder, client.version
    own = repr((client.known.folder, client.definition)) if client.definition else ""
    return client.kind, client.version, own


def _package(client: InstalledClient) -> Package:
    if client.package is None:
        raise InstallError(f"{client.kind} has no package")
    return client.package

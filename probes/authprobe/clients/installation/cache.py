"""Clients by name and version, each in a folder of its own in the cache."""

import contextlib
import dataclasses
import json
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import filelock

from authprobe.clients.installation import storage as folders
from authprobe.clients.installation.installers import INSTALL_LIMIT, Installers, reason_of
from authprobe.clients.installation.packages import PACKAGES, Registry
from authprobe.clients.installation.published_versions import Published
from authprobe.clients.installation.storage import NEW, Lock
from authprobe.clients.process.children import Children
from authprobe.core.byte_sizes import size_text
from authprobe.core.version_ranges import EXACT
from authprobe.errors import ClientError, InstallError
from authprobe.scenario.model import INSTALLED, LATEST, Client, ClientKind
from authprobe.settings import CACHE_LIMIT_BYTES, search_path

PAUSE: Final = 0.1
"""Seconds between two looks at a client that another run has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """A client in the cache, or the user's own."""

    kind: ClientKind
    version: str
    folder: Path
    own: Path | None = None
    """The program of the user's own."""

    @property
    def package(self) -> Path:
        """The folder of the npm package."""
        return self.folder / "node_modules" / PACKAGES[self.kind].name

    @property
    def program(self) -> Path:
        """What is started."""
        program = PACKAGES[self.kind].program
        return self.own or (self.package if program is None else self.folder / program)


class Cache:
    """The clients that are installed, and the means to install more; a context manager.

    Any number of runs may use one cache: a folder appears in it only when it is complete, and a
    lock for each client, shared while a run uses it, keeps others from installing or removing it.
    """

    def __init__(
        self,
        folder: Path,
        children: Children,
        scratch: Path | None = None,
        limit_bytes: int = CACHE_LIMIT_BYTES,
    ) -> None:
        self.folder = folder
        self.limit_bytes = limit_bytes
        self._children = children
        self._installers = Installers(folder, children, scratch)
        self._published = Published(folder, self._installers)
        self._found: dict[tuple[ClientKind, str], Installed | InstallError] = {}
        self._locks: dict[Path, list[Lock]] = {}
        self._wanted: set[Path] = set()
        self._new: dict[Path, int] = {}
        self.installs = 0
        self._grown = False
        self._told = False
        self._stopped = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let others have the clients, and bring the cache back to its limit if it has grown."""
        for folder in tuple(self._locks):
            self._release(folder)
        if self._grown:
            self._wanted.clear()
            self.make_room()

    def stop(self) -> None:
        """End the installers that are running, and whoever waits for another run."""
        self._stopped.set()
        self._children.close()

    @property
    def new_bytes(self) -> int:
        """What those clients take that were installed here and are still there."""
        return sum(tuple(self._new.values()))

    def give_back(self, client: Client) -> None:
        """It is not used any more, until it is prepared again; it may make room for others."""
        folder = self._folder_of(client)
        self._release(folder)
        self._wanted.discard(folder)

    def forget(self, client: Client) -> None:
        """Remove a client that was given back, if it was installed here and nobody uses it."""
        folder = self._folder_of(client)
        if self._new.pop(folder, None) is not None:
            for entry in folders.entries(self.folder):
                if entry.folder == folder:
                    with contextlib.suppress(OSError):  # `authprobe clients prune` says why
                        folders.remove(entry)

    def _folder_of(self, client: Client) -> Path:
        return self.folder / client.kind.value / client.version

    def _release(self, folder: Path) -> None:
        for lock in self._locks.pop(folder, []):
            lock.release()

    def get(self, client: Client) -> Installed:
        """What `prepare` found.

        Raises:
            InstallError: it could not be installed.
        """
        found = self._found.get((client.kind, client.version))
        if found is None:
            raise InstallError(f"{client} was not prepared")
        if isinstance(found, InstallError):
            raise found
        return found

    def versions(self, kind: ClientKind, having: Iterable[str] = ()) -> tuple[str, ...]:
        """Every published version, as last heard within a day, or, offline, as last heard; asked
        for anew if one of these is not among them.

        Raises:
            ClientError: the registry gives no answer, and gave none before.
        """
        try:
            return self._published.versions(kind, having)
        except OSError as error:
            raise InstallError(f"the cache cannot be used: {error.strerror}") from None

    def expect(self, clients: Iterable[Client]) -> None:
        """These are going to be prepared: none of them makes room for another."""
        self._wanted |= set(map(self._folder_of, clients))

    def prepare(
        self,
        client: Client,
        say: Callable[[str], None],
        tell: Callable[[str], None] | None = None,
    ) -> None:
        """Find this client in the cache, or install it; a failure is kept for `get`.

        `say` is told what is going on whenever that changes, and `tell` what the user should know
        afterwards, in one line.
        """
        found: Installed | InstallError
        try:
            found = self._prepare(client, say, tell or say)
        except ClientError as error:
            found = error if isinstance(error, InstallError) else InstallError(str(error))
        except (OSError, filelock.Timeout) as error:
            reason = reason_of(str(error)) or getattr(error, "strerror", None) or str(error)
            found = InstallError(f"{client} cannot be installed: {reason}")
        self._found[client.kind, client.version] = found

    def _prepare(
        self, client: Client, say: Callable[[str], None], tell: Callable[[str], None]
    ) -> Installed:
        version = client.version
        if version == INSTALLED:
            return self._own(client.kind)
        if version == LATEST:
            say("asking for the latest version")
            version = self._published.latest(client.kind)
        elif not _is_whole_version(version, PACKAGES[client.kind].registry):
            raise InstallError(f"{version} is not a version; give one such as 2.1.31, or latest")
        folder = self.folder / client.kind.value / version
        installed = Installed(kind=client.kind, version=version, folder=folder)
        self._wanted.add(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = Lock(folders.lock_file(folder))
        try:
            if self._hold(installed, lock, say, tell):
                self._grown = True
                self.installs += 1
                self._new[folder] = folders.size_bytes(folder)
                self.make_room(tell)
        except BaseException:
            lock.release()
            raise
        self._locks.setdefault(folder, []).append(lock)
        return installed

    def _own(self, kind: ClientKind) -> Installed:
        """The user's own program, which is run where it is and never changed."""
        name = Path(PACKAGES[kind].program or kind.value).name
        found = shutil.which(name, path=search_path())
        if found is None:
            raise InstallError(f"there is no {name} on PATH")
        program = Path(found).resolve()
        version = self._installers.version_of(program, f"the {name} on PATH")
        if not EXACT.fullmatch(version):
            raise InstallError(f"the {name} on PATH does not say its version")
        return Installed(kind=kind, version=version, folder=program.parent, own=program)

    def _hold(
        self,
        wanted: Installed,
        lock: Lock,
        say: Callable[[str], None],
        tell: Callable[[str], None],
    ) -> bool:
        """Return when it is whole and the lock is shared; True: it had to be installed."""
        until, waiting, new = time.monotonic() + INSTALL_LIMIT, False, False
        while not self._stopped.is_set():
            if lock.take(shared=True) and _damage(wanted) is None:
                lock.touch()
                return new
            if lock.take(shared=False):
                new = self._install_unless_whole(wanted, say, tell) or new
                continue  # another may take the lock before it is shared
            if not waiting:
                say("waiting for another run, which installs or uses it")
                waiting = True
            if time.monotonic() > until:
                raise InstallError(f"{wanted.kind}@{wanted.version}: another run does not let go")
            self._stopped.wait(PAUSE)
        raise InstallError("the run is over")

    def _install_unless_whole(
        self, wanted: Installed, say: Callable[[str], None], tell: Callable[[str], None]
    ) -> bool:
        if wanted.folder.is_dir():
            wrong = _damage(wanted)
            if wrong is None:
                return False
            tell(f"{wanted.kind}@{wanted.version} is damaged ({wrong}) and is installed again")
        say(f"installing {wanted.version}")
        self._install(wanted)
        return True

    def _install(self, wanted: Installed) -> None:
        """Install beside the final place, check what was installed, and move it there.

        The caller holds the lock of this version alone.
        """
        prefix = f"{NEW}{wanted.version}_"
        for abandoned in wanted.folder.parent.glob(f"{prefix}*"):  # by a run that was killed
            shutil.rmtree(abandoned, ignore_errors=True)
        with tempfile.TemporaryDirectory(
            dir=wanted.folder.parent, prefix=prefix, ignore_cleanup_errors=True
        ) as temporary:
            folder = Path(temporary, "client")
            folder.mkdir()
            self._installers.install(PACKAGES[wanted.kind], wanted.version, folder)
            found = self._version_of(dataclasses.replace(wanted, folder=folder))
            if found != wanted.version:
                raise InstallError(f"{wanted.kind} {wanted.version} calls itself {found}")
            folders.describe(folder)
            folders.discard(wanted.folder)  # a damaged one, and only now that there is another
            folder.rename(wanted.folder)

    def _version_of(self, new: Installed) -> str:
        """What the installed program or package says of itself."""
        package = PACKAGES[new.kind]
        if new.kind is ClientKind.CLAUDE_CODE:
            return self._installers.version_of(new.program, f"{new.kind} {new.version}")
        if package.registry is Registry.PYPI:
            pattern = f"lib/python*/site-packages/{package.distribution}-*.dist-info"
            names = [path.stem for path in new.folder.glob(pattern)]
            return names[0].rpartition("-")[2] if names else "nothing"
        try:
            manifest = json.loads((new.package / "package.json").read_bytes())
            return str(manifest["version"])
        except (ValueError, LookupError, TypeError):
            raise InstallError(f"{new.kind}: its package.json is broken") from None

    def make_room(self, tell: Callable[[str], None] | None = None) -> None:
        """Remove what is least recently used until the limit is kept; nothing that is in use."""
        folders.sweep(self.folder)
        found = [
            dataclasses.replace(entry, in_use=True) if entry.folder in self._wanted else entry
            for entry in folders.entries(self.folder)
        ]
        removed = set()
        for entry in folders.expendable(found, limit_bytes=self.limit_bytes):
            with contextlib.suppress(OSError):  # it stays; `authprobe clients prune` says why
                removed |= {entry.folder} if folders.remove(entry) else set()
        left = sum(entry.size_bytes for entry in found if entry.folder not in removed)
        if tell and left > self.limit_bytes and not self._told:
            self._told = True
            limit = size_text(self.limit_bytes)
            tell(f"the clients in use take {size_text(left)}; AUTHPROBE_CACHE_LIMIT is {limit}")


def _is_whole_version(version: str, registry: Registry) -> bool:
    """Whether a version names one release: to npm, 2.1 is the newest of many."""
    dots = 2 if registry is Registry.NPM else 1
    return bool(EXACT.fullmatch(version)) and version.count(".") >= dots


def _damage(installed: Installed) -> str | None:
    """What is wrong with it, in a few words; None: it is whole."""
    if not installed.folder.is_dir():
        return "it is not there"
    if wrong := folders.damage(installed.folder):
        return wrong
    return None if installed.program.exists() else f"{installed.program.name} cannot be started"

"""Clients by name and version, each in a folder of its own in the cache."""

import json
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import filelock

from probes.clients.packages import PACKAGES, Package, Registry
from probes.clients.process import Children, Ended, Finished
from probes.errors import ClientError, InstallError
from probes.files import write
from probes.scenario.model import LATEST, Client, ClientKind
from probes.settings import LATEST_AGE, installer_environment, search_path

INSTALL_LIMIT: Final = 900.0
"""Seconds; the largest client is a download of 170 MB."""
ASK_LIMIT: Final = 60.0
NOWHERE: Final = "http://127.0.0.1:9"
"""The proxy of a client that has nobody to talk to: the discard port."""
VERSION: Final = re.compile(r"\d+\.\d+\.\d+(?:[-.+][\w.]+)?")

REASONS: Final = (
    (
        re.compile(
            r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ENETUNREACH|ETIMEDOUT|ECONNRESET|EIDLETIMEOUT|"
            r"Failed to establish|NewConnectionError|Name or service|from versions: none"
        ),
        "the package registry cannot be reached",
    ),
    (re.compile(r"ETARGET|E404|No matching (version|distribution)"), "not published"),
    (re.compile(r"ENOSPC|No space left"), "no space left on the disk"),
    (re.compile(r"EACCES|EROFS|Permission denied|Read-only"), "the cache cannot be written"),
    (re.compile(r"EBADENGINE|EBADPLATFORM"), "it does not run on this platform"),
)
"""What npm and pip print, and what it means; the first that is found counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """A client in the cache."""

    kind: ClientKind
    version: str
    folder: Path

    @property
    def package(self) -> Path:
        """The folder of the npm package."""
        return self.folder / "node_modules" / PACKAGES[self.kind].name

    @property
    def program(self) -> Path:
        """What is started."""
        program = PACKAGES[self.kind].program
        return self.package if program is None else self.folder / program


class Cache:
    """The clients that are installed, and the means to install more.

    Two runs may use one cache: a folder appears in it only when it is complete, and a lock for each
    client keeps two from installing the same one.
    """

    def __init__(self, folder: Path, children: Children, scratch: Path | None = None) -> None:
        self.folder = folder
        self._scratch = scratch
        self._children = children
        self._found: dict[tuple[ClientKind, str], Installed | InstallError] = {}

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

    def stop(self) -> None:
        """End the installers that are running."""
        self._children.close()

    def prepare(self, client: Client, say: Callable[[str], None]) -> None:
        """Find this client in the cache, or install it; a failure is kept for `get`.

        `say` is told what is going on whenever that changes.
        """
        found: Installed | InstallError
        try:
            found = self._prepare(client, say)
        except ClientError as error:
            found = error if isinstance(error, InstallError) else InstallError(str(error))
        except (OSError, filelock.Timeout) as error:
            reason = reason_of(str(error)) or getattr(error, "strerror", None) or str(error)
            found = InstallError(f"{client} cannot be installed: {reason}")
        self._found[client.kind, client.version] = found

    def _prepare(self, client: Client, say: Callable[[str], None]) -> Installed:
        version = client.version
        if version == LATEST:
            say("asking for the latest version")
            version = self._latest(client.kind)
        elif not VERSION.fullmatch(version):
            raise InstallError(f"{version} is not a version; give one such as 2.1.31, or latest")
        folder = self.folder / client.kind.value / version
        installed = Installed(kind=client.kind, version=version, folder=folder)
        if not folder.is_dir():
            folder.parent.mkdir(parents=True, exist_ok=True)
            with filelock.FileLock(folder.parent / f"{version}.lock", timeout=INSTALL_LIMIT):
                if not folder.is_dir():
                    say(f"installing {version}")
                    self._install(installed)
        return installed

    def _install(self, wanted: Installed) -> None:
        """Install beside the final place, check what was installed, and move it there.

        The caller holds the lock of this version.
        """
        prefix = f".new-{wanted.version}_"
        for abandoned in wanted.folder.parent.glob(f"{prefix}*"):  # by a run that was killed
            shutil.rmtree(abandoned, ignore_errors=True)
        with tempfile.TemporaryDirectory(
            dir=wanted.folder.parent, prefix=prefix, ignore_cleanup_errors=True
        ) as temporary:
            folder = Path(temporary, "client")
            folder.mkdir()
            package = PACKAGES[wanted.kind]
            if package.registry is Registry.PYPI:
                self._install_python(package, wanted.version, folder)
            else:
                self._install_npm(package, wanted.version, folder)
            new = Installed(kind=wanted.kind, version=wanted.version, folder=folder)
            found = self._version_of(new)
            if found != wanted.version:
                raise InstallError(f"{wanted.kind} {wanted.version} calls itself {found}")
            folder.rename(wanted.folder)

    def _install_npm(self, package: Package, version: str, folder: Path) -> None:
        wanted = f"{package.name}@{version}"
        finished = self._tool(
            [
                _npm(),
                "install",
                "--prefix",
                folder,
                "--no-audit",
                "--no-fund",
                "--no-save",
                "--no-update-notifier",
                "--loglevel=error",
                wanted,
            ],
            folder,
            INSTALL_LIMIT,
        )
        _check(finished, wanted)

    def _install_python(self, package: Package, version: str, folder: Path) -> None:
        wanted = f"{package.name}=={version}"
        venv: list[str | Path] = [sys.executable, "-m", "venv", "--without-pip", folder]
        _check(self._tool(venv, folder, ASK_LIMIT), "a virtual environment")
        finished = self._tool(
            [
                *self._pip(),
                "--python",
                folder / "bin" / "python",
                "install",
                "--quiet",
                "--only-binary=:all:",
                "--no-cache-dir",
                wanted,
            ],
            folder,
            INSTALL_LIMIT,
        )
        _check(finished, wanted)

    def _version_of(self, installed: Installed) -> str:
        """What the installed program or package says of itself."""
        package = PACKAGES[installed.kind]
        if installed.kind is ClientKind.CLAUDE_CODE:
            finished = self._tool(
                [installed.program, "--version"], installed.folder, ASK_LIMIT, sealed=True
            )
            _check(finished, f"claude-code {installed.version} --version")
            found = VERSION.search(finished.stdout)
            return found.group() if found else "nothing"
        if package.registry is Registry.PYPI:
            pattern = f"lib/python*/site-packages/{package.distribution}-*.dist-info"
            names = [path.stem for path in installed.folder.glob(pattern)]
            return names[0].rpartition("-")[2] if names else "nothing"
        try:
            manifest = json.loads((installed.package / "package.json").read_bytes())
            return str(manifest["version"])
        except (ValueError, LookupError, TypeError):
            raise InstallError(f"{installed.kind}: its package.json is broken") from None

    def _latest(self, kind: ClientKind) -> str:
        """The latest published version, as last heard within a day, or, offline, as last heard."""
        note = self.folder / kind.value / "latest.json"
        heard = _read_note(note)
        if heard and time.time() - heard[1] < LATEST_AGE.total_seconds():
            return heard[0]
        try:
            version = self._ask_latest(kind)
        except ClientError:
            if heard:
                return heard[0]
            raise
        note.parent.mkdir(parents=True, exist_ok=True)
        write(note, json.dumps({"version": version, "at": time.time()}))
        return version

    def _ask_latest(self, kind: ClientKind) -> str:
        """The registry's answer; asked once, as without a network there is an older one."""
        self.folder.mkdir(parents=True, exist_ok=True)
        package = PACKAGES[kind]
        name = package.name
        if package.registry is Registry.PYPI:
            argv = [*self._pip(), "--retries=0", "index", "versions", name]
        else:
            argv = [_npm(), "view", f"{name}@latest", "version", "--loglevel=error"]
            argv.append("--fetch-retries=0")
        finished = self._tool(argv, self.folder, ASK_LIMIT)
        _check(finished, f"the latest version of {name}")
        found = VERSION.search(finished.stdout)
        if found is None:
            raise InstallError(f"the registry names no latest version of {name}")
        return found.group()

    def _pip(self) -> list[str | Path]:
        """pip of this Python, or one made for the purpose where it has none."""
        has_pip = self._tool([sys.executable, "-m", "pip", "--version"], self.folder, ASK_LIMIT)
        if has_pip.exit_code == 0:
            return [sys.executable, "-m", "pip", "--disable-pip-version-check"]
        tools = self.folder / "tools"
        with filelock.FileLock(self.folder / "tools.lock", timeout=ASK_LIMIT):
            if not (tools / "bin" / "pip").exists():
                shutil.rmtree(tools, ignore_errors=True)
                made = self._tool([sys.executable, "-m", "venv", tools], self.folder, ASK_LIMIT)
                _check(made, "a virtual environment with pip")
        return [tools / "bin" / "python", "-m", "pip", "--disable-pip-version-check"]

    def _tool(
        self, argv: list[str | Path], cwd: Path, limit: float, *, sealed: bool = False
    ) -> Finished:
        """Run npm, pip or a client's `--version` with a private home."""
        with tempfile.TemporaryDirectory(prefix="install-", dir=self._scratch) as home:
            env: Mapping[str, str] = installer_environment(Path(home))
            if sealed:
                env = {
                    "DISABLE_AUTOUPDATER": "1",
                    "HOME": home,
                    "HTTPS_PROXY": NOWHERE,
                    "HTTP_PROXY": NOWHERE,
                    "PATH": search_path(),
                }
            return self._children.run(argv, env=env, cwd=cwd, limit=limit)


def _read_note(note: Path) -> tuple[str, float] | None:
    """The version that was heard of, and when; None: nothing readable."""
    try:
        heard = json.loads(note.read_text())
        version, at = str(heard["version"]), float(heard["at"])
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return (version, at) if VERSION.fullmatch(version) else None


def _npm() -> Path:
    found = shutil.which("npm", path=search_path())
    if found is None or shutil.which("node", path=search_path()) is None:
        raise InstallError("npm and node are not on PATH; install Node.js 20 or newer")
    return Path(found)


def _check(finished: Finished, what: str) -> None:
    """Raise an InstallError that says why this did not work."""
    if finished.ended is Ended.LIMIT:
        raise InstallError(f"{what}: not done after {finished.elapsed:.0f} s")
    if finished.exit_code:
        printed = finished.stderr + finished.stdout
        reason = reason_of(printed) or _last_line(printed) or f"exit code {finished.exit_code}"
        raise InstallError(f"{what}: {reason}")


def reason_of(printed: str) -> str | None:
    """What the output of a failed installer means; None: nothing that is known."""
    return next((reason for pattern, reason in REASONS if pattern.search(printed)), None)


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return re.sub(r"//[^/@\s]+@", "//", lines[-1])[:300] if lines else ""

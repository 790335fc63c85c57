"""npm and pip: they install a client, and say which versions are published."""

import json
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final

import filelock

from authprobe.clients.installation.packages import Package, Registry
from authprobe.clients.installation.storage import NEW
from authprobe.clients.process.child import CompletedChild, ExitReason
from authprobe.clients.process.children import Children
from authprobe.core.version_ranges import EXACT
from authprobe.errors import InstallError
from authprobe.settings import installer_environment, search_path

INSTALL_LIMIT: Final = 900.0
"""Seconds; the largest client is a download of 170 MB."""
ASK_LIMIT: Final = 60.0
NOWHERE: Final = "http://127.0.0.1:9"
"""The proxy of a client that has nobody to talk to: the discard port."""
VIEW: Final = ("view", "--loglevel=error", "--fetch-retries=0")
VERSIONS: Final = ("--retries=0", "index", "versions")
VERSION: Final = re.compile(r"\d+(?:\.\d+)+[0-9A-Za-z.-]*")

NOT_PUBLISHED: Final = "not published"
MISSING: Final = re.compile(
    r"(?:No matching (?:version|distribution) found for |404 +(?:The requested resource )?')"
    r"([^\s',;]*[^\s',;.])"
)
"""What is not there, as npm and pip tell it: the package itself, or what it needs."""
NAME: Final = re.compile(r"@?[\w./-]+")

UNREACHABLE: Final = "the package registry cannot be reached"
NO_SPACE: Final = "no space left on the disk"
NOT_WRITABLE: Final = "the cache cannot be written"
NO_NODE: Final = "npm and node are not on PATH"
HERE: Final = (UNREACHABLE, NO_SPACE, NOT_WRITABLE, NO_NODE)
"""Reasons that are about this machine, and not about a client: others fail as well."""
NO_CONNECTION: Final = re.compile(
    r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ENETUNREACH|ETIMEDOUT|ECONNRESET|EIDLETIMEOUT|"
    r"Failed to establish|NewConnectionError|Name or service"
)
REASONS: Final = (
    (NO_CONNECTION, UNREACHABLE),
    (re.compile("from versions: none"), UNREACHABLE),  # pip says that offline as well
    (re.compile(r"ETARGET|E404|No matching (version|distribution)"), NOT_PUBLISHED),
    (re.compile(r"ENOSPC|No space left"), NO_SPACE),
    (re.compile(r"EACCES|EROFS|Permission denied|Read-only"), NOT_WRITABLE),
    (re.compile(r"EBADENGINE|EBADPLATFORM"), "it does not run on this platform"),
)
"""What npm and pip print, and what it means; the first that is found counts."""
SCRIPT: Final = re.compile(r"^npm (?:error|ERR!) command failed$", re.MULTILINE)
"""npm says so when a script of a package has failed."""
NPM: Final = re.compile(r"^npm (?:error|ERR!) ?", re.MULTILINE)
LOG: Final = "A complete log of this run can be found in"


class Installers:
    """The means to install clients; each call has a private home."""

    def __init__(self, folder: Path, children: Children, scratch: Path | None = None) -> None:
        self._folder = folder
        self._children = children
        self._scratch = scratch

    def install(self, package: Package, version: str, folder: Path) -> None:
        """Install a package into an empty folder.

        Raises:
            ClientError: it cannot be installed.
        """
        if package.registry is Registry.PYPI:
            self._install_python(package, version, folder)
        else:
            self._install_npm(package, version, folder)

    def latest(self, package: Package) -> str:
        """What the registry calls the latest version; asked once, as there is an older answer.

        Raises:
            ClientError: it gives no answer.
        """
        what = f"the latest version of {package.name}"
        if package.registry is Registry.PYPI:
            printed = self._ask([*self._pip(), *VERSIONS, package.name], what)
        else:
            printed = self._ask([npm(), *VIEW, f"{package.name}@latest", "version"], what)
        version = first_version(printed)
        if version is None:
            raise InstallError(f"the registry names no latest version of {package.name}")
        return version

    def versions(self, package: Package) -> tuple[str, ...]:
        """Every published version, as the registry orders them.

        Raises:
            ClientError: it gives no answer.
        """
        what = f"the versions of {package.name}"
        if package.registry is Registry.PYPI:
            printed = self._ask([*self._pip(), *VERSIONS, "--pre", package.name], what)
            _, _, listed = printed.partition("Available versions:")
            words = listed.partition("\n")[0].replace(",", " ").split()
        else:
            words = _texts(self._ask([npm(), *VIEW, package.name, "versions", "--json"], what))
        found = tuple(word for word in words if EXACT.fullmatch(word))
        if not found:
            raise InstallError(f"the registry names no version of {package.name}")
        return found

    def version_of(self, program: Path, name: str) -> str:
        """What a program says of itself, with nobody to talk to.

        Raises:
            ClientError: it does not run.
        """
        finished = self._run([program, "--version"], ASK_LIMIT, sealed=True)
        check(finished, f"{name}: --version failed")
        return first_version(finished.stdout) or "nothing"

    def _install_npm(self, package: Package, version: str, folder: Path) -> None:
        argv: list[str | Path]
        argv = [npm(), "install", "--prefix", folder, "--no-audit", "--no-fund", "--no-save"]
        argv += ["--no-update-notifier", "--loglevel=error", *package.requirements(version)]
        check(self._run(argv, INSTALL_LIMIT, cwd=folder), f"{package.name}@{version}", package.name)

    def _install_python(self, package: Package, version: str, folder: Path) -> None:
        venv: list[str | Path] = [sys.executable, "-m", "venv", "--without-pip", folder]
        check(self._run(venv, ASK_LIMIT), "a virtual environment")
        pip = [*self._pip(), "--python", folder / "bin" / "python", "install", "--quiet"]
        pip += ["--only-binary=:all:", "--no-cache-dir", *package.requirements(version)]
        check(self._run(pip, INSTALL_LIMIT, cwd=folder), f"{package.name}=={version}", package.name)

    def _ask(self, argv: list[str | Path], what: str) -> str:
        finished = self._run(argv, ASK_LIMIT)
        check(finished, what)
        return finished.stdout

    def _pip(self) -> list[str | Path]:
        """pip of this Python, or one made for the purpose where it has none."""
        quiet = "--disable-pip-version-check"
        if self._run([sys.executable, "-m", "pip", "--version"], ASK_LIMIT).exit_code == 0:
            return [sys.executable, "-m", "pip", quiet]
        tools = self._folder / "tools"
        tools.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(tools / "pip.lock", timeout=ASK_LIMIT):
            if not (tools / "pip").is_dir():
                self._make_pip(tools)
        return [tools / "pip" / "bin" / "python", "-m", "pip", quiet]

    def _make_pip(self, tools: Path) -> None:
        with tempfile.TemporaryDirectory(
            dir=tools, prefix=f"{NEW}pip_", ignore_cleanup_errors=True
        ) as begun:
            made = self._run([sys.executable, "-m", "venv", Path(begun, "pip")], ASK_LIMIT)
            check(made, "a virtual environment with pip")
            Path(begun, "pip").rename(tools / "pip")

    def _run(
        self, argv: list[str | Path], limit: float, *, cwd: Path | None = None, sealed: bool = False
    ) -> CompletedChild:
        with tempfile.TemporaryDirectory(
            prefix="install-", dir=self._scratch, ignore_cleanup_errors=True
        ) as home:
            env = _sealed(home) if sealed else installer_environment(Path(home))
            return self._children.run(argv, env=env, cwd=cwd or Path(home), limit=limit)


def _sealed(home: str) -> dict[str, str]:
    return {
        "CLAUDE_CONFIG_DIR": f"{home}/.claude",
        "DISABLE_AUTOUPDATER": "1",
        "HOME": home,
        "HTTPS_PROXY": NOWHERE,
        "HTTP_PROXY": NOWHERE,
        "PATH": search_path(),
    }


def _texts(printed: str) -> list[str]:
    """A list of texts, or a single one, as npm prints it."""
    try:
        told = json.loads(printed)
    except ValueError:
        return []
    found = told if isinstance(told, list) else [told]
    return [word for word in found if isinstance(word, str)]


def first_version(printed: str) -> str | None:
    """The first version that is spoken of."""
    found = (match[0] for match in VERSION.finditer(printed))
    return next(filter(EXACT.fullmatch, found), None)


def npm() -> Path:
    """npm, where there is node as well.

    Raises:
        InstallError: they are not both on PATH.
    """
    found = shutil.which("npm", path=search_path())
    if found is None or shutil.which("node", path=search_path()) is None:
        raise InstallError(f"{NO_NODE}; install Node.js 20 or newer")
    return Path(found)


def check(finished: CompletedChild, what: str, package: str | None = None) -> None:
    """Raise an InstallError that says why this, or the installation of a package, did not work."""
    if finished.ended is ExitReason.LIMIT:
        raise InstallError(f"{what}: not done after {finished.elapsed:.0f} s")
    if finished.exit_code:
        printed = finished.stdout + "\n" + finished.stderr
        reason = (
            reason_of(printed, package) or last_line(printed) or f"exit code {finished.exit_code}"
        )
        raise InstallError(f"{what}: {reason}")


def reason_of(printed: str, package: str | None = None) -> str | None:
    """What the output of a failed installer means; None: nothing that is known."""
    if SCRIPT.search(printed):
        return f"its install script failed: {last_line(printed)}"
    reason = next((reason for pattern, reason in REASONS if pattern.search(printed)), None)
    missing = None if NO_CONNECTION.search(printed) else MISSING.search(printed)
    if package and missing and _name(missing[1]) != _name(package):
        return f"it needs {missing[1]}, which is not published"
    return reason


def _name(requirement: str) -> str:
    """The package of a requirement, as registries compare it (PEP 503)."""
    found = NAME.match(requirement)
    return re.sub(r"[-_.]+", "-", found[0]).lower() if found else ""


def last_line(printed: str) -> str:
    """The last line that says something; no password of an address."""
    lines = [line.strip() for line in NPM.sub("", printed).splitlines()]
    told = [line for line in lines if line and not line.startswith(LOG)]
    return re.sub(r"//[^/@\s]+@", "//", told[-1])[:300] if told else ""

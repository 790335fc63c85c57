"""npm and pip: install clients, list published versions, and explain failures."""

import json
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final

import filelock

from authprobe.clients.installation.storage import STAGING_PREFIX
from authprobe.clients.process.child import CompletedChild, ExitReason
from authprobe.clients.process.children import Children
from authprobe.core.client_kinds import Package, Registry
from authprobe.core.version_ranges import EXACT
from authprobe.errors import InstallError
from authprobe.settings import installer_environment, search_path

INSTALL_TIMEOUT: Final = 900.0
"""Seconds; the largest client is a download of 170 MB."""
QUERY_TIMEOUT: Final = 60.0
DISCARD_PROXY: Final = "http://127.0.0.1:9"
"""Proxy that refuses all connections (the discard port), for programs that need no network."""
NPM_VIEW_ARGUMENTS: Final = ("view", "--loglevel=error", "--fetch-retries=0")
PIP_INDEX_ARGUMENTS: Final = ("--retries=0", "index", "versions")
VERSION: Final = re.compile(r"\d+(?:\.\d+)+[0-9A-Za-z.-]*")

NOT_PUBLISHED: Final = "not published"
MISSING_REQUIREMENT: Final = re.compile(
    r"(?:No matching (?:version|distribution) found for |404 +(?:The requested resource )?')"
    r"([^\s',;]*[^\s',;.])"
)
"""A requirement that npm or pip reports as missing: the package itself, or a dependency."""
REQUIREMENT_NAME: Final = re.compile(r"@?[\w./-]+")

UNREACHABLE: Final = "the package registry cannot be reached"
NO_SPACE: Final = "no space left on the disk"
NOT_WRITABLE: Final = "the cache cannot be written"
NO_NODE: Final = "npm and node are not on PATH"
LOCAL_REASONS: Final = (UNREACHABLE, NO_SPACE, NOT_WRITABLE, NO_NODE)
"""Reasons that lie in this machine and not in a client: other clients fail as well."""
NO_CONNECTION: Final = re.compile(
    r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ENETUNREACH|ETIMEDOUT|ECONNRESET|EIDLETIMEOUT|"
    r"Failed to establish|NewConnectionError|Name or service"
)
FAILURE_REASONS: Final = (
    (NO_CONNECTION, UNREACHABLE),
    (re.compile("from versions: none"), UNREACHABLE),  # pip prints this also when offline
    (re.compile(r"ETARGET|E404|No matching (version|distribution)"), NOT_PUBLISHED),
    (re.compile(r"ENOSPC|No space left"), NO_SPACE),
    (re.compile(r"EACCES|EROFS|Permission denied|Read-only"), NOT_WRITABLE),
    (re.compile(r"EBADENGINE|EBADPLATFORM"), "it does not run on this platform"),
)
"""Patterns in the output of npm and pip with their meaning; the first match counts."""
SCRIPT_FAILURE: Final = re.compile(r"^npm (?:error|ERR!) command failed$", re.MULTILINE)
"""npm's message about a package's failed install script."""
NPM_PREFIX: Final = re.compile(r"^npm (?:error|ERR!) ?", re.MULTILINE)
NPM_LOG_NOTICE: Final = "A complete log of this run can be found in"


class Installers:
    """npm and pip, each call with a private home."""

    def __init__(self, folder: Path, children: Children, scratch: Path | None = None) -> None:
        self._folder = folder
        self._children = children
        self._scratch = scratch

    def install(self, package: Package, version: str, folder: Path) -> None:
        """Install a package into an empty folder.

        Raises:
            ClientError: the installer failed.
        """
        if package.registry is Registry.PYPI:
            self._install_python(package, version, folder)
        else:
            self._install_npm(package, version, folder)

    def latest(self, package: Package) -> str:
        """Return the registry's latest version, without retries as callers may have a cached one.

        Raises:
            ClientError: the registry is unavailable.
        """
        what = f"the latest version of {package.name}"
        if package.registry is Registry.PYPI:
            output = self._ask([*self._pip(), *PIP_INDEX_ARGUMENTS, package.name], what)
        else:
            output = self._ask(
                [find_npm(), *NPM_VIEW_ARGUMENTS, f"{package.name}@latest", "version"], what
            )
        version = first_version(output)
        if version is None:
            raise InstallError(f"the registry names no latest version of {package.name}")
        return version

    def versions(self, package: Package) -> tuple[str, ...]:
        """Return all published versions in the registry's order.

        Raises:
            ClientError: the registry is unavailable.
        """
        what = f"the versions of {package.name}"
        if package.registry is Registry.PYPI:
            output = self._ask([*self._pip(), *PIP_INDEX_ARGUMENTS, "--pre", package.name], what)
            _, _, listed = output.partition("Available versions:")
            candidates = listed.partition("\n")[0].replace(",", " ").split()
        else:
            candidates = _parse_strings(
                self._ask(
                    [find_npm(), *NPM_VIEW_ARGUMENTS, package.name, "versions", "--json"], what
                )
            )
        versions = tuple(filter(EXACT.fullmatch, candidates))
        if not versions:
            raise InstallError(f"the registry names no version of {package.name}")
        return versions

    def version_of(self, program: Path, name: str) -> str | None:
        """Return the version that a program prints, run without network access; None: none.

        Raises:
            ClientError: the program failed.
        """
        result = self._run([program, "--version"], QUERY_TIMEOUT, sealed=True)
        raise_for_failure(result, f"{name}: --version failed")
        return first_version(result.stdout)

    def _install_npm(self, package: Package, version: str, folder: Path) -> None:
        argv: list[str | Path]
        argv = [find_npm(), "install", "--prefix", folder, "--no-audit", "--no-fund", "--no-save"]
        argv += ["--no-update-notifier", "--loglevel=error", *package.requirements(version)]
        raise_for_failure(
            self._run(argv, INSTALL_TIMEOUT, cwd=folder), f"{package.name}@{version}", package.name
        )

    def _install_python(self, package: Package, version: str, folder: Path) -> None:
        venv: list[str | Path] = [sys.executable, "-m", "venv", "--without-pip", folder]
        raise_for_failure(self._run(venv, QUERY_TIMEOUT), "a virtual environment")
        pip = [*self._pip(), "--python", folder / "bin" / "python", "install", "--quiet"]
        pip += ["--only-binary=:all:", "--no-cache-dir", *package.requirements(version)]
        raise_for_failure(
            self._run(pip, INSTALL_TIMEOUT, cwd=folder), f"{package.name}=={version}", package.name
        )

    def _ask(self, argv: list[str | Path], what: str) -> str:
        result = self._run(argv, QUERY_TIMEOUT)
        raise_for_failure(result, what)
        return result.stdout

    def _pip(self) -> list[str | Path]:
        """Return the command of this Python's pip, or of one in a new virtual environment."""
        quiet = "--disable-pip-version-check"
        if self._run([sys.executable, "-m", "pip", "--version"], QUERY_TIMEOUT).exit_code == 0:
            return [sys.executable, "-m", "pip", quiet]
        tools = self._folder / "tools"
        tools.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(tools / "pip.lock", timeout=QUERY_TIMEOUT):
            if not (tools / "pip").is_dir():
                self._make_pip(tools)
        return [tools / "pip" / "bin" / "python", "-m", "pip", quiet]

    def _make_pip(self, tools: Path) -> None:
        with tempfile.TemporaryDirectory(
            dir=tools, prefix=f"{STAGING_PREFIX}pip_", ignore_cleanup_errors=True
        ) as staging:
            result = self._run([sys.executable, "-m", "venv", Path(staging, "pip")], QUERY_TIMEOUT)
            raise_for_failure(result, "a virtual environment with pip")
            Path(staging, "pip").rename(tools / "pip")

    def _run(
        self, argv: list[str | Path], limit: float, *, cwd: Path | None = None, sealed: bool = False
    ) -> CompletedChild:
        with tempfile.TemporaryDirectory(
            prefix="install-", dir=self._scratch, ignore_cleanup_errors=True
        ) as home:
            env = _sealed_environment(home) if sealed else installer_environment(Path(home))
            return self._children.run(argv, env=env, cwd=cwd or Path(home), limit=limit)


def _sealed_environment(home: str) -> dict[str, str]:
    return {
        "CLAUDE_CONFIG_DIR": f"{home}/.claude",
        "DISABLE_AUTOUPDATER": "1",
        "HOME": home,
        "HTTPS_PROXY": DISCARD_PROXY,
        "HTTP_PROXY": DISCARD_PROXY,
        "PATH": search_path(),
    }


def _parse_strings(output: str) -> list[str]:
    """Return npm's JSON output, a string or a list of strings, as a list."""
    try:
        value = json.loads(output)
    except ValueError:
        return []
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, str)]


def first_version(output: str) -> str | None:
    """Return the first version in a program's output, or None."""
    matches = (match[0] for match in VERSION.finditer(output))
    return next(filter(EXACT.fullmatch, matches), None)


def find_npm() -> Path:
    """Return the path of npm.

    Raises:
        InstallError: npm or node is not on PATH.
    """
    path = shutil.which("npm", path=search_path())
    if path is None or shutil.which("node", path=search_path()) is None:
        raise InstallError(f"{NO_NODE}; install Node.js 20 or newer")
    return Path(path)


def raise_for_failure(result: CompletedChild, what: str, package: str | None = None) -> None:
    """Raise InstallError if the child timed out or failed; `package` is the one to be installed."""
    if result.exit_reason is ExitReason.TIMED_OUT:
        raise InstallError(f"{what}: timed out after {result.elapsed:.0f} s")
    if result.exit_code:
        output = result.stdout + "\n" + result.stderr
        reason = failure_reason(output, package) or last_line(output)
        raise InstallError(f"{what}: {reason or f'exit code {result.exit_code}'}")


def failure_reason(output: str, package: str | None = None) -> str | None:
    """Return the reason in the output of a failed installer, or None if it is unknown."""
    if SCRIPT_FAILURE.search(output):
        return f"its install script failed: {last_line(output)}"
    reason = next((reason for pattern, reason in FAILURE_REASONS if pattern.search(output)), None)
    missing = None if NO_CONNECTION.search(output) else MISSING_REQUIREMENT.search(output)
    if package and missing and _name(missing[1]) != _name(package):
        return f"it needs {missing[1]}, which is not published"
    return reason


def _name(requirement: str) -> str:
    """Return the normalised package name of a requirement (PEP 503)."""
    match = REQUIREMENT_NAME.match(requirement)
    return re.sub(r"[-_.]+", "-", match[0]).lower() if match else ""


def last_line(output: str) -> str:
    """Return the last informative line, without credentials in URLs."""
    lines = [line.strip() for line in NPM_PREFIX.sub("", output).splitlines()]
    messages = [line for line in lines if line and not line.startswith(NPM_LOG_NOTICE)]
    return re.sub(r"//[^/@\s]+@", "//", messages[-1])[:300] if messages else ""

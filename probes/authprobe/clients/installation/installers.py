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
from authprobe.clients.process.children import Children, Visibility
from authprobe.clients.process.required_files import visible_files
from authprobe.core import safe_files
from authprobe.core.client_kinds import Package, Registry
from authprobe.core.version_ranges import EXACT
from authprobe.errors import InstallError
from authprobe.settings import installer_environment, private_folders, search_path

INSTALL_TIMEOUT: Final = 900.0
"""Seconds; the largest client is a download of 170 MB."""
MAX_INSTALLED_FILE_BYTES: Final = 2 * 1024**3
"""Size of a file that an install script may write; the program of claude-code has 400 MB."""
QUERY_TIMEOUT: Final = 60.0
SCRIPT_TIMEOUT: Final = 120.0
DISCARD_PROXY: Final = "http://127.0.0.1:9"
"""Proxy that refuses all connections (the discard port), for programs that need no network."""
NPM_VIEW_ARGUMENTS: Final = ("view", "--loglevel=error", "--fetch-retries=0")
PIP_INDEX_ARGUMENTS: Final = ("--retries=0", "index", "versions")
NPM_INSTALL_ARGUMENTS: Final = (
    "--ignore-scripts",
    "--global=false",
    "--include=optional",  # the native programs
    "--bin-links=true",
    "--no-audit",
    "--no-fund",
    "--no-save",
    "--no-update-notifier",
    "--loglevel=error",
    # npm's own waits, 10 s and 60 s, would hide for more than a minute that there is no network.
    "--fetch-retry-mintimeout=1000",
    "--fetch-retry-maxtimeout=5000",
)
"""These win over the user's `.npmrc` and variables (docs.npmjs.com/cli/using-npm/config)."""
NPM_REGISTRY_ONLY: Final = {
    f"npm_config_allow_{source}": "none" for source in ("directory", "file", "git", "remote")
}
"""Sources of packages besides the registry; as variables, because an older npm does not know them.

A repository's own `.npmrc` can name the `git` to run.
"""
NPM_SCRIPT_ARGUMENTS: Final = (
    "rebuild",
    "--ignore-scripts=false",
    "--foreground-scripts",
    "--offline",
    "--no-audit",
    "--no-fund",
    "--no-update-notifier",
    "--loglevel=error",
)
INSTALL_SCRIPTS: Final = frozenset({"preinstall", "install", "postinstall"})
MAX_PACKAGE_JSON_BYTES: Final = 1_000_000
VERSION: Final = re.compile(r"\d+(?:\.\d+)+[0-9A-Za-z.-]*")

NOT_PUBLISHED: Final = "not published"
MISSING_REQUIREMENT: Final = re.compile(
    r"(?:No matching (?:version|distribution) found for |404 +(?:The requested resource )?')"
    r"([^\s',;]*[^\s',;.])"
)
"""A requirement that npm or pip reports as missing: the package itself, or a dependency."""
REQUIREMENT_NAME: Final = re.compile(r"@?[\w./-]+")

UNREACHABLE: Final = "the package registry cannot be reached"
NOT_TRUSTED: Final = (
    "the certificate of the package registry is not trusted; name its authority in "
    "NODE_EXTRA_CA_CERTS (npm) or PIP_CERT (pip)"
)
NO_SPACE: Final = "no space left on the disk"
NOT_WRITABLE: Final = "the cache cannot be written"
NO_NODE: Final = "npm and node are not on PATH"
LOCAL_REASONS: Final = (UNREACHABLE, NOT_TRUSTED, NO_SPACE, NOT_WRITABLE, NO_NODE)
"""Reasons that lie in this machine and not in a client: other clients fail as well."""
NO_CONNECTION: Final = re.compile(
    r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ENETUNREACH|ETIMEDOUT|ECONNRESET|EIDLETIMEOUT|"
    r"Failed to establish|NewConnectionError|Name or service"
)
FAILURE_REASONS: Final = (
    (NO_CONNECTION, UNREACHABLE),
    (re.compile(r"CERT_|_CERT|CERTIFICATE_VERIFY_FAILED|UNABLE_TO_VERIFY"), NOT_TRUSTED),
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
        """Return the version that a program prints, run in a container; None: none.

        Raises:
            ClientError: the program failed.
        """
        result = self._run_sealed([program, "--version"], QUERY_TIMEOUT)
        raise_for_failure(result, f"{name}: --version failed")
        return first_version(result.stdout)

    def _install_npm(self, package: Package, version: str, folder: Path) -> None:
        npm, what = find_npm(), f"{package.name}@{version}"
        argv: list[str | Path] = [npm, "install", "--prefix", folder, *NPM_INSTALL_ARGUMENTS]
        result = self._run([*argv, *package.requirements(version)], INSTALL_TIMEOUT, cwd=folder)
        raise_for_failure(result, what, package.name)
        for name in package.install_scripts:
            if _has_install_script(folder / "node_modules" / name):
                argv = [npm, *NPM_SCRIPT_ARGUMENTS, "--prefix", folder, name]
                result = self._run_sealed(argv, SCRIPT_TIMEOUT, folder)
                raise_for_failure(result, what, package.name)

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
        self, argv: list[str | Path], limit: float, *, cwd: Path | None = None
    ) -> CompletedChild:
        """Run npm or pip, with a private home and the way to the registry."""
        with tempfile.TemporaryDirectory(
            prefix="install-", dir=self._scratch, ignore_cleanup_errors=True
        ) as home:
            env = installer_environment(Path(home)) | NPM_REGISTRY_ONLY
            return self._children.run(argv, env=env, cwd=cwd or Path(home), limit=limit)

    def _run_sealed(
        self, argv: list[str | Path], limit: float, folder: Path | None = None
    ) -> CompletedChild:
        """Run code of a package in a container, without the network and the user's files.

        It can write to `folder` and its private home.
        """
        node = shutil.which("node", path=search_path())
        visibility = Visibility(
            read_only=visible_files([Path(argv[0]), *([Path(node)] if node else [])]),
            writable=(folder,) if folder else (),
            hidden=private_folders(),
            file_bytes=MAX_INSTALLED_FILE_BYTES,
        )
        with self._children.open_container(visibility) as container:
            env = _sealed_environment(container.home)
            return container.run(argv, env=env, cwd=folder or container.home, limit=limit)


def _sealed_environment(home: Path) -> dict[str, str]:
    return {
        "CLAUDE_CONFIG_DIR": f"{home}/.claude",
        "DISABLE_AUTOUPDATER": "1",
        "HOME": str(home),
        "HTTPS_PROXY": DISCARD_PROXY,
        "HTTP_PROXY": DISCARD_PROXY,
        "LANG": "C.UTF-8",
        "PATH": search_path(),
    }


def _has_install_script(package: Path) -> bool:
    """Return True if an npm package has a script that runs when it is installed."""
    try:
        manifest = json.loads(
            safe_files.read_bounded(package / "package.json", MAX_PACKAGE_JSON_BYTES)
        )
        return not INSTALL_SCRIPTS.isdisjoint(manifest["scripts"])
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return False


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

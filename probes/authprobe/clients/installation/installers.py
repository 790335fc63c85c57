"""npm, uv and pip: install clients, and list published versions."""

import contextlib
import json
import re
import shutil
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

import filelock

from authprobe.clients.installation.installed_versions import read_package_json
from authprobe.clients.installation.installer_failures import (
    NO_NODE,
    NO_WHEEL,
    NOT_PUBLISHED,
    failure_reason,
    is_requirement_of,
    missing_requirement,
    other_python,
    raise_for_failure,
    requirement_name,
)
from authprobe.clients.installation.launchers import make_relocatable
from authprobe.clients.installation.storage import STAGING_PREFIX, TOOLS_FOLDER
from authprobe.clients.installation.uv import (
    UV_INSTALL_ARGUMENTS,
    UvOptions,
    pinned_requirement,
    uv_options,
    uv_program,
)
from authprobe.clients.process.child import CompletedChild, ExitReason
from authprobe.clients.process.children import Children, Visibility
from authprobe.clients.process.required_files import visible_files
from authprobe.core.client_kinds import Package, Registry, split_requirement
from authprobe.core.isolation import Isolation
from authprobe.core.version_ranges import EXACT
from authprobe.errors import ClientError, InstallError
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
NOT_SEALED: Final = (
    "its code runs only in a sealed container, which this system does not allow; "
    "`authprobe doctor` tells why"
)
INSTALL_SCRIPTS: Final = frozenset({"preinstall", "install", "postinstall"})
VERSION: Final = re.compile(r"\d+(?:\.\d+)+[0-9A-Za-z.-]*")


class Installers:
    """npm, uv and pip, each call with a private home."""

    def __init__(self, folder: Path, children: Children, scratch: Path | None = None) -> None:
        self._folder = folder
        self._children = children
        self._scratch = scratch
        self._uv_lock = threading.Lock()
        self._has_tried_uv = False
        self._uv_options: UvOptions | None = None

    def install(
        self,
        package: Package,
        version: str,
        folder: Path,
        companion_versions: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Install a package into an empty folder, with its companions at these or new versions.

        Raises:
            ClientError: the installer failed.
        """
        requirements = package.requirements(version, companion_versions)
        if package.registry is Registry.PYPI:
            self._install_python(package, requirements, folder)
        else:
            self._install_npm(package, requirements, folder)

    def latest(self, package: Package) -> str:
        """Return the registry's latest version, without retries as callers may have a cached one.

        Raises:
            ClientError: the registry is unavailable.
        """
        what = f"the latest version of {package.name}"
        if package.registry is Registry.PYPI:
            output = self._ask_pip([package.name], what)
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
            candidates = _listed_versions(self._ask_pip(["--pre", package.name], what))
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
        result = self._run_in_container([program, "--version"], QUERY_TIMEOUT)
        raise_for_failure(result, f"{name}: --version failed")
        return first_version(result.stdout)

    def _install_npm(self, package: Package, requirements: Sequence[str], folder: Path) -> None:
        npm, what = find_npm(), requirements[0]
        argv: list[str | Path] = [npm, "install", "--prefix", folder, *NPM_INSTALL_ARGUMENTS]
        result = self._run([*argv, *requirements], INSTALL_TIMEOUT, cwd=folder)
        raise_for_failure(result, what, package.name)
        for name in package.install_scripts:
            if _has_install_script(folder / "node_modules" / name):
                argv = [npm, *NPM_SCRIPT_ARGUMENTS, "--prefix", folder, name]
                result = self._run_in_container(
                    argv, SCRIPT_TIMEOUT, folder, must_seal=package.is_defined
                )
                raise_for_failure(result, what, package.name)

    def _install_python(self, package: Package, requirements: Sequence[str], folder: Path) -> None:
        if not self._install_by_uv(requirements, folder):
            self._install_by_pip(package, requirements, folder)
        make_relocatable(folder)

    def _make_environment(self, folder: Path) -> None:
        venv: list[str | Path] = [sys.executable, "-m", "venv", "--clear", "--without-pip", folder]
        raise_for_failure(self._run(venv, QUERY_TIMEOUT), "a virtual environment")

    def _install_by_uv(self, requirements: Sequence[str], folder: Path) -> bool:
        """Return True if uv has installed the requirements; pip tells why they cannot be."""
        options = self._prepare_uv()
        if options is None:
            return False
        self._make_environment(folder)
        # Beside the folder, as hard links need the same filesystem. It is removed before the
        # manifest is written: that changes the times of the files.
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".uv-") as cache:
            argv: list[str | Path] = [uv_program(self._tools), "pip", "install"]
            argv += [*UV_INSTALL_ARGUMENTS, "--cache-dir", cache, *options.arguments]
            argv += ["--python", folder / "bin" / "python", *requirements]
            variables = options.variables
            try:
                result = self._run(argv, INSTALL_TIMEOUT, cwd=folder, variables=variables)
            except ClientError:  # the program of uv is damaged
                return False
        if result.exit_reason is ExitReason.TIMED_OUT:
            raise_for_failure(result, requirements[0])
        return result.exit_code == 0

    def _prepare_uv(self) -> UvOptions | None:
        """Return the options of uv, which is set up before; None: pip must do."""
        with self._uv_lock:
            if not self._has_tried_uv:
                self._has_tried_uv = True
                # Only a faster way to the same: whatever fails here, pip has its own message for.
                with contextlib.suppress(ClientError, OSError, filelock.Timeout):
                    self._uv_options = self._set_up_uv()
            return self._uv_options

    def _set_up_uv(self) -> UvOptions | None:
        pip = self._pip()
        result = self._run([*pip, "config", "list"], QUERY_TIMEOUT)
        environment = installer_environment(self._tools)
        options = None if result.exit_code else uv_options(result.stdout, environment)
        if options and not uv_program(self._tools).is_file():
            self._tools.mkdir(parents=True, exist_ok=True)
            with filelock.FileLock(self._tools / "uv.lock", timeout=INSTALL_TIMEOUT):
                if not uv_program(self._tools).is_file():
                    self._make_uv(pip)
        return options

    def _make_uv(self, pip: Sequence[str | Path]) -> None:
        folder = uv_program(self._tools).parent.parent
        with tempfile.TemporaryDirectory(
            dir=self._tools, prefix=f"{STAGING_PREFIX}uv_", ignore_cleanup_errors=True
        ) as staging:
            pinned = Path(staging, "uv.txt")
            pinned.write_text(pinned_requirement())
            argv: list[str | Path] = [*pip, "--retries=0", "install", "--quiet", "--no-cache-dir"]
            argv += ["--only-binary=:all:", "--require-hashes", "--target", Path(staging, "uv")]
            raise_for_failure(self._run([*argv, "-r", pinned], INSTALL_TIMEOUT), "uv")
            if folder.exists():  # one without its program
                shutil.rmtree(folder)
            Path(staging, "uv").rename(folder)

    def _install_by_pip(self, package: Package, requirements: Sequence[str], folder: Path) -> None:
        self._make_environment(folder)
        pip = [*self._pip(), "--python", folder / "bin" / "python", "install", "--quiet"]
        pip += ["--only-binary=:all:", "--no-cache-dir", *requirements]
        result = self._run(pip, INSTALL_TIMEOUT, cwd=folder)
        what = requirements[0]
        if result.exit_code and (missing := missing_requirement(result.stderr)):
            reason = self._absence(missing, result.stderr)
            is_own = is_requirement_of(missing, package.name)
            raise InstallError(f"{what}: {reason if is_own else f'it needs {missing}: {reason}'}")
        raise_for_failure(result, what, package.name)

    def _absence(self, requirement: str, output: str) -> str:
        """Return the reason for which pip has no file for a requirement."""
        name, version = split_requirement(requirement)
        name = requirement_name(name)
        if version and (reason := other_python(output, version)):
            return reason
        listed = self._run([*self._pip(), *PIP_INDEX_ARGUMENTS, "--pre", name], QUERY_TIMEOUT)
        published = _listed_versions(listed.stdout)
        if version in published or (published and "from versions: none" in output):
            return NO_WHEEL
        return NOT_PUBLISHED if published else self._missing_package_reason(name)

    def _missing_package_reason(self, name: str) -> str:
        """Return the reason for which pip lists no version of a package: it is not published, or
        its registry cannot be reached, which only the verbose output shows.
        """
        result = self._run([*self._pip(), "-vv", *PIP_INDEX_ARGUMENTS, name], QUERY_TIMEOUT)
        return failure_reason(result.stdout + result.stderr) or NOT_PUBLISHED

    def _ask(self, argv: list[str | Path], what: str) -> str:
        result = self._run(argv, QUERY_TIMEOUT)
        raise_for_failure(result, what)
        return result.stdout

    def _ask_pip(self, arguments: list[str | Path], what: str) -> str:
        """Return pip's answer about the published versions of a package."""
        result = self._run([*self._pip(), *PIP_INDEX_ARGUMENTS, *arguments], QUERY_TIMEOUT)
        if result.exit_code and missing_requirement(result.stderr):
            raise InstallError(f"{what}: {self._missing_package_reason(str(arguments[-1]))}")
        raise_for_failure(result, what)
        return result.stdout

    @property
    def _tools(self) -> Path:
        return self._folder / TOOLS_FOLDER

    def _pip(self) -> list[str | Path]:
        """Return the command of this Python's pip, or of one in a new virtual environment."""
        quiet = "--disable-pip-version-check"
        if self._run([sys.executable, "-m", "pip", "--version"], QUERY_TIMEOUT).exit_code == 0:
            return [sys.executable, "-m", "pip", quiet]
        tools = self._tools
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
        self,
        argv: list[str | Path],
        limit: float,
        *,
        cwd: Path | None = None,
        variables: Mapping[str, str] = MappingProxyType({}),
    ) -> CompletedChild:
        """Run npm, uv or pip, with a private home and the way to the registry."""
        with tempfile.TemporaryDirectory(
            prefix="install-", dir=self._scratch, ignore_cleanup_errors=True
        ) as home:
            env = installer_environment(Path(home)) | NPM_REGISTRY_ONLY | dict(variables)
            return self._children.run(argv, env=env, cwd=cwd or Path(home), limit=limit)

    def _run_in_container(
        self,
        argv: list[str | Path],
        limit: float,
        folder: Path | None = None,
        *,
        must_seal: bool = False,
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
            if must_seal and container.isolation is not Isolation.SEALED:
                raise InstallError(NOT_SEALED)
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
        return not INSTALL_SCRIPTS.isdisjoint(read_package_json(package)["scripts"])
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return False


def _listed_versions(output: str) -> list[str]:
    """Return the versions that `pip index versions` prints."""
    _, _, listed = output.partition("Available versions:")
    return listed.partition("\n")[0].replace(",", " ").split()


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

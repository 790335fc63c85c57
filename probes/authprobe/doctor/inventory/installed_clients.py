"""Installed clients and their versions, found without running any program."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from authprobe.core.client_kinds import ClientKind, package_of
from authprobe.core.safe_read import read_json_file
from authprobe.core.version_ranges import EXACT
from authprobe.doctor.inventory.machine import Machine

MAX_PATH_FOLDERS: Final = 200
"""Folders of `PATH` that are searched."""
MAX_FOLDER_ENTRIES: Final = 20_000
"""Entries of a package folder that are searched."""
MAX_PARENT_FOLDERS: Final = 4
"""Parent folders of a program that are searched for its package."""
PYTHON_SDKS: Final = {
    package_of(kind).name.replace("-", "_"): kind.value
    for kind in (ClientKind.ANTHROPIC_PYTHON, ClientKind.AGENT_SDK_PYTHON)
}
"""Clients by the name of their `.dist-info` folder (PEP 427)."""
NODE_SDKS: Final = {
    package_of(kind).name.removeprefix("@anthropic-ai/"): kind.value
    for kind in (ClientKind.ANTHROPIC_NODE, ClientKind.AGENT_SDK_NODE)
}
"""Clients by the name of their npm package in the scope `@anthropic-ai`."""
AGENT_SDKS: Final = frozenset({ClientKind.AGENT_SDK_PYTHON.value, ClientKind.AGENT_SDK_NODE.value})


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectedClient:
    """An installed client."""

    name: str
    version: str | None
    """None: only the program itself could report it."""
    path: Path
    """Path before links are followed."""
    target: Path
    """Path after links are followed."""


def find_commands(machine: Machine) -> tuple[DetectedClient, ...]:
    """Return every `claude` on `PATH`, in its order; the first one is the one that runs."""
    commands: dict[Path, DetectedClient] = {}
    for folder in machine.search_path[:MAX_PATH_FOLDERS]:
        path = folder / "claude"
        try:
            if path.is_file() and os.access(path, os.X_OK):
                target = path.resolve()
                commands.setdefault(target, _command(path, target))
        except (OSError, RuntimeError, ValueError):  # a link loop, or no permission
            continue
    return tuple(commands.values())


def _command(path: Path, target: Path) -> DetectedClient:
    name = ClientKind.CLAUDE_CODE.value
    return DetectedClient(name=name, version=_command_version(target), path=path, target=target)


def _command_version(target: Path) -> str | None:
    """Return the version from the package around a program, or from the path.

    npm installs `package.json` above it. The native installer names the program after its version,
    and Homebrew names the folder after it (code.claude.com/docs/en/setup).
    """
    for folder in target.parents[:MAX_PARENT_FOLDERS]:
        package = read_json_file(folder / "package.json").data
        if str(package.get("name", "")).startswith("@anthropic-ai/claude-code"):
            return _exact_version(package.get("version"))
    names = (target.name, *(folder.name for folder in target.parents[:MAX_PARENT_FOLDERS]))
    return next((name for name in names if name.count(".") == 2 and EXACT.fullmatch(name)), None)


def find_sdks(machine: Machine) -> tuple[DetectedClient, ...]:
    """Return the SDKs of each Python and Node on `PATH`, and of the current folder."""
    sdks: dict[Path, DetectedClient] = {}
    for sdk in (*_python_sdks(machine), *_node_sdks(machine)):
        sdks.setdefault(sdk.target, sdk)
    return tuple(sdks.values())


def _python_sdks(machine: Machine) -> Iterator[DetectedClient]:
    for folder in machine.search_path[:MAX_PATH_FOLDERS]:
        if _exists(folder / "python") or _exists(folder / "python3"):
            for packages in _package_folders(folder.parent / "lib"):
                yield from _sdks_in(packages)


def _package_folders(lib: Path) -> Iterator[Path]:
    """Yield the package folders of each Python version; Debian has its own, `dist-packages`."""
    for name in _entry_names(lib):
        if name.startswith("python"):
            yield lib / name / "site-packages"
            yield lib / name / "dist-packages"


def _sdks_in(packages: Path) -> Iterator[DetectedClient]:
    for name in _entry_names(packages):
        distribution, _, version = name.removesuffix(".dist-info").partition("-")
        if name.endswith(".dist-info") and distribution in PYTHON_SDKS:
            yield _sdk(PYTHON_SDKS[distribution], _exact_version(version), packages / name)


def _node_sdks(machine: Machine) -> Iterator[DetectedClient]:
    global_folders = [
        folder.parent / "lib"
        for folder in machine.search_path[:MAX_PATH_FOLDERS]
        if _exists(folder / "node") or _exists(folder / "npm")
    ]
    for parent in (machine.folder, *global_folders):
        scope = parent / "node_modules" / "@anthropic-ai"
        for name in NODE_SDKS:
            package = read_json_file(scope / name / "package.json").data
            if package:
                yield _sdk(NODE_SDKS[name], _exact_version(package.get("version")), scope / name)


def _sdk(name: str, version: str | None, path: Path) -> DetectedClient:
    try:
        target = path.resolve()
    except (OSError, RuntimeError):
        target = path
    return DetectedClient(name=name, version=version, path=path, target=target)


def _exact_version(version: object) -> str | None:
    return version if isinstance(version, str) and EXACT.fullmatch(version) else None


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, RuntimeError, ValueError):
        return False


def _entry_names(folder: Path) -> tuple[str, ...]:
    try:
        with os.scandir(folder) as entries:
            return tuple(sorted(entry.name for entry in islice(entries, MAX_FOLDER_ENTRIES)))
    except (OSError, ValueError):
        return ()

"""Which clients are installed, and in which versions: found without running any of them."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from authprobe.core.client_kinds import ClientKind, package_of
from authprobe.core.version_ranges import EXACT
from authprobe.doctor.inventory.machine import Machine
from authprobe.doctor.inventory.safe_read import read_json_file

CLAUDE_CODE: Final = "claude-code"
FOLDERS: Final = 200
"""Of `PATH`, that are looked through."""
ENTRIES: Final = 20_000
"""Of a folder of packages, that are looked through."""
ABOVE: Final = 4
"""How far above a program its package may begin."""
DISTRIBUTIONS: Final = {
    package_of(kind).distribution: kind.value
    for kind in (ClientKind.ANTHROPIC_PYTHON, ClientKind.AGENT_SDK_PYTHON)
}
"""PyPI packages, as their `.dist-info` folders are called (PEP 427)."""
MODULES: Final = {
    package_of(kind).name.removeprefix("@anthropic-ai/"): kind.value
    for kind in (ClientKind.ANTHROPIC_NODE, ClientKind.AGENT_SDK_NODE)
}
"""npm packages in the scope `@anthropic-ai`."""
API_SDKS: Final = frozenset({"anthropic-python", "anthropic-node"})


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectedClient:
    """A client that is installed."""

    name: str
    version: str | None
    """None: it cannot be known without running it."""
    path: Path
    """Where it was found, before links are followed."""
    target: Path
    """What that leads to."""


def find_commands(machine: Machine) -> tuple[DetectedClient, ...]:
    """Every `claude` on `PATH`, in its order; the first is the one that is run."""
    found: dict[Path, DetectedClient] = {}
    for folder in machine.search_path[:FOLDERS]:
        path = folder / "claude"
        try:
            if path.is_file() and os.access(path, os.X_OK):
                target = path.resolve()
                found.setdefault(target, _command(path, target))
        except (OSError, RuntimeError, ValueError):  # a loop, or a folder that is closed to us
            continue
    return tuple(found.values())


def _command(path: Path, target: Path) -> DetectedClient:
    return DetectedClient(name=CLAUDE_CODE, version=_version_of(target), path=path, target=target)


def _version_of(target: Path) -> str | None:
    """The version that its package or its name tells.

    npm puts `package.json` above it. The native installer calls the program itself as its version,
    and Homebrew the folder (code.claude.com/docs/en/setup).
    """
    for folder in target.parents[:ABOVE]:
        tree = read_json_file(folder / "package.json").tree
        if str(tree.get("name", "")).startswith("@anthropic-ai/claude-code"):
            return _exact(tree.get("version"))
    names = (target.name, *(folder.name for folder in target.parents[:ABOVE]))
    return next((name for name in names if name.count(".") == 2 and EXACT.fullmatch(name)), None)


def find_sdks(machine: Machine) -> tuple[DetectedClient, ...]:
    """SDKs of the Pythons and Nodes on `PATH`, and of the current folder."""
    found: dict[Path, DetectedClient] = {}
    for library in (*_python(machine), *_node(machine)):
        found.setdefault(library.target, library)
    return tuple(found.values())


def _python(machine: Machine) -> Iterator[DetectedClient]:
    for folder in machine.search_path[:FOLDERS]:
        for python in ("python", "python3"):
            if _is_there(folder / python):
                for packages in _packages(folder.parent / "lib"):
                    yield from _distributions(packages)
                break


def _packages(lib: Path) -> Iterator[Path]:
    """Where the packages of a Python are, also of a Debian's own."""
    for name in _names(lib):
        if name.startswith("python"):
            yield lib / name / "site-packages"
            yield lib / name / "dist-packages"


def _distributions(packages: Path) -> Iterator[DetectedClient]:
    for name in _names(packages):
        project, _, rest = name.removesuffix(".dist-info").partition("-")
        if name.endswith(".dist-info") and project in DISTRIBUTIONS:
            yield _library(DISTRIBUTIONS[project], _exact(rest), packages / name)


def _node(machine: Machine) -> Iterator[DetectedClient]:
    global_folders = [
        folder.parent / "lib"
        for folder in machine.search_path[:FOLDERS]
        if _is_there(folder / "node") or _is_there(folder / "npm")
    ]
    for above in (machine.folder, *global_folders):
        scope = above / "node_modules" / "@anthropic-ai"
        for name in MODULES:
            tree = read_json_file(scope / name / "package.json").tree
            if tree:
                yield _library(MODULES[name], _exact(tree.get("version")), scope / name)


def _library(name: str, version: str | None, path: Path) -> DetectedClient:
    try:
        target = path.resolve()
    except (OSError, RuntimeError):
        target = path
    return DetectedClient(name=name, version=version, path=path, target=target)


def _exact(version: object) -> str | None:
    return version if isinstance(version, str) and EXACT.fullmatch(version) else None


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, RuntimeError, ValueError):
        return False


def _names(folder: Path) -> tuple[str, ...]:
    try:
        with os.scandir(folder) as entries:
            return tuple(sorted(entry.name for entry in islice(entries, ENTRIES)))
    except (OSError, ValueError):
        return ()

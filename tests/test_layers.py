"""Imports point down: each part of the package imports only itself and parts below it."""

import ast
import graphlib
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "probes" / "authprobe"
LAYERS = (
    "core",
    "documents",
    "redaction",
    "errors",
    "arguments",
    "start",
    "options",
    "configuration",
    "settings",
    "observation",
    "service",
    "emulator",
    "scenario",
    "plan",
    "verdict",
    "run",
    "diagnosis",
    "doctor",
    "drift",
    "clients",
    "live",
    "engine",
    "trials",
    "bisection",
    "diff",
    "compatibility",
    "report",
    "items",
    "test_compat",
    "commands",
    "cli",
    "plugin",
    "api",
    "__main__",
)
"""The parts of the package, from the ground up."""
LEVELS = {name: level for level, name in enumerate(LAYERS)}
MODULES = sorted(PACKAGE.rglob("*.py"))


def dotted(path: Path) -> str:
    """Return a file's module name, as `authprobe.plan.expand.case`."""
    names = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(names[:-1] if names[-1] == "__init__" else names)


KNOWN = {dotted(module) for module in MODULES}


def imported_modules(path: Path) -> Iterator[str]:
    """Yield the modules of the package that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in KNOWN)
        elif isinstance(node, ast.ImportFrom) and node.module in KNOWN:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in KNOWN else node.module for name in names)


def part(module: str) -> str | None:
    """Return the top-level part of a module name; None for the package itself."""
    return next(iter(module.split(".")[1:2]), None)


def test_every_part_of_the_package_has_a_layer() -> None:
    assert {part(dotted(path)) for path in MODULES} - {None} == set(LAYERS)


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_imports_point_down(path: Path) -> None:
    own = part(dotted(path))
    if own is None:
        assert set(imported_modules(path)) == set()
        return
    parts = {module: part(module) for module in imported_modules(path)}
    assert [m for m, below in parts.items() if below and LEVELS[below] > LEVELS[own]] == []


def test_no_modules_import_one_another_in_a_circle() -> None:
    imports = {dotted(path): set(imported_modules(path)) for path in MODULES}
    tuple(graphlib.TopologicalSorter(imports).static_order())

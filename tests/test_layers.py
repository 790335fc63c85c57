"""Imports point back along the road: scenario, plan, observation, verdict, run, report."""

import ast
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent
LAYERS = (
    (
        *("bisection", "files", "harmless", "interruption", "personal", "reading", "shapes"),
        *("sizes", "spelling", "versions"),
    ),
    ("redact", "search"),
    ("channel", "errors", "scan"),
    ("canary", "compat"),
    ("observation", "verdict"),
    ("findings",),
    ("comparison", "fields"),
    ("wire",),
    ("settings",),
    ("emulator",),
    ("scenario",),
    ("plan",),
    ("run", "selection"),
    ("history_tables",),
    ("baseline", "diff", "history", "known"),
    ("judge",),
    ("inquiry", "trials"),
    ("contrast", "features"),
    ("diagnosis",),
    ("clients", "doctor"),
    ("engine", "past", "progress"),
    ("conduct",),
    ("investigate", "survey"),
    ("collect",),
    ("report",),
    ("plugin",),
    ("test_compat",),
    ("commands",),
    ("cli",),
    ("__main__",),
)
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
MODULES = sorted((PROJECT / "probes" / "authprobe").rglob("*.py"))


def part(module: str) -> str | None:
    """The part of the package that a module belongs to; None: outside, or the package itself."""
    names = module.split(".")
    return names[1] if names[0] == "authprobe" and len(names) > 1 else None


def imports(path: Path) -> set[str]:
    """The parts of the package that a module imports, wherever in it."""
    found: set[str | None] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {part(alias.name) for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == "authprobe":
            found |= {part(f"authprobe.{alias.name}") for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {part(node.module)}
    return {name for name in found if name and not name.startswith("__")}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_imports_point_back(path: Path) -> None:
    own = path.relative_to(PROJECT / "probes" / "authprobe").with_suffix("").parts[0]
    if own == "__init__":
        assert imports(path) == set()
        return
    assert [name for name in imports(path) if LEVEL[name] > LEVEL[own]] == []

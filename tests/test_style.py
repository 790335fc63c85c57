"""Names and docstrings of the package, as docs/architecture.md and CONTRIBUTING.md promise them."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command import PROJECT

PACKAGE = PROJECT / "probes" / "authprobe"
MODULES = sorted(PACKAGE.rglob("*.py"))
NOT_A_VERB = re.compile(r"(What|Whether|How|Who|Which|Where|That|Those|All that|So many)\b")
"""Openings that hide the subject of a summary."""
Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def documented(path: Path) -> Iterator[tuple[str, str | None]]:
    """Yield the name and the docstring of a module and of everything defined in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, Documented):
            yield getattr(node, "name", path.stem), ast.get_docstring(node)


def test_no_two_public_classes_have_one_name() -> None:
    names = Counter(
        node.name
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_summaries_say_what_a_thing_does(path: Path) -> None:
    summaries = {name: text for name, text in documented(path) if text}
    assert [name for name, text in summaries.items() if NOT_A_VERB.match(text)] == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_module_says_what_it_defines(path: Path) -> None:
    text = path.read_text()
    assert not text or ast.get_docstring(ast.parse(text))
    assert not re.search(r"\bTODO\b", text)

"""Every result is told in the documentation, and brought about by a test."""

import ast
from pathlib import Path

from authprobe.doctor.inventory.safe_read import ReadProblem
from tests.support.command import PROJECT

SOURCES = sorted((PROJECT / "probes" / "authprobe" / "doctor").rglob("*.py"))
SEVERITIES = {"ok", "info", "warning", "error"}
TESTS = "".join(
    path.read_text()
    for path in [
        *sorted(Path(__file__).parent.rglob("test_*.py")),
        PROJECT / "tests" / "commands" / "test_doctor.py",
    ]
    if path != Path(__file__)
)


def made() -> set[tuple[str, str]]:
    """Id and severity of every result that the code makes."""
    found = {(f"file-{trouble.name.lower().replace('_', '-')}", "error") for trouble in ReadProblem}
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
                first = node.args[0]
                if node.func.id in SEVERITIES and isinstance(first, ast.Constant):
                    found.add((str(first.value), node.func.id))
    return found - {("file-missing", "error"), ("file-too-large", "info")}


def test_every_result_is_told() -> None:
    text = (PROJECT / "docs" / "doctor.md").read_text()
    told = [line.split(" | ") for line in text.splitlines() if line.startswith("| `")]
    assert {(line[0].strip("| `"), line[1]) for line in told} == made()


def test_every_result_is_brought_about() -> None:
    # Why a file cannot be read for another reason, no test can know.
    rare = {"file-unreadable"}
    assert sorted(name for name, _ in made() if name not in TESTS and name not in rare) == []

"""Every result is documented, and produced by a test."""

import ast
from pathlib import Path

from authprobe.core.safe_read import ReadProblem
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


def results_in_code() -> set[tuple[str, str]]:
    """Return id and severity of every result that the code can produce."""
    results = {(f"file-{each.name.lower().replace('_', '-')}", "error") for each in ReadProblem}
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
                first = node.args[0]
                if node.func.id in SEVERITIES and isinstance(first, ast.Constant):
                    results.add((str(first.value), node.func.id))
    return results - {("file-missing", "error"), ("file-too-large", "info")}


def test_every_result_is_documented() -> None:
    text = (PROJECT / "docs" / "doctor.md").read_text()
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| `")]
    assert {(line[0].strip("| `"), line[1]) for line in rows} == results_in_code()


def test_every_result_is_produced_by_a_test() -> None:
    # This one stands for unforeseen errors, so no test can provoke it.
    unforeseen = {"file-unreadable"}
    assert (
        sorted(
            name for name, _ in results_in_code() if name not in TESTS and name not in unforeseen
        )
        == []
    )

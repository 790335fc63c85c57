"""The order in which each output tells what an upgrade broke, changed and removed."""

import io
import json
from collections.abc import Callable
from itertools import pairwise
from typing import Final
from xml.etree import ElementTree

import pytest
from rich.console import Console

from authprobe.report.formats.ctrf import ctrf
from authprobe.report.formats.github import annotations
from authprobe.report.formats.junit import junit
from authprobe.report.markdown.summary import summary_markdown
from authprobe.report.terminal import print_run
from authprobe.run.model import Run
from tests.support.runs import NEW, OLD, QUESTION, upgraded

BROKEN, CHANGED, SAME = (QUESTION.format(NEW, name) for name in ("broken", "message", "same"))
GONE = QUESTION.format(OLD, "gone")
MESSAGE = "client 2.1.112 → 2.1.332; It sent no token; outcome: expected accepted, saw rejected"


def terminal(run: Run) -> str:
    """Return what a terminal of 80 columns shows."""
    file = io.StringIO()
    print_run(run, Console(file=file, width=80))
    return file.getvalue()


FORMATS: Final[dict[str, Callable[[Run], str]]] = {
    "terminal": terminal,
    "summary": summary_markdown,
    "JUnit": junit,
    "CTRF": lambda run: json.dumps(json.loads(ctrf(run)), ensure_ascii=False),
    "annotations": lambda run: "\n".join(annotations(run)),
}


@pytest.mark.parametrize("draw", FORMATS.values(), ids=FORMATS)
def test_the_versions_the_reason_and_the_remedy_are_told(draw: Callable[[Run], str]) -> None:
    told = draw(upgraded())
    for words in (f"{OLD} → {NEW}", "It sent no token", "Log in again.", "message: no → other"):
        assert words in told
    assert GONE in told


def test_the_terminal_begins_with_the_broken_case_and_ends_with_the_counts() -> None:
    lines = terminal(upgraded()).splitlines()
    told = [
        f"✗ failed, regressed: {BROKEN}",
        "    client 2.1.112 → 2.1.332",
        "    outcome: accepted → rejected",
        "    Why: It sent no token.",
        "    Remedy: Log in again.",
        "    Find the version that broke it: authprobe bisect example/claude-code/default/broken "
        "--good 2.1.112 --bad 2.1.332",
        f"✓ changed: {CHANGED}",
        "    client 2.1.112 → 2.1.332",
        "    message: no → other",
        f"absent: {GONE}",
        "✗ Failed · 3 cases: 1 failed (1 regressed), 2 passed · "
        "baseline: 1 unchanged, 2 updated, 1 absent · 1.0 s",
    ]
    assert [line for line in lines if line in told] == told
    assert lines[-1] == told[-1]
    assert SAME not in "\n".join(lines)


def test_the_summary_begins_with_the_broken_case_and_folds_the_matrix() -> None:
    told = summary_markdown(upgraded())
    words = (
        "## ✗ authprobe: Failed",
        f"- ✗ **failed, regressed**: `{BROKEN}`\n  - client 2.1.112 → 2.1.332\n",
        "  - Why: It sent no token.\n  - Remedy: Log in again.\n",
        f"- ✓ **changed**: `{CHANGED}`\n  - client 2.1.112 → 2.1.332\n",
        f"- **absent**: `{GONE}`",
        "<details>\n<summary>Outcomes of 3 cases by client</summary>",
    )
    places = [told.index(text) for text in words]
    assert all(before < after for before, after in pairwise(places))
    assert told.endswith("\n</details>\n")


def test_junit_has_the_change_in_the_message_and_the_absent_case() -> None:
    root = ElementTree.fromstring(junit(upgraded()))  # noqa: S314 - our own text
    failure, changed, absent = (
        root.find(f".//testcase[@name='{name}']/{tag}")
        for name, tag in (
            (BROKEN.removeprefix("example/"), "failure"),
            (CHANGED.removeprefix("example/"), "system-out"),
            (GONE, "skipped"),
        )
    )
    assert failure is not None
    assert failure.get("message") == MESSAGE
    assert (failure.text or "").startswith("client 2.1.112 → 2.1.332\n")
    assert changed is not None
    assert changed.text == (
        "changed since the baseline\nclient 2.1.112 → 2.1.332\nmessage: no → other"
    )
    assert absent is not None
    assert root.get("tests") == "4"


def test_ctrf_has_the_change_in_the_message() -> None:
    results = json.loads(ctrf(upgraded()))["results"]
    broken = next(test for test in results["tests"] if test["name"] == BROKEN)
    assert broken["message"].startswith("client 2.1.112 → 2.1.332\n")
    assert broken["extra"]["client_change"] == "client 2.1.112 → 2.1.332"
    assert broken["extra"]["reasons"] == ["It sent no token."]
    assert results["extra"]["absent"] == [GONE]


def test_annotations_begin_with_the_change_of_the_broken_case() -> None:
    broken, absent, changed, counts = annotations(upgraded())
    title = f"failed%2C regressed%3A {BROKEN}"
    assert broken.startswith(f"::error title={title}::client 2.1.112 → 2.1.332%0A")
    assert absent.startswith("::warning title=absent%3A 1 case of the baseline::" + GONE)
    assert changed.startswith("::warning title=changed%3A")
    assert counts.startswith("::notice")

"""Hostile text from outside is harmless in every report format."""

import datetime
import io
import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from rich.console import Console

from authprobe.commands.run_session import describe
from authprobe.core.escaping import for_log
from authprobe.diff.model import Diff
from authprobe.diff.runs import diff_runs
from authprobe.observation.fingerprint import Transition
from authprobe.observation.model import Exchange
from authprobe.redaction.pseudonyms import Pseudonymizer
from authprobe.redaction.redactor import Redactor
from authprobe.report.diff import markdown as markdown_of_diff
from authprobe.report.diff import text as text_of_diff
from authprobe.report.diff_document import dump_document
from authprobe.report.formats.ctrf import ctrf
from authprobe.report.formats.github import annotations
from authprobe.report.formats.har import har
from authprobe.report.formats.junit import junit
from authprobe.report.html.diff_page import diff_page
from authprobe.report.html.report import report_page
from authprobe.report.markdown.issue import share_markdown
from authprobe.report.markdown.summary import escaped, summary_markdown
from authprobe.report.terminal import print_run
from authprobe.run.baseline import baseline_from_run, dump_baseline
from authprobe.run.known_failure_entries import entry_text, make_entry
from authprobe.run.model import Reason, Run, Tool
from authprobe.run.results_file import dump_run
from authprobe.verdict.model import Attempt, Mismatch, Status, Verdict
from tests.support.make import make_exchange, make_observation, make_record, make_run

UNTIL = datetime.date(2027, 3, 1)
HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "\x1b[2J\x1b]0;title\x07\x9b31m",
    "evil\u202etxt.exe\u2066\u200b\ufeff",
    "::set-output name=a::b\n::error file=x::y\r\n##[error]z",
    "=cmd|' /C calc'!A0",
    "| a | b |\n---\n# head\n[x](javascript:alert(1)) `code` @octocat #123 GH-9",
    "half \ud800 and \udfff",
    "\0\x01\x08\x0b\x0c\x7f\ufffe\uffff",
    b"\xff\xfe not UTF-8".decode("utf-8", "replace"),
    "blank \ufe0f\u034f\u3164\u115f\u1160\uffa0\u180b\U000e0100 and \U000e0041",
    "x" * 50_000_000,
)


def drawn(run: Run) -> str:
    """Return the text that a terminal gets."""
    file = io.StringIO()
    print_run(run, Console(file=file, width=100, color_system=None, force_terminal=False))
    return file.getvalue()


FORMATS: dict[str, Callable[[Run], str]] = {
    "HTML": lambda run: without_scripts(report_page(run)),
    "Markdown": summary_markdown,
    "JUnit": junit,
    "CTRF": ctrf,
    "terminal": drawn,
    "JSON": dump_run,
    "pytest": lambda run: describe(run.cases[0]),
    "HAR": lambda run: har(run, run.cases[0]),
    "share": lambda run: without_code(share_markdown(run, run.cases, Pseudonymizer())),
    "diff": lambda run: "\n".join(map(for_log, text_of_diff(difference(run), None))),
    "diff, Markdown": lambda run: "\n".join(map(for_log, markdown_of_diff(difference(run), None))),
    "diff, JSON": lambda run: dump_document(difference(run), None),
    "diff, HTML": lambda run: without_scripts(str(diff_page(difference(run), None))),
    "baseline": lambda run: dump_baseline(baseline_from_run(run)),
    "known failures": lambda run: for_log(
        entry_text(make_entry(run.cases[0], note=run.cases[0].title, until=UNTIL, issue=None))
    ),
}


def without_scripts(page: str) -> str:
    """Return a page without its own scripts and styles."""
    return re.sub("(?s)<(script|style)>.*?</\\1>", "", page)


def without_code(markdown: str) -> str:
    """Return Markdown without its blocks of code, in which everything is text."""
    return re.sub("(?ms)^(`{3,})[a-z]*\n.*?^\\1$", "", markdown)


def difference(run: Run) -> Diff:
    """Return what changed since a run in which the cases passed without requests."""
    cases = (replace(case, observation=make_observation()) for case in run.cases)
    return diff_runs(replace(run, cases=tuple(cases)), run)


def run_with(text: str) -> Run:
    """Return a run with the text in every field that a client or a backend fills."""
    text = Redactor().cut(text, 2000)
    exchange: Exchange = make_exchange(
        method=text,
        path=text,
        host=text,
        message=text,
        error_type=text,
        credential=text,
        credential_header=text,
        headers={text: text},
        retry_after=text,
        content_type=text,
    )
    observation = make_observation(
        message=text, detail=text, exchanges=(exchange,) * 2, leaks=(text,)
    )
    mismatch = Mismatch(field="message", expected="x", actual=text)
    verdict = Verdict(
        status=Status.FAILED,
        regressed=True,
        mismatches=(mismatch,),
        transitions=(
            Transition(field="client", before=text, after=text),
            Transition(field="message", before=text, after=text),
        ),
        attempts=(Attempt(status=Status.FAILED, elapsed=1, mismatches=(mismatch,)),) * 2,
    )
    record = make_record(
        observation=observation,
        verdict=verdict,
        client_version=text,
        title=text,
        reasons=(Reason(id=text, summary=text, remedy=text),),
    )
    run = make_run(record, absent=(text,), complaints=(text,), own_scenarios={"example": text})
    return replace(run, tool=Tool(name=text, version=text))


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("name", FORMATS)
def test_hostile_text_is_harmless_in_every_format(name: str, text: str) -> None:
    output = FORMATS[name](run_with(text))
    output.encode()
    assert not re.search(
        "[\x00-\x08\x0b-\x1f\x7f-\x9f\u034f\u115f\u1160\u180b\u200b\u202e\u2066\u3164\ufe0f\ufeff\uffa0"
        "\ud800-\udfff\U000e0041\U000e0100]",
        output,
    )
    assert len(output) < 100_000
    if name in ("HTML", "Markdown", "share", "diff, HTML"):
        assert not re.search("<(script|img)", output)
    if "HTML" not in name:
        assert not [line for line in output.splitlines() if line.lstrip().startswith("::")]
        assert "##[" not in output


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_adds_no_command_to_the_annotations(text: str) -> None:
    lines = [line for each in annotations(run_with(text)) for line in each.splitlines()]
    assert lines
    assert all(re.match("::(error|warning|notice) title=", line) for line in lines)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("@octocat", "@<!-- -->octocat"),
        ("see #12", "see \\#<!-- -->12"),
        ("GH-12", "GH-<!-- -->12"),
        ("claude-code@latest", "claude-code@latest"),
        ("claude-code@2.1.31", "claude-code@<!-- -->2.1.31"),
        ("a@example.org", "a@<!-- -->example.org"),
        ("https://example.org/x", "https:<!-- -->//example.org/x"),
        ("(HTTP://example.org)", "(HTTP:<!-- -->//example.org)"),
        ("see www.example.org", "see www<!-- -->.example.org"),
        ("since 0a1b2c3d", "since 0<!-- -->a1b2c3d"),
        ("the facade", "the facade"),
        ("a @ b # c", "a @ b \\# c"),
    ],
)
def test_mentions_and_links_of_github_are_defused(text: str, expected: str) -> None:
    assert escaped(text) == expected


def test_truncated_text_states_how_much_is_missing() -> None:
    assert Redactor().cut("x" * 50_000_000, 10) == "xxxxxxxxxx… (49,999,990 more characters)"
    assert Redactor().cut("x" * 10, 10) == "x" * 10

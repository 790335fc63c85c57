"""Hostile text from outside is harmless in every report format."""

import io
import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from rich.console import Console

from authprobe.observation.model import Exchange
from authprobe.plugin import describe
from authprobe.redaction.redactor import Redactor
from authprobe.report.formats.ctrf import ctrf
from authprobe.report.formats.junit import junit
from authprobe.report.html.report import report_page
from authprobe.report.markdown.summary import escaped, summary_markdown
from authprobe.report.terminal import print_run
from authprobe.run.model import Run, Tool
from authprobe.run.results_file import dump_run
from authprobe.verdict.model import Mismatch, Status, Verdict
from tests.support.make import make_exchange, make_observation, make_record, make_run

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
    "HTML": lambda run: re.sub("(?s)<(script|style)>.*?</\\1>", "", report_page(run)),
    "Markdown": summary_markdown,
    "JUnit": junit,
    "CTRF": ctrf,
    "terminal": drawn,
    "JSON": dump_run,
    "pytest": lambda run: describe(run.cases[0]),
}


def run_with(text: str) -> Run:
    """Return a run with the text in every field that a client or a backend fills."""
    text = Redactor().cut(text, 2000)
    exchange: Exchange = make_exchange(path=text, host=text, message=text, error_type=text)
    observation = make_observation(message=text, detail=text, exchanges=(exchange,), leaks=(text,))
    mismatch = Mismatch(field="message", expected="x", actual=text)
    verdict = Verdict(status=Status.FAILED, mismatches=(mismatch,))
    record = make_record(observation=observation, verdict=verdict, client_version=text, title=text)
    return replace(make_run(record), tool=Tool(name=text, version=text))


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
    if name in ("HTML", "Markdown"):
        assert not re.search("<(script|img)", output)
    if name != "HTML":
        assert not [line for line in output.splitlines() if line.lstrip().startswith("::")]
        assert "##[" not in output


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

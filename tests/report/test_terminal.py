import io
import re
from dataclasses import replace

from rich.console import Console

from authprobe.observation.findings import Finding
from authprobe.observation.model import Outcome
from authprobe.report.terminal import print_run
from authprobe.run.model import CaseRecord, Reason, Run
from authprobe.verdict.model import Mismatch, Status, Verdict
from tests.support.make import make_exchange, make_observation, make_record, make_run
from tests.support.runs import REFUSED, regressed


def printed(
    run: Run,
    *,
    encoding: str = "utf-8",
    terminal: bool = False,
    width: int = 120,
    verbose: bool = False,
) -> str:
    """Return the text written to a stream of this encoding."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    console = Console(
        file=stream,
        width=width,
        force_terminal=terminal,
        color_system="standard" if terminal else None,
    )
    print_run(run, console, verbose=verbose)
    stream.flush()
    return raw.getvalue().decode(encoding)


def failed(text: str) -> CaseRecord:
    """Return a case whose id and mismatch are this text."""
    mismatch = Mismatch(field="message", expected="ok", actual=text)
    return make_record(id=text, verdict=Verdict(status=Status.FAILED, mismatches=(mismatch,)))


def test_a_passed_run_is_one_line() -> None:
    assert printed(make_run(make_record())) == "✓ Passed · 1 case: 1 passed · 1.0 s\n"


def test_each_case_has_a_row_with_verbose() -> None:
    observation = make_observation(elapsed=1.234, exchanges=(make_exchange(),) * 3)
    run = make_run(make_record(observation=observation))
    lines = printed(run, verbose=True).splitlines()
    assert lines[0].split() == ["Verdict", "Outcome", "Requests", "Seconds", "Case"]
    assert lines[1].split() == [
        *("✓", "passed", "accepted", "200", "3", "1.23", "example/raw-http/default/none"),
    ]
    assert lines[-1] == "✓ Passed · 1 case: 1 passed · 1.0 s"


def test_problems_are_below_their_case() -> None:
    lines = printed(make_run(failed("a-case"))).splitlines()
    assert lines[0] == "✗ failed: a-case"
    assert lines[1] == "    message: expected ok, saw a-case"


def test_equal_problems_are_told_once_with_some_of_their_cases() -> None:
    cases = [replace(failed("same"), id=f"case-{number:02}") for number in range(12)]
    run = make_run(*cases, failed("other"))
    drawn = printed(run)
    assert drawn.count("message: expected ok, saw same") == 1
    assert "✗ failed: 12 cases, all in the same way\n" in drawn
    assert "case-04" in drawn
    assert "case-05" not in drawn
    assert "… and 7 more\n" in drawn
    assert "✗ failed: other\n" in drawn
    assert "case-11" in printed(run, verbose=True)


def test_problems_that_differ_in_chance_alone_are_equal() -> None:
    one, other = (
        replace(failed("same"), id=id, observation=make_observation(detail=f"{id} requests"))
        for id in ("27", "28")
    )
    assert "2 cases, all in the same way" in printed(make_run(one, other))


def test_the_order_is_failures_changes_versions_findings_counts() -> None:
    finding = Finding(name="crashes", text="it ended")
    calm = replace(
        regressed("example/calm").verdict, status=Status.PASSED, regressed=False, mismatches=()
    )
    run = make_run(
        *versions("1.0.0", "1.0.1"),
        replace(make_record(id="example/found"), findings=(finding,)),
        make_record(id="example/calm", verdict=calm),
        regressed(),
        absent=("gone/raw-http",),
    )
    drawn = printed(run)
    words = (
        "✗ failed, regressed: example/regressed",
        "changed: example/calm",
        "absent: gone/raw-http",
        "In the baseline, but no longer in the scenarios of this run.",
        "Between versions: 1 outcome",
        "worse: claude-code 1.0.0 → 1.0.1: accepted 200 → rejected 401",
        "Findings in 1 case",
        "crashes  1 case",
        "✗ Failed · 5 cases",
    )
    places = [drawn.index(text) for text in words]
    assert places == sorted(places)
    assert "baseline: " in drawn.splitlines()[-1]


def test_at_most_eight_changes_between_versions_are_printed() -> None:
    pairs = [
        replace(record, id=f"{number}/{record.client}", observation=observation)
        for number in range(20)
        for record, observation in zip(
            versions("1.0.0", "1.0.1"),
            (make_observation(status=200 + number), make_observation(status=300)),
            strict=True,
        )
    ]
    drawn = printed(make_run(*pairs))
    assert drawn.count("claude-code 1.0.0 → 1.0.1") == 8
    assert "… and 12 more changes: see the report, or add -v" in drawn
    assert printed(make_run(*pairs), verbose=True).count("claude-code 1.0.0 → 1.0.1") == 20


def versions(*numbers: str) -> list[CaseRecord]:
    """Return one question to versions of a client: only the first accepts."""
    return [
        make_record(
            id=f"example/claude-code@{number}/default/none",
            client=f"claude-code@{number}",
            client_version=number,
            observation=REFUSED if place else make_observation(),
        )
        for place, number in enumerate(numbers)
    ]


def test_an_error_shows_its_detail() -> None:
    observation = make_observation(outcome=Outcome.UNAVAILABLE, status=None, detail="no npm")
    record = make_record(observation=observation, verdict=Verdict(status=Status.ERROR))
    assert "unavailable: no npm" in printed(make_run(record))


def test_markup_from_outside_is_not_interpreted() -> None:
    text = "[bold red]x[/bold red] :smile: [link=https://example.org]y[/link]"
    assert text in printed(make_run(failed(text)))


def test_control_characters_are_escaped() -> None:
    drawn = printed(make_run(failed("a\x1b[2J\u202e\x07\nb")))
    assert "a\\u001b[2J\\u202e\\u0007 b" in drawn
    assert "\x1b" not in drawn


def test_only_a_terminal_gets_colours() -> None:
    run = make_run(make_record())
    assert "\x1b[32m" in printed(run, terminal=True)
    assert "\x1b" not in printed(run)


def test_an_ascii_stream_gets_ascii() -> None:
    drawn = printed(make_run(failed("é漢")), encoding="ascii")
    assert "x failed" in drawn
    assert "\\xe9\\u6f22" in drawn


def test_warnings_are_printed() -> None:
    drawn = printed(make_run(interrupted=True))
    assert "Inconclusive: this run has no cases." in drawn
    assert "The run was interrupted" in drawn


def test_ids_are_complete_on_a_narrow_terminal() -> None:
    drawn = printed(make_run(failed("a" * 200)), width=60)
    assert "a" * 200 in drawn


def test_prose_breaks_at_spaces_on_a_narrow_terminal_and_commands_stay_whole() -> None:
    run = make_run(failed("a-long-id-of-a-case/" * 5))
    run = replace(run, cases=(replace(run.cases[0], reasons=(Reason(id="x", summary=PROSE),)),))
    lines = re.sub(r"\x1b\[[0-9;]*m", "", printed(run, width=60, terminal=True)).splitlines()
    first = next(number for number, line in enumerate(lines) if "Why:" in line)
    assert lines[first].endswith(" credential of")
    assert lines[first + 1].startswith(" " * 8)
    assert all(len(line) <= 60 for line in lines if "a-long-id" not in line)
    (command,) = (line for line in lines if "Run it again" in line)
    assert command.endswith("a-long-id-of-a-case/")
    assert f"Why: {PROSE}" in printed(run, width=60)


PROSE = "The client said so much about the credential of this case that no line of it holds it all."

import io

from rich.console import Console

from authprobe.observation.model import Outcome
from authprobe.report.terminal import print_run
from authprobe.run.model import CaseRecord, Run
from authprobe.verdict.model import Mismatch, Status, Verdict
from tests.support.make import make_exchange, make_observation, make_record, make_run


def printed(run: Run, *, encoding: str = "utf-8", terminal: bool = False, width: int = 120) -> str:
    """Return the text written to a stream of this encoding."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    console = Console(
        file=stream,
        width=width,
        force_terminal=terminal,
        color_system="standard" if terminal else None,
    )
    print_run(run, console)
    stream.flush()
    return raw.getvalue().decode(encoding)


def failed(text: str) -> CaseRecord:
    """Return a case whose id and mismatch are this text."""
    mismatch = Mismatch(field="message", expected="ok", actual=text)
    return make_record(id=text, verdict=Verdict(status=Status.FAILED, mismatches=(mismatch,)))


def test_each_case_and_the_run_have_a_line() -> None:
    observation = make_observation(elapsed=1.234, exchanges=(make_exchange(),) * 3)
    lines = printed(make_run(make_record(observation=observation))).splitlines()
    assert lines[0].split() == ["Verdict", "Outcome", "Requests", "Seconds", "Case"]
    assert lines[1].split() == [
        *("✓", "passed", "accepted", "200", "3", "1.23", "example/raw-http/default/none"),
    ]
    assert lines[-1] == "✓ Passed · 1 case: 1 passed · 1.0 s"


def test_problems_are_below_their_case() -> None:
    lines = printed(make_run(failed("a-case"))).splitlines()
    assert "✗ failed" in lines[1]
    assert lines[2].strip() == "message: expected ok, saw a-case"


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
    drawn = printed(make_run(make_record(id="a" * 200)), width=60)
    assert drawn.count("a") >= 200

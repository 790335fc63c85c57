import io

import pytest
from rich.console import Console

from authprobe.engine import progress
from authprobe.engine.progress import LiveReporter, LogReporter
from tests.support.waiting import wait_until


def render(reporter: LiveReporter, width: int = 60) -> list[str]:
    """Return the lines on a terminal of this width, without the bar itself."""
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    with console.capture() as capture:
        console.print(reporter.render())
    return [" ".join(line.replace("━", "").split()) for line in capture.get().splitlines()]


def test_terminal_shows_stage_and_active_steps() -> None:
    reporter = LiveReporter(Console(file=io.StringIO()))
    reporter.begin_stage("preparing clients", 3)
    reporter.begin_step("claude-code@2.1.31", "installing 2.1.31")
    reporter.begin_step("claude-code@latest", "asking")
    reporter.begin_step("claude-code@latest", "installing 2.1.330")
    reporter.finish_step("claude-code@2.1.31")
    assert render(reporter) == [
        "preparing clients 1/3 0:00:00",
        "claude-code@latest installing 2.1.330 (0 s)",
    ]
    reporter.begin_stage("probing", 9)
    assert render(reporter) == ["probing 0/9 0:00:00"]


def test_terminal_shows_the_longest_steps_and_the_number_of_others() -> None:
    reporter = LiveReporter(Console(file=io.StringIO()))
    reporter.begin_stage("probing", 9)
    for number in range(6):
        reporter.begin_step(f"[case]/{number}", "")
    assert render(reporter)[1:] == [
        *(f"[case]/{number} (0 s)" for number in range(4)),
        "and 2 more",
    ]
    reporter.finish_step("[case]/0")
    reporter.begin_step("x" * 200, "")
    assert render(reporter)[1] == "[case]/1 (0 s)"
    assert all(len(line) <= 60 for line in render(reporter))


def test_bars_are_removed_at_the_end() -> None:
    terminal = io.StringIO()
    with LiveReporter(Console(file=terminal, force_terminal=True, width=60)) as reporter:
        reporter.begin_stage("probing", 2)
        reporter.begin_step("a", "")
        reporter.notify("to be [kept]")
    assert "to be [kept]" in terminal.getvalue()
    assert terminal.getvalue().endswith("\x1b[2K")


def test_log_has_a_line_for_each_stage_and_activity(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with LogReporter() as reporter:
        reporter.begin_stage("preparing clients", 1)
        reporter.begin_step("claude-code@2.1.31", "installing 2.1.31")
        reporter.finish_step("claude-code@2.1.31")
        reporter.begin_stage("probing", 2)
        reporter.begin_step("a/b", "")
        reporter.notify("something")
    assert capsys.readouterr().err.splitlines() == [
        "preparing clients",
        "claude-code@2.1.31: installing 2.1.31",
        "probing: 2",
        "something",
    ]


def test_log_has_a_line_with_the_state_at_each_interval(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress.LogReporter, "INTERVAL", 0.0)
    with LogReporter() as reporter:
        reporter.begin_stage("probing", 2)
        reporter.begin_step("a/b", "")
        reporter.begin_step("a/c", "")
        reporter.finish_step("a/b")
        reporter.finish_step("a/c")
    assert capsys.readouterr().err.splitlines()[1:] == [
        "probing: 1 of 2; now a/c (0 s)",
        "probing: 2 of 2",
    ]


def test_log_has_a_line_after_a_long_silence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress.LogReporter, "MAX_SILENCE", 0.01)
    output: list[str] = []

    def has_two_states() -> bool:
        output.extend(capsys.readouterr().err.splitlines())
        return output.count("probing: 0 of 2; now a/b (0 s)") >= 2

    with LogReporter() as reporter:
        reporter.begin_stage("probing", 2)
        reporter.begin_step("a/b", "")
        wait_until(has_two_states)
        reporter.finish_step("a/b")
    assert output[0] == "probing: 2"

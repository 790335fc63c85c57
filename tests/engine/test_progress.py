import io

import pytest
from rich.console import Console

from authprobe.engine import progress
from authprobe.engine.progress import LiveReporter, LogReporter
from tests.support.waiting import wait_until


def drawn(bars: LiveReporter, width: int = 60) -> list[str]:
    """What a terminal of this width shows, without the bar itself."""
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    with console.capture() as shown:
        console.print(bars.render())
    return [" ".join(line.replace("━", "").split()) for line in shown.get().splitlines()]


def test_a_terminal_shows_each_thing_that_is_worked_on_and_what_is_left() -> None:
    bars = LiveReporter(Console(file=io.StringIO()))
    bars.begin_stage("preparing clients", 3)
    bars.begin_step("claude-code@2.1.31", "installing 2.1.31")
    bars.begin_step("claude-code@latest", "asking")
    bars.begin_step("claude-code@latest", "installing 2.1.330")
    bars.finish_step("claude-code@2.1.31")
    assert drawn(bars) == [
        "preparing clients 1/3 0:00:00",
        "claude-code@latest installing 2.1.330 (0 s)",
    ]
    bars.begin_stage("probing", 9)
    assert drawn(bars) == ["probing 0/9 0:00:00"]


def test_a_terminal_shows_what_takes_longest_first_and_how_much_more_there_is() -> None:
    bars = LiveReporter(Console(file=io.StringIO()))
    bars.begin_stage("probing", 9)
    for number in range(6):
        bars.begin_step(f"[case]/{number}", "")
    assert drawn(bars)[1:] == [*(f"[case]/{number} (0 s)" for number in range(4)), "and 2 more"]
    bars.finish_step("[case]/0")
    bars.begin_step("x" * 200, "")
    assert drawn(bars)[1] == "[case]/1 (0 s)"
    assert all(len(line) <= 60 for line in drawn(bars))


def test_bars_are_gone_when_it_is_over() -> None:
    written = io.StringIO()
    with LiveReporter(Console(file=written, force_terminal=True, width=60)) as bars:
        bars.begin_stage("probing", 2)
        bars.begin_step("a", "")
        bars.notify("to be [kept]")
    assert "to be [kept]" in written.getvalue()
    assert written.getvalue().endswith("\x1b[2K")


def test_elsewhere_there_is_a_line_for_each_stage_and_step(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with LogReporter() as lines:
        lines.begin_stage("preparing clients", 1)
        lines.begin_step("claude-code@2.1.31", "installing 2.1.31")
        lines.finish_step("claude-code@2.1.31")
        lines.begin_stage("probing", 2)
        lines.begin_step("a/b", "")
        lines.notify("something")
    assert capsys.readouterr().err.splitlines() == [
        "preparing clients: 1",
        "claude-code@2.1.31: installing 2.1.31",
        "probing: 2",
        "something",
    ]


def test_elsewhere_a_line_tells_now_and_then_how_far_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress.LogReporter, "INTERVAL", 0.0)
    with LogReporter() as lines:
        lines.begin_stage("probing", 2)
        lines.begin_step("a/b", "")
        lines.begin_step("a/c", "")
        lines.finish_step("a/b")
        lines.finish_step("a/c")
    assert capsys.readouterr().err.splitlines()[1:] == [
        "probing: 1 of 2; now a/c (0 s)",
        "probing: 2 of 2",
    ]


def test_elsewhere_a_long_silence_is_broken_while_something_is_worked_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress.LogReporter, "MAX_SILENCE", 0.01)
    said: list[str] = []

    def told() -> bool:
        said.extend(capsys.readouterr().err.splitlines())
        return said.count("probing: 0 of 2; now a/b (0 s)") >= 2

    with LogReporter() as lines:
        lines.begin_stage("probing", 2)
        lines.begin_step("a/b", "")
        wait_until(told)
        lines.finish_step("a/b")
    assert said[0] == "probing: 2"

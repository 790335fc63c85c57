"""Progress reporting on stderr: live bars on a terminal, log lines elsewhere."""

import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, Self

from authprobe.core.escaping import for_log

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

MAX_STEPS_SHOWN: Final = 4
"""Number of active steps to show; there may be many more."""


class Reporter(Protocol):
    """Receiver of progress; methods may be called from several threads."""

    def begin_stage(self, title: str, total: int) -> None:
        """Begin a stage of `total` steps; those of one step are shown without a count."""

    def begin_step(self, name: str, activity: str) -> None:
        """Begin a step, or change its current activity."""

    def finish_step(self, name: str) -> None:
        """Finish a step of the stage."""

    def drop_step(self, name: str) -> None:
        """Show a step no longer that the stage does not count, such as an installation."""

    def notify(self, line: str) -> None:
        """Print a message that stays visible."""


class NullReporter:
    """Reporter without output, for stages that are over at once."""

    def begin_stage(self, title: str, total: int) -> None:
        """Do nothing."""

    def begin_step(self, name: str, activity: str) -> None:
        """Do nothing."""

    def finish_step(self, name: str) -> None:
        """Do nothing."""

    def drop_step(self, name: str) -> None:
        """Do nothing."""

    def notify(self, line: str) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class _Step:
    """An active step, with the start of its current activity."""

    name: str
    activity: str
    began: float

    def __str__(self) -> str:
        seconds = time.monotonic() - self.began
        return f"{self.name} {self.activity}".strip() + f" ({seconds:.0f} s)"


class _ActiveSteps:
    """The active steps of a stage."""

    def __init__(self) -> None:
        self._steps: dict[str, _Step] = {}

    def clear(self) -> None:
        """Remove all steps."""
        self._steps = {}

    def begin(self, name: str, activity: str) -> None:
        """Add a step, or change its activity."""
        self._steps[name] = _Step(name, activity, time.monotonic())

    def end(self, name: str) -> None:
        """Remove a step."""
        self._steps.pop(name, None)

    def lines(self) -> list[str]:
        """Return a line for each of the longest-running steps, and one for the number of others."""
        steps = sorted(self._steps.values(), key=lambda step: step.began)
        more = [f"and {len(steps) - MAX_STEPS_SHOWN} more"] if len(steps) > MAX_STEPS_SHOWN else []
        return [*map(str, steps[:MAX_STEPS_SHOWN]), *more]


class LiveReporter:
    """Reporter with a bar for the stage and a line for each active step; a context manager."""

    def __init__(self, console: "Console | None" = None) -> None:
        # Imported here: rich is slow to import, and unused without a terminal.
        from rich.console import Console
        from rich.live import Live
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
        )
        from rich.table import Column

        # On a narrow terminal only the description wraps.
        self._progress = Progress(
            TextColumn("{task.description}", table_column=Column(no_wrap=False)),
            BarColumn(bar_width=16, table_column=Column(no_wrap=True, min_width=16)),
            MofNCompleteColumn(table_column=Column(no_wrap=True)),
            TimeElapsedColumn(table_column=Column(no_wrap=True)),
        )
        self._steps = _ActiveSteps()
        self._task = self._progress.add_task("", visible=False)
        self._live = Live(
            console=console or Console(stderr=True), get_renderable=self.render, transient=True
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def render(self) -> "RenderableType":
        """Return the bar and the lines for the current state."""
        from rich.console import Group
        from rich.text import Text

        lines = [
            Text(f"  {line}", style="dim", no_wrap=True, overflow="ellipsis")
            for line in self._steps.lines()
        ]
        return Group(self._progress.get_renderable(), *lines)

    def begin_stage(self, title: str, total: int) -> None:
        self._steps.clear()
        self._progress.reset(self._task, description=title, total=total, visible=True)

    def begin_step(self, name: str, activity: str) -> None:
        self._steps.begin(name, activity)

    def finish_step(self, name: str) -> None:
        self._steps.end(name)
        self._progress.advance(self._task)

    def drop_step(self, name: str) -> None:
        self._steps.end(name)

    def notify(self, line: str) -> None:
        self._live.console.print(for_log(line), markup=False, highlight=False, soft_wrap=True)


class LogReporter:
    """Reporter that prints lines; a context manager.

    Prints a line for each stage and each activity, the state after a step but at most every
    `INTERVAL` seconds, and after `MAX_SILENCE` seconds without any line.
    """

    INTERVAL = 10.0
    MAX_SILENCE = 30.0

    def __init__(self) -> None:
        self._title, self._total, self._count = "", 0, 0
        self._steps = _ActiveSteps()
        self._last_line_at = time.monotonic()
        self._is_closed = threading.Event()

    def __enter__(self) -> Self:
        threading.Thread(target=self._break_silence, name="progress", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_closed.set()

    def begin_stage(self, title: str, total: int) -> None:
        self._steps.clear()
        self._title, self._total, self._count = title, total, 0
        self._print(title if total == 1 else f"{title}: {total}")

    def begin_step(self, name: str, activity: str) -> None:
        self._steps.begin(name, activity)
        if activity:
            self._print(f"{name}: {activity}")

    def finish_step(self, name: str) -> None:
        self._steps.end(name)
        self._count += 1
        if time.monotonic() - self._last_line_at > self.INTERVAL:
            self._print(self._state())

    def drop_step(self, name: str) -> None:
        self._steps.end(name)

    def notify(self, line: str) -> None:
        self._print(line)

    def _state(self) -> str:
        now = "; ".join(self._steps.lines())
        count = "" if self._total == 1 else f": {self._count} of {self._total}"
        return self._title + count + (f"; now {now}" if now else "")

    def _break_silence(self) -> None:
        """Print the state after a long silence, which looks like a hang."""
        while not self._is_closed.wait(self.MAX_SILENCE / 10):
            silence = time.monotonic() - self._last_line_at
            if self._steps.lines() and silence >= self.MAX_SILENCE:
                self._print(self._state())

    def _print(self, text: str) -> None:
        self._last_line_at = time.monotonic()
        print(for_log(text), file=sys.stderr, flush=True)  # noqa: T201 - this is the terminal


def make_reporter(*, plain: bool) -> LiveReporter | LogReporter:
    """Return a live reporter if stderr is a terminal and `plain` is false, else a log reporter."""
    return LogReporter() if plain or not sys.stderr.isatty() else LiveReporter()

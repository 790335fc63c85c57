"""What is going on, on stderr: bars on a terminal, a line for each slow step elsewhere."""

import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, Self

from authprobe.core.escaping import for_log

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

MAX_STEPS_SHOWN: Final = 4
"""What is being worked on and has a line of its own; there may be many more."""


class Reporter(Protocol):
    """What the engine tells while it works."""

    def begin_stage(self, title: str, total: int) -> None:
        """A stage of so many steps begins."""

    def begin_step(self, name: str, doing: str) -> None:
        """Something is worked on."""

    def finish_step(self, name: str) -> None:
        """A step is over."""

    def notify(self, line: str) -> None:
        """Something to know afterwards as well."""


class NullReporter:
    """Tells nothing: what is told of is over at once."""

    def begin_stage(self, title: str, total: int) -> None:
        """Nothing."""

    def begin_step(self, name: str, doing: str) -> None:
        """Nothing."""

    def finish_step(self, name: str) -> None:
        """Nothing."""

    def notify(self, line: str) -> None:
        """Nothing."""


@dataclass(frozen=True, slots=True)
class _Step:
    """Something that is being worked on."""

    name: str
    doing: str
    since: float

    def __str__(self) -> str:
        seconds = time.monotonic() - self.since
        return f"{self.name} {self.doing}".strip() + f" ({seconds:.0f} s)"


class _ActiveSteps:
    """What is being worked on, since when."""

    def __init__(self) -> None:
        self._work: dict[str, _Step] = {}

    def clear(self) -> None:
        """Forget everything."""
        self._work = {}

    def begin(self, name: str, doing: str) -> None:
        """Remember this, or what is done with it now."""
        self._work[name] = _Step(name, doing, time.monotonic())

    def end(self, name: str) -> None:
        """Forget this."""
        self._work.pop(name, None)

    def words(self) -> list[str]:
        """What has taken longest so far, and how many more there are."""
        work = sorted(self._work.values(), key=lambda each: each.since)
        more = [f"and {len(work) - MAX_STEPS_SHOWN} more"] if len(work) > MAX_STEPS_SHOWN else []
        return [*map(str, work[:MAX_STEPS_SHOWN]), *more]


class LiveReporter:
    """A bar for the stage, and a line for each thing that is being worked on; a context manager."""

    def __init__(self, console: "Console | None" = None) -> None:
        # Imported here: without a terminal there are no bars, and the import is not quick.
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

        # Where the room is scarce it is the words that are wrapped.
        self._progress = Progress(
            TextColumn("{task.description}", table_column=Column(no_wrap=False)),
            BarColumn(bar_width=16, table_column=Column(no_wrap=True, min_width=16)),
            MofNCompleteColumn(table_column=Column(no_wrap=True)),
            TimeElapsedColumn(table_column=Column(no_wrap=True)),
        )
        self._busy = _ActiveSteps()
        self._task = self._progress.add_task("", visible=False)
        self._live = Live(
            console=console or Console(stderr=True), get_renderable=self.drawn, transient=True
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def drawn(self) -> "RenderableType":
        """How it stands at this moment."""
        from rich.console import Group
        from rich.text import Text

        lines = [
            Text(f"  {words}", style="dim", no_wrap=True, overflow="ellipsis")
            for words in self._busy.words()
        ]
        return Group(self._progress.get_renderable(), *lines)

    def begin_stage(self, title: str, total: int) -> None:
        self._busy.clear()
        self._progress.reset(self._task, description=title, total=total, visible=True)

    def begin_step(self, name: str, doing: str) -> None:
        self._busy.begin(name, doing)

    def finish_step(self, name: str) -> None:
        self._busy.end(name)
        self._progress.advance(self._task)

    def notify(self, line: str) -> None:
        self._live.console.print(for_log(line), markup=False, highlight=False, soft_wrap=True)


class LogReporter:
    """A line when a stage begins, for each slow step, every ten seconds in which something is
    done, and every half minute in which nothing is; a context manager.
    """

    EVERY = 10.0
    SILENCE = 30.0

    def __init__(self) -> None:
        self._title, self._total, self._count = "", 0, 0
        self._busy = _ActiveSteps()
        self._spoke = time.monotonic()
        self._over = threading.Event()

    def __enter__(self) -> Self:
        threading.Thread(target=self._break_silence, name="progress", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()

    def begin_stage(self, title: str, total: int) -> None:
        self._busy.clear()
        self._title, self._total, self._count = title, total, 0
        self._say(f"{title}: {total}")

    def begin_step(self, name: str, doing: str) -> None:
        self._busy.begin(name, doing)
        if doing:
            self._say(f"{name}: {doing}")

    def finish_step(self, name: str) -> None:
        self._busy.end(name)
        self._count += 1
        if time.monotonic() - self._spoke > self.EVERY:
            self._say(self._state())

    def notify(self, line: str) -> None:
        self._say(line)

    def _state(self) -> str:
        now = "; ".join(self._busy.words())
        return f"{self._title}: {self._count} of {self._total}" + (f"; now {now}" if now else "")

    def _break_silence(self) -> None:
        """Say what is going on where nothing was said for long: it looks as if it hung."""
        while not self._over.wait(self.SILENCE / 10):
            if self._busy.words() and time.monotonic() - self._spoke >= self.SILENCE:
                self._say(self._state())

    def _say(self, text: str) -> None:
        self._spoke = time.monotonic()
        print(for_log(text), file=sys.stderr, flush=True)  # noqa: T201 - this is the terminal


def make_reporter(*, plain: bool) -> LiveReporter | LogReporter:
    """Bars on a terminal, lines elsewhere."""
    return LogReporter() if plain or not sys.stderr.isatty() else LiveReporter()

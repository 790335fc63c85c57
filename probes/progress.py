"""What is going on, on stderr: bars on a terminal, a line for each slow step elsewhere."""

import sys
import time
from typing import Protocol, Self

from probes.harmless import for_log


class Reporter(Protocol):
    """What the engine tells while it works."""

    def stage(self, title: str, total: int) -> None:
        """A stage of so many steps begins."""

    def busy(self, name: str, doing: str) -> None:
        """Something is worked on."""

    def done(self, name: str) -> None:
        """A step is over."""

    def tell(self, line: str) -> None:
        """Something to know afterwards as well."""


class Bars:
    """A bar for the stage, with the names of what is being worked on; a context manager."""

    def __init__(self) -> None:
        # Imported here: without a terminal there are no bars, and the import is not quick.
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
        )
        from rich.table import Column

        one_line = Column(no_wrap=True, overflow="ellipsis", ratio=1)
        self._progress = Progress(
            TextColumn("{task.description}", table_column=Column(no_wrap=True)),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[busy]}", style="dim", markup=False, table_column=one_line),
            console=Console(stderr=True),
            expand=True,
            transient=True,
        )
        self._busy: dict[str, str] = {}
        self._task = self._progress.add_task("", visible=False, busy="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def stage(self, title: str, total: int) -> None:
        self._busy.clear()
        self._progress.reset(self._task, description=title, total=total, visible=True, busy="")

    def busy(self, name: str, doing: str) -> None:
        self._busy[name] = for_log(f"{name} {doing}".strip())
        self._show()

    def done(self, name: str) -> None:
        self._busy.pop(name, None)
        self._progress.advance(self._task)
        self._show()

    def tell(self, line: str) -> None:
        self._progress.console.print(for_log(line), markup=False, highlight=False, soft_wrap=True)

    def _show(self) -> None:
        names = list(self._busy.values())
        self._progress.update(self._task, busy=", ".join(names))


class Lines:
    """A line when a stage begins, for each slow step, and every ten seconds; a context manager."""

    EVERY = 10.0

    def __init__(self) -> None:
        self._title, self._total, self._count = "", 0, 0
        self._spoke = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def stage(self, title: str, total: int) -> None:
        self._title, self._total, self._count = title, total, 0
        self._say(f"{title}: {total}")

    def busy(self, name: str, doing: str) -> None:
        if doing:
            self._say(f"{name}: {doing}")

    def done(self, name: str) -> None:
        self._count += 1
        if time.monotonic() - self._spoke > self.EVERY:
            self._say(f"{self._title}: {self._count} of {self._total}")

    def tell(self, line: str) -> None:
        self._say(line)

    def _say(self, text: str) -> None:
        self._spoke = time.monotonic()
        print(for_log(text), file=sys.stderr, flush=True)  # noqa: T201 - this is the terminal


def make_reporter(*, plain: bool) -> Bars | Lines:
    """Bars on a terminal, lines elsewhere."""
    return Lines() if plain or not sys.stderr.isatty() else Bars()

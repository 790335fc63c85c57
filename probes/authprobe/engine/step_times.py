"""Times of the steps of a run, which traces show."""

import time
from dataclasses import dataclass, field

from authprobe.engine.progress import Reporter


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTime:
    """Beginning and end of a step, in seconds since the epoch."""

    name: str
    begin: float
    end: float


@dataclass(slots=True)
class TimedReporter:
    """Reporter that notes when steps begin and end, and passes everything on to another one."""

    reporter: Reporter
    begun: dict[str, float] = field(default_factory=dict)
    """Time of the last beginning of each step, in seconds since the epoch."""
    dropped: list[StepTime] = field(default_factory=list)
    """Steps that no stage counts: installations."""

    def begin_stage(self, title: str, total: int) -> None:
        self.reporter.begin_stage(title, total)

    def begin_step(self, name: str, activity: str) -> None:
        """Note the beginning of a step; a further activity of an installation begins nothing."""
        if not activity or name not in self.begun:
            self.begun[name] = time.time()
        self.reporter.begin_step(name, activity)

    def finish_step(self, name: str) -> None:
        self.reporter.finish_step(name)

    def drop_step(self, name: str) -> None:
        """Note an installation, unless nothing had to be installed."""
        if (begin := self.begun.pop(name, None)) is not None:
            self.dropped.append(StepTime(name=name, begin=begin, end=time.time()))
        self.reporter.drop_step(name)

    def notify(self, line: str) -> None:
        self.reporter.notify(line)

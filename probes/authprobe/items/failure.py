"""A failed case as pytest shows a failure: the line of the scenario file, and what it did not meet.

pytest's own classes are used, so that every report and editor that reads its failures gets file,
line and message: `_pytest._code` has no public name, but pytest-xdist and the reports of other
plugins rely on these four classes as well.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from _pytest._code.code import ReprEntry, ReprExceptionInfo, ReprFileLocation, ReprTraceback

from authprobe.core.escaping import MAX_LINE_LENGTH, for_log, one_line, truncate
from authprobe.items.source import ScenarioSource
from authprobe.plan.case import Case
from authprobe.report.model.phrases import describe_mismatch, describe_why
from authprobe.run.model import CaseRecord
from authprobe.verdict.model import Mismatch

MAX_SHORT_LINE: Final = 90
"""Characters of a mismatch up to which both values are on one line."""
Style = Literal["long", "short"]


class CaseFailedError(Exception):
    """A case that failed or could not be tested; carries the record, and prints none of it."""

    def __init__(self, record: CaseRecord) -> None:
        super().__init__()
        self.record = record


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A failed case and its scenario file, to show the one in the other."""

    case: Case
    record: CaseRecord
    source: ScenarioSource
    path: str
    """Path of the file as pytest prints it."""
    redact: Callable[[str], str]

    def representation(self, style: Style, *, is_one_line: bool = False) -> ReprExceptionInfo:
        """Return what pytest prints: the mismatches at their lines, then why, and the remedy.

        On one line (`--tb=line`), it is the first mismatch with its place.
        """
        mismatches = self.record.verdict.mismatches
        if mismatches:
            message = describe_mismatch(mismatches[0])
            line = self.source.line_of_mismatch(self.case, mismatches[0])
            entries = [self._mismatch_entry(mismatches, line, style)]
        else:
            detail = self.record.observation.detail or "no reason is known"
            message, line = f"could not be tested: {one_line(detail)}", self.source.line_of_client()
            entries = [self._entry({line: [message]}, line, "Untestable", style)]
        explanation = "\n".join(self._explanation()) or None
        return ReprExceptionInfo(
            reprcrash=ReprFileLocation(str(self.source.path), line, self._clean(message)),
            reprtraceback=(
                ReprTraceback([], None, style)
                if is_one_line
                else ReprTraceback(entries, explanation, style)
            ),
        )

    def _mismatch_entry(
        self, mismatches: Sequence[Mismatch], first: int, style: Style
    ) -> ReprEntry:
        words: dict[int, list[str]] = {}
        for mismatch in mismatches:
            line = self.source.line_of_mismatch(self.case, mismatch)
            words.setdefault(line, []).extend(_words(mismatch))
        title = "Mismatch" if len(mismatches) == 1 else f"{len(mismatches)} mismatches"
        return self._entry(words, first, title, style)

    def _entry(
        self, words: Mapping[int, list[str]], line: int, title: str, style: Style
    ) -> ReprEntry:
        """Return the lines of the scenario with these words below some of them."""
        lines: list[str] = []
        begin = self.source.line_of(self.case)
        for number in sorted(words):
            *before, last = self.source.excerpt(begin, number) or ("",)
            lines += [
                *(f"    {self._clean(text)}" for text in before),
                f">   {self._clean(last)}",
                *(f"E   {self._clean(text)}" for text in words[number]),
            ]
            begin = number + 1
        return ReprEntry(lines, None, None, ReprFileLocation(self.path, line, title), style)

    def _explanation(self) -> Iterator[str]:
        if self.record.verdict.mismatches and self.record.observation.detail:
            yield self._clean(one_line(self.record.observation.detail))
        rest = "in the report of `--authprobe-report DIRECTORY`"
        yield from map(self._clean, describe_why(self.record, rest=rest))

    def _clean(self, text: str) -> str:
        return for_log(self.redact(text))


def _words(mismatch: Mismatch) -> list[str]:
    words = describe_mismatch(mismatch)
    if len(words) <= MAX_SHORT_LINE:
        return [words]
    expected, actual = (truncate(v, MAX_LINE_LENGTH) for v in (mismatch.expected, mismatch.actual))
    return [f"{mismatch.field}:", f"  expected {expected}", f"  saw      {actual}"]

"""The page of a bisection: the answer, the question, and the evidence."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from authprobe.bisection.model import BisectionAssessment, Classification
from authprobe.bisection.runner import BisectionReport
from authprobe.observation.model import Observation
from authprobe.report import bisection as words
from authprobe.report.diff import change_lines
from authprobe.report.html.document import document
from authprobe.report.html.elements import Html, table
from authprobe.report.html.rendering import render
from authprobe.report.html.requests import requests, rules
from authprobe.report.html.sequence_diagram import symbols
from authprobe.report.model.heat_map import LETTERS
from authprobe.report.model.phrases import describe_outcome, outcome_words, plural
from authprobe.report.model.sequence import make_sequence

SYMBOLS: Final = {
    Classification.GOOD: "✓",
    Classification.BAD: "✗",
    Classification.UNTESTABLE: "?",
    None: "~",
}
"""Symbols of the classifications; None: the probes do not agree."""
_CLASSES: Final = {
    Classification.GOOD: "passed",
    Classification.BAD: "failed",
    Classification.UNTESTABLE: "error",
    None: "error",
}
"""CSS classes of the report in which they are drawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionCell:
    """A probed version in the line, or the versions between two probed ones."""

    width: int = 1
    """Number of versions."""
    title: str = ""
    letter: str = ""
    """Letter of the outcome, as in the heat map; empty if the version was not probed."""
    symbol: str = ""
    status: str = ""
    is_change: bool = False
    """True for the first version after the change."""


def bisection_page(report: BisectionReport, command: str) -> Html:
    """Return the whole page; `command` asks the same question again."""
    neighbours = tuple(_neighbours(report))
    body = render(
        "bisection.html",
        headline=words.headline(report),
        doubts=words.doubts(report),
        question=(
            ("Case", report.question.at(report.question.good).id),
            ("Compared", words.describe_question(report)),
            ("Effort", words.effort(report)),
            ("Platform", words.platform_words()),
        ),
        command=command,
        cells=tuple(_cells(report)),
        ends=(report.versions[0], report.versions[-1]),
        change_is_late=_change_is_late(report),
        letters=_letters(report),
        coverage=_coverage(report),
        table=_versions(report),
        before=report.bisection.last_before,
        after=report.bisection.first_after,
        changes=change_lines(words.changes(report)),
        neighbours=neighbours,
        describe_outcome=describe_outcome,
        requests=lambda version, observation: requests(
            make_sequence(observation.exchanges, client=str(report.question.kind), version=version)
        ),
        shapes=symbols(),
        rules=rules(e for _, observation in neighbours for e in observation.exchanges),
    )
    return document(f"Bisection of {report.question.kind}", body, style="bisection.css")


def _coverage(report: BisectionReport) -> str:
    """Return the text alternative of the line."""
    result = report.bisection
    probed = plural(len(result.assessments), "version")
    parts = [f"{probed} of {len(report.versions):,} probed"]
    if result.last_before and result.first_after:
        parts.append(f"the change is from {result.last_before} to {result.first_after}")
    return "; ".join((*parts, "a list follows"))


def _cells(report: BisectionReport) -> Iterator[VersionCell]:
    """Yield the cells of the line, the oldest version first."""
    by_version = {each.version: each for each in report.bisection.assessments}
    is_probed = by_version.__contains__
    for probed, group in itertools.groupby(report.versions, key=is_probed):
        versions = tuple(group)
        if probed:
            yield from (_cell(report, by_version[version]) for version in versions)
        else:
            yield VersionCell(width=len(versions))


def _cell(report: BisectionReport, each: BisectionAssessment) -> VersionCell:
    observations = report.observations_of(each.version)
    outcome = f", {outcome_words(observations[-1])}" if observations else ""
    return VersionCell(
        title=f"{each.version}: {each}{outcome}",
        letter=LETTERS[observations[-1].outcome] if observations else "X",
        symbol=SYMBOLS[each.classification],
        status=_CLASSES[each.classification],
        is_change=each.version == report.bisection.first_after,
    )


def _letters(report: BisectionReport) -> Mapping[str, str]:
    """Return the meaning of each letter in the line."""
    versions = (each.version for each in report.bisection.assessments)
    seen = {o.outcome for version in versions for o in report.observations_of(version)[-1:]}
    return {letter: outcome.value for outcome, letter in LETTERS.items() if outcome in seen}


def _change_is_late(report: BisectionReport) -> bool:
    """Return whether the change is in the right half of the line."""
    after = report.bisection.first_after
    return after is not None and report.versions.index(after) * 2 > len(report.versions)


def _versions(report: BisectionReport) -> Html:
    """Return the table of probed versions, the newest first, with the gaps between them."""
    index = {version: number for number, version in enumerate(report.versions)}
    rows: list[tuple[str, ...]] = []
    last = len(report.versions)
    for each in reversed(report.bisection.assessments):
        if between := last - index[each.version] - 1:
            gap = Html("<small>{} not probed</small>").format(between)
            rows.append((gap, "", ""))
        last = index[each.version]
        rows.append(tuple(_row(report, each)))
    return table("Versions", ("Version", "Verdict", "Observation"), rows, kind="ap-words b-table")


def _row(report: BisectionReport, each: BisectionAssessment) -> Iterator[str]:
    observations = report.observations_of(each.version)
    ends = (report.bisection.last_before, report.bisection.first_after)
    bold = Html("<strong>{}</strong>").format(each.version)
    yield bold if each.version in ends else each.version
    yield Html('<span class="ap-{}">{} {}</span> <small>{}</small>').format(
        _CLASSES[each.classification],
        SYMBOLS[each.classification],
        str(each),
        plural(each.answers, "probe"),
    )
    yield describe_outcome(observations[-1]) if observations else ""


def _neighbours(report: BisectionReport) -> Iterator[tuple[str, Observation]]:
    """Yield the version on each side of the change, with its last observation."""
    for version in (report.bisection.last_before, report.bisection.first_after):
        if version and (observations := report.observations_of(version)):
            yield version, observations[-1]

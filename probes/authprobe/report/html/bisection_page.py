"""The page of a bisection: the answer, the question, and the evidence."""

from collections.abc import Iterator
from typing import Final

from authprobe.bisection.model import Assessment, Classification
from authprobe.bisection.runner import BisectionReport
from authprobe.observation.model import Observation
from authprobe.report import bisection as words
from authprobe.report.diff import change_lines
from authprobe.report.html.document import document
from authprobe.report.html.elements import Html, table
from authprobe.report.html.rendering import render
from authprobe.report.html.requests import requests, rules
from authprobe.report.model.phrases import describe_outcome, plural

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


def bisection_page(report: BisectionReport, command: str) -> Html:
    """Return the whole page; `command` asks the same question again."""
    by_version = {each.version: each for each in report.bisection.assessments}
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
        versions=[(version, by_version.get(version)) for version in report.versions],
        classes=_CLASSES,
        symbols=SYMBOLS,
        coverage=f"{plural(len(by_version), 'version')} of {len(report.versions):,} probed; "
        "a list follows",
        table=_versions(report),
        before=report.bisection.last_before,
        after=report.bisection.first_after,
        changes=change_lines(words.changes(report)),
        neighbours=neighbours,
        describe_outcome=describe_outcome,
        requests=requests,
        rules=rules(e for _, observation in neighbours for e in observation.exchanges),
    )
    return document(f"Bisection of {report.question.kind}", body, style="bisection.css")


def _versions(report: BisectionReport) -> Html:
    """Return the table of probed versions, the oldest first, with the gaps between them."""
    index = {version: number for number, version in enumerate(report.versions)}
    rows: list[tuple[str, ...]] = []
    last = -1
    for each in report.bisection.assessments:
        if between := index[each.version] - last - 1:
            gap = Html("<small>{} not probed</small>").format(plural(between, "version"))
            rows.append((gap, "", "", ""))
        last = index[each.version]
        rows.append(tuple(_row(report, each)))
    return table("Versions", ("Version", "Verdict", "Probes", "Observation"), rows)


def _row(report: BisectionReport, each: Assessment) -> Iterator[str]:
    observations = report.observations_of(each.version)
    ends = (report.bisection.last_before, report.bisection.first_after)
    bold = Html("<strong>{}</strong>").format(each.version)
    yield bold if each.version in ends else each.version
    yield Html('<span class="ap-{}">{} {}</span>').format(
        _CLASSES[each.classification], SYMBOLS[each.classification], str(each)
    )
    yield str(each.answers)
    yield describe_outcome(observations[-1]) if observations else ""


def _neighbours(report: BisectionReport) -> Iterator[tuple[str, Observation]]:
    """Yield the version on each side of the change, with its last observation."""
    for version in (report.bisection.last_before, report.bisection.first_after):
        if version and (observations := report.observations_of(version)):
            yield version, observations[-1]

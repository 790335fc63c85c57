"""What a bisection has found, as a page of its own: the answer, the question, and the evidence."""

from collections.abc import Iterator
from typing import Final

from authprobe.bisection.model import Assessment, Classification
from authprobe.bisection.runner import BisectionReport
from authprobe.observation.model import Observation
from authprobe.report import bisection as words
from authprobe.report.diff import change_lines
from authprobe.report.html.document import asset, page
from authprobe.report.html.elements import bullets, code, facts, safe, section, table
from authprobe.report.html.requests import requests, rules
from authprobe.report.model.phrases import describe_outcome, plural

SYMBOLS: Final = {
    Classification.GOOD: "✓",
    Classification.BAD: "✗",
    Classification.UNTESTABLE: "?",
    None: "~",
}
_CLASSES: Final = {
    Classification.GOOD: "passed",
    Classification.BAD: "failed",
    Classification.UNTESTABLE: "error",
    None: "error",
}
"""How the report draws what is as it should be, what is not, and what could not be tested."""


def bisection_page(found: BisectionReport, command: str) -> str:
    """The whole page."""
    asked = (
        ("Case", found.inquiry.at(found.inquiry.good).id),
        ("Asked", words.question(found)),
        ("Effort", words.effort(found)),
        ("On", words.where_words()),
    )
    body = (
        f'<p class="ap-verdict"><strong>{safe(words.headline(found))}</strong></p>',
        bullets(words.doubts(found)),
        facts(asked),
        f'<p class="ap-again">Ask again: <code>{safe(command)}</code></p>',
        "<h2>Versions</h2>",
        _line(found),
        _versions(found),
        _changes(found),
        *map(_evidence, _neighbours(found)),
        rules(e for _, seen in _neighbours(found) for e in seen.exchanges),
    )
    title = f"Bisection of {found.inquiry.kind}"
    return page(title, "".join(body), style=asset("bisection.css"))


def _line(found: BisectionReport) -> str:
    """Every version as a mark, the oldest first: what was not asked is empty."""
    known = {each.version: each for each in found.bisection.assessments}
    marks = "".join(_mark(version, known.get(version)) for version in found.versions)
    told = f"{plural(len(known), 'version')} of {len(found.versions):,} probed; a list follows"
    return (
        f'<div class="b-line" role="img" aria-label="{safe(told)}">{marks}</div>'
        f'<p class="b-ends"><span>{safe(found.versions[0])}</span>'
        f"<span>{safe(found.versions[-1])}</span></p>"
    )


def _mark(version: str, known: Assessment | None) -> str:
    if known is None:
        return "<i></i>"
    title = f"{version}: {known}"
    return f'<i class="b-{_CLASSES[known.word]}" title="{safe(title)}">{SYMBOLS[known.word]}</i>'


def _versions(found: BisectionReport) -> str:
    """What was probed, the oldest first, and how much lies between."""
    place = {version: index for index, version in enumerate(found.versions)}
    rows: list[tuple[str, ...]] = []
    last = -1
    for each in found.bisection.assessments:
        if between := place[each.version] - last - 1:
            rows.append((f"<small>{plural(between, 'version')} not asked</small>", "", "", ""))
        last = place[each.version]
        rows.append(tuple(_row(found, each)))
    labels = ("Version", "Verdict", "Probes", "What was seen")
    return table("Versions", labels, rows)


def _row(found: BisectionReport, each: Assessment) -> Iterator[str]:
    seen = found.seen(each.version)
    ends = (found.bisection.last_before, found.bisection.first_after)
    name = safe(each.version)
    yield f"<strong>{name}</strong>" if each.version in ends else name
    verdict = f"{SYMBOLS[each.word]} {safe(str(each))}"
    yield f'<span class="ap-{_CLASSES[each.word]}">{verdict}</span>'
    yield str(each.asked)
    yield safe(describe_outcome(seen[-1])) if seen else ""


def _changes(found: BisectionReport) -> str:
    """What the two neighbours do otherwise."""
    before, after = found.bisection.last_before, found.bisection.first_after
    if before is None or after is None:
        return ""
    lines = change_lines(words.changes(found))
    drawn = bullets(lines) or "<p>Nothing that is looked at differs each time.</p>"
    return f"<h2>What changed from {safe(before)} to {safe(after)}</h2>{drawn}"


def _neighbours(found: BisectionReport) -> Iterator[tuple[str, Observation]]:
    """The last that both neighbours of the change have shown."""
    for version in (found.bisection.last_before, found.bisection.first_after):
        if version and (seen := found.seen(version)):
            yield version, seen[-1]


def _evidence(neighbour: tuple[str, Observation]) -> str:
    version, seen = neighbour
    told = describe_outcome(seen)
    content = f"<p>{safe(told)}</p>{section('Requests, in order', requests(seen.exchanges))}"
    return f"<h2>What {code(version)} did</h2>{content}"

"""The report of a run as HTML: complete without script, and nothing is loaded from elsewhere.

The script that comes with it only searches, filters and copies what is on the page.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from authprobe.report.files import TITLE
from authprobe.report.html.case import case, details, outline
from authprobe.report.html.document import document
from authprobe.report.html.elements import Html, code, table
from authprobe.report.html.heat_map import heat_maps, row_labels
from authprobe.report.html.live import live_section
from authprobe.report.html.news import news
from authprobe.report.html.rendering import render
from authprobe.report.html.requests import rules
from authprobe.report.html.sequence_diagram import symbols
from authprobe.report.model import heat_map, matrix, phrases
from authprobe.report.model.saved_bisections import SavedBisection
from authprobe.report.model.version_changes import version_changes
from authprobe.run.history.model import Point
from authprobe.run.model import CaseRecord, Run
from authprobe.verdict.model import Status

DETAILS_LIMIT_BYTES: Final = 3_000_000
"""Characters for the details of all cases: a page of 10,000 cases stays below 10 MB."""


def report_page(
    run: Run,
    past: Mapping[str, Sequence[Point]] = MappingProxyType({}),
    *,
    bisections: Sequence[SavedBisection] = (),
) -> Html:
    """Return the report as a document that needs nothing but the run."""
    content = report_content(run, past, bisections=bisections)
    return document(TITLE, content, script="report.js", has_heading=True)


def report_content(
    run: Run,
    past: Mapping[str, Sequence[Point]] = MappingProxyType({}),
    *,
    bisections: Sequence[SavedBisection] = (),
    limit_bytes: int = DETAILS_LIMIT_BYTES,
) -> Html:
    """Return the verdict, the news, the heat map and every case; styles and script not included.

    `past` holds the earlier results of each case by id, the oldest first.
    """
    changes = version_changes(run)
    maps = heat_map.heat_maps(run, changes)
    return render(
        "report.html",
        headline=matrix.headline(run),
        baseline=matrix.baseline_words(run),
        exit_words=matrix.exit_words(run),
        warnings=matrix.warnings(run),
        live=live_section(run),
        # The only case is on the page already, with all that is new.
        news=Html()
        if run.selection.is_command
        else news(run, changes, row_labels(maps), _bisections(bisections)),
        heat_maps=Html() if run.selection.is_command else heat_maps(run, maps),
        cases=_cases(run, past, limit_bytes),
        rules=rules(e for record in run.cases for e in record.observation.exchanges),
        run_words=matrix.run_words(run),
    )


def _bisections(answers: Sequence[SavedBisection]) -> Html:
    """Return the answers of `authprobe bisect` in the same folder, the latest first."""
    if not answers:
        return Html()
    rows = [
        (
            Html('<a href="{}">{}</a>').format(answer.page, answer.headline),
            f"{answer.at:%Y-%m-%d %H:%M} UTC",
            code(answer.command),
        )
        for answer in answers
    ]
    heads = ("Answer (opens its page)", "Time", "Run again")
    return Html("<h2>Bisections ({})</h2>{}").format(len(rows), table("Bisections", heads, rows))


def _cases(run: Run, past: Mapping[str, Sequence[Point]], limit_bytes: int) -> Html:
    """Return every case: the failed ones, then the others folded by scenario.

    They have details up to the limit: failures first, then in order of id.
    """
    if not run.cases:
        return Html()
    is_command = run.selection.is_command
    contents: dict[str, Html] = {}
    room = limit_bytes
    for record in sorted(run.cases, key=lambda r: (r.verdict.status is Status.PASSED, r.id)):
        content = details(record, phrases.rerun_command(run, record), past.get(record.id, ()))
        room -= len(content)
        if room < 0:
            break
        contents[record.id] = content

    def draw(records: Iterable[CaseRecord]) -> Iterator[Html]:
        """Yield the cases while the page is written: all of them together are most of it."""
        return (case(each, contents.get(each.id) or outline(each)) for each in records)

    return render(
        "cases.html",
        heading="The command" if is_command else f"Cases ({len(run.cases):,})",
        outlines=len(run.cases) - len(contents),
        shapes=symbols(),
        open_cases=draw(run.cases if is_command else matrix.problems(run)),
        scenarios=[] if is_command else _scenarios(run, draw),
        scenario_anchor=phrases.scenario_anchor,
    )


def _scenarios(
    run: Run, draw: Callable[[Iterable[CaseRecord]], Iterator[Html]]
) -> list[dict[str, object]]:
    """Return the name, reason, sources and remaining cases of each scenario, by name."""
    bad = {record.id for record in matrix.problems(run)}
    groups: dict[str, list[CaseRecord]] = {}
    for record in run.cases:
        groups.setdefault(record.scenario, []).append(record)
    return [
        {
            "name": name,
            "title": records[0].title,
            "why": records[0].why,
            "sources": records[0].sources,
            "words": _count_words(records),
            "cases": draw([r for r in records if r.id not in bad]),
        }
        for name, records in sorted(groups.items())
    ]


def _count_words(records: Iterable[CaseRecord]) -> str:
    """Return the number of cases with each status: `2 failed (above), 13 passed`."""
    numbers = Counter(record.verdict.status for record in records)
    above = (Status.FAILED, Status.ERROR)
    return ", ".join(
        f"{numbers[status]:,} {status}{' (above)' if status in above else ''}"
        for status in Status
        if numbers[status]
    )

"""The report of a run as HTML: complete without script, and nothing is loaded from elsewhere.

The script that comes with it only searches, filters and copies what is on the page.
"""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from authprobe.observation.findings import finding_meanings
from authprobe.report.files import TITLE
from authprobe.report.html.case import case, details, diagnosis, mismatches, outline
from authprobe.report.html.document import document
from authprobe.report.html.elements import Html, case_link, code, lines, mark, source, table
from authprobe.report.html.rendering import render
from authprobe.report.html.requests import rules
from authprobe.report.model import matrix, phrases
from authprobe.report.model.saved_bisections import SavedBisection
from authprobe.run.history.model import Point
from authprobe.run.model import CaseRecord, Run
from authprobe.verdict.model import Status

DETAILS_LIMIT_BYTES: Final = 3_000_000
"""Characters for the details of all cases: a page of 10,000 cases stays below 10 MB."""
MAX_PROBLEMS: Final = 300
"""Cases in each list at the head of the page."""


def report_page(
    run: Run,
    past: Mapping[str, Sequence[Point]] = MappingProxyType({}),
    *,
    bisections: Sequence[SavedBisection] = (),
) -> Html:
    """Return the report as a document that needs nothing but the run."""
    content = report_content(run, past, bisections=bisections)
    return document(TITLE, content, script="report.js")


def report_content(
    run: Run,
    past: Mapping[str, Sequence[Point]] = MappingProxyType({}),
    *,
    bisections: Sequence[SavedBisection] = (),
    limit_bytes: int = DETAILS_LIMIT_BYTES,
) -> Html:
    """Return the verdict, the problems, the matrix and every case; styles and script not included.

    `past` holds the earlier results of each case by id, the oldest first.
    """
    return render(
        "report.html",
        headline=matrix.headline(run),
        run_words=matrix.run_words(run),
        exit_words=matrix.exit_words(run),
        warnings=matrix.warnings(run),
        changes=matrix.changes(run),
        absent=run.absent,
        problems=matrix.problems(run),
        max_problems=MAX_PROBLEMS,
        matrices=matrix.make_tables(run),
        change_words=matrix.change_words,
        ran_words=matrix.ran_words,
        diagnosis=diagnosis,
        problem=_problem,
        cell=_cell,
        findings=_findings(run),
        bisections=_bisections(bisections),
        cases=_cases(run, past, limit_bytes),
        scenarios=_scenarios(run),
        rules=rules(e for record in run.cases for e in record.observation.exchanges),
    )


def _problem(record: CaseRecord) -> Html:
    """Return the mismatches and the detail of a case, or its outcome if it has no mismatches."""
    observation = record.observation
    listed = mismatches(record.verdict.mismatches)
    text = observation.detail if listed else phrases.describe_outcome(observation)
    return listed + (Html('<p class="ap-said">{}</p>').format(text) if text else Html())


def _cell(record: CaseRecord | None) -> Html:
    """Return a cell of the matrix; a dot stands for a combination that no case has."""
    if record is None:
        return Html('<td class="ap-mute">·</td>')
    status = record.verdict.status
    return Html('<td class="ap-{}">{} {}<small>{}</small></td>').format(
        status,
        mark(status),
        case_link(record, phrases.status_words(record.verdict)),
        phrases.outcome_words(record.observation),
    )


def _titled(title: str, name: str, heads: Iterable[str], rows: Sequence[Iterable[str]]) -> Html:
    """Return a table under a heading with its number of rows, or nothing if it has none."""
    if not rows:
        return Html()
    return Html("<h2>{} ({})</h2>{}").format(title, len(rows), table(name, heads, rows))


def _findings(run: Run) -> Html:
    """Return the misbehaviour of clients, each with the cases that show it."""
    meanings = finding_meanings()
    rows = [
        (
            Html("{}<small>{}</small>").format(code(row.name), meanings.get(row.name, "")),
            row.client,
            row.text,
            lines(case_link(record, _short_name(record)) for record in row.cases),
        )
        for row in matrix.findings(run)
    ]
    heads = ("Finding", "Client", "Observation", "Cases")
    return _titled("Findings about clients", "Findings about clients", heads, rows)


def _short_name(record: CaseRecord) -> str:
    return f"{record.scenario}: {phrases.auth_path(record)}"


def _bisections(answers: Sequence[SavedBisection]) -> Html:
    """Return the answers of `authprobe bisect` in the same folder, the latest first."""
    rows = [
        (
            Html('<a href="{}">{}</a>').format(answer.page, answer.headline),
            f"{answer.at:%Y-%m-%d %H:%M} UTC",
            code(answer.command),
        )
        for answer in answers
    ]
    heads = ("Answer (opens its page)", "Time", "Run again")
    return _titled("Bisections", "Bisections", heads, rows)


def _cases(run: Run, past: Mapping[str, Sequence[Point]], limit_bytes: int) -> Html:
    """Return every case, with details up to the limit: failures first, then in order of id."""
    if not run.cases:
        return Html()
    by_id: dict[str, Html] = {}
    room, outlines = limit_bytes, 0
    for record in sorted(run.cases, key=lambda r: (r.verdict.status is Status.PASSED, r.id)):
        content = Html()
        if room >= 0:
            content = details(record, phrases.rerun_command(run, record), past.get(record.id, ()))
            room -= len(content)
        if room < 0:
            content, outlines = outline(record), outlines + 1
        by_id[record.id] = case(record, content)
    note = (
        Html("<p>{} without details, to keep the page small: they are in results.json.</p>").format(
            phrases.plural(outlines, "case")
        )
        if outlines
        else Html()
    )
    cases = Html().join(by_id[record.id] for record in run.cases)
    return Html('<h2>Cases</h2>{}<div class="ap-cases">{}</div>').format(note, cases)


def _scenarios(run: Run) -> Html:
    """Return the reason for each scenario, and its sources."""
    first = {record.scenario: record for record in reversed(run.cases)}
    rows = [
        (
            Html('<code id="{}">{}</code>').format(phrases.scenario_anchor(name), name),
            record.title,
            record.why,
            lines(map(source, record.sources)),
        )
        for name, record in sorted(first.items())
    ]
    heads = ("Scenario", "Title", "Reason", "Sources")
    return _titled("Scenarios", "Scenarios", heads, rows)

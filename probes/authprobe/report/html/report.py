"""A run as static HTML: complete without script, and nothing in it is loaded from elsewhere.

The script that comes with it only finds and copies what is there.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

from authprobe.observation.findings import names
from authprobe.report.html.case import case, details, diagnosis, mismatches, outline
from authprobe.report.html.elements import bullets, code, link, mark, safe, source, status
from authprobe.report.html.elements import table as draw_table
from authprobe.report.html.requests import rules
from authprobe.report.model import matrix as table
from authprobe.report.model import phrases
from authprobe.report.model.saved_bisections import Answered
from authprobe.run.history.model import Point
from authprobe.run.model import CaseRecord, Run
from authprobe.verdict.model import Status

DETAILS_LIMIT_BYTES: Final = 3_000_000
"""How much the details of all cases may take: 10,000 cases stay below 10 MB, and open at once."""
_PROBLEMS_SHOWN: Final = 300


def summary(
    run: Run,
    past: Mapping[str, Sequence[Point]] = MappingProxyType({}),
    *,
    bisections: Sequence[Answered] = (),
    limit_bytes: int = DETAILS_LIMIT_BYTES,
) -> str:
    """The verdict, what went wrong, the matrix and every case, with the styles they need."""
    parts = (
        _verdict(run),
        *map(_banner, table.warnings(run)),
        _changes(run),
        _problems(table.problems(run)),
        _matrix(run),
        _findings(run),
        _bisections(bisections),
        _cases(run, past, limit_bytes),
        _scenarios(run),
        rules(e for record in run.cases for e in record.observation.exchanges),
    )
    return (
        f"<style>{_asset('report.css')}</style>"
        f'<main class="ap" lang="en">{"".join(parts)}</main>'
        f"<script>{_asset('report.js')}</script>"
    )


def _asset(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def finished(page: str, *, alone: bool) -> str:
    """pytest-html's page with its language and landmarks; `alone`: its table is empty."""
    viewport = '<meta name="viewport" content="width=device-width,initial-scale=1">'
    for piece, better in (
        ("<html>", '<html lang="en">'),
        ("<head>", f"<head>{viewport}"),
        ('<h1 id="title">', '<header><h1 id="title">'),
        ('<div id="environment-header">', '</header><div id="environment-header">'),
        ("<body>", '<body class="ap-alone">' if alone else "<body>"),
    ):
        page = page.replace(piece, better, 1)
    return page


def _verdict(run: Run) -> str:
    line = table.headline(run)
    return (
        f'<p class="ap-verdict">{mark(line.status)} '
        f'<strong class="ap-{line.status}">{safe(line.word)}</strong> · {safe(line.counts)}</p>'
        f'<p class="ap-mute">{safe(table.run_words(run))}</p>'
    )


def _banner(sentence: str) -> str:
    return f'<p class="ap-banner"><strong>⚠ {safe(sentence)}</strong></p>'


def _changes(run: Run) -> str:
    """What is not as in the baseline, regressions first."""
    records = table.changes(run)
    listed, more = records[:_PROBLEMS_SHOWN], len(records) - _PROBLEMS_SHOWN
    items = [
        f'<li class="ap-{r.verdict.status}"><p>{status(r)}: {link(r, code(r.id))}</p>'
        f"{bullets(table.change_words(r))}{diagnosis(r.diagnosis)}</li>"
        for r in listed
    ]
    items += [f"<li>absent: {code(name)}</li>" for name in run.absent[:_PROBLEMS_SHOWN]]
    if not items:
        return ""
    title = f"Regressions and changes since the baseline ({phrases.plural(len(records), 'case')})"
    rest = f"<p>… and {more:,} more, below.</p>" if more > 0 else ""
    return f'<h2>{title}</h2><ul class="ap-problems">{"".join(items)}</ul>{rest}'


def _problems(records: tuple[CaseRecord, ...]) -> str:
    if not records:
        return ""
    listed, more = records[:_PROBLEMS_SHOWN], len(records) - _PROBLEMS_SHOWN
    items = "".join(f'<li class="ap-{r.verdict.status}">{_problem(r)}</li>' for r in listed)
    title = f"What went wrong ({phrases.plural(len(records), 'case')})"
    rest = f"<p>… and {more:,} more, below.</p>" if more > 0 else ""
    return f'<h2>{title}</h2><ul class="ap-problems">{items}</ul>{rest}'


def _problem(record: CaseRecord) -> str:
    seen = mismatches(record.verdict.mismatches)
    if seen and record.observation.detail:
        seen += f'<p class="ap-said">{safe(record.observation.detail)}</p>'
    return (
        f"<p>{status(record)}: {link(record, code(record.id))}</p>"
        + (seen or f'<p class="ap-said">{safe(phrases.describe_outcome(record.observation))}</p>')
        + diagnosis(record.diagnosis)
    )


def _matrix(run: Run) -> str:
    parts = "".join(map(_part, table.make_tables(run)))
    title = "<h2>Auth path by client version</h2>"
    return f'{title}<div class="ap-parts">{parts}</div>' if parts else ""


def _part(matrix: table.Matrix) -> str:
    clients = safe(", ".join(column.client for column in matrix.columns))
    heads = "".join(_column_head(column) for column in matrix.columns)
    bodies = "".join(_group(group, len(matrix.columns)) for group in matrix.groups)
    return (
        f'<div class="ap-scroll" tabindex="0" role="group" aria-label="{clients}">'
        f'<table class="ap-matrix"><caption>{clients}: each cell links to its case</caption>'
        f'<thead><tr><th scope="col">Auth path</th>{heads}</tr></thead>{bodies}</table></div>'
    )


def _column_head(column: table.Column) -> str:
    ran = safe(table.ran_words(column))
    return f'<th scope="col">{code(column.client)}<small>{ran}</small></th>'


def _group(group: table.MatrixGroup, width: int) -> str:
    lines = "".join(
        f'<tr><th scope="row">{safe(row.label)}</th>{"".join(map(_cell, row.cells))}</tr>'
        for row in group.rows
    )
    return (
        f'<tbody><tr class="ap-group"><th scope="rowgroup" colspan="{width + 1}">'
        f"<span>{safe(group.title)} <small>{code(group.scenario)}</small></span></th></tr>"
        f"{lines}</tbody>"
    )


def _cell(record: CaseRecord | None) -> str:
    if record is None:
        return '<td class="ap-mute">·</td>'
    name = record.verdict.status
    words = f"{mark(name)} {link(record, phrases.status_words(record.verdict))}"
    return f'<td class="ap-{name}">{words}<small>{safe(_outcome(record))}</small></td>'


def _outcome(record: CaseRecord) -> str:
    return phrases.outcome_words(record.observation)


def _findings(run: Run) -> str:
    """What clients should not have done, each with the cases that show it."""
    found = table.findings(run)
    if not found:
        return ""
    meanings = dict(names())
    lines = (
        (
            f"<code>{safe(row.name)}</code><small>{safe(meanings.get(row.name, ''))}</small>",
            safe(row.client),
            safe(row.text),
            "<br>".join(link(record, safe(_named(record))) for record in row.cases),
        )
        for row in found
    )
    labels = ("Finding", "Client", "What was seen", "Cases")
    title = f"Findings about clients ({len(found)})"
    return f"<h2>{title}</h2>{draw_table('Findings about clients', labels, lines)}"


def _bisections(found: Sequence[Answered]) -> str:
    """What `authprobe bisect` has found in the same folder, the latest first."""
    if not found:
        return ""
    lines = (
        (
            f'<a href="{safe(each.page)}">{safe(each.headline)}</a>',
            f"{each.at:%Y-%m-%d %H:%M} UTC",
            code(each.command),
        )
        for each in found
    )
    labels = ("Answer, on a page beside this report", "When", "Ask again")
    return f"<h2>Bisections ({len(found)})</h2>{draw_table('Bisections', labels, lines)}"


def _named(record: CaseRecord) -> str:
    return f"{record.scenario}: {phrases.auth_path(record)}"


def _cases(run: Run, past: Mapping[str, Sequence[Point]], limit_bytes: int) -> str:
    """Every case; its details only as far as there is room, and first those of what went wrong."""
    if not run.cases:
        return ""
    drawn, left, short = {}, limit_bytes, 0
    for record in sorted(run.cases, key=lambda r: (r.verdict.status is Status.PASSED, r.id)):
        content = details(record, phrases.again(run, record), past.get(record.id, ()))
        left -= len(content)
        if left < 0:
            content, short = outline(record), short + 1
        drawn[record.id] = case(record, content)
    rest = (
        f"<p>Of {phrases.plural(short, 'case')} there is only an outline here: "
        "the details are in results.json.</p>"
        if short
        else ""
    )
    cases = "".join(drawn[record.id] for record in run.cases)
    return f'<h2>Cases</h2>{rest}<div class="ap-cases">{cases}</div>'


def _scenarios(run: Run) -> str:
    """Why each scenario is there, and its sources."""
    first = {record.scenario: record for record in reversed(run.cases)}
    if not first:
        return ""
    lines = (
        (
            f'<code id="{phrases.scenario_anchor(name)}">{safe(name)}</code>',
            safe(record.title),
            safe(record.why),
            "<br>".join(map(source, record.sources)),
        )
        for name, record in sorted(first.items())
    )
    labels = ("Scenario", "Title", "Why it is asked", "Sources")
    return f"<h2>Scenarios ({len(first)})</h2>{draw_table('Scenarios', labels, lines)}"

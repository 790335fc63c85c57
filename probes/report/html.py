"""A run as static HTML: no script, no external resource, everything from outside escaped."""

import html
import re
from collections.abc import Callable, Iterable
from typing import Final

from probes.emulator.catalogue import rows
from probes.emulator.rules import RULES
from probes.findings import names
from probes.observation import Exchange
from probes.report import table, text
from probes.report.style import STYLE
from probes.run import CaseRecord, Diagnosis, Run
from probes.verdict import Mismatch, Status

_BETAS_IN_SIGHT: Final = 3
_REQUESTS_SHOWN: Final = 200


def summary(run: Run) -> str:
    """The verdict, what went wrong, the matrix and every case, with the styles they need."""
    parts = (
        _verdict(run),
        *map(_banner, table.warnings(run)),
        _problems(table.problems(run)),
        _matrix(run),
        _findings(run),
        _cases(run),
        _rules(run),
    )
    return f'<style>{STYLE}</style><section class="ap" lang="en">{"".join(parts)}</section>'


def details(record: CaseRecord) -> str:
    """Everything known about one case; without ids, so that it may stand on a page twice."""
    sources = "".join(f"<li>{_source(source)}</li>" for source in record.sources)
    parts = (
        f'<p class="ap-said">{_text(record.why)}</p>',
        _diagnosis(record.diagnosis),
        _section("Mismatches", _mismatches(record.verdict.mismatches)),
        '<div class="ap-pair">',
        f"<div>{_section('Expected', _facts(text.expected_facts(record.expectation)))}</div>",
        f"<div>{_section('Observed', _facts(text.observed_facts(record)))}</div>",
        f"<div>{_section('Set-up', _facts(text.setting_facts(record)))}</div></div>",
        _section("Requests, in order", _requests(record.observation.exchanges)),
        _section("Sources", f"<ul>{sources}</ul>" if sources else ""),
    )
    return f'<div class="ap">{"".join(parts)}</div>'


def _findings(run: Run) -> str:
    """What clients should not have done, each with the cases that show it."""
    rows = table.findings(run)
    if not rows:
        return ""
    meanings = dict(names())
    lines = (
        (
            f"<code>{_text(row.name)}</code><small>{_text(meanings.get(row.name, ''))}</small>",
            _text(row.client),
            _text(row.text),
            "<br>".join(_link(record, _text(_named(record))) for record in row.cases),
        )
        for row in rows
    )
    labels = ("Finding", "Client", "What was seen", "Cases")
    title = f"Findings about clients ({len(rows)})"
    return f"<h3>{title}</h3>{_table('Findings about clients', labels, lines)}"


def _named(record: CaseRecord) -> str:
    return f"{record.scenario}: {text.auth_path(record)}"


def _rules(run: Run) -> str:
    """What is known of the emulator's rules that answered, and who says so."""
    exchanges = [exchange for record in run.cases for exchange in record.observation.exchanges]
    used = {exchange.rule for exchange in exchanges}
    known = [row for row in rows() if row.id in used]
    if not known:
        return ""
    lines = (
        (
            f'<code id="rule-{row.id}">{row.id}</code>',
            _text(row.words),
            _text(row.last_seen),
            _text(row.certainty),
            " ".join(map(_source, row.sources)),
        )
        for row in known
    )
    labels = ("Rule", "Condition", "Last seen", "Certainty", "Sources")
    title = f"Rules of the emulator that answered ({len(known)})"
    return f"<h3>{title}</h3>{_table('Rules of the emulator', labels, lines)}"


def row_cells(record: CaseRecord | None) -> tuple[tuple[str, str], ...]:
    """Label and content of each cell of the results table; None: a row that is of no case."""
    return tuple((label, draw(record) if record else "") for label, draw in _ROW_COLUMNS)


def _verdict(run: Run) -> str:
    line = table.headline(run)
    return (
        f'<p class="ap-verdict">{_mark(line.status)} '
        f'<strong class="ap-{line.status}">{_text(line.word)}</strong> · {_text(line.counts)}</p>'
        f'<p class="ap-mute">{_text(table.run_words(run))}</p>'
    )


def _banner(sentence: str) -> str:
    return f'<p class="ap-banner"><strong>⚠ {_text(sentence)}</strong></p>'


def _problems(records: tuple[CaseRecord, ...]) -> str:
    if not records:
        return ""
    items = "".join(f'<li class="ap-{r.verdict.status}">{_problem(r)}</li>' for r in records)
    title = f"What went wrong ({text.plural(len(records), 'case')})"
    return f'<h3>{title}</h3><ul class="ap-problems">{items}</ul>'


def _problem(record: CaseRecord) -> str:
    seen = _mismatches(record.verdict.mismatches)
    if seen and record.observation.detail:
        seen += f'<p class="ap-said">{_text(record.observation.detail)}</p>'
    return (
        f"<p>{_status(record)}: {_link(record, f'<code>{_text(record.id)}</code>')}</p>"
        + (seen or f'<p class="ap-said">{_text(text.describe_outcome(record.observation))}</p>')
        + _diagnosis(record.diagnosis)
    )


def _matrix(run: Run) -> str:
    parts = "".join(map(_part, table.make_tables(run)))
    title = "<h3>Auth path by client version</h3>"
    return f'{title}<div class="ap-parts">{parts}</div>' if parts else ""


def _part(matrix: table.Table) -> str:
    clients = _text(", ".join(column.client for column in matrix.columns))
    heads = "".join(_column_head(column) for column in matrix.columns)
    bodies = "".join(_group(group, len(matrix.columns)) for group in matrix.groups)
    return (
        f'<div class="ap-scroll" tabindex="0" role="region" aria-label="{clients}">'
        f'<table class="ap-matrix"><caption>{clients}: each cell links to its case</caption>'
        f'<thead><tr><th scope="col">Auth path</th>{heads}</tr></thead>{bodies}</table></div>'
    )


def _column_head(column: table.Column) -> str:
    ran = _text(table.ran_words(column))
    return f'<th scope="col"><code>{_text(column.client)}</code><small>{ran}</small></th>'


def _group(group: table.Group, width: int) -> str:
    rows = "".join(
        f'<tr><th scope="row">{_text(row.label)}</th>{"".join(map(_cell, row.cells))}</tr>'
        for row in group.rows
    )
    return (
        f'<tbody><tr class="ap-group"><th scope="rowgroup" colspan="{width + 1}">'
        f"<span>{_text(group.title)} <small>{_code(group.scenario)}</small></span></th></tr>"
        f"{rows}</tbody>"
    )


def _cell(record: CaseRecord | None) -> str:
    if record is None:
        return '<td class="ap-mute" aria-label="no case">·</td>'
    status = record.verdict.status
    words = f"{_mark(status)} {_link(record, text.status_words(record.verdict))}"
    seen = _text(text.outcome_words(record.observation))
    return f'<td class="ap-{status}">{words}<small>{seen}</small></td>'


def _cases(run: Run) -> str:
    return "<h3>Cases</h3>" + "".join(map(_case, run.cases)) if run.cases else ""


def _case(record: CaseRecord) -> str:
    shut = record.verdict.status in (Status.PASSED, Status.SKIPPED)
    return (
        f'<details class="ap-case"{"" if shut else " open"}>'
        f"<summary>{_status(record)}: <code>{_text(record.id)}</code> "
        f"<small>{_text(text.outcome_words(record.observation))}</small></summary>"
        # Within, so that following a link to it opens the case (HTML, "ancestor revealing").
        f'<div id="{text.anchor(record.id)}">{details(record)}</div></details>'
    )


def _mismatches(mismatches: tuple[Mismatch, ...]) -> str:
    rows = [(_text(x.field), _text(x.expected), _text(x.actual)) for x in mismatches]
    return _table("Mismatches", ("Field", "Expected", "Seen"), rows) if rows else ""


def _requests(exchanges: tuple[Exchange, ...]) -> str:
    if not exchanges:
        return "<p>None reached the backend.</p>"
    labels = [label for label, _ in _WIRE_COLUMNS]
    rows = [[draw(x) for _, draw in _WIRE_COLUMNS] for x in exchanges[:_REQUESTS_SHOWN]]
    more = len(exchanges) - _REQUESTS_SHOWN
    rest = f"<p>… ({text.plural(more, 'more request')} in results.json)</p>" if more > 0 else ""
    return _table("Requests", labels, rows) + rest


def _betas(exchange: Exchange) -> str:
    flags = "".join(f"<li><code>{_text(flag)}</code></li>" for flag in exchange.betas)
    if not flags:
        return "none"
    if len(exchange.betas) <= _BETAS_IN_SIGHT:
        return f"<ul>{flags}</ul>"
    number = text.plural(len(exchange.betas), "flag")
    return f"<details><summary>{number}</summary><ul>{flags}</ul></details>"


def _diagnosis(diagnosis: Diagnosis | None) -> str:
    if diagnosis is None:
        return ""
    links = " ".join(map(_source, diagnosis.sources))
    cause, remedy = _text(diagnosis.summary), _text(diagnosis.remedy)
    shown = "".join(f"<li>{_text(line)}</li>" for line in diagnosis.evidence)
    others = "".join(f"<li>{_text(line)}</li>" for line in text.other_causes(diagnosis))
    return (
        f"<p><strong>{_text(text.cause_label(diagnosis))}:</strong> {cause} "
        f"(<code>{_text(diagnosis.id)}</code>) <strong>Remedy:</strong> {remedy} {links}</p>"
        + (f"<ul>{shown}</ul>" if shown else "")
        + (f"<p>It may also be:</p><ul>{others}</ul>" if others else "")
    )


def _source(source: str) -> str:
    """A link for a web address, plain text for anything else."""
    if re.fullmatch(r"https?://[!-~]{1,2000}", source):
        return f'<a rel="noreferrer" href="{html.escape(source)}">{_text(source)}</a>'
    return _text(source)


def _section(title: str, content: str) -> str:
    return f"<h4>{title}</h4>{content}" if content else ""


def _facts(facts: text.Facts) -> str:
    lines = (f"<dt>{_text(label)}</dt><dd>{_text(value)}</dd>" for label, value in facts)
    return f'<dl class="ap-facts">{"".join(lines)}</dl>'


def _table(name: str, labels: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    heads = "".join(f'<th scope="col">{label}</th>' for label in labels)
    lines = ("".join(f"<td><div>{cell}</div></td>" for cell in row) for row in rows)
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return (
        f'<div class="ap-scroll" tabindex="0" role="region" aria-label="{name}">'
        f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _status(record: CaseRecord) -> str:
    status = record.verdict.status
    return (
        f'{_mark(status)} <strong class="ap-{status}">{text.status_words(record.verdict)}</strong>'
    )


def _mark(status: Status) -> str:
    mark = text.SYMBOLS[status]
    return f'<span class="ap-mark ap-{status}" aria-hidden="true">{mark}</span>'


def _link(record: CaseRecord, content: str) -> str:
    return f'<a href="#{text.anchor(record.id)}">{content}</a>'


def _text(outside: str) -> str:
    """Escaped, and without raw line ends: pytest-html's script marks up lines that begin with E."""
    return html.escape(text.shown(outside)).replace("\n", "<br>")


def _code(outside: str | None) -> str:
    return "none" if outside is None else f"<code>{_text(outside)}</code>"


def _path(exchange: Exchange) -> str:
    """The path, and what an authorization was asked for with."""
    scopes = f"scopes: {', '.join(exchange.scopes)}" if exchange.scopes else ""
    return _code(exchange.path) + (f"<small>{_text(scopes)}</small>" if scopes else "")


def _rule(exchange: Exchange) -> str:
    """Which rule answered, or came nearest, and what went wrong on demand."""
    drawn = _code(exchange.rule)
    if exchange.rule in RULES:
        drawn = f'<a href="#rule-{exchange.rule}">{drawn}</a>'
    if exchange.nearest:
        drawn += f"<small>{_text(text.nearest_words(exchange))}</small>"
    if exchange.faults:
        drawn += f"<small>fault: {_text(', '.join(exchange.faults))}</small>"
    return drawn


_WIRE_COLUMNS: Final[tuple[tuple[str, Callable[[Exchange], str]], ...]] = (
    ("At (s)", lambda x: f"{x.at:.2f}"),
    ("Method", lambda x: _text(x.method)),
    ("Host", lambda x: _code(x.host)),
    ("Path", _path),
    ("Credential", lambda x: _text(text.sent_words(x))),
    ("Betas", _betas),
    ("Status", lambda x: _text(text.status_number(x))),
    ("Told", lambda x: _text(text.told_words(x))),
    ("Rule", _rule),
)
_ROW_COLUMNS: Final[tuple[tuple[str, Callable[[CaseRecord], str]], ...]] = (
    ("Case", lambda x: _code(x.id)),
    ("Outcome", lambda x: _text(x.observation.outcome)),
    ("Status", lambda x: _text(text.status_number(x.observation))),
    ("Requests", lambda x: str(len(x.observation.exchanges))),
)

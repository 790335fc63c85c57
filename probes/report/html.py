"""A run as static HTML: no script, no external resource, everything from outside escaped."""

import html
import re
from collections.abc import Callable, Iterable
from typing import Final

from probes.observation import Exchange
from probes.report import table, text
from probes.run import CaseRecord, Diagnosis, Run
from probes.verdict import Mismatch, Status

_BETAS_IN_SIGHT: Final = 3
_REQUESTS_SHOWN: Final = 200

_STYLE: Final = """
:root{color-scheme:light dark;--fg:#1f2328;--mute:#57606a;--line:#d0d7de;--bg:#fff;--soft:#f6f8fa;
--link:#0550ae;--passed:#116329;--failed:#a40e26;--error:#7d4e00;--skipped:#57606a;
--failed-bg:#ffebe9;--error-bg:#fff8c5}
@media (prefers-color-scheme:dark){:root{--fg:#e6edf3;--mute:#9da7b3;--line:#3d444d;--bg:#0d1117;
--soft:#161b22;--link:#79b8ff;--passed:#56d364;--failed:#ff8f87;--error:#e3b341;--skipped:#9da7b3;
--failed-bg:#3c1618;--error-bg:#332701}}body{background:var(--bg);color:var(--mute)}
h1,h2,p,#results-table{color:var(--fg)}#environment-header,#environment{display:none}
#results-table,#results-table th,#results-table td{border-color:var(--line)}
.logwrapper,.logwrapper .logexpander{background:var(--soft)}
.logwrapper .log{color:var(--fg);border-color:var(--line)}
span.passed,.passed .col-result{color:var(--passed)}
span.failed,.failed .col-result{color:var(--failed)}
span.error,.error .col-result{color:var(--error)}
span.skipped,.skipped .col-result{color:var(--skipped)}
#results-table .ap th,#results-table .ap td{border-width:1px 0 0}
body>p a,.filters button,.collapse button{color:var(--link)}
.ap{color:var(--fg);font-size:14px;line-height:1.45;text-align:left}.ap *{box-sizing:border-box}
.ap h3{font-size:16px;margin:28px 0 8px}.ap h4{font-size:14px;margin:16px 0 4px}
.ap p{margin:6px 0;max-width:90ch}.ap a{color:var(--link);overflow-wrap:anywhere}
.ap :focus-visible{outline:2px solid var(--link);outline-offset:2px}
.ap code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:.92em;
overflow-wrap:anywhere}.ap small,.ap .ap-mute{color:var(--mute);font-size:12px}
.ap .ap-verdict{font-size:18px;margin:8px 0 2px}
.ap-banner{border-left:4px solid var(--error);background:var(--error-bg);padding:8px 12px}
.ap-passed{color:var(--passed)}.ap-failed{color:var(--failed)}.ap-error{color:var(--error)}
.ap-skipped{color:var(--skipped)}.ap-mark{font-weight:bold}
.ap-scroll{overflow-x:auto;width:fit-content;max-width:100%;margin:8px 0;border-radius:6px;
border:1px solid var(--line)}.ap-scroll table{border-collapse:separate;border-spacing:0}
.ap caption{text-align:left;padding:8px 12px;color:var(--mute)}
.ap th,.ap td{padding:6px 12px;text-align:left;vertical-align:top;border-top:1px solid var(--line)}
.ap thead th{background:var(--soft);white-space:nowrap;vertical-align:bottom}
.ap thead small,.ap td small{display:block;font-weight:normal}
.ap-parts{display:flex;flex-wrap:wrap;gap:8px 24px;align-items:flex-start}
.ap .ap-matrix td small{display:inline;margin-left:8px}
.ap-matrix td{white-space:nowrap;border-left:1px solid var(--line)}
.ap-matrix thead th+th{border-left:1px solid var(--line)}
.ap-matrix tr>:first-child{position:sticky;left:0;z-index:1;background:var(--bg);min-width:14em;
max-width:22em;overflow-wrap:anywhere;font-weight:normal;box-shadow:1px 0 var(--line)}
.ap-matrix thead tr>:first-child,.ap-matrix .ap-group>th{background:var(--soft);font-weight:bold}
.ap-matrix .ap-group>th{position:static;max-width:none}.ap-matrix th small{font-weight:normal}
.ap-group span{position:sticky;left:12px;display:inline-block;max-width:min(100%,86vw)}
.ap-matrix td a{color:inherit}.ap-matrix td.ap-failed{background:var(--failed-bg)}
.ap-matrix td.ap-error{background:var(--error-bg)}
.ap .ap-problems{list-style:none;margin:8px 0;padding:0}
.ap-problems>li{border-left:4px solid;padding:2px 12px;margin:0 0 12px}
.ap-problems>li>*{color:var(--fg)}.ap-problems li>:first-child{margin:0}
.ap-case{border:1px solid var(--line);border-radius:6px;margin:6px 0}
.ap-case>summary{padding:8px 12px;cursor:pointer}
.ap-case>div{padding:0 12px 12px;scroll-margin-top:56px}
.ap-case[open]>summary{border-bottom:1px solid var(--line);background:var(--soft)}
.ap-case:has(:target){border-color:var(--link);box-shadow:0 0 0 1px var(--link)}
.ap-pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,320px),1fr));gap:0 32px}
.ap-facts{display:grid;grid-template-columns:minmax(6em,max-content) 1fr;gap:2px 12px;margin:4px 0}
.ap-facts dt{color:var(--mute)}.ap-facts dd{margin:0}
.ap-said,.ap-facts dd,.ap td>div{white-space:pre-wrap;overflow-wrap:anywhere}
.ap td>div{width:max-content;max-width:26em;font-size:13px}.ap ul{margin:4px 0 0;padding-left:18px}
.log .ap{white-space:normal;font-family:Helvetica,Arial,sans-serif}
@media (max-width:800px){body{min-width:0}.ap-matrix tr>:first-child{min-width:8em;max-width:38vw}
.ap th,.ap td{padding:5px 8px}.controls,.filters{flex-wrap:wrap;height:auto}
#results-table{display:block;overflow-x:auto}}
"""


def summary(run: Run) -> str:
    """The verdict, what went wrong, the matrix and every case, with the styles they need."""
    parts = (
        _verdict(run),
        *map(_banner, table.warnings(run)),
        _problems(table.problems(run)),
        _matrix(run),
        _cases(run),
    )
    return f'<style>{_STYLE}</style><section class="ap" lang="en">{"".join(parts)}</section>'


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
    return (
        f"<p><strong>Likely cause:</strong> {cause} <strong>Remedy:</strong> {remedy} {links}</p>"
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


_WIRE_COLUMNS: Final[tuple[tuple[str, Callable[[Exchange], str]], ...]] = (
    ("At (s)", lambda x: f"{x.at:.2f}"),
    ("Method", lambda x: _text(x.method)),
    ("Host", lambda x: _code(x.host)),
    ("Path", lambda x: _code(x.path)),
    ("Credential", lambda x: _text(text.sent_words(x))),
    ("Betas", _betas),
    ("Status", lambda x: _text(text.status_number(x))),
    ("Told", lambda x: _text(text.told_words(x))),
    ("Rule", lambda x: _code(x.rule)),
)
_ROW_COLUMNS: Final[tuple[tuple[str, Callable[[CaseRecord], str]], ...]] = (
    ("Case", lambda x: _code(x.id)),
    ("Outcome", lambda x: _text(x.observation.outcome)),
    ("Status", lambda x: _text(text.status_number(x.observation))),
    ("Requests", lambda x: str(len(x.observation.exchanges))),
)

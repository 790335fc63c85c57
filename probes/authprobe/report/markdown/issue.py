"""Cases as one Markdown text for an issue: what maintainers ask for, and nobody's personal data."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from authprobe.core.escaping import MAX_TEXT_LENGTH, for_display, for_log
from authprobe.observation.model import Exchange
from authprobe.redaction.pseudonyms import Pseudonymizer
from authprobe.report.markdown.pseudonymize import anonymous, learn
from authprobe.report.markdown.summary import code, escaped, row
from authprobe.report.model import matrix, phrases
from authprobe.report.model.case_facts import case_facts, client_words, deciding_exchange
from authprobe.report.model.control_experiments import SHOWN, ControlExperiment, controls
from authprobe.report.model.timeline import earlier_points
from authprobe.run.history.model import Point
from authprobe.run.model import CaseRecord, Run

LIMIT: Final = 60_000
"""Characters. GitHub refuses the body of an issue with more than 65,536."""
REQUESTS: Final = 20
"""Of one case that are shown."""
LEFT_OUT: Final = 20
"""Cases that are named though they are left out."""
RESERVE: Final = 4_000
"""Characters kept for naming them."""

REST: Final = "\n\n… the rest is left out, as an issue holds no more.\n"
LINES: Final = 20
"""Of a list."""


def share_markdown(
    run: Run,
    chosen: Sequence[CaseRecord],
    personal: Pseudonymizer,
    *,
    past: Mapping[str, Sequence[Point]] | None = None,
    limit: int = LIMIT,
) -> str:
    """These cases of the run, as many as an issue can hold; the rest is counted."""
    learn(run.cases, personal)
    cases = [anonymous(record, personal) for record in chosen]
    parts = [_part((*_title(cases), *_environment(run, cases)))]
    left = limit - RESERVE - len(parts[0])
    for number, (record, case) in enumerate(zip(chosen, cases, strict=True)):
        last = _last_as_expected(run, (past or {}).get(record.id, ()))
        compared = controls(run, record)
        section = _part(_case(run, case, compared, last, personal))
        left -= len(section)
        if left < 0:
            parts.append(_part(_left_out(cases[number:])))
            break
        parts.append(section)
    return _bounded("\n".join(parts), limit)


def _part(lines: Iterable[str]) -> str:
    return for_log("\n".join(lines)) + "\n"


def _bounded(whole: str, limit: int) -> str:
    """The text; of one that is still too long what fits, to the end of a line."""
    if len(whole) <= limit:
        return whole
    kept = whole[: limit - len(REST)].rpartition("\n")[0]
    return kept + REST


def _title(cases: Sequence[CaseRecord]) -> Iterator[str]:
    first = cases[0]
    if len(cases) == 1:
        what = f"{matrix.client_words(first)}, {phrases.auth_path(first)}"
        yield f"# {escaped(f'{what}: {_outcomes(first)}')}"
    else:
        clients = dict.fromkeys(matrix.client_words(record) for record in cases)
        more = f" and {len(clients) - 3} more" if len(clients) > 3 else ""
        named = ", ".join(list(clients)[:3]) + more
        count = phrases.plural(len(cases), "case")
        yield f"# {count} of authentication: {escaped(named)}"
    yield ""


def _outcomes(record: CaseRecord) -> str:
    """What came of a case, and what was expected where that is another outcome."""
    seen, expected = phrases.outcome_words(record.observation), record.expectation.outcome
    return seen if record.observation.outcome is expected else f"{seen}, expected {expected}"


def _environment(run: Run, cases: Sequence[CaseRecord]) -> Iterator[str]:
    """Where and with what: a table."""
    where = "the real service" if run.mode == "live" else "an emulated backend on loopback"
    yield from _facts(
        ("Environment", ""),
        (
            ("authprobe", run.tool.version),
            ("Platform", f"{run.platform.system} {run.platform.machine}"),
            ("Python", run.platform.python),
            ("Time", f"{run.started_at:%Y-%m-%d %H:%M:%S} UTC"),
            ("Backend", f"{run.mode}: {where}"),
            *(("Client", words) for words in dict.fromkeys(map(client_words, cases))),
        ),
    )


def _case(
    run: Run,
    record: CaseRecord,
    compared: Sequence[ControlExperiment],
    last: str | None,
    personal: Pseudonymizer,
) -> Iterator[str]:
    yield f"## {phrases.SYMBOLS[record.verdict.status]} {code(record.id)}"
    yield from ("", f"{escaped(record.title)}. {escaped(record.why)}", "")
    yield from _facts(("What", "Seen"), case_facts(record, last))
    if record.observation.message:
        yield from (
            "",
            "Message:",
            "",
            *_fenced(for_display(record.observation.message, MAX_TEXT_LENGTH)),
        )
    yield from _differences(record)
    yield from _requests(record.observation.exchanges)
    yield from _controls(compared, personal)
    yield from _cause(record)
    yield from ("", "To see it again:", "", *_fenced(personal(phrases.again(run, record))))


def _differences(record: CaseRecord) -> Iterator[str]:
    """What is not as expected, what has changed since the baseline, and the findings."""
    parts = (
        ("Not as expected", map(phrases.describe_mismatch, record.verdict.mismatches)),
        ("Since the baseline", phrases.describe_changes(record)),
        ("Findings", (f"{finding.name}: {finding.text}" for finding in record.findings)),
    )
    for title, lines in parts:
        listed = [f"- {escaped(line)}" for line in lines]
        if listed:
            yield from ("", f"{title}:", "", *listed[:LINES])
        if len(listed) > LINES:
            yield f"- and {len(listed) - LINES:,} more"


def _requests(exchanges: Sequence[Exchange]) -> Iterator[str]:
    """The requests in their order; of a request that is made again at once only how often."""
    if not exchanges:
        return
    yield from ("", "Requests, in this order:", "")
    yield row(("after", "request", "credential", "answer"))
    yield row(["---"] * 4)
    for exchange in exchanges[:REQUESTS]:
        target = f"{exchange.method} {exchange.host}{exchange.path}"
        told = " ".join(
            part for part in (phrases.status_number(exchange), exchange.error_type) if part
        )
        cells = (f"{exchange.at:.1f} s", target, phrases.sent_words(exchange), told)
        yield row(map(escaped, cells))
    if len(exchanges) > REQUESTS:
        yield from ("", f"{phrases.plural(len(exchanges) - REQUESTS, 'more request')} not shown.")


def _controls(found: Sequence[ControlExperiment], personal: Pseudonymizer) -> Iterator[str]:
    """Which one thing matters: each line is a case that differs in that one only."""
    if not found:
        yield from ("", "No other case of this run differs in one thing only.")
        return
    yield from ("", "Control experiments, the same but for one thing:", "")
    yield row(("only this differs", "control", "sent", "what came of it", "compared"))
    yield row(["---"] * 5)
    for control in found[:SHOWN]:
        other = anonymous(control.record, personal)
        value = code(str(getattr(other, control.axis)))
        ran = f" (ran {escaped(str(other.client_version))})" if control.axis == "client" else ""
        told = escaped(phrases.describe_outcome(other.observation))
        deciding = deciding_exchange(other)
        sent = escaped(phrases.sent_words(deciding)) if deciding else "nothing"
        outcome = "the same" if control.same else "**differs**"
        yield row((control.axis, f"{value}{ran}", sent, told, outcome))
    if len(found) > SHOWN:
        yield from ("", f"{phrases.plural(len(found) - SHOWN, 'more control')} not shown.")


def _cause(record: CaseRecord) -> Iterator[str]:
    if record.diagnosis is None:
        return
    yield ""
    yield from (f"- {escaped(line)}" for line in phrases.describe_cause(record.diagnosis))
    for source in record.diagnosis.sources:
        yield f"- Source: {_link(source)}"


def _link(source: str) -> str:
    """A source as a link, where it is an address that holds nothing else."""
    return (
        f"<{source}>"
        if re.fullmatch(r"https?://[A-Za-z0-9./_#?=&%-]+", source)
        else escaped(source)
    )


def _last_as_expected(run: Run, points: Sequence[Point]) -> str | None:
    """The last run before this one in which the case passed; the oldest point comes first."""
    earlier = earlier_points(run, points)
    last = next((point for point in reversed(earlier) if point.status == "passed"), None)
    if last is None:
        return None
    version = last.client_version or "no version seen"
    return f"{last.at:%Y-%m-%d %H:%M} UTC, {version}, authprobe {last.tool}"


def _facts(head: tuple[str, str], facts: Iterable[tuple[str, str]]) -> Iterator[str]:
    yield row(head)
    yield row(["---"] * 2)
    yield from (row((escaped(label), escaped(value))) for label, value in facts)


def _fenced(lines: str) -> Iterator[str]:
    """A text as it is, in a block that nothing in it ends."""
    longest = max((len(found) for found in re.findall("`+", lines)), default=0)
    fence = "`" * max(3, longest + 1)
    yield from (f"{fence}text", lines, fence)


def _left_out(records: Sequence[CaseRecord]) -> Iterator[str]:
    yield from (
        f"{phrases.plural(len(records), 'more case')} left out, as an issue holds no more:",
        "",
    )
    yield from (f"- {code(record.id)}" for record in records[:LEFT_OUT])
    if len(records) > LEFT_OUT:
        yield f"- and {len(records) - LEFT_OUT:,} more"

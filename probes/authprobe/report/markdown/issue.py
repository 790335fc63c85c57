"""Cases as Markdown for an issue: the facts maintainers ask for, without personal data."""

import dataclasses
import datetime
import functools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from authprobe.core.escaping import MAX_TEXT_LENGTH, for_display, for_log
from authprobe.core.targets import Target
from authprobe.core.version_ranges import EXACT
from authprobe.diagnosis.reasons.explain import keep_version
from authprobe.observation.model import Exchange
from authprobe.redaction.pseudonyms import Pseudonymizer
from authprobe.report.markdown.pseudonymize import anonymous, cleaned, learn
from authprobe.report.markdown.summary import code, escaped, row, with_commands
from authprobe.report.model import matrix, phrases
from authprobe.report.model.case_facts import (
    case_facts,
    client_words,
    deciding_exchange,
    hides_requests,
)
from authprobe.report.model.control_experiments import MAX_CONTROLS, ControlExperiment, controls
from authprobe.report.model.reproduction import (
    OwnScenario,
    bisect_command,
    bisection_of,
    client_change,
    own_name,
    own_scenario,
)
from authprobe.report.model.saved_bisections import SavedBisection
from authprobe.report.model.sequence import sequence_of
from authprobe.report.model.sequence_words import mermaid
from authprobe.report.model.timeline import earlier_points
from authprobe.run.history.model import Point
from authprobe.run.model import CaseRecord, Run

MAX_LENGTH: Final = 60_000
"""Characters. GitHub refuses the body of an issue with more than 65,536."""
RESERVED_LENGTH: Final = 4_000
"""Characters kept for the ids of cases that do not fit."""
MAX_REQUESTS: Final = 20
"""Requests of one case."""
MAX_IDS: Final = 20
"""Ids of cases that do not fit."""
MAX_LINES: Final = 20
"""Lines of a list."""
TRUNCATED: Final = "\n\n… truncated: an issue has a maximum length.\n"


def share_markdown(
    run: Run,
    records: Sequence[CaseRecord],
    pseudonymizer: Pseudonymizer,
    *,
    past: Mapping[str, Sequence[Point]] | None = None,
    bisections: Sequence[SavedBisection] = (),
    limit: int = MAX_LENGTH,
) -> str:
    """Return these cases of the run, as many as fit into an issue, and the ids of the others."""
    learn(run.cases, pseudonymizer)
    answers = [bisection_of(record, bisections) for record in records]
    cases = [
        anonymous(_keeping_last_good(record, answer), pseudonymizer)
        for record, answer in zip(records, answers, strict=True)
    ]
    run = dataclasses.replace(
        run,
        tool=cleaned(run.tool, pseudonymizer),
        platform=cleaned(run.platform, pseudonymizer),
    )
    parts = [_part((*_title(cases, answers), *_introduction(run), *_environment(run, cases)))]
    room = limit - RESERVED_LENGTH - len(parts[0])
    shown: set[str] = set()
    for number, (record, case, answer) in enumerate(zip(records, cases, answers, strict=True)):
        last = _last_as_expected(run, (past or {}).get(record.id, ()))
        make = functools.partial(
            _case, run, case, controls(run, record), last, answer, pseudonymizer
        )
        own = None if record.scenario in shown else own_scenario(run, record.scenario)
        section = _part(make(own))
        if own and len(section) > room:
            section = _part(make(None))
        elif own:
            shown.add(record.scenario)
        room -= len(section)
        if room < 0:
            parts.append(_part(_omitted(cases[number:])))
            break
        parts.append(section)
    return _truncated("\n".join(parts), limit)


def _part(lines: Iterable[str]) -> str:
    return for_log("\n".join(lines)) + "\n"


def _truncated(text: str, limit: int) -> str:
    """Return the text, or as many whole lines of it as fit."""
    if len(text) <= limit:
        return text
    return text[: limit - len(TRUNCATED)].rpartition("\n")[0] + TRUNCATED


def _keeping_last_good(record: CaseRecord, answer: SavedBisection | None) -> CaseRecord:
    """Return the record with the last good version in its remedy, not that of the baseline."""
    if answer is None or answer.breakage is None:
        return record
    before, _ = client_change(record)
    stale, last_good = keep_version(record, before), keep_version(record, answer.breakage[0])
    reasons = tuple(
        dataclasses.replace(reason, remedy=last_good) if reason.remedy == stale else reason
        for reason in record.reasons
    )
    return dataclasses.replace(record, reasons=reasons)


def _found_words(bisection: SavedBisection) -> str:
    """Return the answer, with the symptom in its first bad version, which may be another one."""
    if not bisection.symptoms:
        return bisection.headline
    return f"{bisection.headline} Between the two: {'; '.join(bisection.symptoms)}"


def _title(cases: Sequence[CaseRecord], answers: Sequence[SavedBisection | None]) -> Iterator[str]:
    first = cases[0]
    if len(cases) == 1:
        subject = f"{matrix.client_words(first)}, {phrases.auth_path(first)}"
        _, bad = answers[0].breakage if answers[0] and answers[0].breakage else ("", "")
        first_bad = f"; first bad version {bad}" if bad not in ("", first.client_version) else ""
        yield f"# {escaped(f'{subject}: {_outcomes(first)}{first_bad}')}"
    else:
        clients = dict.fromkeys(matrix.client_words(record) for record in cases)
        more = f" and {len(clients) - 3} more" if len(clients) > 3 else ""
        names = ", ".join(list(clients)[:3]) + more
        count = phrases.plural(len(cases), "case")
        yield f"# {count} of authentication: {escaped(names)}"
    yield ""


def _introduction(run: Run) -> Iterator[str]:
    """Yield what a reader needs who does not know authprobe, and is asked to run it."""
    version = run.tool.version
    pinned = f"=={version}" if EXACT.fullmatch(version) else ""
    is_live = run.mode == "live"
    where = "the real service" if is_live else "an emulated backend on the same machine"
    account = "" if is_live else " No account is needed, as all tokens are made up."
    yield (
        "authprobe runs unmodified Claude clients, each with a known credential, against "
        f"{where}, and records what they send and do.{account} To run the commands below, "
        f"`pip install authprobe{pinned}` (Linux, Python 3.11 or newer; Node.js 20 or newer for "
        "clients from npm)."
    )
    yield ""


def _outcomes(record: CaseRecord) -> str:
    """Return the outcome of a case, and the expected one if it differs."""
    actual, outcome = phrases.outcome_words(record.observation), record.observation.outcome
    expected = record.expectation.outcome if record.expectation else outcome
    return actual if outcome is expected else f"{actual}, expected {expected}"


def _environment(run: Run, cases: Sequence[CaseRecord]) -> Iterator[str]:
    """Yield a table of the tool, the platform, the backend and the clients."""
    places = {
        Target.EMULATOR: "an emulated backend on loopback",
        Target.LIVE: "the real service",
    }
    asked = [target for target in Target if any(record.target is target for record in cases)]
    where = " and ".join(places[target] for target in asked)
    yield from _facts(
        ("Environment", ""),
        (
            ("authprobe", run.tool.version),
            ("Platform", f"{run.platform.system} {run.platform.machine}"),
            ("Python", run.platform.python),
            ("Time", f"{run.started_at.astimezone(datetime.UTC):%Y-%m-%d %H:%M:%S} UTC"),
            ("Backend", where),
            *(("Client", words) for words in dict.fromkeys(map(client_words, cases))),
        ),
    )


def _case(
    run: Run,
    record: CaseRecord,
    experiments: Sequence[ControlExperiment],
    last: str | None,
    bisection: SavedBisection | None,
    pseudonymizer: Pseudonymizer,
    scenario: OwnScenario | None,
) -> Iterator[str]:
    yield f"## {phrases.SYMBOLS[record.verdict.status]} {code(record.id)}"
    yield from ("", f"{escaped(record.title)}. {escaped(record.why)}")
    found = pseudonymizer(_found_words(bisection)) if bisection else None
    yield from (*_why(record, found), "")
    yield from _facts(("Fact", "Value"), case_facts(record, last))
    if record.observation.message:
        yield from (
            "",
            "Message:",
            "",
            *_fenced(for_display(record.observation.message, MAX_TEXT_LENGTH)),
        )
    yield from _differences(record)
    yield from _requests(record.observation.exchanges)
    yield from _sequence(record)
    if not run.selection.is_command:
        yield from _controls(experiments, pseudonymizer)
    yield from _commands(run, record, bisection, pseudonymizer, scenario)


def _commands(
    run: Run,
    record: CaseRecord,
    bisection: SavedBisection | None,
    pseudonymizer: Pseudonymizer,
    scenario: OwnScenario | None,
) -> Iterator[str]:
    """Yield the commands that run the case again and find the release that changed it.

    If the scenario is the user's own, it comes first, folded.
    """
    name = own_name(record.scenario) if record.scenario in run.own_scenarios else None
    if scenario:
        yield from _folded_text("The scenario", scenario.file, scenario.text, pseudonymizer)
        for file, text in scenario.definitions.items():
            yield from _folded_text("Definitions that it uses", file, text, pseudonymizer)
    if record.own_program:
        program = code(pseudonymizer(record.own_program))
        yield from ("", f"The case runs a program of its author, {program}, which is not here.")
    saved = f", with the scenario saved as {code(name)}" if name else ""
    command = phrases.rerun_command(run, record, scenario=name)
    yield from ("", f"To reproduce{saved}:", "", *_fenced(pseudonymizer(command)))
    bounds = bisection.bounds if bisection else ()
    if search := bisect_command(run, record, versions=bounds, scenario=name):
        aim = "that release again" if bisection else "the release that changed it"
        yield from ("", f"To find {aim}:", "", *_fenced(pseudonymizer(search)))


def _folded_text(
    title: str, file: str, content: str, pseudonymizer: Pseudonymizer
) -> Iterator[str]:
    """Yield the text of a file in a block that opens on demand."""
    text = pseudonymizer(content).rstrip("\n")
    summary = f"<summary>{title}, {escaped(pseudonymizer(file))}</summary>"
    yield from ("", "<details>", summary, "")
    if text != content.rstrip("\n"):
        yield from ("Names and addresses in it are replaced.", "")
    yield from (*_fenced(text, "yaml"), "", "</details>")


def _differences(record: CaseRecord) -> Iterator[str]:
    """Yield the mismatches, the changes since the baseline, and the findings."""
    parts = (
        ("Mismatches", map(phrases.describe_mismatch, record.verdict.mismatches)),
        (_since(record), phrases.describe_changes(record)),
        ("Findings", (f"{finding.name}: {finding.text}" for finding in record.findings)),
    )
    for title, lines in parts:
        items = [f"- {escaped(line)}" for line in lines]
        if items:
            yield from ("", f"{escaped(title)}:", "", *items[:MAX_LINES])
        if len(items) > MAX_LINES:
            yield f"- and {len(items) - MAX_LINES:,} more"


def _since(record: CaseRecord) -> str:
    before, _ = client_change(record)
    client = record.client.partition("@")[0]
    return "Changes since the baseline" + (f", which is of {client} {before}" if before else "")


def _requests(exchanges: Sequence[Exchange]) -> Iterator[str]:
    """Yield a table of the requests, in order."""
    if not exchanges:
        return
    yield from ("", "Requests, in order:", "")
    yield row(("time", "request", "credential", "response"))
    yield row(["---"] * 4)
    for exchange in exchanges[:MAX_REQUESTS]:
        target = f"{exchange.method} {exchange.host}{exchange.path}"
        response = phrases.status_number(exchange)
        if exchange.error_type:
            response += f" {exchange.error_type}"
        cells = (f"{exchange.at:.1f} s", target, phrases.sent_words(exchange), response)
        yield row(map(escaped, cells))
    if len(exchanges) > MAX_REQUESTS:
        more = len(exchanges) - MAX_REQUESTS
        yield from ("", f"{phrases.plural(more, 'more request')} not shown.")


def _sequence(record: CaseRecord) -> Iterator[str]:
    """Yield a diagram, which GitHub draws, of two or more requests that matter."""
    diagram = sequence_of(record)
    if len(diagram.steps) > 1:
        yield from ("", "```mermaid", mermaid(diagram), "```")


def _controls(
    experiments: Sequence[ControlExperiment], pseudonymizer: Pseudonymizer
) -> Iterator[str]:
    """Yield a table of cases that differ in one axis only, which shows whether it matters."""
    if not experiments:
        yield from ("", "No other case of this run differs from this one in a single respect.")
        return
    yield from ("", "Control experiments, cases of this run that differ in one respect only:", "")
    yield row(("respect", "control", "sent", "outcome", "compared"))
    yield row(["---"] * 5)
    for control in experiments[:MAX_CONTROLS]:
        other = anonymous(control.record, pseudonymizer)
        value = code(str(getattr(other, control.axis)))
        ran = f" (ran {escaped(str(other.client_version))})" if control.axis == "client" else ""
        outcome = escaped(phrases.describe_outcome(other.observation))
        deciding = deciding_exchange(other)
        unsent = "not seen" if hides_requests(other) else "nothing"
        sent = escaped(phrases.sent_words(deciding)) if deciding else unsent
        comparison = "the same" if control.same else "**differs**"
        yield row((control.axis, f"{value}{ran}", sent, outcome, comparison))
    if len(experiments) > MAX_CONTROLS:
        more = len(experiments) - MAX_CONTROLS
        yield from ("", f"{phrases.plural(more, 'more control')} not shown.")


def _why(record: CaseRecord, found: str | None) -> Iterator[str]:
    """Yield the answer of `authprobe bisect`, the reasons and the cause."""
    lines = phrases.describe_why(record, rest="below")
    if found:
        lines = (f"Found by `authprobe bisect`: {found}", *lines)
    if not lines:
        return
    yield ""
    yield from (f"- {with_commands(line, MAX_TEXT_LENGTH)}" for line in lines)
    for source in record.diagnosis.sources if record.diagnosis else ():
        yield f"- Source: {_link(source)}"


def _link(source: str) -> str:
    """Return a link for a web address, and escaped text for anything else."""
    return (
        f"<{source}>"
        if re.fullmatch(r"https?://[A-Za-z0-9./_#?=&%-]+", source)
        else escaped(source)
    )


def _last_as_expected(run: Run, points: Sequence[Point]) -> str | None:
    """Describe the last run before this one in which the case passed."""
    earlier = earlier_points(run, points)
    last = next((point for point in reversed(earlier) if point.status == "passed"), None)
    if last is None:
        return None
    version = last.client_version or "version unknown"
    return f"{last.at:%Y-%m-%d %H:%M} UTC, {version}, authprobe {last.tool}"


def _facts(head: tuple[str, str], facts: Iterable[tuple[str, str]]) -> Iterator[str]:
    yield row(head)
    yield row(["---"] * 2)
    yield from (row((escaped(label), escaped(value, MAX_TEXT_LENGTH))) for label, value in facts)


def _fenced(lines: str, language: str = "text") -> Iterator[str]:
    """Yield the text verbatim in a code block, with a fence longer than any in the text."""
    longest = max((len(run) for run in re.findall("`+", lines)), default=0)
    fence = "`" * max(3, longest + 1)
    yield from (f"{fence}{language}", lines, fence)


def _omitted(records: Sequence[CaseRecord]) -> Iterator[str]:
    yield from (
        f"{phrases.plural(len(records), 'more case')} omitted: an issue has a maximum length.",
        "",
    )
    yield from (f"- {code(record.id)}" for record in records[:MAX_IDS])
    if len(records) > MAX_IDS:
        yield f"- and {len(records) - MAX_IDS:,} more"

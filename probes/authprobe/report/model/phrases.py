"""Phrases that all report formats share; each format escapes them itself."""

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import Final

from authprobe.core.claude_api import TOKEN_PATH_SUFFIX
from authprobe.core.client_kinds import ClientKind, Flow
from authprobe.core.escaping import (
    MAX_LINE_LENGTH,
    changed_parts,
    for_shell,
    one_line,
    truncate,
)
from authprobe.core.isolation import Isolation
from authprobe.core.targets import BOTH, Target
from authprobe.observation.fingerprint import Transition, describe_credential, describe_transitions
from authprobe.observation.model import (
    EvidenceSource,
    Exchange,
    Observation,
    Outcome,
    Session,
    StoredLogin,
)
from authprobe.plan.case import COMMAND_FLOW, REQUEST_FLOW
from authprobe.run.model import CaseRecord, Diagnosis, Run
from authprobe.scenario.model import DEFAULT, NO_CREDENTIAL, Expectation, TextRule
from authprobe.verdict.judge import describe_request, outcome_counts
from authprobe.verdict.model import Attempt, Mismatch, Status, Verdict

Facts = tuple[tuple[str, str], ...]
"""Labels and values, in reading order."""

DEFAULT_FLOWS: Final = (REQUEST_FLOW, COMMAND_FLOW, Flow.PROMPT)
"""Flows that a client runs unless the scenario chooses another."""

SYMBOLS: Final = {
    Status.PASSED: "✓",
    Status.FAILED: "✗",
    Status.ERROR: "!",
    Status.SKIPPED: "○",
    Status.OBSERVED: "•",
}


def plural(count: int, noun: str) -> str:
    """Return the count with its noun: `1 case`, `2 cases`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def status_words(verdict: Verdict) -> str:
    """Return the status, and whether it regressed or was fixed since the baseline.

    It is `known failure` for an excused failure, and has the number of attempts if there were
    several.
    """
    if verdict.known:
        return "known failure"
    attempts = plural(len(verdict.attempts), "attempt")
    if verdict.flaky:
        return f"flaky ({verdict.failed_attempts} of {attempts} failed)"
    words = _plain_status_words(verdict)
    return f"{words} ({attempts})" if verdict.attempts else words


def _plain_status_words(verdict: Verdict) -> str:
    is_change = verdict.regressed or verdict.fixed
    return f"{verdict.status}, {change_word(verdict)}" if is_change else verdict.status.value


def attempt_words(verdict: Verdict) -> str | None:
    """Return what came of each attempt of a case; None if there was only one."""
    return ", then ".join(map(_attempt_words, verdict.attempts)) or None


def _attempt_words(attempt: Attempt) -> str:
    mismatches = "; ".join(map(describe_mismatch, attempt.mismatches))
    return f"{attempt.status.value} ({mismatches})" if mismatches else attempt.status.value


def change_word(verdict: Verdict) -> str:
    """Return `regressed`, `fixed` or `changed`, for a case that differs from the baseline."""
    if verdict.regressed:
        return "regressed"
    return "fixed" if verdict.fixed else "changed"


def auth_path(record: CaseRecord) -> str:
    """Return the credential, endpoint and other axes of a case, without the client."""
    return ", ".join(auth_path_parts(record))


def auth_path_parts(record: CaseRecord) -> tuple[str, ...]:
    """Return the axes of a case as phrases: the credential at its endpoint, then the others."""
    words = ["no credential" if record.credential == NO_CREDENTIAL else record.credential]
    if record.endpoint != DEFAULT:
        words[0] += f" at {record.endpoint}"
    if record.headers != DEFAULT:
        words.append(f"headers {record.headers}")
    if record.backend != DEFAULT:
        words.append(f"backend {record.backend}")
    if record.environment != DEFAULT:
        words.append(f"environment {record.environment}")
    if record.flow not in DEFAULT_FLOWS:
        words.append(f"flow {record.flow}")
    if record.target is Target.LIVE:
        words.append("live")
    return tuple(words)


def outcome_words(observation: Observation) -> str:
    """Return the outcome and the HTTP status: `rejected 401`."""
    return _joined((observation.outcome.value, _number(observation.status)), " ")


def describe_outcome(observation: Observation) -> str:
    """Describe the outcome of a case, with its error, in one line."""
    message = f"“{truncate(observation.message, MAX_LINE_LENGTH)}”" if observation.message else None
    parts = (outcome_words(observation), _joined((observation.error_type, message), ": "))
    words = _joined(parts, ", ")
    if observation.message is None and observation.detail:
        return f"{words}: {truncate(observation.detail, MAX_LINE_LENGTH)}"
    return words


def describe_mismatch(mismatch: Mismatch) -> str:
    """Describe the expected and the actual value of a field, in one line."""
    expected, actual = changed_parts(mismatch.expected, mismatch.actual, MAX_LINE_LENGTH)
    return f"{mismatch.field}: expected {expected}, saw {actual}"


def describe_problem(record: CaseRecord, *, told: Iterable[Transition] = ()) -> tuple[str, ...]:
    """Return the mismatches of a case as lines, with the detail; or its outcome.

    A mismatch with the same two values as a transition that was `told` is left out.
    """
    mismatches, known = record.verdict.mismatches, {(x.field, x.before, x.after) for x in told}
    lines = [
        describe_mismatch(x) for x in mismatches if (x.field, x.expected, x.actual) not in known
    ]
    if mismatches and record.observation.detail:
        lines.append(one_line(record.observation.detail))
    return tuple(lines) if mismatches else (describe_outcome(record.observation),)


def describe_changes(record: CaseRecord) -> tuple[str, ...]:
    """Return the changes since the baseline, a line for each field."""
    return tuple(map(one_line, describe_transitions(record.verdict.transitions)))


ABSENT: Final = (
    "In the baseline, but no longer in the scenarios of this run. "
    "If that is intended, `authprobe accept` removes them."
)
"""What absent cases are, and what to do about them."""
MAX_REASONS: Final = 3
"""Reasons that explain a case at once; the rest is counted."""
DECIDES: Final = "To decide:"
"""Prefix of an experiment that tells one cause from another."""


def cause_label(diagnosis: Diagnosis) -> str:
    """Return the label of a cause, which states its certainty."""
    if not diagnosis.confidence:
        return "Cause unknown"
    return {"certain": "Cause", "likely": "Likely cause"}.get(diagnosis.level, "Possible cause")


def describe_cause(diagnosis: Diagnosis, remedies: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the cause, the remedies and the alternatives, a line each.

    `remedies` are those of the reasons; that of the cause comes after them.
    """
    return (
        f"{cause_label(diagnosis)}: {diagnosis.summary} ({diagnosis.id})",
        *(f"Evidence: {line}" for line in diagnosis.evidence[:1]),
        *_describe_remedies((*remedies, diagnosis.remedy)),
        *(
            line if line.startswith(DECIDES) else f"It may also be: {line}"
            for line in other_causes(diagnosis)
        ),
    )


def _describe_remedies(remedies: Iterable[str]) -> Iterator[str]:
    """Yield each remedy once, a line each."""
    for number, remedy in enumerate(dict.fromkeys(remedies)):
        yield f"{remedy_label(number)}: {remedy}"


def remedy_label(told: int) -> str:
    """Return the label of a remedy, after the number of those that were told."""
    return "Another remedy" if told else "Remedy"


def describe_why(record: CaseRecord, *, rest: str = "in report.html") -> tuple[str, ...]:
    """Return what explains a failed or changed case, a line each: the reasons, then the cause.

    `rest` says where further reasons are told. A flaky case has none: what its last attempt was
    refused for is what the scenario expects.
    """
    if record.verdict.flaky:
        return ()
    shown = record.reasons[:MAX_REASONS]
    labels = ("Why", *("Also" for _ in shown))
    reasons = [f"{label}: {reason.summary}" for label, reason in zip(labels, shown, strict=False)]
    more = len(record.reasons) - MAX_REASONS
    if more > 0:
        reasons.append(f"Also: {plural(more, 'further difference')}, {rest}")
    remedies = [reason.remedy for reason in shown if reason.remedy]
    # What a passed case was refused for is what its scenario expects.
    is_expected = record.verdict.status is Status.PASSED and record.reasons
    cause = None if is_expected else record.diagnosis
    rest_lines = describe_cause(cause, remedies) if cause else _describe_remedies(remedies)
    lines = (*reasons, *rest_lines)
    told = _told_words(record)
    return (*lines, told) if told and not (cause and cause.confidence) else lines


def _told_words(record: CaseRecord) -> str | None:
    """Return what the client of a failed case told its user, unless another line has it."""
    observation, verdict = record.observation, record.verdict
    if verdict.status is not Status.FAILED or not observation.message:
        return None
    fields = [m.field for m in verdict.mismatches] + [t.field for t in verdict.transitions]
    is_told = "message" in fields or any(r.id == "message-hidden" for r in record.reasons)
    if is_told or observation.outcome is Outcome.ACCEPTED:
        return None
    said = "The API answered" if record.client == ClientKind.RAW_HTTP else "It told its user"
    return f"{said}: “{one_line(observation.message)}”"


def other_causes(diagnosis: Diagnosis) -> tuple[str, ...]:
    """Return the alternative causes, then the experiments that decide between them."""
    experiments = {
        experiment: case
        for experiment, case in (
            (diagnosis.experiment, diagnosis.experiment_case),
            *((other.experiment, other.experiment_case) for other in diagnosis.alternatives),
        )
        if experiment
    }
    lines = [f"{other.summary} ({other.id})" for other in diagnosis.alternatives]
    decisions = [
        f"{DECIDES} {experiment}" + (f" Run: authprobe run --case {case}" if case else "")
        for experiment, case in experiments.items()
    ]
    return (*lines, *decisions) if lines else ()


def expected_facts(expectation: Expectation | None) -> Facts:
    """Return the fields that a scenario states, with their expected values; none without one."""
    if expectation is None:
        return (("Outcome", "none stated: nothing was judged"),)
    facts = [
        ("Outcome", expectation.outcome.value),
        ("Status", _number(expectation.status)),
        ("Error type", expectation.error_type),
        ("Message", _rule_words(expectation.message)),
        ("Exit code", _number(expectation.exit_code)),
        ("Detail", _rule_words(expectation.detail)),
        ("Sessions", outcome_counts(expectation.sessions or {}) or None),
        ("Stored login", expectation.stored_login),
        ("Stored expiry", expectation.stored_expiry),
        ("Stored subscription", expectation.stored_subscription),
        ("Findings", ", ".join(expectation.findings) or None),
        ("No findings", ", ".join(expectation.no_findings) or None),
    ]
    facts += [
        (f"Request {number}", describe_request(request))
        for number, request in enumerate(expectation.requests, start=1)
    ]
    facts += [("No request", describe_request(request)) for request in expectation.no_requests]
    return _present(facts)


def observed_facts(record: CaseRecord) -> Facts:
    """Return the fields of an observation, without the requests."""
    observation = record.observation
    sessions = [
        (f"Session {number}", session_words(session))
        for number, session in enumerate(observation.sessions, start=1)
    ]
    return _present(
        (
            ("Outcome", observation.outcome.value),
            ("Status", _number(observation.status)),
            ("Error type", observation.error_type),
            ("Message", observation.message),
            ("Exit code", _number(observation.exit_code)),
            ("Detail", observation.detail),
            ("Time", f"{observation.elapsed:.2f} s"),
            _client_fact(record),
            *sessions,
            ("Refreshes", refresh_words(observation.exchanges)),
            ("Refused hosts", ", ".join(observation.egress_refused) or None),
            ("Stored login", login_words(observation.stored_login)),
            ("Tokens left in", ", ".join(observation.leaks) or None),
            ("Asked", "the real service" if record.target is Target.LIVE else None),
            ("Evidence", evidence_words(observation)),
            ("Connections", _connection_words(observation)),
            ("Cost", _cost_words(observation)),
            ("Response headers", _response_headers(observation.exchanges)),
            ("Findings", ", ".join(finding.name for finding in record.findings) or None),
        )
    )


_EVIDENCE: Final = {
    EvidenceSource.REQUEST: "a request of authprobe's own",
    EvidenceSource.RESULT: "the client's report",
    EvidenceSource.OTEL: "the client's telemetry",
    EvidenceSource.DEBUG_LOG: "the client's log",
    EvidenceSource.GATE: "connections counted",
}


def evidence_words(observation: Observation) -> str | None:
    """Return what the observation of a live case rests on; None: nothing was asked live."""
    return ", ".join(_EVIDENCE[each] for each in observation.evidence) or None


def _connection_words(observation: Observation) -> str | None:
    """Return the connections of a client to each host, as the gate counted them."""
    words = []
    for count in observation.gate:
        refused = f", {count.refused:,} refused" if count.refused else ""
        failure = f", {count.failure}" if count.failure else ""
        amounts = f"{count.sent:,} bytes sent, {count.received:,} received"
        words.append(f"{count.host}: {count.connections:,}{refused}{failure} ({amounts})")
    return "; ".join(words) or None


def _cost_words(observation: Observation) -> str | None:
    """Return the number of requests of a live case and their cost."""
    cost = observation.cost
    if cost is None:
        return None
    usd = cost.estimated_usd
    requests = "requests unknown" if cost.requests is None else plural(cost.requests, "request")
    return f"{requests}, {'cost unknown' if usd is None else usd_words(usd)}"


def usd_words(usd: float) -> str:
    """Return an amount of US dollars; tiny ones only by their bound."""
    if not usd:
        return "no cost"
    return f"about {usd:.4f} USD" if usd >= _SMALLEST_USD else f"below {_SMALLEST_USD:.4f} USD"


_SMALLEST_USD: Final = 0.0001


def _response_headers(exchanges: Iterable[Exchange]) -> str | None:
    """Return the names of the headers of a live response, each once."""
    return ", ".join(dict.fromkeys(n for each in exchanges for n in each.response_headers)) or None


def _client_fact(record: CaseRecord) -> tuple[str, str | None]:
    """Return the client and its version; a command has no name, but may have identified itself."""
    words = _version_words(record.client_version)
    if record.flow != COMMAND_FLOW:
        return "Client", f"{record.client}, {words}"
    return "Client", words if record.client_version else None


def session_words(session: Session) -> str:
    """Describe the outcome of one of several sessions, and its message."""
    words = _joined((session.outcome.value, _number(session.status)), " ")
    return f"{words}: “{truncate(session.message, MAX_LINE_LENGTH)}”" if session.message else words


def refresh_words(exchanges: Iterable[Exchange]) -> str | None:
    """Describe how often each refresh token was sent, and the responses."""
    answers: dict[str, list[str]] = {}
    for exchange in exchanges:
        if exchange.path.endswith(TOKEN_PATH_SUFFIX) and exchange.credential:
            answers.setdefault(exchange.credential, []).append(status_number(exchange))
    words = (
        f"{token} {plural(len(statuses), 'time')}: {', '.join(statuses)}"
        for token, statuses in answers.items()
    )
    return "; ".join(words) or None


def login_words(stored: StoredLogin | None) -> str | None:
    """Describe the state of the login that the client left in its files."""
    if stored is None:
        return None
    tokens = " and ".join(slot for slot in (stored.access, stored.refresh) if slot)
    facts = (
        tokens,
        f"expiry {stored.expiry}" if stored.expiry else None,
        f"subscription {stored.subscription}" if stored.subscription else None,
    )
    return _joined((stored.state.value, _joined(facts, ", ")), ": ")


def setting_facts(record: CaseRecord) -> Facts:
    """Return the auth path, flow, fault and baseline state of a case."""
    return _present(
        (
            ("Auth path", auth_path(record)),
            ("Flow", None if record.flow == COMMAND_FLOW else record.flow),
            ("Fault", record.fault),
            ("Baseline", record.verdict.baseline.value),
            ("Known failure", record.verdict.known),
            ("Attempts", attempt_words(record.verdict)),
        )
    )


def sent_words(exchange: Exchange) -> str:
    """Describe the credential of a request and the header that carried it."""
    return describe_credential(exchange.credential, exchange.credential_header) or "no credential"


def error_words(exchange: Exchange) -> str:
    """Return the error type and message of a response."""
    return _joined((exchange.error_type, exchange.message), ": ")


def nearest_words(exchange: Exchange) -> str:
    """Describe the nearest rule of an unmatched request, and the fields that differ."""
    differs = f", differs in {', '.join(exchange.differs)}" if exchange.differs else ""
    return f"nearest: {exchange.nearest}{differs}"


def status_number(item: Observation | Exchange) -> str:
    """Return the HTTP status, or `none`."""
    return _number(item.status) or "none"


def anchor(case_id: str) -> str:
    """Return the HTML id of a case: the same in every report, and short, as links repeat it."""
    digest = hashlib.sha256(case_id.encode("utf-8", "surrogatepass")).digest()
    return f"case-{base64.b32encode(digest)[:12].decode().lower()}"


def scenario_anchor(scenario: str) -> str:
    """Return the HTML id of a scenario, of letters, digits and `.-_~`."""
    return "about-" + re.sub(r"[^A-Za-z0-9.-]", _slug, scenario)


def rerun_command(run: Run, record: CaseRecord, *, scenario: str | None = None) -> str:
    """Return the command that runs a case again; `scenario` is a file to read instead."""
    if run.selection.is_command:
        return for_shell(("authprobe", "emulator", *run.selection.emulator))
    target = Target.LIVE if record.target is Target.LIVE else None
    return for_shell((*_run_words(run, target, scenario), "--case", record.id))


def rerun_failed_command(run: Run, out: str | None = None) -> str:
    """Return the command that runs all failed cases again; `out` is the folder of the reports."""
    has_both = len({record.target for record in run.cases}) > 1
    is_live = any(record.target is Target.LIVE for record in run.cases)
    target = BOTH if has_both else Target.LIVE if is_live else None
    folder = ("--out", out) if out else ()
    return for_shell((*_run_words(run, target), *folder, "--last-failed"))


def _run_words(run: Run, target: str | None, scenario: str | None = None) -> tuple[str, ...]:
    """Return the words of the command of a run, without those that choose cases."""
    clients = (word for client in run.selection.clients for word in ("--client", client))
    values = (word for value in run.selection.variables for word in ("--set", value))
    paths = (scenario,) if scenario else run.selection.scenarios
    names = (f"./{path}" if path.startswith("-") else path for path in paths)
    allowed = run.selection.isolation
    isolation = () if allowed is Isolation.SEALED else ("--isolation", allowed)
    targets = ("--target", target) if target else ()
    return ("authprobe", "run", *names, *values, *clients, *isolation, *targets)


def was_probed(record: CaseRecord) -> bool:
    """Return whether the case could be tested here."""
    return record.observation.outcome is not Outcome.UNAVAILABLE


def _rule_words(rule: str | TextRule | None) -> str | None:
    match rule:
        case None:
            return None
        case str():
            return f"“{rule}”"
        case TextRule(contains=contains, matches=matches):
            parts = (
                f"contains “{contains}”" if contains is not None else None,
                f"matches “{matches}”" if matches is not None else None,
            )
            return _joined(parts, " and ") or "any"


def companion_words(record: CaseRecord) -> str | None:
    """Return the packages beside the client with their versions; None: it has none."""
    versions = (f"{name} {version}" for name, version in record.companions.items())
    return ", ".join(versions) or None


def _version_words(version: str | None) -> str:
    return f"version {version}" if version else "version unknown"


def _slug(match: re.Match[str]) -> str:
    return "_" if match.group() == "/" else f"~{ord(match.group()):x}~"


def _number(number: int | None) -> str | None:
    return None if number is None else str(number)


def _joined(parts: Iterable[str | None], between: str) -> str:
    return between.join(part for part in parts if part)


def _present(facts: Iterable[tuple[str, str | None]]) -> Facts:
    return tuple((label, value) for label, value in facts if value is not None)

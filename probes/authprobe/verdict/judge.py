"""Compare an observation with its case's expectation and baseline (pure functions)."""

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from authprobe.observation.findings import find_findings
from authprobe.observation.fingerprint import (
    CLIENT,
    Transition,
    describe_credential,
    find_transitions,
    fingerprint,
    value_text,
)
from authprobe.observation.model import (
    Exchange,
    Observation,
    Outcome,
    StoredLogin,
    is_header_as_expected,
)
from authprobe.plan.case import Case
from authprobe.scenario.model import NO_CREDENTIAL as NONE
from authprobe.scenario.model import Expectation, ExpectedRequest, TextRule
from authprobe.verdict.accepted import Accepted
from authprobe.verdict.known_failure import KnownFailure, matches_text_rule
from authprobe.verdict.model import BaselineState, Mismatch, Status, Verdict

MAX_LINES: Final = 50
"""Different requests that a mismatch lists."""
MAX_HEADERS: Final = 5
"""Headers of each that are not as expected, which it lists."""


def judge(
    case: Case,
    observation: Observation,
    previous: Accepted | None = None,
    known_failures: Sequence[KnownFailure] = (),
) -> Verdict:
    """Return the verdict on a case, as `judge_observation` does."""
    return judge_observation(case.expectation, observation, previous, known_failures)


def judge_observation(
    expected: Expectation | None,
    observation: Observation,
    previous: Accepted | None = None,
    known_failures: Sequence[KnownFailure] = (),
) -> Verdict:
    """Return passed or failed by the expectation; error if the case could not be tested.

    Without an expectation, a case that could be tested is `observed`.

    `previous` is the case in the baseline to compare with: the same, or the same question asked of
    another version. A failure that matches a known one is skipped, as
    pytest's xfail is. A different failure of a case with a known failure is a regression.
    """
    mismatches = tuple(find_mismatches(expected, observation)) if expected else ()
    status = Status.FAILED if mismatches else Status.PASSED if expected else Status.OBSERVED
    if observation.outcome is Outcome.UNAVAILABLE and (mismatches or not expected):
        # The case was not tested, so its other mismatches mean nothing.
        status, mismatches = Status.ERROR, ()
    passed_before = previous is not None and previous.status is Status.PASSED
    failed = status is Status.FAILED
    known = next(
        (k.reference for k in known_failures if failed and k.signature.matches(observation)), None
    )
    regressed = failed and known is None and (passed_before or bool(known_failures))
    fixed = status is Status.PASSED and previous is not None and _failed(previous)
    seen = fingerprint(observation)
    changes = () if previous is None else find_transitions(previous.seen, seen)
    is_change = bool(changes) or regressed or fixed
    versions = tuple(_version_transition(observation, previous)) if is_change else ()
    return Verdict(
        status=status if known is None else Status.SKIPPED,
        baseline=_baseline_state(previous, changes),
        regressed=regressed,
        fixed=fixed,
        mismatches=mismatches,
        transitions=(*versions, *changes),
        known=known,
    )


def _failed(previous: Accepted) -> bool:
    return previous.status in (Status.FAILED, Status.SKIPPED)


def _version_transition(
    observation: Observation, previous: Accepted | None
) -> Iterator[Transition]:
    """Yield the change of the client's version since the baseline, if it is known."""
    before = previous and previous.client_version
    now = observation.client_version
    if before and now and before != now:
        yield Transition(field=CLIENT, before=before, after=now)


def _baseline_state(previous: Accepted | None, changes: Sequence[Transition]) -> BaselineState:
    if previous is None:
        return BaselineState.NEW
    return BaselineState.UPDATED if changes else BaselineState.UNCHANGED


def find_mismatches(expected: Expectation, observation: Observation) -> Iterator[Mismatch]:
    """Yield one Mismatch per expected field whose actual value differs."""
    if observation.outcome is not expected.outcome:
        yield Mismatch(field="outcome", expected=expected.outcome, actual=observation.outcome)
    for field in ("status", "error_type", "exit_code"):
        value, actual = getattr(expected, field), getattr(observation, field)
        if value is not None and value != actual:
            yield Mismatch(field=field, expected=str(value), actual=value_text(actual))
    yield from _compare_text("message", expected.message, observation.message)
    yield from _compare_text("detail", expected.detail, observation.detail)
    yield from _compare_login(expected, observation.stored_login)
    yield from _compare_findings(expected, observation)
    yield from _compare_sessions(expected, observation)
    yield from compare_requests(expected, observation.exchanges)


def _compare_text(field: str, rule: str | TextRule | None, text: str | None) -> Iterator[Mismatch]:
    if rule is not None and not matches_text_rule(rule, text):
        yield Mismatch(field=field, expected=rule_text(rule), actual=value_text(text))


def _compare_sessions(expected: Expectation, observation: Observation) -> Iterator[Mismatch]:
    if expected.sessions is None:
        return
    actual = Counter(session.outcome for session in observation.sessions)
    if any(actual[outcome] != number for outcome, number in expected.sessions.items()):
        yield Mismatch(
            field="sessions",
            expected=outcome_counts(expected.sessions),
            actual=outcome_counts(actual) or NONE,
        )


def outcome_counts(counts: Mapping[Outcome, int]) -> str:
    """Return `2 accepted, 1 rejected`, sorted by outcome."""
    return ", ".join(f"{counts[outcome]} {outcome}" for outcome in sorted(counts))


def _compare_login(expected: Expectation, stored: StoredLogin | None) -> Iterator[Mismatch]:
    """Yield a mismatch for each expected field of the stored login that differs."""
    for field, value, actual in (
        ("stored_login", expected.stored_login, stored and stored.state),
        ("stored_expiry", expected.stored_expiry, stored and stored.expiry),
        ("stored_subscription", expected.stored_subscription, stored and stored.subscription),
    ):
        if value not in (None, actual or NONE):
            yield Mismatch(field=field, expected=str(value), actual=value_text(actual))


def _compare_findings(expected: Expectation, observation: Observation) -> Iterator[Mismatch]:
    """Yield a mismatch for each finding that is missing or forbidden."""
    if not (expected.findings or expected.no_findings):
        return
    texts = {finding.name: finding.text for finding in find_findings(observation)}
    for name in expected.findings:
        if name not in texts:
            yield Mismatch(field="findings", expected=name, actual=", ".join(texts) or NONE)
    for name in expected.no_findings:
        if name in texts:
            yield Mismatch(field="no_findings", expected=f"no {name}", actual=texts[name])


def compare_requests(expected: Expectation, exchanges: tuple[Exchange, ...]) -> Iterator[Mismatch]:
    """Yield a mismatch for the first missing request and for each forbidden one."""
    remaining = iter(exchanges)  # consumed by the matches, so that their order counts
    for number, request in enumerate(expected.requests):
        if not any(matches_request(request, exchange) for exchange in remaining):
            similar = [exchange for exchange in exchanges if _has_same_target(request, exchange)]
            yield Mismatch(
                field=f"requests[{number}]",
                expected=describe_request(request),
                actual=_with_counts(describe_exchange(exchange, request) for exchange in similar)
                or "no such request, in this order",
            )
            break
    for number, request in enumerate(expected.no_requests):
        for exchange in exchanges:
            if matches_request(request, exchange):
                yield Mismatch(
                    field=f"no_requests[{number}]",
                    expected=f"no {describe_request(request)}",
                    actual=describe_exchange(exchange, request),
                )
                break


def matches_request(request: ExpectedRequest, exchange: Exchange) -> bool:
    """Return True if the exchange has every stated field of the request."""
    return (
        _has_same_target(request, exchange)
        and request.status in (None, exchange.status)
        and request.rule in (None, exchange.rule)
        and request.credential in (None, exchange.credential or NONE)
        and request.credential_header in (None, exchange.credential_header or NONE)
        and (request.scopes is None or set(request.scopes) == set(exchange.scopes))
        and set(request.betas) <= set(exchange.betas)
        and set(request.gateway) <= set(exchange.gateway)
        and not any(_other_headers(exchange, request))
    )


def _has_same_target(request: ExpectedRequest, exchange: Exchange) -> bool:
    return (
        request.method in (None, exchange.method)
        and request.host in (None, exchange.host)
        and request.path in (None, exchange.path)
    )


def describe_request(request: ExpectedRequest) -> str:
    """Return the stated fields of an expected request on one line."""
    parts = [
        _target(request.method, request.host, request.path),
        f"status {request.status}" if request.status is not None else None,
        describe_credential(request.credential, request.credential_header),
        f"betas {', '.join(request.betas)}" if request.betas else None,
        f"scopes {', '.join(request.scopes)}" if request.scopes else None,
        f"by rule {request.rule}" if request.rule else None,
        f"gateway {', '.join(request.gateway)}" if request.gateway else None,
    ]
    parts += [_header(name, value) for name, value in request.headers.items()]
    return ", ".join(part for part in parts if part) or "any request"


def describe_exchange(exchange: Exchange, expected: ExpectedRequest) -> str:
    """Return an exchange on one line, comparable with `describe_request(expected)`.

    Betas, scopes and acts of a gateway are left out if the expected request states none, and
    headers if they are as expected.
    """
    parts = (
        _target(exchange.method, exchange.host, exchange.path),
        "no response" if exchange.status is None else f"status {exchange.status}",
        describe_credential(exchange.credential or NONE, exchange.credential_header),
        f"betas {', '.join(exchange.betas) or NONE}" if expected.betas else None,
        f"scopes {', '.join(exchange.scopes) or NONE}" if expected.scopes else None,
        f"by rule {value_text(exchange.rule)}",
        f"gateway {', '.join(exchange.gateway) or NONE}" if expected.gateway else None,
        *itertools.islice(_other_headers(exchange, expected), MAX_HEADERS),
    )
    return ", ".join(part for part in parts if part)


def _other_headers(exchange: Exchange, expected: ExpectedRequest) -> Iterator[str]:
    for name, value in expected.headers.items():
        sent = exchange.headers.get(name.lower())
        if not is_header_as_expected(sent, value):
            yield _header(name, sent)


def _header(name: str, value: str | None) -> str:
    return f"no header {name}" if value is None else f"header {name}: {value}"


def _target(method: str | None, host: str | None, path: str | None) -> str | None:
    return " ".join(part for part in (method, f"{host or ''}{path or ''}") if part) or None


def _with_counts(lines: Iterable[str]) -> str:
    """Join the different lines in order of first occurrence, each with its count."""
    counts = Counter(lines)
    texts = [
        f"{line} ({count} times)" if count > 1 else line
        for line, count in itertools.islice(counts.items(), MAX_LINES)
    ]
    more = len(counts) - MAX_LINES
    return "; ".join([*texts, f"and {more:,} others"] if more > 0 else texts)


def rule_text(rule: str | TextRule) -> str:
    """Return what a rule demands of a text, as words."""
    if isinstance(rule, str):
        return rule
    if rule.contains is not None:
        return f"text with '{rule.contains}'"
    return f"text that matches /{rule.matches}/"

"""Case and observation become a verdict; nothing else is looked at."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from authprobe.observation.findings import find
from authprobe.observation.fingerprint import (
    Fingerprint,
    credential_words,
    fingerprint,
    transitions,
)
from authprobe.observation.model import Exchange, Observation, Outcome, StoredLogin
from authprobe.plan.case import Case
from authprobe.scenario.model import NO_CREDENTIAL as NONE
from authprobe.scenario.model import Expectation, ExpectedRequest, TextRule
from authprobe.verdict.accepted import Accepted
from authprobe.verdict.known_failure import KnownFailure, text_fits
from authprobe.verdict.model import BaselineState, Mismatch, Status, Verdict


def judge(
    case: Case,
    observation: Observation,
    previous: Accepted | None = None,
    known: Sequence[KnownFailure] = (),
) -> Verdict:
    """passed or failed by the expectation; error if it could not be tested.

    `previous` is the same case in the baseline. A failure that is `known` is skipped, as pytest's
    xfail is; another one, of a case of which one is known, is a regression.
    """
    mismatches = tuple(find_mismatches(case.expectation, observation))
    status = Status.FAILED if mismatches else Status.PASSED
    if observation.outcome is Outcome.UNAVAILABLE and mismatches:
        # It was not tested: what else was expected of it says nothing.
        status, mismatches = Status.ERROR, ()
    passed_before = previous is not None and previous.status is Status.PASSED
    failed = status is Status.FAILED
    issue = next((k.issue for k in known if failed and k.signature.fits(observation)), None)
    now = fingerprint(observation)
    return Verdict(
        status=status if issue is None else Status.SKIPPED,
        baseline=_baseline_state(now, previous),
        regressed=failed and issue is None and (passed_before or bool(known)),
        mismatches=mismatches,
        transitions=() if previous is None else transitions(previous.seen, now),
        known=issue,
    )


def _baseline_state(now: Fingerprint, previous: Accepted | None) -> BaselineState:
    if previous is None:
        return BaselineState.NEW
    return BaselineState.UNCHANGED if now == previous.seen else BaselineState.UPDATED


def find_mismatches(expected: Expectation, seen: Observation) -> Iterator[Mismatch]:
    """Every field that is stated and is not so."""
    if seen.outcome is not expected.outcome:
        yield Mismatch(field="outcome", expected=expected.outcome, actual=seen.outcome)
    for field in ("status", "error_type", "exit_code"):
        wanted, actual = getattr(expected, field), getattr(seen, field)
        if wanted is not None and wanted != actual:
            yield Mismatch(field=field, expected=str(wanted), actual=_shown(actual))
    if expected.message is not None and not text_fits(expected.message, seen.message):
        yield Mismatch(
            field="message", expected=_rule_text(expected.message), actual=_shown(seen.message)
        )
    if expected.detail is not None and not text_fits(expected.detail, seen.detail):
        yield Mismatch(
            field="detail", expected=_rule_text(expected.detail), actual=_shown(seen.detail)
        )
    yield from _compare_login(expected, seen.stored_login)
    yield from _compare_findings(expected, seen)
    yield from _compare_sessions(expected, seen)
    yield from _compare_requests(expected, seen.exchanges)


def _compare_sessions(expected: Expectation, seen: Observation) -> Iterator[Mismatch]:
    if expected.sessions is None:
        return
    came_to = Counter(session.outcome for session in seen.sessions)
    if any(came_to[outcome] != number for outcome, number in expected.sessions.items()):
        yield Mismatch(
            field="sessions",
            expected=outcome_counts(expected.sessions),
            actual=outcome_counts(came_to) or NONE,
        )


def outcome_counts(counts: Mapping[Outcome, int]) -> str:
    """`2 accepted, 1 rejected`, in an order that is always the same."""
    return ", ".join(f"{counts[outcome]} {outcome}" for outcome in sorted(counts))


def _compare_login(expected: Expectation, stored: StoredLogin | None) -> Iterator[Mismatch]:
    """What the stored login is in the end, field by field."""
    for field, wanted, actual in (
        ("stored_login", expected.stored_login, stored and stored.state),
        ("stored_expiry", expected.stored_expiry, stored and stored.expiry),
        ("stored_subscription", expected.stored_subscription, stored and stored.subscription),
    ):
        if wanted not in (None, actual or NONE):
            yield Mismatch(field=field, expected=str(wanted), actual=_shown(actual))


def _compare_findings(expected: Expectation, seen: Observation) -> Iterator[Mismatch]:
    """Findings that are missing, or that must not be."""
    if not (expected.findings or expected.no_findings):
        return
    found = {finding.name: finding.text for finding in find(seen)}
    for name in expected.findings:
        if name not in found:
            yield Mismatch(field="findings", expected=name, actual=", ".join(found) or NONE)
    for name in expected.no_findings:
        if name in found:
            yield Mismatch(field="no_findings", expected=f"no {name}", actual=found[name])


def _compare_requests(expected: Expectation, exchanges: tuple[Exchange, ...]) -> Iterator[Mismatch]:
    """Requests that are missing from the order in which they must come, or that must not be."""
    left = iter(exchanges)
    for number, request in enumerate(expected.requests):
        if not any(request_fits(request, exchange) for exchange in left):
            made = [exchange for exchange in exchanges if _same_target(request, exchange)]
            yield Mismatch(
                field=f"requests[{number}]",
                expected=describe_request(request),
                actual=_counted(describe_exchange(exchange, request) for exchange in made)
                or "no such request, in this order",
            )
            break
    for number, request in enumerate(expected.no_requests):
        for exchange in exchanges:
            if request_fits(request, exchange):
                yield Mismatch(
                    field=f"no_requests[{number}]",
                    expected=f"no {describe_request(request)}",
                    actual=describe_exchange(exchange, request),
                )
                break


def request_fits(request: ExpectedRequest, exchange: Exchange) -> bool:
    """Whether everything that is stated of the request holds for the exchange."""
    return (
        _same_target(request, exchange)
        and request.status in (None, exchange.status)
        and request.rule in (None, exchange.rule)
        and request.credential in (None, exchange.credential or NONE)
        and request.credential_header in (None, exchange.credential_header or NONE)
        and (request.scopes is None or set(request.scopes) == set(exchange.scopes))
        and set(request.betas) <= set(exchange.betas)
        and all(
            exchange.headers.get(name.lower()) == value for name, value in request.headers.items()
        )
    )


def _same_target(request: ExpectedRequest, exchange: Exchange) -> bool:
    return (
        request.method in (None, exchange.method)
        and request.host in (None, exchange.host)
        and request.path in (None, exchange.path)
    )


def describe_request(request: ExpectedRequest) -> str:
    """An expected request in one line: what is stated of it."""
    parts = [
        _target(request.method, request.host, request.path),
        f"status {request.status}" if request.status is not None else None,
        credential_words(request.credential, request.credential_header),
        f"betas {', '.join(request.betas)}" if request.betas else None,
        f"scopes {', '.join(request.scopes)}" if request.scopes else None,
        f"by rule {request.rule}" if request.rule else None,
    ]
    parts += [
        f"no header {name}" if value is None else f"header {name}: {value}"
        for name, value in request.headers.items()
    ]
    return ", ".join(part for part in parts if part) or "any request"


def describe_exchange(exchange: Exchange, beside: ExpectedRequest) -> str:
    """A request that was made, in one line, with the same words; betas where they are asked for."""
    parts = (
        _target(exchange.method, exchange.host, exchange.path),
        f"status {_shown(exchange.status)}",
        credential_words(exchange.credential or NONE, exchange.credential_header),
        f"betas {', '.join(exchange.betas) or NONE}" if beside.betas else None,
        f"scopes {', '.join(exchange.scopes) or NONE}" if beside.scopes else None,
        f"by rule {_shown(exchange.rule)}",
    )
    return ", ".join(part for part in parts if part)


def _target(method: str | None, host: str | None, path: str | None) -> str | None:
    return " ".join(part for part in (method, f"{host or ''}{path or ''}") if part) or None


def _counted(lines: Iterable[str]) -> str:
    """The different lines in the order in which they first come, each with its number."""
    counts = Counter(lines)
    return "; ".join(f"{line} ({n} times)" if n > 1 else line for line, n in counts.items())


def _rule_text(rule: str | TextRule) -> str:
    if isinstance(rule, str):
        return rule
    if rule.contains is not None:
        return f"text with '{rule.contains}'"
    return f"text that matches /{rule.matches}/"


def _shown(value: object) -> str:
    return NONE if value is None else str(value)

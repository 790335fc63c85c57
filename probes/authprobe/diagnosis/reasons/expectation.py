"""Reasons for the mismatches of a case with its expectation."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from authprobe.diagnosis.reasons.difference import Ending, Sentences, quoted
from authprobe.diagnosis.reasons.kinds import Draft
from authprobe.diagnosis.reasons.requests import (
    Sent,
    request_added,
    request_differs,
    request_missing,
    sent,
)
from authprobe.observation.findings import find_findings, has_error_message
from authprobe.observation.fingerprint import (
    NONE,
    has_stable_count,
    is_auth_request,
    value_text,
)
from authprobe.observation.model import (
    Exchange,
    Observation,
    Outcome,
    is_header_as_expected,
)
from authprobe.scenario.model import Expectation, ExpectedRequest, TextRule
from authprobe.verdict.judge import (
    describe_request,
    matches_request,
    outcome_counts,
    rule_text,
)
from authprobe.verdict.known_failure import matches_text_rule


def expectation_reasons(
    say: Sentences, expected: Expectation, observation: Observation
) -> Iterator[Draft]:
    """Yield a reason for each stated field whose actual value differs."""
    yield from _ending_reasons(say, expected, observation)
    yield from _login_reasons(say, expected, observation)
    yield from _finding_reasons(say, expected, observation)
    yield from _request_reasons(say, expected, observation)


def _ending_reasons(
    say: Sentences, expected: Expectation, observation: Observation
) -> Iterator[Draft]:
    is_other = observation.outcome is not expected.outcome
    # A client that is accepted has no refusal to tell, and one that is ended no last word.
    follows = is_other and observation.outcome in (Outcome.ACCEPTED, Outcome.TIMED_OUT)
    if is_other:
        then = Ending(
            outcome=expected.outcome,
            status=value_text(expected.status),
            error_type=value_text(expected.error_type),
        )
        is_told, details = has_error_message(observation), ending_details(observation)
        yield say.ending(ending_of(observation), then, details, is_told=is_told)
        if _was_silent(observation):
            yield say.no_request()
    else:
        yield from say.other_refusal(
            {
                field: (value_text(getattr(observation, field)), str(value))
                for field in ("status", "error_type")
                if (value := getattr(expected, field)) not in (None, getattr(observation, field))
            }
        )
    yield from (
        replace(draft, is_minor=follows) for draft in _told_reasons(say, expected, observation)
    )
    if expected.detail and not matches_text_rule(expected.detail, observation.detail):
        now, then_detail = value_text(observation.detail), _rule_words(expected.detail)
        yield say.differs("detail", "ended with the explanation", now, then_detail)
    actual_counts = Counter(session.outcome for session in observation.sessions)
    if any(actual_counts[key] != n for key, n in (expected.sessions or {}).items()):
        wanted = outcome_counts(expected.sessions or {})
        yield say.sessions(outcome_counts(actual_counts) or NONE, wanted)


def _told_reasons(
    say: Sentences, expected: Expectation, observation: Observation
) -> Iterator[Draft]:
    """Yield the reasons for another exit code or message."""
    if expected.exit_code not in (None, observation.exit_code):
        yield say.exit_code(value_text(observation.exit_code), str(expected.exit_code))
    if expected.message and not matches_text_rule(expected.message, observation.message):
        is_hidden = observation.outcome is not Outcome.ACCEPTED
        then = _rule_words(expected.message)
        yield say.message(observation.message, then, is_hidden=is_hidden)


def hidden_refusal(say: Sentences, observation: Observation) -> Iterator[Draft]:
    """Yield the reason that a program told its user nothing of the API's last refusal.

    Its message has neither the status nor a word of the type or the message of the error.
    """
    last = deciding_exchange(observation.exchanges)
    if last is None or (last.status or 0) < 400 or observation.outcome in _WITHOUT_MESSAGE:
        return
    told, error = observation.message or "", f"{last.error_type or ''} {last.message or ''}"
    if str(last.status) in told or _words(error) & _words(told):
        return
    refusal = " ".join(filter(None, (str(last.status), last.error_type)))
    detail = f": {quoted(last.message)}" if last.message else ""
    what = f"only {quoted(told)}" if told else "nothing"
    summary = f"{say.client} hides the API's error ({refusal}{detail}); it told its user {what}."
    yield Draft(id="message-hidden", subject="message", summary=summary, remedy=_HIDDEN_REMEDY)


_HIDDEN_REMEDY: Final = "Let the program show its user the status and the message of the API."
_WITHOUT_MESSAGE: Final = (Outcome.ACCEPTED, Outcome.TIMED_OUT, Outcome.CRASHED)
"""Outcomes that have no message about a refusal."""
_WORD: Final = re.compile(r"[a-z]{4,}")
_COMMON_WORDS: Final = frozenset(
    ("error", "please", "this", "that", "with", "your", "again", "later", "from", "request")
)
"""Words that a message about anything can have."""


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.lower().replace("_", " "))) - _COMMON_WORDS


def _rule_words(rule: str | TextRule) -> str:
    return quoted(rule) if isinstance(rule, str) else f"a {rule_text(rule)}"


def _was_silent(observation: Observation) -> bool:
    is_refused = observation.outcome not in (Outcome.ACCEPTED, *_WITHOUT_BACKEND)
    if observation.evidence:  # nobody sees the requests of a client to the real service
        return False
    return is_refused and not any(map(is_auth_request, observation.exchanges))


_WITHOUT_BACKEND: Final = (Outcome.UNREACHABLE, Outcome.UNAVAILABLE)
"""Outcomes that say that no request was answered."""
_STILL_RUNNING: Final = re.compile(
    r"(?:still running after [\d.]+ s(?:, in which it made [\d,]+ requests?)?(?:: )?"
    r"|went on asking: ended after \d+ equal refusals, of \d+ requests)"
    r"(?:; [\d,]+ further requests? (?:is|are) not recorded)?"
)
"""Beginning of the detail of a client that had to be ended; the number of requests is chance."""


def ending_details(observation: Observation) -> str | None:
    """Return what explains the outcome: authprobe's detail, else the last refused request."""
    detail = _STILL_RUNNING.sub("", observation.detail or "", count=1)
    last = deciding_exchange(observation.exchanges)
    if detail or last is None or last.status is None or last.status < 400:
        return detail or None
    return exchange_words(last)


def deciding_exchange(exchanges: Sequence[Exchange]) -> Exchange | None:
    """Return the last request to a model or token endpoint, else the last for authentication."""
    relevant = list(filter(is_auth_request, exchanges))
    deciding = list(filter(has_stable_count, relevant))
    return next(reversed(deciding or relevant), None)


def ending_of(observation: Observation) -> Ending:
    """Return how a case ended."""
    return Ending(
        outcome=observation.outcome,
        status=value_text(observation.status),
        error_type=value_text(observation.error_type),
    )


def _login_reasons(
    say: Sentences, expected: Expectation, observation: Observation
) -> Iterator[Draft]:
    stored = observation.stored_login
    state = stored.state if stored else NONE
    if expected.stored_login not in (None, state):
        yield say.login_state(state, str(expected.stored_login))
    for field in ("expiry", "subscription"):
        value = getattr(expected, f"stored_{field}")
        actual = value_text(getattr(stored, field) if stored else None)
        if value not in (None, actual):
            yield say.login_field(field, actual, str(value))


def _finding_reasons(
    say: Sentences, expected: Expectation, observation: Observation
) -> Iterator[Draft]:
    if not (expected.findings or expected.no_findings):
        return
    texts = {finding.name: finding.text for finding in find_findings(observation)}
    yield from (say.finding_gone(name) for name in expected.findings if name not in texts)
    yield from (say.finding(name, texts[name]) for name in expected.no_findings if name in texts)


def _request_reasons(
    say: Sentences, expected: Expectation, observation: Observation
) -> Iterator[Draft]:
    exchanges = observation.exchanges
    missing = _first_missing(expected.requests, exchanges)
    differences: list[Draft] = []
    if missing is not None:
        differences += _missing_reasons(say, expected.requests, missing, exchanges)
    yield from differences
    told = {draft.subject for draft in differences}
    for request in expected.no_requests:
        exchange = next((e for e in exchanges if matches_request(request, e)), None)
        if exchange is not None:
            draft = request_added(say, sent(exchange), exchange_words(exchange))
            # A request that differs from the expected one is often a forbidden one as well.
            yield replace(draft, is_minor=draft.subject in told)


def _first_missing(
    requests: Sequence[ExpectedRequest], exchanges: Sequence[Exchange]
) -> int | None:
    """Return the number of the first expected request that does not occur in its order."""
    remaining = iter(exchanges)
    for number, request in enumerate(requests):
        if not any(matches_request(request, exchange) for exchange in remaining):
            return number
    return None


def _missing_reasons(
    say: Sentences,
    requests: Sequence[ExpectedRequest],
    number: int,
    exchanges: Sequence[Exchange],
) -> Iterator[Draft]:
    request = requests[number]
    words = describe_request(request)
    if not any(map(is_auth_request, exchanges)):
        yield say.only_then("no-request", f"sent no request, not even {words}")
        return
    matches = sum(matches_request(request, exchange) for exchange in exchanges)
    if matches and requests[:number].count(request) >= matches:
        often = "once" if matches == 1 else f"{matches} times"
        yield say.differs("request-count", f"sent {words}", f"only {often}", f"{matches + 1} times")
    elif matches:
        previous = describe_request(requests[number - 1])
        yield say.differs(
            "request-order", f"sent {words},", f"before {previous}", "after it", subject=words
        )
    else:
        yield from _nearest_reasons(say, request, exchanges)


def _nearest_reasons(
    say: Sentences, request: ExpectedRequest, exchanges: Sequence[Exchange]
) -> Iterator[Draft]:
    """Yield the differences from the most similar request; or that there is no similar one."""
    wanted = _wanted(request)
    similar = [exchange for exchange in exchanges if _is_similar(wanted, sent(exchange))]
    if not similar:
        yield _request_missing(say, wanted, describe_request(request), exchanges)
        return
    # The last one: a client that retries is judged by how it ended.
    nearest = min(reversed(similar), key=lambda exchange: len(_differences(say, request, exchange)))
    yield from _differences(say, request, nearest)


def _request_missing(
    say: Sentences, wanted: Sent, words: str, exchanges: Sequence[Exchange]
) -> Draft:
    """Return that a request is missing, and which one the client sent instead, if only one."""
    others = {sent(exchange).target for exchange in exchanges if is_auth_request(exchange)}
    if len(others) > 1 or wanted.is_token_request:
        return request_missing(say, wanted, words)
    return say.differs("request-missing", "sent only", others.pop(), words, subject=wanted.target)


def _wanted(request: ExpectedRequest) -> Sent:
    return Sent(
        method=request.method,
        host=request.host,
        path=request.path,
        slot=request.credential,
        header=request.credential_header,
        status=None if request.status is None else str(request.status),
    )


def _is_similar(wanted: Sent, actual: Sent) -> bool:
    """Return True if the actual request may be the wanted one, sent otherwise."""
    if wanted.is_token_request and actual.is_token_request:
        return True
    if wanted.path is None:
        return wanted.host in (None, actual.host)
    return wanted.path == actual.path


def _differences(say: Sentences, request: ExpectedRequest, exchange: Exchange) -> list[Draft]:
    now = sent(exchange)
    return [
        *request_differs(say, now, _wanted(request)),
        *_detail_differences(say, request, exchange, now.target),
    ]


def _detail_differences(
    say: Sentences, request: ExpectedRequest, exchange: Exchange, target: str
) -> Iterator[Draft]:
    for flag in request.betas:
        if flag not in exchange.betas:
            yield say.only_then(
                "beta",
                f"sent {target} without the beta flag {flag}",
                subject=f"{flag} {target}",
            )
    for name, value in request.headers.items():
        actual = exchange.headers.get(name.lower())
        if not is_header_as_expected(actual, value):
            yield _header_differs(say, name, actual, value, target)
    for act in request.gateway:
        if act not in exchange.gateway:
            yield say.only_then(
                "answer",
                f"got {target} through the gateway without {act}",
                subject=f"{act} {target}",
            )
    if request.scopes is not None and set(request.scopes) != set(exchange.scopes):
        now, then = (
            " ".join(sorted(scopes)) or NONE for scopes in (exchange.scopes, request.scopes)
        )
        yield say.differs("scopes", f"asked {target} for the scopes", now, then, subject=target)
    if request.rule not in (None, exchange.rule):
        yield say.differs(
            "answer",
            f"was answered at {target} by rule",
            value_text(exchange.rule),
            f"{request.rule}",
            subject=f"rule {target}",
        )


def _header_differs(
    say: Sentences, name: str, now: str | None, then: str | None, target: str
) -> Draft:
    subject = f"{name} {target}"
    if then is None:
        return say.only_now(
            "header", f"sent {target} with the header {name}: {now}", subject=subject
        )
    if now is None:
        return say.only_then(
            "header", f"sent {target} without the header {name}: {then}", subject=subject
        )
    return say.differs("header", f"sent {target} with {name}:", now, then, subject=subject)


def exchange_words(exchange: Exchange) -> str:
    """Return an exchange with its credential and its answer as a phrase."""
    request = sent(exchange)
    credential = request.credential or "no credential"
    answer = f"answered {exchange.status}" if exchange.status else "without an answer"
    return f"{request.target} with {credential}, {answer}"

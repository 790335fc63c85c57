"""Reasons for the changes of a case since the baseline."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import astuple, replace
from typing import Final, NamedTuple

from authprobe.core.claude_api import is_inference_path
from authprobe.diagnosis.reasons.difference import Ending, Sentences, quoted
from authprobe.diagnosis.reasons.expectation import ending_details
from authprobe.diagnosis.reasons.kinds import Draft
from authprobe.diagnosis.reasons.requests import (
    Sent,
    parse_sent,
    request_added,
    request_differs,
    request_missing,
)
from authprobe.observation.findings import find_findings, has_error_message
from authprobe.observation.fingerprint import CLIENT, NONE, Transition, is_auth_request, value_text
from authprobe.observation.model import Observation, Outcome

_REQUEST: Final = "request "
_AFTER_EXIT: Final = ("message", "exit_code")
"""Fields without a meaning for a client that was ended at its time limit."""
_OK: Final = "200"
_NOT_MADE: Final = "not made"
MAX_NAMES: Final = 3
"""Names of headers or flags in a sentence; the rest is counted."""


class _Kind(NamedTuple):
    """Kind of the reason for members of a request, and the verb for sending one."""

    id: str
    verb: str
    past: str


_SENT: Final = {
    "header ": _Kind("header", "send", "sent"),
    "beta flag ": _Kind("beta", "send", "sent"),
    "scope ": _Kind("scopes", "ask for", "asked for"),
}
"""Kinds by the beginning of the transition's field."""
_CREDENTIAL_HEADERS: Final = ("header authorization", "header x-api-key")
"""Headers that the reasons for the requests name with their credentials."""
_ENDING_FIELDS: Final = ("outcome", "status", "error_type")


def change_reasons(
    say: Sentences, transitions: Sequence[Transition], observation: Observation
) -> Iterator[Draft]:
    """Yield a reason for each transition, except that of the client's version."""
    by_field = {transition.field: transition for transition in transitions}
    yield from _ending_changes(say, by_field, observation)
    requests = [each for each in transitions if each.field.startswith(_REQUEST)]
    was_timed_out = Outcome.TIMED_OUT in (observation.outcome, _before(by_field, "outcome"))
    is_silent = not any(map(is_auth_request, observation.exchanges))
    yield from _request_changes(say, requests, counts=not was_timed_out, is_silent=is_silent)
    for transition in transitions:
        is_told = transition.field in (CLIENT, *_ENDING_FIELDS) or transition in requests
        if not is_told and not transition.field.startswith(tuple(_SENT)):
            draft = _field_change(say, transition, observation)
            follows = was_timed_out and transition.field in _AFTER_EXIT
            yield replace(draft, is_minor=True) if follows else draft
    for noun in _SENT:
        yield from _sent_changes(say, noun, transitions, has_requests=bool(requests))


def _sent_changes(
    say: Sentences, noun: str, transitions: Sequence[Transition], *, has_requests: bool
) -> Iterator[Draft]:
    """Yield one reason for all members that are gone, and a minor one for all that are new."""
    kind = _SENT[noun]
    changed = {
        each.field.removeprefix(noun): each.after in _PRESENT
        for each in transitions
        if each.field.startswith(noun) and not (has_requests and each.field in _CREDENTIAL_HEADERS)
    }
    gone = [name for name, is_new in changed.items() if not is_new]
    new = [name for name, is_new in changed.items() if is_new]
    if gone:
        yield say.only_then(kind.id, f"did not {kind.verb} {_names(noun, gone)}", subject="gone")
    if new:
        draft = say.only_now(kind.id, f"{kind.past} {_names(noun, new)}", subject="new")
        yield replace(draft, is_minor=True)


def _names(noun: str, names: Sequence[str]) -> str:
    more = len(names) - MAX_NAMES
    others = f" and {more} more" if more > 0 else ""
    nouns = noun if len(names) == 1 else f"{noun.rstrip()}s "
    return f"the {nouns}{', '.join(names[:MAX_NAMES])}{others}"


def _before(by_field: dict[str, Transition], field: str) -> str | None:
    return by_field[field].before if field in by_field else None


def _ending_changes(
    say: Sentences, by_field: dict[str, Transition], observation: Observation
) -> Iterator[Draft]:
    """Yield one reason for another outcome with its status and error type, or one for each."""
    now = {field: value_text(getattr(observation, field)) for field in _ENDING_FIELDS}
    if "outcome" in by_field:
        then = {field: _before(by_field, field) or now[field] for field in _ENDING_FIELDS}
        is_told, details = has_error_message(observation), ending_details(observation)
        yield say.ending(Ending(**now), Ending(**then), details, is_told=is_told)
        return
    yield from say.other_refusal(
        {
            field: (now[field], by_field[field].before)
            for field in _ENDING_FIELDS[1:]
            if field in by_field
        }
    )


def _field_change(say: Sentences, transition: Transition, observation: Observation) -> Draft:
    """Return the reason for a field, or for a member that a field has gained or lost."""
    field, before, after = transition.field, transition.before, transition.after
    match field:
        case "message":
            then = "nothing" if before == NONE else quoted(before)
            is_hidden = observation.outcome is not Outcome.ACCEPTED
            return say.message(_text(after), then, is_hidden=is_hidden)
        case "exit_code":
            return say.exit_code(after, before)
        case "sessions":
            return say.sessions(after, before)
        case "stored_login":
            return say.login_state(after, before)
        case _ if field.startswith(_STORED):
            return say.login_field(field.removeprefix(_STORED), after, before)
    for noun, reason in _MEMBERS.items():
        if field.startswith(noun):
            return reason(say, field.removeprefix(noun), after in _PRESENT, observation)
    return say.differs("other", f"has the {field}", after, before, subject=field)


_STORED: Final = "stored_"
_PRESENT: Final = frozenset({"yes", "sent", "requested", "contacted"})
"""Words of a transition for a member that only the later side has."""


def _finding(say: Sentences, name: str, is_new: bool, observation: Observation) -> Draft:
    texts = {finding.name: finding.text for finding in find_findings(observation)}
    return say.finding(name, texts.get(name, "")) if is_new else say.finding_gone(name)


def _leak(say: Sentences, place: str, is_new: bool, _: Observation) -> Draft:
    if is_new:
        return say.only_now("leak", f"left a token in {place}", subject=place)
    return say.only_then("finding-gone", f"left no token in {place}", subject=place)


def _host(say: Sentences, host: str, is_new: bool, _: Observation) -> Draft:
    if is_new:
        draft = say.only_now("side-host", f"contacted {host}, which is not emulated", subject=host)
    else:
        draft = say.only_then("side-host", f"did not contact {host}", subject=host)
    return replace(draft, is_minor=True)


_MEMBERS: Final[dict[str, Callable[[Sentences, str, bool, Observation], Draft]]] = {
    "finding ": _finding,
    "token left in ": _leak,
    "refused host ": _host,
}
"""Reasons for a member of a set, by the beginning of its transition's field."""


def _text(value: str) -> str | None:
    return None if value == NONE else value


def _request_changes(
    say: Sentences, transitions: Iterable[Transition], *, counts: bool, is_silent: bool
) -> Iterator[Draft]:
    """Yield the reasons for new, missing and repeated requests; similar ones are compared."""
    new: list[Sent] = []
    gone: list[Sent] = []
    for transition in transitions:
        line = transition.field.removeprefix(_REQUEST)
        request = parse_sent(line)
        if request is None:
            yield say.differs("other", f"sent {line}:", transition.after, transition.before)
        elif transition.before == _NOT_MADE:
            new.append(request)
        elif transition.after == _NOT_MADE:
            gone.append(request)
        elif counts:
            draft = say.differs(
                "request-count", f"sent {line},", transition.after, transition.before, subject=line
            )
            yield replace(draft, is_minor=request.status == _OK)
    for now in new:
        then = max(gone, key=lambda then, now=now: _likeness(now, then), default=None)  # type: ignore[misc]
        if then is None or _likeness(now, then) < 0:
            yield _side(now, request_added(say, now, _words(now)))
            continue
        gone.remove(then)
        yield from request_differs(say, now, then)
    if gone and not new and is_silent:
        yield say.only_then("no-request", f"sent no request, not even {_words(gone[0])}")
        return
    yield from (_side(then, request_missing(say, then, _words(then))) for then in gone)


def _side(request: Sent, draft: Draft) -> Draft:
    """Return the reason as a minor one, unless the request decides about authentication."""
    decides = request.is_token_request or is_inference_path(request.path or "")
    return draft if decides else replace(draft, is_minor=True)


def _likeness(now: Sent, then: Sent) -> int:
    """Return the number of equal fields; -1: the two are different requests."""
    is_same = (now.method, now.path) == (then.method, then.path)
    if not is_same and not (now.is_token_request and then.is_token_request):
        return -1
    return sum(a == b for a, b in zip(astuple(now), astuple(then), strict=True))


def _words(request: Sent) -> str:
    credential = request.credential or "no credential"
    answer = "without an answer" if request.status == NONE else f"answered {request.status}"
    return f"{request.target} with {credential}, {answer}"

"""What a rule is: a request as rules see it, an answer, and where the rule is known from."""

import datetime
import enum
import functools
import json
import re
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from authprobe.emulator.state.state import State
from authprobe.emulator.state.tokens import Token

ISSUE: Final = re.compile(r"([\w.-]+/[\w.-]+)#(\d+)")
DAY: Final = re.compile(r"\d{4}-\d\d(-\d\d)?")


class RuleCertainty(enum.StrEnum):
    """How well a rule is known."""

    DOCUMENTED = "documented"
    OBSERVED = "seen in a client"
    """What an unmodified client sends when it is run; what the service makes of it is inferred."""
    SEVERAL = "several reports"
    ONCE = "one report"
    INFERRED = "inferred"


@dataclass(frozen=True, kw_only=True)
class RequestContext:
    """A request as the rules see it, with what the backend knows at that moment."""

    method: str
    host: str
    """The emulated host that is meant; loopback addresses stand for the host that has the path."""
    path: str
    headers: Mapping[str, str]
    body: bytes = b""
    query: str = ""
    asked: str = ""
    """The host that was named, where it is not `host`."""
    too_large: bool = False
    """The body is above the documented limit; what is here of it is its beginning."""
    state: State

    @functools.cached_property
    def now(self) -> datetime.datetime:
        """The backend's clock when the request came, in UTC."""
        return self.state.clock.now

    @property
    def api_key(self) -> str | None:
        """The value of `x-api-key`."""
        return self.headers.get("x-api-key")

    @functools.cached_property
    def bearer(self) -> str | None:
        """The token of `Authorization: Bearer` (RFC 6750, 2.1)."""
        scheme, _, value = self.headers.get("authorization", "").partition(" ")
        return value.strip() if scheme.lower() == "bearer" else None

    @functools.cached_property
    def key(self) -> Token | None:
        """The known token that the value of `x-api-key` is."""
        return self.state.tokens.find(self.api_key or "")

    @functools.cached_property
    def token(self) -> Token | None:
        """The known token that the Bearer value is."""
        return self.state.tokens.find(self.bearer or "")

    @functools.cached_property
    def betas(self) -> tuple[str, ...]:
        """The flags of `anthropic-beta`, in the order sent."""
        value = self.headers.get("anthropic-beta", "")
        return tuple(flag.strip() for flag in value.split(",") if flag.strip())

    @functools.cached_property
    def fields(self) -> dict[str, Any]:
        """The JSON object or the form in the body; empty if there is neither."""
        if self.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            return dict(urllib.parse.parse_qsl(self.body.decode("latin-1")))
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}

    @functools.cached_property
    def parameters(self) -> dict[str, str]:
        """The query, decoded; of a name that comes twice the last value."""
        return dict(urllib.parse.parse_qsl(self.query))

    def text(self, name: str) -> str:
        """A field of the body; empty if it is absent or no text."""
        value = self.fields.get(name)
        return value if isinstance(value, str) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A status and a JSON object, a page of HTML, a stream of server-sent events, or nothing."""

    status: int
    body: Mapping[str, Any] | str | None = None
    """An empty `request_id` is filled in."""
    events: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    identified: bool = True
    """Whether there is a `request-id` header: what answers at the edge knows none."""
    error_type: str | None = None
    message: str | None = None


Condition = Callable[[RequestContext], bool]
Reply = Callable[[RequestContext], Answer]
Headers = Callable[[RequestContext], Mapping[str, str]]
Lacks = Callable[[RequestContext], tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """An answer, the condition under which it is given, and where both are known from."""

    id: str
    condition: str
    """In words."""
    holds: Condition | None
    """None: nothing that a client sends brings the answer about; it is given on demand."""
    answer: Answer | Reply
    headers: Headers | None
    since: datetime.datetime | None
    until: datetime.datetime | None
    """The backend's times from which, and until which, the rule answers unasked."""
    delay: float
    """Seconds before the answer."""
    sources: tuple[str, ...]
    """Addresses."""
    first_seen: str | None
    last_seen: str
    """ISO 8601, as exact as the source."""
    certainty: RuleCertainty
    passes: bool
    """It answers good requests, so no fault can demand it."""
    lacks: Lacks | None
    """For a denial: the names of the fields that keep a request from meeting the condition."""

    def applies(self, request: RequestContext) -> bool:
        """Whether the request, at its time, meets the condition."""
        return (
            self.holds is not None
            and (self.since is None or request.now >= self.since)
            and (self.until is None or request.now < self.until)
            and self.holds(request)
        )

    def reply(self, request: RequestContext) -> Answer:
        """The answer to this request."""
        answer = self.answer if isinstance(self.answer, Answer) else self.answer(request)
        if self.headers is None:
            return answer
        return _with_headers(answer, self.headers(request))


def rule(
    id: str,
    condition: Condition | str,
    answer: Answer | Reply,
    *sources: str,
    seen: str | tuple[str, str],
    certainty: RuleCertainty = RuleCertainty.SEVERAL,
    since: datetime.datetime | None = None,
    until: datetime.datetime | None = None,
    headers: Headers | None = None,
    delay: float = 0.0,
    passes: bool = False,
    lacks: Lacks | None = None,
) -> Rule:
    """A rule; the docstring of its condition tells it in words, a text says when it is given on
    demand. `seen` is the day, or the first and the last; `owner/name#1` is an issue on GitHub.

    Raises:
        ValueError: the rule names no condition, no source or no day.
    """
    text = condition if isinstance(condition, str) else condition.__doc__ or ""
    first, last = (None, seen) if isinstance(seen, str) else seen
    if not text.strip() or not sources:
        raise ValueError(f"rule {id} needs a source and a condition")
    if any(not DAY.fullmatch(day) for day in (first, last) if day is not None):
        raise ValueError(f"rule {id} needs the days on which it was seen, as 2026-11-23 or 2026-11")
    return Rule(
        id=id,
        condition=" ".join(text.split()),
        holds=None if isinstance(condition, str) else condition,
        answer=answer,
        headers=headers,
        since=since,
        until=until,
        delay=delay,
        sources=tuple(_address(source) for source in sources),
        first_seen=first,
        last_seen=last,
        certainty=certainty,
        passes=passes or lacks is not None,
        lacks=lacks,
    )


def utc(year: int, month: int, day: int, hour: int = 0) -> datetime.datetime:
    """A moment in UTC."""
    return datetime.datetime(year, month, day, hour, tzinfo=datetime.UTC)


def refusal(
    status: int,
    error_type: str,
    message: str,
    *,
    request_id: str | None = "",
    details: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """An error in the envelope of the API (platform.claude.com/docs/en/api/errors).

    `request_id=None` is the null that edge refusals of 2026 carry.
    """
    error: dict[str, Any] = {"type": error_type, "message": message}
    if details is not None:
        error["details"] = details
    return Answer(
        status=status,
        body={"type": "error", "error": error, "request_id": request_id},
        headers=headers or {},
        identified=request_id is not None,
        error_type=error_type,
        message=message,
    )


def oauth_refusal(error: str, description: str) -> Answer:
    """An error of the token endpoint (RFC 6749, 5.2)."""
    return Answer(
        status=400,
        body={"error": error, "error_description": description},
        error_type=error,
        message=description,
    )


def flat_refusal(
    status: int, error_type: str, message: str, *, headers: Mapping[str, str] | None = None
) -> Answer:
    """An error as the edge words it: no outer type, no request id."""
    return Answer(
        status=status,
        body={"error": {"type": error_type, "message": message}},
        headers=headers or {},
        identified=False,
        error_type=error_type,
        message=message,
    )


def page(
    status: int, title: str, text: str = "", headers: Mapping[str, str] | None = None
) -> Answer:
    """A page of HTML, as a browser or a puzzled client gets it."""
    body = f"<!DOCTYPE html><html><head><title>{title}</title></head><body>"
    body += f"<h1>{title}</h1>" + (f"<p>{text}</p>" if text else "") + "</body></html>"
    return Answer(
        status=status,
        body=body,
        headers=headers or {},
        identified=False,
        message=(text or title) if status >= 400 else None,
    )


def _with_headers(answer: Answer, more: Mapping[str, str]) -> Answer:
    return Answer(
        status=answer.status,
        body=answer.body,
        events=answer.events,
        headers={**answer.headers, **more},
        identified=answer.identified,
        error_type=answer.error_type,
        message=answer.message,
    )


def _address(source: str) -> str:
    issue = ISSUE.fullmatch(source)
    return f"https://github.com/{issue[1]}/issues/{issue[2]}" if issue else f"https://{source}"

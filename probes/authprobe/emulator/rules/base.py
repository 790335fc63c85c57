"""Types of the rules: the request they look at, the answer, and the rule with its sources."""

import datetime
import enum
import functools
import json
import re
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from authprobe.emulator.state.state import State
from authprobe.emulator.state.tokens import Token

ISSUE: Final = re.compile(r"([\w.-]+/[\w.-]+)#(\d+)")
DAY: Final = re.compile(r"\d{4}-\d\d(-\d\d)?")
MAX_JSON_PARTS: Final = 1_000_000
"""Strings, brackets and commas of a JSON body that is read; in memory, each can take a hundred
times its length.
"""
MAX_FORM_FIELDS: Final = 1000
JSON_SIGNS: Final = (b",", b"[", b"{")
JSON_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
"""A string, or the rest of the text if it does not end, so that a search takes linear time."""


class RuleCertainty(enum.StrEnum):
    """Strength of the evidence for a rule."""

    DOCUMENTED = "documented"
    OBSERVED = "seen in a client"
    """An unmodified client sends such a request; the answer of the service is inferred."""
    SEVERAL = "several reports"
    ONCE = "one report"
    INFERRED = "inferred"
    BACKGROUND = "background"
    """An unmodified client sends such a request beside its task. The answer of the service is not
    known, and the emulator's says nothing about authentication.
    """


class EventFormat(enum.StrEnum):
    """Encoding of a stream of events."""

    SERVER_SENT = "text/event-stream; charset=utf-8"
    """Server-sent events (html.spec.whatwg.org/multipage/server-sent-events.html)."""
    AWS = "application/vnd.amazon.eventstream"
    """The binary format of AWS (smithy.io/2.0/aws/amazon-eventstream.html)."""


@dataclass(frozen=True, kw_only=True)
class RequestContext:
    """A request, with the state of the backend at that moment."""

    method: str
    host: str
    """The emulated host; for a loopback address, the host that serves the path."""
    path: str
    headers: Mapping[str, str]
    body: bytes = b""
    query: str = ""
    requested_host: str = ""
    """The loopback address, or the gateway of one's own, that the client used as the host; empty
    otherwise.
    """
    scheme: str = "https"
    path_parameters: Mapping[str, str] = field(default_factory=dict)
    """Values of the parameters in the path of the route."""
    retry_after: int | None = None
    """Seconds that a fault asks the client to wait; None: as many as the rule has."""
    too_large: bool = False
    """True if the body exceeds the documented limit; `body` is then its beginning."""
    state: State

    @functools.cached_property
    def now(self) -> datetime.datetime:
        """Time of the backend's clock when the request arrived, in UTC."""
        return self.state.clock.now

    @property
    def origin(self) -> str:
        """Scheme and authority with which the client reached the backend, for URLs in answers."""
        return f"{self.scheme}://{self.headers.get('host', self.host)}"

    def wait(self, default: int) -> int:
        """Return the seconds that a refusal asks the client to wait."""
        return default if self.retry_after is None else self.retry_after

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
        """The issued token in `x-api-key`; None: absent, or never issued."""
        return self.state.tokens.find(self.api_key or "")

    @functools.cached_property
    def token(self) -> Token | None:
        """The issued token in `Authorization: Bearer`; None: absent, or never issued."""
        return self.state.tokens.find(self.bearer or "")

    @functools.cached_property
    def betas(self) -> tuple[str, ...]:
        """The flags in `anthropic-beta`, in the order sent."""
        value = self.headers.get("anthropic-beta", "")
        return tuple(flag.strip() for flag in value.split(",") if flag.strip())

    @functools.cached_property
    def fields(self) -> dict[str, Any]:
        """The fields of the JSON object or form in the body; empty if it is neither, or has more
        values than the emulator can hold.
        """
        try:
            if self.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
                text = self.body.decode("latin-1")
                return dict(urllib.parse.parse_qsl(text, max_num_fields=MAX_FORM_FIELDS))
            if _has_too_many_parts(self.body):
                return {}
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}

    @functools.cached_property
    def parameters(self) -> dict[str, str]:
        """The decoded query parameters; a repeated name has its last value."""
        return dict(urllib.parse.parse_qsl(self.query))

    def text(self, name: str) -> str:
        """Return a field of the body; empty if it is absent or not a string."""
        value = self.fields.get(name)
        return value if isinstance(value, str) else ""


def _has_too_many_parts(body: bytes) -> bool:
    """Return True if a JSON text has more than `MAX_JSON_PARTS`; nothing is made of it."""
    if len(body) <= MAX_JSON_PARTS:
        return False
    count = end = 0
    for match in JSON_STRING.finditer(body):
        count += 1 + sum(body.count(sign, end, match.start()) for sign in JSON_SIGNS)
        end = match.end()
        if count > MAX_JSON_PARTS:
            return True
    return count + sum(body.count(sign, end) for sign in JSON_SIGNS) > MAX_JSON_PARTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A status with a JSON object, an HTML page, bytes, a stream of events, or no body."""

    status: int
    body: Mapping[str, Any] | str | bytes | None = None
    """JSON object, HTML page, or bytes of any content type. An empty `request_id` is replaced by
    the id of the request.
    """
    content_type: str | None = None
    """Content type of bytes."""
    events: tuple[tuple[str, Mapping[str, Any] | str], ...] = ()
    """Names and data of the events; without a name, the data stand alone."""
    event_format: EventFormat = EventFormat.SERVER_SENT
    headers: Mapping[str, str] = field(default_factory=dict)
    identified: bool = True
    """True if the answer has a `request-id` header; answers of the edge have none."""
    error_type: str | None = None
    message: str | None = None
    error_code: str | None = None
    """The code in `error.details`, by which refusals of one type differ."""


Condition = Callable[[RequestContext], bool]
Reply = Callable[[RequestContext], Answer]
Headers = Callable[[RequestContext], Mapping[str, str]]
Missing = Callable[[RequestContext], tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)  # each is the only one with its id
class Rule:
    """An answer, the condition under which it is given, and the sources of both."""

    id: str
    condition: str
    """The condition in words."""
    holds: Condition | None
    """None: no request triggers the rule, only a fault (on demand)."""
    answer: Answer | Reply
    headers: Headers | None
    since: datetime.datetime | None
    until: datetime.datetime | None
    """Times of the backend's clock from which (inclusive) and until which (exclusive) the rule
    applies; a fault triggers it at any time.
    """
    delay: float
    """Seconds before the answer."""
    retry_after: int | None
    """Value of the header `Retry-After`, which a fault can change; None: the answer has none."""
    sources: tuple[str, ...]
    """URLs."""
    first_seen: str | None
    last_seen: str
    """ISO 8601 date, as precise as the source."""
    certainty: RuleCertainty
    answers_success: bool
    """True if the rule answers valid requests, so that no fault can trigger it."""
    missing: Missing | None
    """Returns the names of the fields for which a request does not meet the condition; a denial
    lists them.
    """

    def applies(self, request: RequestContext) -> bool:
        """Return True if the request meets the condition, at the time of the backend's clock."""
        return (
            self.holds is not None
            and (self.since is None or request.now >= self.since)
            and (self.until is None or request.now < self.until)
            and self.holds(request)
        )

    def reply(self, request: RequestContext) -> Answer:
        """Return the answer to this request."""
        answer = self.answer if isinstance(self.answer, Answer) else self.answer(request)
        headers = {**answer.headers, **(self.headers(request) if self.headers else {})}
        if self.retry_after is not None:
            headers["retry-after"] = str(request.wait(self.retry_after))
        return replace(answer, headers=headers) if headers != answer.headers else answer


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
    retry_after: int | None = None,
    answers_success: bool = False,
    missing: Missing | None = None,
) -> Rule:
    """Return a rule.

    `condition` is a function whose docstring states the condition in words, or, for a rule on
    demand, only the words. `sources` are addresses without `https://`, or `owner/name#1` for an
    issue on GitHub. `seen` is the date of the report, or the first and the last date.

    Raises:
        ValueError: the condition, the sources or the dates are missing or malformed.
    """
    text = condition if isinstance(condition, str) else condition.__doc__ or ""
    first, last = (None, seen) if isinstance(seen, str) else seen
    if not text.strip() or not sources:
        raise ValueError(f"rule {id} needs a source and a condition")
    if any(not DAY.fullmatch(day) for day in (first, last) if day is not None):
        raise ValueError(
            f"rule {id} needs the dates on which it was seen, as 2026-11-23 or 2026-11"
        )
    return Rule(
        id=id,
        condition=" ".join(text.split()),
        holds=None if isinstance(condition, str) else condition,
        answer=answer,
        headers=headers,
        since=since,
        until=until,
        delay=delay,
        retry_after=retry_after,
        sources=tuple(_url(source) for source in sources),
        first_seen=first,
        last_seen=last,
        certainty=certainty,
        answers_success=answers_success or missing is not None,
        missing=missing,
    )


def utc(year: int, month: int, day: int, hour: int = 0) -> datetime.datetime:
    """Return a time in UTC."""
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
    """Return an error in the envelope of the API (platform.claude.com/docs/en/api/errors).

    `request_id=None` becomes `null`, as in refusals by the edge since 2026.
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
        error_code=(details or {}).get("error_code"),
    )


def oauth_refusal(error: str, description: str) -> Answer:
    """Return an error of the token endpoint (RFC 6749, 5.2)."""
    return Answer(
        status=400,
        body={"error": error, "error_description": description},
        error_type=error,
        message=description,
    )


def flat_refusal(
    status: int, error_type: str, message: str, *, headers: Mapping[str, str] | None = None
) -> Answer:
    """Return an error in the form of the edge: without an outer type and a request id."""
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
    """Return an answer with an HTML page."""
    body = f"<!DOCTYPE html><html><head><title>{title}</title></head><body>"
    body += f"<h1>{title}</h1>" + (f"<p>{text}</p>" if text else "") + "</body></html>"
    return Answer(
        status=status,
        body=body,
        headers=headers or {},
        identified=False,
        message=(text or title) if status >= 400 else None,
    )


def _url(source: str) -> str:
    issue = ISSUE.fullmatch(source)
    return f"https://github.com/{issue[1]}/issues/{issue[2]}" if issue else f"https://{source}"

"""The collector: telemetry of the client of a live case, of which a few fields are kept.

It speaks OTLP over HTTP in JSON (opentelemetry.io/docs/specs/otlp), on loopback in the container's
network, as long as the case lives. The client reports each request to a model and each refusal
(code.claude.com/docs/en/monitoring-usage), together with e-mail, account, organisation and ids of
the user: all that is not one of the fields below is dropped here, and is in no record.

The libraries of OpenTelemetry for Python send telemetry and receive none, so this is a small
application on the emulator's server, which limits heads, connections and times.
"""

import itertools
import json
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

MAX_BODY_BYTES: Final = 512 * 1024
"""A question makes some tens of kilobytes, and a hostile client has many connections."""
MAX_EVENTS: Final = 100
"""Events of a case that are kept; a question makes one or two."""
LOGS_PATH: Final = "/v1/logs"
EVENT_NAME: Final = re.compile(r"(?:claude_code\.)?(api_request|api_error)")
MODEL: Final = re.compile(r"claude-[a-z0-9.-]{1,40}")
ERROR_TYPE: Final = re.compile(r"(?=[a-z_]{1,80}\Z)[a-z]+(?:_[a-z]+){0,4}_error")
MAX_COUNT: Final = 10**9
Message = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiEvent:
    """One request to a model, or one refusal, as the client reports it."""

    is_error: bool
    model: str | None = None
    """Name of the model, if it has the form of those of the Claude API."""
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    status_code: int | None = None
    error_type: str | None = None
    attempt: int | None = None


@dataclass(slots=True)
class Collector:
    """An ASGI application that keeps events about requests to a model."""

    events: list[ApiEvent] = field(default_factory=list)

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Answer one request of an exporter."""
        is_logs = scope["method"] == "POST" and scope["path"] == LOGS_PATH
        body = await _read_body(receive) if is_logs else None
        if body is not None and (room := MAX_EVENTS - len(self.events)) > 0:
            self.events += itertools.islice(read_events(body), room)
        status = 200 if body is not None else 413 if is_logs else 404
        headers = [(b"content-type", b"application/json"), (b"content-length", b"2")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"{}"})


async def _read_body(receive: Callable[[], Awaitable[Message]]) -> bytes | None:
    """Return the body of a request; None: it is too large."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > MAX_BODY_BYTES:
            return None
    return body


def read_events(body: bytes) -> Iterator[ApiEvent]:
    """Yield the events about requests in a body of OTLP; nothing if it is no such body."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return
    for resource in _items(document, "resourceLogs"):
        for scope in _items(resource, "scopeLogs"):
            for record in _items(scope, "logRecords"):
                if event := _read_event(record):
                    yield event


def _items(value: object, name: str) -> list[object]:
    items = value.get(name) if isinstance(value, dict) else None
    return items if isinstance(items, list) else []


def _read_event(record: object) -> ApiEvent | None:
    """Return the kept fields of a record; None: it is about something else."""
    values = {
        item["key"]: _plain(item.get("value"))
        for item in _items(record, "attributes")
        if isinstance(item, dict) and isinstance(item.get("key"), str)
    }
    match = EVENT_NAME.fullmatch(_text(values.get("event.name")))
    if match is None:
        return None
    return ApiEvent(
        is_error=match[1] == "api_error",
        model=_matching(MODEL, values.get("model")),
        input_tokens=_count(values.get("input_tokens")),
        output_tokens=_count(values.get("output_tokens")),
        cost_usd=_amount(values.get("cost_usd")),
        status_code=_count(values.get("status_code"), 599),
        error_type=_matching(ERROR_TYPE, values.get("error_type")),
        attempt=_count(values.get("attempt"), 1000),
    )


def _plain(value: object) -> object:
    """Return the one value in an `AnyValue` of OTLP (opentelemetry.io/docs/specs/otlp)."""
    return next(iter(value.values()), None) if isinstance(value, dict) else None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _matching(pattern: re.Pattern[str], value: object) -> str | None:
    text = _text(value)
    return text if pattern.fullmatch(text) else None


def _amount(value: object) -> float | None:
    """Return a number from 0 on, which some versions write as text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if 0 <= number <= MAX_COUNT else None


def _count(value: object, limit: int = MAX_COUNT) -> int | None:
    number = _amount(value)
    return int(number) if number is not None and number <= limit else None

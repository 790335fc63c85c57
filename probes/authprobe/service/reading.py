"""The reading of a response: its form and its parts, without what must not be kept."""

import datetime
import email.utils
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from authprobe.core.secret_values import MIN_SECRET_LENGTH
from authprobe.service.answer import KEPT_HEADERS, Envelope, NotAsked, RequestId, ServiceAnswer

MAX_MESSAGE_LENGTH: Final = 500
MAX_WORD_LENGTH: Final = 80
"""Characters of an error type, an error code and a content type."""
MODEL: Final = re.compile(r"[a-z0-9][a-z0-9.-]{0,80}")
PAGE_START: Final = re.compile(rb"\s*(?:<!doctype html|<html|<head|<!--)", re.IGNORECASE)
EDGE_STATUSES: Final = frozenset({401, 403})
"""Statuses with which a page is no response of the service itself (rules A34 and A35)."""
MAX_DATE_OFFSET: Final = 10 * 366 * 86_400.0
"""Seconds: no certificate of a host is valid on days that are farther apart, so a `Date` that is
farther off shows no clock."""
EDGE_TYPE: Final = "forbidden"
"""Error type of a flat refusal of a whole network or region (rule A33)."""

Clean = Callable[[str, int], str]
"""Redacts and escapes a text, and cuts it to a number of characters."""


def read_answer(
    status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes, clean: Clean
) -> ServiceAnswer:
    """Return what is kept of a response."""
    values = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}
    data = _object(body)
    envelope = _envelope(data, body)
    kind, code, message = _error(envelope, data)
    content_type = values.get("content-type", "").partition(";")[0].strip().lower()
    answer = ServiceAnswer(
        status=status,
        envelope=envelope,
        error_type=_text(kind, clean, MAX_WORD_LENGTH),
        error_code=_text(code, clean, MAX_WORD_LENGTH),
        message=_text(message, clean, MAX_MESSAGE_LENGTH),
        request_id=_request_id(data),
        headers=KEPT_HEADERS & values.keys(),
        content_type=_text(content_type, clean, MAX_WORD_LENGTH),
        retry_after=_whole(values.get("retry-after", "")),
        date_offset=_date_offset(values.get("date", "")),
        model=_first_model(data),
        not_asked=None,
    )
    return _with_reason(answer)


def _with_reason(answer: ServiceAnswer) -> ServiceAnswer:
    """Return the answer with the reason why it does not tell how the service answers, if any."""
    reason = None
    if _is_edge(answer):
        reason = NotAsked.EDGE
    elif answer.status == 429:
        reason = NotAsked.THROTTLED
    elif answer.status is not None and answer.status >= 500:
        reason = NotAsked.SERVER
    return replace(answer, not_asked=reason)


def _is_edge(answer: ServiceAnswer) -> bool:
    if "cf-mitigated" in answer.headers:
        return True
    if answer.envelope is Envelope.PAGE:
        return answer.status in EDGE_STATUSES
    is_flat = answer.envelope is Envelope.FLAT
    return is_flat and answer.status == 403 and answer.error_type == EDGE_TYPE


def _object(body: bytes) -> Mapping[str, Any] | None:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def _envelope(data: Mapping[str, Any] | None, body: bytes) -> Envelope:
    if not body.strip():
        return Envelope.EMPTY
    if data is None:
        return Envelope.PAGE if PAGE_START.match(body) else Envelope.OTHER
    match data:
        case {"type": "error", "error": {"type": str()}}:
            return Envelope.API
        case {"error": {"type": str()}}:
            return Envelope.FLAT
        case {"error": str()}:
            return Envelope.OAUTH
        case _:
            return Envelope.OTHER


def _error(envelope: Envelope, data: Mapping[str, Any] | None) -> tuple[object, object, object]:
    """Return the type, the code and the message of an error; None for each that is absent."""
    if data is None:
        return None, None, None
    error = data.get("error")
    if envelope is Envelope.OAUTH:
        return error, None, data.get("error_description")
    if envelope not in (Envelope.API, Envelope.FLAT) or not isinstance(error, dict):
        return None, None, None
    details = error.get("details")
    code = details.get("error_code") if isinstance(details, dict) else None
    return error.get("type"), code, error.get("message")


def _text(value: object, clean: Clean, limit: int) -> str | None:
    return clean(value, limit) if isinstance(value, str) and value else None


def _request_id(data: Mapping[str, Any] | None) -> RequestId:
    if data is None or "request_id" not in data:
        return RequestId.ABSENT
    return RequestId.NULL if data["request_id"] is None else RequestId.PRESENT


def _whole(text: str) -> int | None:
    """Return a number of seconds; None: it is none, or so long that it could be a secret."""
    return int(text) if re.fullmatch(rf"[0-9]{{1,{MIN_SECRET_LENGTH - 1}}}", text) else None


def _date_offset(text: str) -> float | None:
    """Return the seconds by which a date is ahead; None: it is none that a clock could have."""
    try:
        date = email.utils.parsedate_to_datetime(text)
        if date.tzinfo is None:
            date = date.replace(tzinfo=datetime.UTC)
        offset = (date - datetime.datetime.now(datetime.UTC)).total_seconds()
    except (ValueError, OverflowError):
        return None
    return offset if abs(offset) <= MAX_DATE_OFFSET else None


def _first_model(data: Mapping[str, Any] | None) -> str | None:
    match data:
        case {"data": [{"type": "model", "id": str(name)}, *_]} if MODEL.fullmatch(name):
            return name
        case _:
            return None

"""Failed requests of an HTTP archive (HAR), as exchanges and as words."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from authprobe.core.claude_api import HOSTS
from authprobe.diagnosis.incident.recognition import IncidentText
from authprobe.diagnosis.incident.settings_facts import secrets_of_url
from authprobe.diagnosis.incident.words import TextPassage
from authprobe.diagnosis.observation_facts import symptom_from_observation
from authprobe.diagnosis.symptom import Evidence, FactSet
from authprobe.observation.model import FOREIGN, Exchange, Observation, Outcome
from authprobe.redaction.redactor import Redactor
from authprobe.service.addresses import parse_address

MAX_REQUESTS: Final = 40
"""Failed requests that are read; the last ones of a longer archive."""
MAX_BODY: Final = 2_000
"""Characters of the body of an answer."""
MIN_ERROR_STATUS: Final = 400
ENTRY: Final = re.compile(r'(?<!\\)"startedDateTime"\s*:')
"""A key that each entry has once, and each page."""
BROWSERS: Final = ("WebInspector", "Firefox", "Chrome", "Edge", "Safari", "WebKit")
"""Programs that leave out credentials when they save an archive."""
SLOTS: Final = {
    "sk-ant-oat": "access-token",
    "sk-ant-ort": "refresh-token",
    "sk-ant-api": "api-key",
}
RECORDED_SLOT: Final = re.compile(r"\[redacted:([a-z-]+?)(?:-\d+)?\]")
HIDDEN: Final = "hidden"
"""Credential of a request of which the archive does not show whether it had one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedRequest:
    """A failed request of an archive."""

    exchange: Exchange
    line: int
    url: str
    body: str = field(repr=False)
    failure: str | None = None
    """Why there was no answer, in the words of the program that made the archive."""


def failed_requests(text: IncidentText) -> tuple[ArchivedRequest, ...]:
    """Return the last failed requests of an archive."""
    log = text.data["log"]
    creator = log.get("creator")
    is_browser = isinstance(creator, dict) and str(creator.get("name")).startswith(BROWSERS)
    lines = list(_lines(text.text))[_pages_before_entries(log) :]
    requests = (
        _request(entry, lines[number] if number < len(lines) else 1, is_browser=is_browser)
        for number, entry in enumerate(log["entries"])
    )
    return tuple(each for each in requests if each is not None)[-MAX_REQUESTS:]


def _pages_before_entries(log: Mapping[str, Any]) -> int:
    """Return how many pages there are, if they come before the entries."""
    pages, keys = log.get("pages"), list(log)
    if not isinstance(pages, list) or keys.index("pages") > keys.index("entries"):
        return 0
    return len(pages)


def _lines(text: str) -> Iterator[int]:
    """Yield the line of each entry and page, counting each line break once."""
    line, at = 1, 0
    for match in ENTRY.finditer(text):
        line += text.count("\n", at, match.start())
        at = match.start()
        yield line


def _request(entry: object, line: int, *, is_browser: bool) -> ArchivedRequest | None:
    if not isinstance(entry, dict):
        return None
    request, response = entry.get("request"), entry.get("response")
    if not isinstance(request, dict) or not isinstance(response, dict):
        return None
    status = response.get("status")
    status = status if isinstance(status, int) and not isinstance(status, bool) else 0
    url = str(request.get("url", ""))
    address = parse_address(url)
    if address is None or (0 < status < MIN_ERROR_STATUS):
        return None
    headers = _headers(request)
    header, credential = _credential(headers, is_own=address.host in HOSTS, is_browser=is_browser)
    content = response.get("content")
    content = content if isinstance(content, dict) else {}
    body = content.get("text")
    body = body[:MAX_BODY] if isinstance(body, str) else str(response.get("comment", ""))[:MAX_BODY]
    error_type, code, message = _error(body)
    failure = response.get("_error", entry.get("_error"))
    exchange = Exchange(
        method=str(request.get("method", ""))[:20],
        host=address.host,
        path="/" + url.partition("://")[2].partition("/")[2].partition("?")[0],
        credential_header=header,
        credential=credential,
        betas=tuple(each.strip() for each in headers.get("anthropic-beta", "").split(",") if each),
        status=status or None,
        error_type=error_type,
        error_code=code,
        message=message or body or None,
        content_type=str(content.get("mimeType") or "") or None,
        complete=bool(status),
    )
    return ArchivedRequest(
        exchange=exchange,
        line=line,
        url=url.partition("?")[0],
        body=body,
        failure=failure if isinstance(failure, str) else None,
    )


def _headers(request: Mapping[str, Any]) -> dict[str, str]:
    headers = request.get("headers")
    return {
        str(each.get("name")).lower(): str(each.get("value"))
        for each in (headers if isinstance(headers, list) else ())
        if isinstance(each, dict)
    }


def _credential(
    headers: Mapping[str, str], *, is_own: bool, is_browser: bool
) -> tuple[str | None, str | None]:
    """Return the header with the credential, and the kind of it."""
    for name in ("authorization", "x-api-key"):
        if name not in headers:
            continue
        value = headers[name].removeprefix("Bearer ").strip()
        if match := RECORDED_SLOT.search(value):
            return name, match[1]
        kind = next((slot for prefix, slot in SLOTS.items() if value.startswith(prefix)), None)
        return name, kind or (FOREIGN if is_own else "other")
    return (None, HIDDEN) if is_browser else (None, None)


def _error(body: str) -> tuple[str | None, str | None, str | None]:
    """Return type, code and message of an error of the API."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return None, None, None
    error = data.get("error") if isinstance(data, dict) else None
    if not isinstance(error, dict):
        return None, None, None
    details = error.get("details")
    code = details.get("error_code") if isinstance(details, dict) else None
    texts = (error.get("type"), code, error.get("message"))
    kind, code, message = (each if isinstance(each, str) else None for each in texts)
    return kind, code, message


def request_passages(
    text: IncidentText, requests: tuple[ArchivedRequest, ...]
) -> Iterator[TextPassage]:
    """Yield each failed request as a line of text."""
    for each in requests:
        exchange = each.exchange
        answer = (
            f"HTTP {exchange.status}" if exchange.status else f"no answer: {each.failure or ''}"
        )
        content = exchange.content_type or ""
        body = " ".join(each.body.split())
        words = f"{exchange.method} {each.url} {answer} {content} {body}".strip()
        yield TextPassage(text.name, words, each.line)


def request_fact_sets(
    text: IncidentText, requests: tuple[ArchivedRequest, ...], redactor: Redactor
) -> Iterator[FactSet]:
    """Yield the facts of each failed request, as those of a recorded one."""
    for each in requests:
        observation = Observation(outcome=Outcome.REJECTED, exchanges=(_redacted(each, redactor),))
        fact_set, *rest = symptom_from_observation(observation).fact_sets
        if not rest:
            continue  # the request has not failed
        facts = {
            kind: {
                value: Evidence(evidence.text, each.line, text.name)
                for value, evidence in values.items()
            }
            for kind, values in fact_set.facts.items()
        }
        yield replace(fact_set, facts=facts, place=Evidence("", each.line, text.name))


def _redacted(request: ArchivedRequest, redactor: Redactor) -> Exchange:
    exchange = request.exchange
    return replace(
        exchange,
        path=redactor(exchange.path),
        message=redactor.cut(exchange.message, MAX_BODY) if exchange.message else None,
    )


def archived_secrets(text: IncidentText) -> Iterator[str]:
    """Yield the values of the headers with credentials, and those in URLs, also of successful
    requests.
    """
    for entry in text.data["log"]["entries"]:
        request = entry.get("request") if isinstance(entry, dict) else None
        if isinstance(request, dict):
            headers = _headers(request)
            for name in ("authorization", "x-api-key", "cookie", "proxy-authorization"):
                yield headers.get(name, "").rpartition(" ")[2]
            yield from secrets_of_url(str(request.get("url", "")))

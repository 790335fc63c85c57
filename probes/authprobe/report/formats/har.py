"""The requests of a case as an HTTP Archive (HAR 1.2), which browsers and HTTP tools open.

The format is described at w3c.github.io/web-performance/specs/HAR/Overview.html. What an
observation does not have is left out, or said to be unknown in a comment.
"""

import contextlib
import datetime
import http
import re
import urllib.parse
from collections.abc import Iterable, Sequence
from typing import Any, Final

from authprobe.core.escaping import for_json
from authprobe.core.serialization import to_json
from authprobe.observation.model import Exchange
from authprobe.report.model import phrases
from authprobe.run.model import CaseRecord, Run

FORMAT_VERSION: Final = "1.2"
MAX_NAME_LENGTH: Final = 150
MAX_LENGTH: Final = 10_000_000
"""Characters of the requests in one archive, some thousands of requests: larger ones could not be
looked through for credentials, and no tool opens them with pleasure."""
UNKNOWN: Final = -1
"""Size that the format has for one that is not available."""
PAGE: Final = "case"
NOTE: Final = (
    "Made from an observation, which has no bodies, cookies or query strings, and of the headers "
    "those that matter for authentication. Tokens are replaced by their names, user-agents by a "
    "hash. The scheme and the client's HTTP version are not recorded; https is what these hosts "
    "use."
)
TIME_NOTE: Final = (
    "Results have no time of day for a case: its requests are at the start of the run plus the "
    "seconds since the start of the case."
)
_PLAIN_ID: Final = re.compile(rf"[A-Za-z0-9@.+/-]{{1,{MAX_NAME_LENGTH}}}")
_EXTRA_FIELDS: Final = (
    *("rule", "faults", "gateway", "nearest", "differs"),
    *("credential", "credential_header"),
)


def har_files(run: Run, records: Iterable[CaseRecord] | None = None) -> dict[str, str]:
    """Return the archive of each case of a run, or of these only, by file name."""
    cases = run.cases if records is None else records
    return {har_name(record.id): har(run, record) for record in cases}


def har_name(case_id: str) -> str:
    """Return the file name for a case: its id with `_` for `/`, and a digest if that is unclear."""
    if _PLAIN_ID.fullmatch(case_id):
        return f"{case_id.replace('/', '_')}.har"
    readable = re.sub(r"[^A-Za-z0-9@.+-]", "_", case_id)[:MAX_NAME_LENGTH]
    return f"{readable}-{phrases.anchor(case_id).removeprefix('case-')}.har"


def har(run: Run, record: CaseRecord) -> str:
    """Return the text of the archive of a case, with every recorded request in order."""
    exchanges = record.observation.exchanges
    entries = _fitting_entries(run, exchanges)
    missing = len(exchanges) - len(entries)
    more = f" {phrases.plural(missing, 'more request')} would not fit in." if missing else ""
    log = {
        "version": FORMAT_VERSION,
        "creator": {"name": run.tool.name, "version": run.tool.version},
        **_browser(record),
        "pages": [_page(run, record)],
        "entries": entries,
        "comment": NOTE + more,
    }
    return for_json(to_json({"log": log}, indent=1).decode()) + "\n"


def _fitting_entries(run: Run, exchanges: Sequence[Exchange]) -> list[dict[str, Any]]:
    """Return the first requests, as many as fit."""
    entries: list[dict[str, Any]] = []
    length = 0
    for exchange in exchanges:
        entry = _entry(run, exchange)
        length += len(to_json(entry, indent=4))
        if length > MAX_LENGTH:
            break
        entries.append(entry)
    return entries


def _browser(record: CaseRecord) -> dict[str, Any]:
    """Return the program that made the requests, if its version is known."""
    if record.client_version is None:
        return {}
    name = record.client.partition("@")[0]
    return {"browser": {"name": name, "version": record.client_version}}


def _page(run: Run, record: CaseRecord) -> dict[str, Any]:
    return {
        "startedDateTime": _time(run.started_at, 0),
        "id": PAGE,
        "title": record.id,
        "pageTimings": {},
        "comment": TIME_NOTE,
        "_authprobe": {
            "verdict": phrases.status_words(record.verdict),
            "outcome": phrases.describe_outcome(record.observation),
            "detail": record.observation.detail,
        },
    }


def _entry(run: Run, exchange: Exchange) -> dict[str, Any]:
    milliseconds = max(round(exchange.elapsed * 1000, 3), 0)
    return {
        "pageref": PAGE,
        "startedDateTime": _time(run.started_at, exchange.at),
        "time": milliseconds,
        "request": _request(exchange),
        "response": _response(exchange),
        "cache": {},
        "timings": {
            "send": 0,
            "wait": milliseconds,
            "receive": 0,
            "comment": "Only the sum is recorded.",
        },
        "_authprobe": {name: getattr(exchange, name) for name in _EXTRA_FIELDS},
    }


def _time(start: datetime.datetime, seconds: float) -> str:
    at = start.astimezone(datetime.UTC)
    with contextlib.suppress(OverflowError):  # a results file may say anything
        at += datetime.timedelta(seconds=seconds)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _request(exchange: Exchange) -> dict[str, Any]:
    body = f"; its hash is {exchange.body}" if exchange.body else ""
    return {
        "method": exchange.method,
        "url": _url(exchange),
        "httpVersion": "unknown",
        "cookies": [],
        "headers": [_header(*item) for item in exchange.headers.items()],
        "queryString": [],
        "headersSize": UNKNOWN,
        "bodySize": UNKNOWN,
        "comment": f"The body is not recorded{body}.",
    }


def _url(exchange: Exchange) -> str:
    """Return the URL, with what a client or the redaction put into it percent-encoded."""
    host = urllib.parse.quote(exchange.host, safe=":[]")
    path = urllib.parse.quote(exchange.path, safe="/%:@!$&'()*+,;=~")
    return f"https://{host}{path}"


def _header(name: str, value: str) -> dict[str, str]:
    header = {"name": name, "value": value}
    return header | {"comment": "A hash of the value."} if value.startswith("sha256:") else header


def _response(exchange: Exchange) -> dict[str, Any]:
    if exchange.status is None:
        return _bare_response(0, "", "There was no response.") | {"_error": "no response"}
    headers = {"content-type": exchange.content_type, "retry-after": exchange.retry_after}
    comments = (
        phrases.error_words(exchange),
        None if exchange.complete else "The response was cut off.",
    )
    response = _bare_response(
        exchange.status, _reason(exchange.status), " ".join(filter(None, comments))
    )
    size = UNKNOWN if exchange.size_bytes is None else exchange.size_bytes
    content = {
        "size": size,
        "mimeType": exchange.content_type or "",
        "comment": "The body is not recorded.",
    }
    return response | {
        "headers": [_header(name, value) for name, value in headers.items() if value],
        "content": content,
        "bodySize": size,
    }


def _bare_response(status: int, reason: str, comment: str) -> dict[str, Any]:
    return {
        "status": status,
        "statusText": reason,
        "httpVersion": "HTTP/1.1" if status else "",
        "cookies": [],
        "headers": [],
        "content": {"size": 0, "mimeType": ""},
        "redirectURL": "",
        "headersSize": UNKNOWN,
        "bodySize": UNKNOWN if status else 0,
        **({"comment": comment} if comment else {}),
    }


def _reason(status: int) -> str:
    """Return the standard phrase of a status, as the emulator sends it."""
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return ""

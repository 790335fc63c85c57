"""Failed requests of HTTP archives: of other tools, and of authprobe's own."""

import json
from typing import Any

import pytest

from authprobe.diagnosis.incident.archive import (
    MAX_REQUESTS,
    archived_secrets,
    failed_requests,
    request_fact_sets,
    request_passages,
)
from authprobe.diagnosis.incident.recognition import IncidentText, TextKind, recognise
from authprobe.diagnosis.symptom import FactKind
from authprobe.redaction.redactor import Redactor
from authprobe.report.formats.har import har
from tests.support.make import make_exchange, make_observation, make_record, make_run

OAUTH = "sk-ant-oat01-" + "Ab3" * 20
ERROR = '{"type":"error","error":{"type":"authentication_error","message":"Invalid bearer token"}}'


def entry(
    status: int = 401,
    *,
    url: str = "https://api.anthropic.com/v1/messages?beta=true",
    headers: dict[str, str] | None = None,
    body: str = ERROR,
) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {OAUTH}"} if headers is None else headers
    return {
        "startedDateTime": "2026-11-20T10:00:00Z",
        "request": {
            "method": "POST",
            "url": url,
            "headers": [{"name": name, "value": value} for name, value in headers.items()],
        },
        "response": {
            "status": status,
            "content": {"mimeType": "application/json", "text": body},
        },
    }


def archive(*entries: object, creator: str = "mitmproxy", pages: object = ()) -> IncidentText:
    log = {"creator": {"name": creator}, "pages": pages, "entries": entries}
    return recognise("x.har", json.dumps({"log": log}, indent=1), "x.har")


def test_a_failed_request_has_its_facts_and_its_line() -> None:
    page = {"startedDateTime": "2026-11-20T10:00:00Z", "id": "p"}
    text = archive(entry(200), entry(401), pages=[page])
    (request,) = failed_requests(text)
    exchange = request.exchange
    assert (exchange.host, exchange.path, exchange.status) == (
        "api.anthropic.com",
        "/v1/messages",
        401,
    )
    assert (exchange.credential_header, exchange.credential) == ("authorization", "access-token")
    assert (exchange.error_type, exchange.message) == (
        "authentication_error",
        "Invalid bearer token",
    )
    begin = [n for n, line in enumerate(text.text.splitlines(), 1) if "startedDateTime" in line]
    assert request.line == begin[2]


def test_pages_behind_the_entries_do_not_move_the_lines() -> None:
    page = {"startedDateTime": "2026-11-20T10:00:00Z", "id": "p"}
    log = {"entries": [entry(200), entry(401)], "pages": [page]}
    text = recognise("x.har", json.dumps({"log": log}, indent=1), "x.har")
    begin = [n for n, line in enumerate(text.text.splitlines(), 1) if "startedDateTime" in line]
    assert [request.line for request in failed_requests(text)] == [begin[1]]


def test_a_failed_request_is_words_and_facts_with_the_same_place() -> None:
    text = archive(entry())
    requests = failed_requests(text)
    (passage,) = request_passages(text, requests)
    assert passage.text.startswith("POST https://api.anthropic.com/v1/messages HTTP 401")
    assert "beta=true" not in passage.text
    (fact_set,) = request_fact_sets(text, requests, Redactor())
    assert "access-token" in fact_set.facts[FactKind.CREDENTIAL]
    for evidence in (fact_set.quote(0), fact_set.facts[FactKind.STATUS]["401"]):
        assert (evidence.source, evidence.line) == ("x.har", passage.line)


@pytest.mark.parametrize(
    ("headers", "creator", "credential"),
    [
        ({"X-Api-Key": "sk-ant-api03-x"}, "mitmproxy", ("x-api-key", "api-key")),
        ({"Authorization": "Bearer abc"}, "mitmproxy", ("authorization", "foreign")),
        ({}, "mitmproxy", (None, None)),
        ({}, "WebInspector", (None, "hidden")),
    ],
)
def test_the_kind_of_the_credential_is_read(
    headers: dict[str, str], creator: str, credential: tuple[str | None, str | None]
) -> None:
    (request,) = failed_requests(archive(entry(headers=headers), creator=creator))
    assert (request.exchange.credential_header, request.exchange.credential) == credential


def test_a_key_of_a_gateway_is_not_called_unknown_to_the_api() -> None:
    gateway = entry(url="https://gw.example/v1/messages", headers={"Authorization": "Bearer abc"})
    (request,) = failed_requests(archive(gateway))
    assert request.exchange.credential == "other"


def test_no_answer_is_a_failure() -> None:
    (request,) = failed_requests(archive(entry(0) | {"_error": "net::ERR_CONNECTION_REFUSED"}))
    assert request.exchange.status is None
    assert request.failure == "net::ERR_CONNECTION_REFUSED"


def test_the_archives_of_authprobe_are_read() -> None:
    refused = make_exchange(
        status=401,
        credential="access-token",
        credential_header="authorization",
        headers={"authorization": "Bearer [redacted:access-token-1]"},
        error_type="authentication_error",
        message="Invalid bearer token",
    )
    record = make_record(observation=make_observation(exchanges=(refused,)))
    text = recognise("a.har", har(make_run(record), record))
    assert text.kind is TextKind.ARCHIVE
    (request,) = failed_requests(text)
    assert (request.exchange.status, request.exchange.credential) == (401, "access-token")
    assert "Invalid bearer token" in request.body


@pytest.mark.parametrize(
    "entries",
    [
        [None, 1, {}, {"request": {}}, {"request": {}, "response": {}}],
        [{"request": {"url": "x"}, "response": {"status": 401}}],
        [{"request": {"url": "http://[", "headers": 3}, "response": {"status": 401}}],
        [{"request": {"url": "http://a.b", "headers": [1]}, "response": {"status": "401"}}],
        [{"request": {"url": "http://a.b"}, "response": {"status": True, "content": []}}],
    ],
    ids=range(5),
)
def test_entries_of_any_shape_are_read(entries: list[object]) -> None:
    text = archive(*entries)
    requests = failed_requests(text)
    assert list(request_passages(text, requests)) is not None
    list(request_fact_sets(text, requests, Redactor()))
    list(archived_secrets(text))


def test_only_the_last_requests_of_a_long_archive_are_read() -> None:
    text = archive(*(entry(400 + n % 50) for n in range(2 * MAX_REQUESTS)))
    assert len(failed_requests(text)) == MAX_REQUESTS


def test_the_values_of_credential_headers_are_secrets() -> None:
    text = archive(entry(200, headers={"Authorization": "Bearer gw-key-1", "X-Api-Key": "k2"}))
    assert {"gw-key-1", "k2"} <= set(archived_secrets(text))


def test_the_secrets_of_a_url_are_secrets() -> None:
    url = "https://user:Pelican7755@gw.example/v1/messages?beta=true&key=Walrus77%2B5543&sig=Otter1"
    text = archive(entry(401, url=url, headers={}, body="Walrus77+5543 is unknown"))
    assert {"Pelican7755", "Walrus77%2B5543", "Walrus77+5543", "Otter1"} <= set(
        archived_secrets(text)
    )
    assert "true" not in set(archived_secrets(text))

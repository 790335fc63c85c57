"""The HTTP archive of a case: what is in it, and what is said to be unknown."""

import json
from dataclasses import replace
from typing import Any

import pytest

from authprobe.observation.model import Exchange
from authprobe.redaction.scanner import SCAN_LIMIT_BYTES
from authprobe.report.formats.har import har, har_files, har_name
from authprobe.run.model import CaseRecord
from tests.support.make import make_exchange, make_observation, make_record, make_run

REFUSED = make_exchange(
    credential="access-token",
    credential_header="authorization",
    status=401,
    at=1.25,
    elapsed=0.0625,
    rule="A04",
    error_type="authentication_error",
    message="expired",
    headers={"authorization": "Bearer [redacted:access-token]", "user-agent": "sha256:05ff"},
    body="sha256:ba55",
    retry_after="7",
    content_type="application/json",
    size_bytes=248,
)


def record_of(*exchanges: Exchange) -> CaseRecord:
    """Return the record of a case with these requests."""
    return make_record(observation=make_observation(exchanges=exchanges))


def log_of(record: CaseRecord) -> dict[str, Any]:
    """Return the log in the archive of a case."""
    log: dict[str, Any] = json.loads(har(make_run(record), record))["log"]
    return log


def entry_of(exchange: Exchange) -> dict[str, Any]:
    """Return the entry for a request."""
    [entry] = log_of(record_of(exchange))["entries"]
    return dict(entry)


def test_a_request_and_its_response_are_in_the_archive() -> None:
    log = log_of(record_of(REFUSED, replace(REFUSED, at=2.0)))
    assert (log["version"], log["creator"]) == ("1.2", {"name": "authprobe", "version": "0.1.0"})
    assert log["browser"] == {"name": "raw-http", "version": "0.1.0"}
    [page] = log["pages"]
    assert (page["title"], page["startedDateTime"]) == (
        "example/raw-http/default/none",
        "2026-11-23T19:10:00.000Z",
    )
    first, second = log["entries"]
    assert (first["pageref"], first["startedDateTime"]) == (page["id"], "2026-11-23T19:10:01.250Z")
    assert second["startedDateTime"] == "2026-11-23T19:10:02.000Z"
    assert first["time"] == first["timings"]["wait"] == 62.5
    request, response = first["request"], first["response"]
    assert (request["method"], request["url"]) == ("POST", "https://api.anthropic.com/v1/messages")
    assert request["headers"] == [
        {"name": "authorization", "value": "Bearer [redacted:access-token]"},
        {"name": "user-agent", "value": "sha256:05ff", "comment": "A hash of the value."},
    ]
    assert (response["status"], response["statusText"]) == (401, "Unauthorized")
    assert response["headers"] == [
        {"name": "content-type", "value": "application/json"},
        {"name": "retry-after", "value": "7"},
    ]
    assert response["comment"] == "authentication_error: expired"
    extra = first["_authprobe"]
    assert (extra["rule"], extra["credential"]) == ("A04", "access-token")


def test_bodies_are_said_to_be_unknown_and_are_not_invented() -> None:
    entry = entry_of(REFUSED)
    assert entry["request"]["comment"] == "The body is not recorded; its hash is sha256:ba55."
    assert "postData" not in entry["request"]
    assert entry["response"]["content"] == {
        "size": 248,
        "mimeType": "application/json",
        "comment": "The body is not recorded.",
    }
    assert entry["request"]["bodySize"] == entry["request"]["headersSize"] == -1


def test_a_stream_has_no_size_and_a_cut_response_says_so() -> None:
    response = entry_of(replace(REFUSED, size_bytes=None, complete=False))["response"]
    assert response["content"]["size"] == response["bodySize"] == -1
    assert response["comment"].endswith("The response was cut off.")


def test_a_request_without_a_response_has_status_0_as_in_browsers() -> None:
    response = entry_of(make_exchange(status=None))["response"]
    assert (response["status"], response["_error"]) == (0, "no response")
    assert response["comment"] == "There was no response."


def test_a_status_that_http_does_not_know_has_no_words() -> None:
    assert entry_of(make_exchange(status=529))["response"]["statusText"] == ""


@pytest.mark.parametrize(
    ("host", "path", "url"),
    [
        ("api.anthropic.com", "/a/[redacted:api-key]", "/a/%5Bredacted:api-key%5D"),
        ("api.anthropic.com", '/a b"<\x1b\u202e', "/a%20b%22%3C%1B%E2%80%AE"),
        ("a b", "", "https://a%20b"),
    ],
)
def test_what_a_client_chose_is_percent_encoded(host: str, path: str, url: str) -> None:
    assert entry_of(make_exchange(host=host, path=path))["request"]["url"].endswith(url)


def test_an_archive_is_the_same_each_time() -> None:
    record = record_of(REFUSED)
    assert har(make_run(record), record) == har(make_run(record), record)


def test_each_case_has_a_file_also_without_requests() -> None:
    run = make_run(make_record(id="a/b"), record_of(REFUSED))
    files = har_files(run)
    assert list(files) == ["a_b.har", "example_raw-http_default_none.har"]
    assert json.loads(files["a_b.har"])["log"]["entries"] == []
    assert list(har_files(run, run.cases[:1])) == ["a_b.har"]


def test_file_names_differ_and_stay_in_the_folder() -> None:
    ids = [
        "a/b",
        "a_b",
        "a__b",
        "a/_b",
        "../../a",
        "..",
        ".",
        "",
        "a\0b",
        "ä",
        "A" * 400,
        "A" * 401,
    ]
    names = [har_name(case_id) for case_id in ids]
    assert len(set(names)) == len(ids)
    for name in names:
        assert name.endswith(".har")
        assert not {"/", "\0"} & set(name)
        assert len(name.encode()) <= 255


def test_times_that_no_calendar_has_are_those_of_the_start() -> None:
    for at in (1e12, -1e12):
        entry = entry_of(make_exchange(at=at, elapsed=-1.0))
        assert (entry["startedDateTime"], entry["time"]) == ("2026-11-23T19:10:00.000Z", 0)


def test_an_archive_is_never_too_large_to_be_looked_through() -> None:
    record = record_of(*[replace(REFUSED, message="x" * 2000, path="/\u202e" * 300)] * 20_000)
    text = har(make_run(record), record)
    assert len(text) < SCAN_LIMIT_BYTES
    log = json.loads(text)["log"]
    missing = 20_000 - len(log["entries"])
    assert log["comment"].endswith(f" {missing:,} more requests would not fit in.")

"""The observation file has words of the rules and nothing of anybody, whatever the service says."""

import dataclasses
import datetime
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from authprobe.core.escaping import for_log, one_line
from authprobe.drift.known_words import OAUTH_ERRORS, WORDINGS
from authprobe.drift.model import Difference, Drift, Kind, RowResult
from authprobe.drift.observation_check import read_observation
from authprobe.drift.observation_file import (
    HEADERS,
    LIMIT_BYTES,
    MAX_ROWS,
    Region,
    dump_observation,
    dump_schema,
    shared_observation,
)
from authprobe.drift.rows import MADE_UP, ROWS, WITH_KEY
from authprobe.emulator.catalogue import rows as rules
from authprobe.redaction.redactor import Redactor
from authprobe.service.answer import (
    KEPT_HEADERS,
    Envelope,
    NotAsked,
    RequestId,
    ServiceAnswer,
    Tls,
)
from authprobe.service.reading import read_answer
from tests.support.command import PROJECT

GOLDEN = Path(__file__).parent / "golden" / "observation.json"
RUN = 6
"""Bytes of a value that may not be in a file together."""
MOMENT = datetime.datetime(2026, 11, 27, 13, 47, 21, tzinfo=datetime.UTC)


def drift_of(answers: Iterable[tuple[str, ServiceAnswer]], **changes: Any) -> Drift:
    results = (RowResult(row=ROWS[row], answer=answer) for row, answer in answers)
    return dataclasses.replace(
        Drift(started_at=MOMENT, rows=tuple(results), authprobe="0.1.0"), **changes
    )


def text_of(answers: Iterable[tuple[str, ServiceAnswer]], asked_from: Region | None = None) -> str:
    return dump_observation(shared_observation(drift_of(answers), asked_from))


def refusal(message: str, **fields: Any) -> ServiceAnswer:
    answer = ServiceAnswer(
        status=401,
        envelope=Envelope.API,
        error_type="authentication_error",
        message=message,
        request_id=RequestId.PRESENT,
        headers=frozenset({"content-type", "date", "request-id"}),
        content_type="application/json",
    )
    return dataclasses.replace(answer, **fields)


def test_golden_file() -> None:
    drift = drift_of(
        [
            ("L02", refusal("x-api-key header is required")),
            ("L03", refusal("invalid x-api-key", headers=KEPT_HEADERS, retry_after=17)),
            ("L05", refusal("The key of Jane Doe (org 12) is not valid.")),
            ("L06a", refusal("No.", error_type="odd_error", error_code="jane-doe")),
            ("L08", ServiceAnswer(not_asked=NotAsked.TLS, problem="of proxy.example.com")),
            ("L01a", ServiceAnswer(tls=Tls(version="TLSv1.3", issuer=("Example Corp",)))),
        ]
    )
    rewording = Difference(part="message", kind=Kind.REWORDED, emulator="a", service="b")
    rows = [
        dataclasses.replace(result, differences=(rewording,)) if result.row.id == "L05" else result
        for result in drift.rows
    ]
    drift = dataclasses.replace(drift, rows=tuple(rows))
    assert dump_observation(shared_observation(drift, "continent:EU")) == GOLDEN.read_text()


def test_golden_file_is_as_the_schema_says() -> None:
    schema = json.loads(dump_schema())
    data = json.loads(GOLDEN.read_text())
    validator = jsonschema.Draft202012Validator(schema)
    assert list(validator.iter_errors(data)) == []
    for name in ("time", "host", "user"):
        assert not validator.is_valid(data | {name: "x"})
        rows = [data["rows"][0] | {name: "x"}]
        assert not validator.is_valid(data | {"rows": rows})
    assert not validator.is_valid(data | {"asked_from": "city:Oslo"})


def test_published_schema_is_current() -> None:
    path = PROJECT / "docs" / "observation.schema.json"
    assert path.read_text() == dump_schema(), "run: make docs"


def test_golden_file_is_valid() -> None:
    assert read_observation(GOLDEN).messages == ()


def test_one_row_is_on_one_line() -> None:
    lines = GOLDEN.read_text().splitlines()
    assert (
        sum('"row": "L' in line for line in lines)
        == 4
        == len(json.loads(GOLDEN.read_text())["rows"])
    )
    assert not any(line.count('"row":') > 1 for line in lines)


def test_largest_file_is_below_the_limit() -> None:
    longest = max(WORDINGS, key=len)
    kinds = [row.error_type for row in rules() if row.error_type]
    answer = refusal(longest, error_type=max(kinds, key=len), headers=KEPT_HEADERS)
    ids = [row.id for row in (*MADE_UP, *WITH_KEY)]
    assert len(ids) <= MAX_ROWS
    text = text_of([(each, answer) for each in ids], "continent:EU")
    assert len(text.encode()) <= LIMIT_BYTES
    assert len(json.loads(text)["rows"]) == len(ids)


@pytest.mark.parametrize("reason", list(NotAsked))
def test_rows_that_were_not_asked_are_left_out(reason: NotAsked) -> None:
    answer = refusal("invalid x-api-key", not_asked=reason, problem="proxy.example.com")
    assert json.loads(text_of([("L03", answer)]))["rows"] == []


def test_message_with_values_is_given_as_the_rule_has_it() -> None:
    [rule] = [row for row in rules() if row.id == "A27"]
    assert rule.message is not None
    own = rule.message.replace(
        "00000000-0000-4000-8000-000000000002", "8a1f7e42-" + "77aa-" * 3 + "b" * 12
    )
    assert own != rule.message
    text = text_of([("L03", refusal(own.replace("of 50 requests", "of 4321 requests")))])
    assert "rate limit of <number 1> requests" in text
    assert "8a1f7e42" not in text
    assert "4321" not in text


VOCABULARY = "\n".join(
    (
        *WORDINGS,
        *HEADERS,
        *(row.error_type for row in rules() if row.error_type),
        *OAUTH_ERRORS,
        GOLDEN.read_text(),
    )
)
"""Texts that a file may have whatever the service says."""
SECRETS = st.one_of(
    st.uuids().map(str),
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(str),
    st.from_regex(r"(?:req|org|user|msg)_0[0-9][A-Za-z0-9]{16}", fullmatch=True),
    st.from_regex(r"sk-ant-api03-[A-Za-z0-9_-]{40}AA", fullmatch=True),
    st.from_regex(r"[a-z]{4,9}[0-9]{3}@[a-z]{4,9}[0-9]{2}\.example", fullmatch=True),
    st.from_regex(r"/home/[a-z]{4,9}[0-9]{3}/\.claude", fullmatch=True),
    st.from_regex(r"[0-9]{7,12}", fullmatch=True),
    st.text('abcdefghijklmnopqrstuvwxyz0123456789\u00e9\u202e"\\\n\x1b', min_size=8, max_size=40),
)
PLACES: tuple[Callable[[str, str], Any], ...] = (
    lambda secret, word: f"{word} {secret}",
    lambda secret, word: f"{secret} {word}",
    lambda secret, word: f"{word} ({secret}, {secret})",
    lambda secret, word: f"<id {secret}> {word}",
    lambda secret, word: f"<new: {secret} characters>",
    lambda secret, word: secret,
    lambda secret, word: word,
    lambda secret, word: [secret],
    lambda secret, word: {secret: secret},
    lambda secret, word: None,
)
PLACE = st.sampled_from(PLACES)


@given(
    secret=SECRETS,
    wording=st.sampled_from(sorted(WORDINGS)),
    places=st.tuples(PLACE, PLACE, PLACE, PLACE),
    form=st.sampled_from(["api", "flat", "oauth", "text", "html"]),
    status=st.sampled_from([200, 307, 400, 401, 403, 404]),
    row=st.sampled_from(sorted(row.id for row in (*MADE_UP, *WITH_KEY))),
)
def test_no_response_brings_a_part_of_a_value_into_the_file(
    secret: str,
    wording: str,
    places: tuple[Callable[[str, str], Any], ...],
    form: str,
    status: int,
    row: str,
) -> None:
    kind, code, message, request_id = (
        place(secret, word)
        for place, word in zip(places, ("not_found_error", "x", wording, "req"), strict=True)
    )
    error = {"type": kind, "message": message, "details": {"error_code": code, "user": secret}}
    bodies: dict[str, Any] = {
        "api": {"type": "error", "error": error, "request_id": request_id},
        "flat": {"error": error, "request_id": request_id},
        "oauth": {"error": kind, "error_description": message, "request_id": secret},
        "text": secret,
        "html": f"<!doctype html><p>{secret}",
    }
    body = bodies[form] if form == "html" else json.dumps(bodies[form])
    names = (*KEPT_HEADERS - {"cf-mitigated"}, secret, f"x-{secret}")
    headers = [
        (name.encode("latin-1", "replace"), secret.encode("latin-1", "replace")) for name in names
    ]

    def clean(text: str, limit: int) -> str:  # as service.asker does, with nothing learnt
        return for_log(one_line(Redactor()(text), limit))

    answer = read_answer(status, headers, body.encode(), clean)
    text = text_of([(row, answer)])
    assert (answer.not_asked is None) == ('"row"' in text)
    pieces = {secret[n : n + RUN] for n in range(len(secret) - RUN + 1)}
    assert [piece for piece in pieces if piece in text and piece not in VOCABULARY] == []

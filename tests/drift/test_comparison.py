"""Each mutation of the service gives its kind of difference, and nothing else."""

import dataclasses
import datetime
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from authprobe.core.claude_api import API, CLAUDE_AI, CONSOLE, HOSTS
from authprobe.core.directions import Directions
from authprobe.drift.emulated import EmulatedService, emulated_service
from authprobe.drift.made_up import made_up_values
from authprobe.drift.model import MAX_REQUESTS, Difference, Drift, DriftRow, Kind, RowResult
from authprobe.drift.rows import CONNECTIONS, MADE_UP, ROWS, WITH_KEY
from authprobe.drift.runner import compare_rows
from authprobe.emulator.case_backend import CaseBackend
from authprobe.emulator.config import Fault, TokenKind
from authprobe.emulator.decision import Decision
from authprobe.emulator.rules.base import Answer, RequestContext, page
from authprobe.emulator.server.network import Network
from authprobe.errors import ExitCode
from authprobe.service import answer as service
from authprobe.service.answer import NotAsked
from tests.support.service import asker_for, open_service

Mutation = Callable[[Answer], Answer]


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with Network() as network:
        yield network


@pytest.fixture
def real(network: Network) -> Iterator[tuple[CaseBackend, Directions]]:
    with open_service(network) as service:
        yield service


@pytest.fixture(scope="module")
def emulator() -> Iterator[EmulatedService]:
    with emulated_service() as emulator:
        yield emulator


Real = tuple[CaseBackend, Directions]


def mutate(backend: CaseBackend, host: str, path: str, change: Mutation) -> None:
    """Change the answers of one route of the service."""
    answer = backend.answer

    def changed(request: RequestContext) -> Decision:
        decision = answer(request)
        if (request.host, request.path) != (host, path):
            return decision
        return decision._replace(answer=change(decision.answer))

    backend.answer = changed  # type: ignore[method-assign]


def compared(
    directions: Directions, emulator: EmulatedService, *ids: str, timeout: float = 60.0
) -> dict[str, RowResult]:
    """Return the results of rows by id, by default of all that need no key."""
    rows = [ROWS[each] for each in ids] or [*CONNECTIONS, *MADE_UP]
    asker = asker_for(directions, limit=len(rows), timeout=timeout)
    drift = compare_rows(rows, asker, emulator, made_up_values())
    return {result.row.id: result for result in drift.rows}


def parts(result: RowResult) -> list[tuple[str, str]]:
    """Return the parts that differ, each with its kind."""
    return [(difference.part, str(difference.kind)) for difference in result.differences]


def with_error(**parts: Any) -> Mutation:
    """Return a mutation of fields of `error`."""

    def change(answer: Answer) -> Answer:
        body: Any = answer.body
        return dataclasses.replace(answer, body=body | {"error": body["error"] | parts})

    return change


def flat(answer: Answer) -> Answer:
    """Return the answer without its outer type."""
    body: Any = answer.body
    return dataclasses.replace(answer, body={"error": body["error"]})


def without_request_id(answer: Answer) -> Answer:
    """Return the answer without the header `request-id`."""
    body: Any = answer.body
    body = {name: value for name, value in body.items() if name != "request_id"}
    return dataclasses.replace(answer, identified=False, body=body | {"request_id": "req_x"})


def status(number: int) -> Mutation:
    """Return a mutation of the status."""
    return lambda answer: dataclasses.replace(answer, status=number)


def test_no_difference_where_there_is_none(real: Real, emulator: EmulatedService) -> None:
    results = compared(real[1], emulator)
    assert {name: parts(result) for name, result in results.items() if parts(result)} == {}
    assert {result.kind for result in results.values()} == {Kind.SAME}
    assert len(results) == len(CONNECTIONS) + len(MADE_UP)
    assert real[0].log.request_count == len(MADE_UP) <= MAX_REQUESTS


@pytest.mark.parametrize("row", [*MADE_UP, *WITH_KEY], ids=lambda row: row.id)
def test_rules_of_a_row_are_those_that_answer(row: DriftRow, real: Real) -> None:
    backend, directions = real
    key = backend.state.tokens.make(TokenKind.API_KEY).value
    values = dataclasses.replace(made_up_values(), own_key=key, model="claude-fable-5-2")
    asker_for(directions).ask(row.question(values))
    assert backend.log.exchanges[-1].rule == row.rules[0]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (status(403), [("status", "changed")]),
        (status(307), [("status", "changed")]),
        (with_error(type="permission_error"), [("type", "changed")]),
        (with_error(details={"error_code": "new"}), [("error_code", "changed")]),
        (flat, [("envelope", "changed")]),
        (lambda answer: page(401, "no"), "not-asked"),
        (with_error(message="The key is not valid."), [("message", "reworded")]),
        (with_error(message="invalid  x-api-key\n"), []),
        (without_request_id, [("headers", "noticed")]),
        (status(429), "not-asked"),
        (status(500), "not-asked"),
        (status(529), "not-asked"),
    ],
    ids=[
        *("status", "redirect", "type", "code", "envelope", "page", "wording", "space", "header"),
        *("429", "500", "529"),
    ],
)
def test_mutation_gives_its_kind(
    change: Mutation, expected: Any, real: Real, emulator: EmulatedService
) -> None:
    backend, directions = real
    mutate(backend, API, "/v1/models", change)
    result = compared(directions, emulator, "L03")["L03"]
    if expected == "not-asked":
        assert result.kind is Kind.NOT_ASKED
        assert result.differences == ()
    else:
        assert parts(result) == expected


def test_every_kind_has_a_mutation() -> None:
    kinds = {"same", "changed", "reworded", "noticed", "not-asked"}
    assert {str(kind) for kind in Kind} == kinds


def test_numbers_ids_dates_and_addresses_are_no_wording(
    real: Real, emulator: EmulatedService, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend, directions = real
    words = "request req_{}abcdef0 of {} from {} at {}"
    mutate(
        backend,
        API,
        "/v1/models",
        with_error(message=words.format(1, 17, "10.1.2.3", "2026-11-28T05:00:00Z")),
    )
    ours = dataclasses.replace(
        emulator.answer(ROWS["L03"], made_up_values()),
        message=words.format(2, 18, "192.0.2.1", "2025-01-01"),
    )
    monkeypatch.setattr(emulator, "answer", lambda row, values: ours)
    assert compared(directions, emulator, "L03")["L03"].kind is Kind.SAME


def test_order_of_two_rules(real: Real, emulator: EmulatedService) -> None:
    backend, directions = real
    refusal = {
        "type": "error",
        "error": {"type": "authentication_error", "message": "invalid x-api-key"},
        "request_id": "",
    }
    mutate(
        backend,
        API,
        "/v1/models",
        lambda answer: dataclasses.replace(answer, status=401, body=refusal),
    )
    result = compared(directions, emulator, "L04")["L04"]
    assert [(d.part, d.emulator, d.service) for d in result.differences] == [
        ("order", "A03 before A02", "A02 before A03")
    ]


def test_retired_host_that_answers_again(real: Real, emulator: EmulatedService) -> None:
    backend, directions = real
    mutate(backend, CONSOLE, "/v1/oauth/token", lambda answer: page(404, "Gone"))
    results = compared(directions, emulator, "L09", "L10")
    assert parts(results["L09"]) == [("envelope", "changed"), ("type", "changed")]
    assert parts(results["L10"]) == []


def test_challenge_ends_the_questions_to_a_host(real: Real, emulator: EmulatedService) -> None:
    backend, directions = real
    backend.faults.add(Fault(name="A34", host=API))
    results = compared(directions, emulator)
    asked_of_api = [r for r in results.values() if r.row.host == API and not r.row.is_connection]
    assert [r.answer.not_asked for r in asked_of_api] == [
        NotAsked.EDGE,
        *[NotAsked.ENDED] * (len(asked_of_api) - 1),
    ]
    assert {r.kind for r in results.values() if r.row.host != API} == {Kind.SAME}
    assert sum(exchange.host == API for exchange in backend.log.exchanges) == 1


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (status(200), [("status", "noticed")]),
        (status(302), [("answer", "noticed")]),
        (lambda answer: page(404, "Gone"), [("status", "changed")]),
        (lambda answer: Answer(status=200, body={"a": "b"}), [("envelope", "changed")]),
        (
            lambda answer: page(403, "Just a moment...", "", {"cf-mitigated": "challenge"}),
            [("answer", "noticed")],
        ),
    ],
)
def test_only_the_kind_of_a_page_counts(
    change: Mutation, expected: Any, real: Real, emulator: EmulatedService
) -> None:
    mutate(real[0], CLAUDE_AI, "/oauth/authorize", change)
    assert parts(compared(real[1], emulator, "L12")["L12"]) == expected


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("expired-certificate", NotAsked.TLS),
        ("untrusted-certificate", NotAsked.TLS),
        ("slow-tls", NotAsked.TIMEOUT),
        ("reset", NotAsked.CONNECTION),
        ("A33", NotAsked.EDGE),
        ("A29", NotAsked.THROTTLED),
        ("api-error", NotAsked.SERVER),
    ],
)
def test_what_comes_before_the_service_is_no_drift(
    fault: str, reason: NotAsked, real: Real, emulator: EmulatedService
) -> None:
    backend, directions = real
    backend.faults.add(fault)
    # Nothing else may be too slow, on any machine.
    patience = 1.0 if reason is NotAsked.TIMEOUT else 60.0
    results = compared(directions, emulator, "L02", timeout=patience)
    assert results["L02"].answer.not_asked is reason
    assert results["L02"].kind is Kind.NOT_ASKED


def test_name_that_is_not_found(emulator: EmulatedService) -> None:
    directions = Directions({(host, 443): ("nowhere.invalid", 443) for host in HOSTS})
    results = compared(directions, emulator)
    assert {result.kind for result in results.values()} == {Kind.NOT_ASKED}
    assert {result.answer.not_asked for result in results.values()} == {NotAsked.NAME}


def test_clock_that_is_off_by_an_hour(real: Real, emulator: EmulatedService) -> None:
    backend, directions = real
    backend.faults.add(Fault(name="clock-skew", seconds=3600))
    results = compared(directions, emulator, "L01a", "L01b", "L03")
    assert parts(results["L01a"]) == [("clock", "noticed")]
    assert results["L01a"].differences[0].service == "60 minutes ahead of this machine's"
    assert parts(results["L01b"]) == []
    assert parts(results["L03"]) == []


def own_key_results(
    directions: Directions, emulator: EmulatedService, key: str
) -> dict[str, RowResult]:
    """Return the results of the rows with a key."""
    values = dataclasses.replace(made_up_values(), own_key=key)
    drift = compare_rows(WITH_KEY, asker_for(directions, limit=3), emulator, values)
    return {result.row.id: result for result in drift.rows}


def test_own_key_that_is_valid(real: Real, emulator: EmulatedService) -> None:
    backend, directions = real
    key = backend.state.tokens.make(TokenKind.API_KEY).value
    results = own_key_results(directions, emulator, key)
    assert {result.kind for result in results.values()} == {Kind.SAME}
    assert backend.log.request_count == 3


def test_own_key_that_is_refused_shows_nothing(real: Real, emulator: EmulatedService) -> None:
    results = own_key_results(real[1], emulator, "sk-ant-api03-" + "x" * 90)
    assert {result.answer.not_asked for result in results.values()} == {NotAsked.CREDENTIAL}
    assert real[0].log.request_count == 2


def test_made_up_values_differ_in_every_run() -> None:
    first, second = (dataclasses.asdict(made_up_values()) for _ in range(2))
    same = [name for name, value in first.items() if value == second[name]]
    assert same == ["own_key", "model"]


@pytest.mark.parametrize(
    ("kinds", "confirmed", "expected"),
    [
        ([], None, ExitCode.NOT_ASKED),
        ([Kind.SAME, Kind.REWORDED, Kind.NOTICED], None, ExitCode.OK),
        ([Kind.SAME, Kind.NOT_ASKED], None, ExitCode.NOT_ASKED),
        ([Kind.NOT_ASKED], None, ExitCode.NOT_ASKED),
        ([Kind.CHANGED, Kind.NOT_ASKED], None, ExitCode.CHANGED),
        ([Kind.CHANGED], True, ExitCode.CHANGED),
        ([Kind.CHANGED], False, ExitCode.NOT_ASKED),
    ],
)
def test_exit_code(kinds: list[Kind], confirmed: bool | None, expected: ExitCode) -> None:
    rows = tuple(
        RowResult(
            row=ROWS["L02"],
            answer=service.ServiceAnswer(
                not_asked=NotAsked.TLS if kind is Kind.NOT_ASKED else None
            ),
            differences=()
            if kind in (Kind.SAME, Kind.NOT_ASKED)
            else (Difference(part="status", kind=kind, emulator="1", service="2"),),
            confirmed=confirmed,
        )
        for kind in kinds
    )
    drift = Drift(started_at=datetime.datetime.now(datetime.UTC), rows=rows)
    assert [result.kind for result in drift.rows] == kinds
    assert drift.exit_code is expected


def test_what_says_whose_key_it_is_is_in_no_answer(real: Real, emulator: EmulatedService) -> None:
    backend, directions = real
    organization = "8a1f7e42-77aa-4c01-9d3e-b0b0b0b0b0b0"

    words = f"org {organization} of jo@corp.example: no 4711"
    mutate(backend, API, "/v1/models", with_error(message=words))
    (result,) = compared(directions, emulator, "L03").values()
    assert result.answer.message == "org <id 1> of <address 1>: no <number 1>"
    assert organization not in repr(result)

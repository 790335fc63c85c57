"""The emulator beside the real service, in words."""

import dataclasses

import pytest

from authprobe.core.targets import Target
from authprobe.emulator.config import TokenKind
from authprobe.errors import ExitCode
from authprobe.observation.model import (
    Cost,
    EvidenceSource,
    Exchange,
    GateCount,
    Observation,
    Outcome,
)
from authprobe.report.html.report import report_page
from authprobe.report.model.live import (
    Pair,
    live_words,
    pair_counts,
    pair_note,
    pairs,
    secret_verdicts,
)
from authprobe.report.model.matrix import inconclusive_reason
from authprobe.report.model.phrases import auth_path, rerun_command
from authprobe.report.model.reproduction import bisect_command
from authprobe.run.gates import gate_result
from authprobe.run.model import CaseRecord
from authprobe.scenario.model import Credential
from authprobe.verdict.model import Status
from tests.support.make import make_record, make_run

ACCEPTED = Observation(outcome=Outcome.ACCEPTED, status=200)
REFUSED = Observation(
    outcome=Outcome.REJECTED, status=401, error_type="authentication_error", message="invalid key"
)
NOT_ASKED = Observation(outcome=Outcome.UNAVAILABLE, detail="not asked: no key")


def emulated(observation: Observation, status: Status = Status.PASSED) -> CaseRecord:
    """Return a case at the emulator."""
    return record("s/raw-http/e/c", observation, status)


def live(observation: Observation, status: Status = Status.PASSED, **changes: object) -> CaseRecord:
    """Return the same case at the real service."""
    made = record("s/raw-http/e/c/live", observation, status)
    return dataclasses.replace(made, target=Target.LIVE, **changes)  # type: ignore[arg-type]


def record(id: str, observation: Observation, status: Status) -> CaseRecord:
    """Return a record with this verdict."""
    made = make_record(id=id, observation=observation)
    return dataclasses.replace(made, verdict=dataclasses.replace(made.verdict, status=status))


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        (ACCEPTED, ACCEPTED, "the same"),
        (REFUSED, REFUSED, "the same"),
        (
            ACCEPTED,
            REFUSED,
            "the emulator: accepted 200; the service: rejected 401 authentication_error",
        ),
        (
            REFUSED,
            dataclasses.replace(REFUSED, message="no such key"),
            "the same in other words: “no such key”",
        ),
        (
            REFUSED,
            dataclasses.replace(REFUSED, error_type="permission_error"),
            "the emulator: rejected 401 authentication_error; the service: rejected 401 "
            "permission_error",
        ),
        # A client may show its user no type: that is no difference.
        (REFUSED, dataclasses.replace(REFUSED, error_type=None), "the same"),
    ],
)
def test_a_difference_is_one_sentence(one: Observation, other: Observation, words: str) -> None:
    assert Pair(id="x", emulator=emulated(one), live=live(other)).difference == words


def test_what_was_not_asked_is_not_compared() -> None:
    pair = Pair(id="x", emulator=emulated(ACCEPTED), live=live(NOT_ASKED, Status.ERROR))
    assert pair.difference == "not compared: live, not asked: no key"
    assert not pair.is_same


def test_pairs_that_differ_come_first_and_are_counted() -> None:
    run = make_run(
        emulated(ACCEPTED),
        live(ACCEPTED),
        record("s/raw-http/e/d", ACCEPTED, Status.PASSED),
        dataclasses.replace(
            record("s/raw-http/e/d/live", REFUSED, Status.FAILED), target=Target.LIVE
        ),
    )
    assert [pair.id for pair in pairs(run)] == ["s/raw-http/e/d", "s/raw-http/e/c"]
    assert pair_counts(run) == "2 questions: 1 the same, 1 differs"


def test_a_run_says_whom_it_asked_with_what_and_for_how_much() -> None:
    exchange = Exchange(
        method="GET",
        host="api.anthropic.com",
        path="/v1/models",
        credential_header="x-api-key",
        credential="api-key",
    )
    own = dataclasses.replace(
        ACCEPTED, exchanges=(exchange,), cost=Cost(requests=1, estimated_usd=0.0)
    )
    by_client = dataclasses.replace(
        ACCEPTED,
        gate=(GateCount(host="gateway.example.com", connections=2),),
        evidence=(EvidenceSource.RESULT,),
        cost=Cost(requests=1, estimated_usd=None),
    )
    key = Credential(token=TokenKind.API_KEY, source="env:OUR_KEY")
    other = dataclasses.replace(
        live(by_client), id="s/claude-code/e/c/live", client="claude-code@2.1.332"
    )
    run = make_run(live(own, credentials=(key,)), other)
    assert live_words(run) == (
        "Live: this run asked the real service. api.anthropic.com: 1 request, with OUR_KEY "
        "(api-key); gateway.example.com: 2 connections of clients in 1 case, with no "
        "credential. A connection is not a request: claude opens further ones when it starts, for "
        "at most two questions in a case. Estimated cost: none, and that of 1 case is unknown."
    )
    assert live_words(make_run(emulated(ACCEPTED))) is None
    page = report_page(run)
    assert "Not seen: nobody ends the TLS connection of a client to the real service." in page


@pytest.mark.parametrize(
    ("statuses", "code"),
    [
        ((Status.PASSED, Status.PASSED), ExitCode.OK),
        ((Status.PASSED, Status.ERROR), ExitCode.NOT_ASKED),
        ((Status.ERROR, Status.PASSED), ExitCode.UNTESTABLE),
        ((Status.FAILED, Status.ERROR), ExitCode.FAILURES),
        ((Status.PASSED, Status.FAILED), ExitCode.FAILURES),
    ],
)
def test_what_could_not_be_asked_is_neither_green_nor_red(
    statuses: tuple[Status, Status], code: ExitCode
) -> None:
    run = make_run(emulated(ACCEPTED, statuses[0]), live(ACCEPTED, statuses[1]))
    assert gate_result(run).exit_code is code


def test_a_live_case_is_named_as_one_and_never_bisected() -> None:
    case = live(REFUSED, Status.FAILED)
    run = make_run(case)
    assert auth_path(case).endswith(", live")
    assert rerun_command(run, case).endswith("--target live --case s/raw-http/e/c/live")
    assert bisect_command(run, case, versions=("2.1.1", "2.1.2")) is None


KEY = Credential(token=TokenKind.API_KEY, source="env:OUR_KEY")


def ways(*observations: Observation) -> list[CaseRecord]:
    """Return a live case for each observation, of which the refused ones failed."""
    statuses = {Outcome.ACCEPTED: Status.PASSED, Outcome.UNAVAILABLE: Status.ERROR}
    return [
        dataclasses.replace(
            live(each, statuses.get(each.outcome, Status.FAILED), credentials=(KEY,)),
            id=f"s/raw-http/e{number}/c/live",
            endpoint=f"e{number}",
        )
        for number, each in enumerate(observations)
    ]


@pytest.mark.parametrize(
    ("observations", "words"),
    [
        ((ACCEPTED, ACCEPTED), "accepted in all 2 ways"),
        ((ACCEPTED,), "accepted"),
        ((REFUSED,), "refused, rejected 401"),
        ((REFUSED, REFUSED), "refused in all 2 ways, rejected 401"),
        (
            (ACCEPTED, REFUSED),
            "accepted in 1 of 2 ways, so the service knows it; refused in raw-http e1, "
            "rejected 401",
        ),
        ((REFUSED, NOT_ASKED), "refused, rejected 401; 1 could not be asked"),
    ],
)
def test_a_secret_has_a_verdict_of_its_own(
    observations: tuple[Observation, ...], words: str
) -> None:
    ((line, status),) = secret_verdicts(make_run(*ways(*observations)))
    assert line == f"OUR_KEY: {words}"
    assert status is (Status.FAILED if REFUSED in observations else Status.PASSED)


def test_without_an_answer_a_secret_has_no_verdict() -> None:
    assert secret_verdicts(make_run(*ways(NOT_ASKED))) == ()
    assert secret_verdicts(make_run(live(REFUSED))) == ()


def test_refusals_of_the_service_itself_are_never_inconclusive() -> None:
    assert inconclusive_reason(make_run(*ways(REFUSED, REFUSED))) is None
    silent = dataclasses.replace(REFUSED, status=None)
    assert "broken setup" in str(inconclusive_reason(make_run(*ways(silent, silent))))
    one, other = emulated(REFUSED), record("s/raw-http/e/d", REFUSED, Status.FAILED)
    assert "broken setup" in str(inconclusive_reason(make_run(one, other)))


def test_what_a_difference_of_an_own_secret_means_is_told() -> None:
    differs = live(REFUSED, Status.FAILED, credentials=(KEY,))
    note = pair_note(make_run(emulated(ACCEPTED), differs))
    assert note is not None
    assert note.startswith("The emulator gets a valid made-up value in place of OUR_KEY: ")
    for other in (live(REFUSED, Status.FAILED), live(ACCEPTED, credentials=(KEY,))):
        assert pair_note(make_run(emulated(ACCEPTED), other)) is None

"""The proof that a client goes on asking: equal refusals, with the requests that are expected."""

from typing import Any

import pytest

from authprobe.clients.going_on import Proof, most_repeats
from authprobe.observation.model import Exchange, Outcome
from authprobe.scenario.model import Expectation, ExpectedRequest, Until
from tests.support.make import make_exchange


def refusals(count: int, **changes: Any) -> tuple[Exchange, ...]:
    """Return equal requests to a model that were refused."""
    return (make_exchange(**{"status": 401, "body": "a"} | changes),) * count


@pytest.mark.parametrize(
    ("exchanges", "count"),
    [
        ((), 0),
        (refusals(3), 3),
        ((*refusals(2, credential="access-token"), *refusals(2, credential="access-token-2")), 4),
        ((*refusals(2), *refusals(3, body="b")), 3),
        ((*refusals(2), *refusals(1, status=429)), 2),
        ((*refusals(2), *refusals(2, host="gateway.example.org")), 2),
        (refusals(4, status=200), 0),
        ((*refusals(4), *refusals(1, status=200)), 0),
        (
            (
                *refusals(4),
                *refusals(1, status=200, body="b"),
                *refusals(1, path="/v1/x", status=200),
            ),
            4,
        ),
        ((*refusals(4), *refusals(1, status=200), *refusals(2)), 2),
        (refusals(4, status=None), 0),
        (refusals(4, path="/api/event_logging/batch"), 0),
        (refusals(4, path="/v1/oauth/token", status=400), 0),
        (refusals(4, method="CONNECT", path="", status=502), 0),
    ],
    ids=[
        *("none", "equal", "renewed", "other-question", "other-status", "other-host"),
        *("accepted", "answered-in-the-end", "other-answer", "asked-anew"),
        *("no-answer", "side-request", "renewal", "connection"),
    ],
)
def test_only_equal_refusals_of_a_question_count(
    exchanges: tuple[Exchange, ...], count: int
) -> None:
    assert most_repeats(exchanges) == count


def make_proof(exchanges: tuple[Exchange, ...], **expect: Any) -> Proof:
    """Return the proof by four requests."""
    expectation = Expectation(**{"outcome": Outcome.TIMED_OUT} | expect)
    return Proof(Until(requests=4), expectation, lambda: exchanges)


@pytest.mark.parametrize("count", [3, 4, 5])
def test_the_proof_is_complete_with_the_number_of_requests(count: int) -> None:
    proof = make_proof(refusals(count))
    assert proof.is_complete() == (count >= 4)
    assert proof.repeats == (count if count >= 4 else 0)


def test_nothing_is_awaited_where_nothing_is_expected() -> None:
    assert Proof(Until(requests=4), None, lambda: refusals(4)).is_complete()


RENEWAL = make_exchange(path="/v1/oauth/token", status=400)


def test_the_expected_requests_are_awaited() -> None:
    expected = (ExpectedRequest(path="/v1/oauth/token", status=400),)
    assert not make_proof(refusals(5), requests=expected).is_complete()
    assert make_proof((*refusals(5), RENEWAL), requests=expected).is_complete()


def test_a_request_that_must_not_occur_leaves_the_case_its_time() -> None:
    forbidden = (ExpectedRequest(path="/v1/oauth/token"),)
    assert make_proof(refusals(4), no_requests=forbidden).is_complete()
    assert not make_proof((*refusals(4), RENEWAL), no_requests=forbidden).is_complete()
